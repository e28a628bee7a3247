//! The namespaces of service descriptions.

use crate::soap::WSU;
use crate::xml::{Ns, Writer};

pub(in crate::wstrust) static WSDL: Ns = Ns { prefix: "wsdl", uri: "http://schemas.xmlsoap.org/wsdl/" };
pub(in crate::wstrust) static XSD: Ns = Ns { prefix: "xsd", uri: "http://www.w3.org/2001/XMLSchema" };
pub(in crate::wstrust) static SOAP12: Ns = Ns { prefix: "soap12", uri: "http://schemas.xmlsoap.org/wsdl/soap12/" };
pub(super) static WSA10: Ns = Ns { prefix: "wsa10", uri: "http://www.w3.org/2005/08/addressing" };
pub(in crate::wstrust) static WSAW: Ns = Ns { prefix: "wsaw", uri: "http://www.w3.org/2006/05/addressing/wsdl" };
pub(in crate::wstrust) static WSU_IN_WSDL: Ns = Ns { prefix: "wsu", uri: WSU.uri };
/// The transport of a `soap:binding`.
pub(in crate::wstrust) const OVER_HTTP: &str = "http://schemas.xmlsoap.org/soap/http";

/// An element without content.
pub(in crate::wstrust) fn empty(
    w: &mut Writer,
    ns: &'static Ns,
    name: &'static str,
    attributes: &[(&'static str, &str)],
) {
    w.start(ns, name, attributes);
    w.end();
}
