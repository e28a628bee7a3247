//! The schemas that the descriptions import: as loose as AD FS's, for what is in a request is read by its meaning.

use super::names::{XSD, empty};
use crate::wstrust::TrustVersion;
use crate::xml::Writer;

pub(super) const MESSAGE_NS: &str = "http://schemas.microsoft.com/Message";

/// `MessageBody`, which AD FS's description declares.
pub(super) fn message_schema(w: &mut Writer) {
    w.start(&XSD, "schema", &[("elementFormDefault", "qualified"), ("targetNamespace", MESSAGE_NS)]);
    w.start(&XSD, "complexType", &[("name", "MessageBody")]);
    w.start(&XSD, "sequence", &[]);
    any(w);
    (0..3).for_each(|_| w.end());
}

/// The elements that a Body holds in one version of WS-Trust.
pub(in crate::wstrust) fn trust_schema(w: &mut Writer, version: TrustVersion) {
    w.start(&XSD, "schema", &[("elementFormDefault", "qualified"), ("targetNamespace", version.ns().uri)]);
    for name in ["RequestSecurityToken", "RequestSecurityTokenResponse", "RequestSecurityTokenResponseCollection"] {
        if name.ends_with("Collection") && version == TrustVersion::V200502 {
            continue;
        }
        w.start(&XSD, "element", &[("name", name)]);
        w.start(&XSD, "complexType", &[]);
        w.start(&XSD, "sequence", &[]);
        any(w);
        w.end();
        empty(w, &XSD, "attribute", &[("name", "Context"), ("type", "xsd:anyURI"), ("use", "optional")]);
        empty(w, &XSD, "anyAttribute", &[("namespace", "##other"), ("processContents", "lax")]);
        w.end();
        w.end();
    }
    w.end();
}

fn any(w: &mut Writer) {
    let unbounded =
        [("minOccurs", "0"), ("maxOccurs", "unbounded"), ("namespace", "##any"), ("processContents", "lax")];
    empty(w, &XSD, "any", &unbounded);
}
