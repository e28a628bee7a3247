//! A certificate in a message (WSS X.509 Certificate Token Profile 1.1).

use super::unsupported;
use crate::model::{Refusal, RefusalKind, quoted};
use crate::xml::Element;

const BASE64: &str = "#Base64Binary";
const X509: &str = "#X509v3";
const PKI_PATH: &str = "#X509PKIPathv1";

/// A `wsse:BinarySecurityToken` that says it is a certificate.
pub struct BinarySecurityToken<'e> {
    /// The element, for comparing it with what a signature names.
    pub element: &'e Element,
    /// What its octets are.
    pub encoding: CertificateEncoding,
    /// They themselves: DER, not read yet.
    pub octets: Vec<u8>,
}

/// What the octets of a token are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateEncoding {
    /// One X.509 certificate.
    X509,
    /// Its whole path, root's end first.
    PkiPath,
}

impl<'e> BinarySecurityToken<'e> {
    pub(super) fn read(element: &'e Element) -> Result<Self, Refusal> {
        let kind = element.attribute("ValueType").unwrap_or_default().trim();
        let encoding = match kind {
            kind if kind.ends_with(X509) => CertificateEncoding::X509,
            kind if kind.ends_with(PKI_PATH) => CertificateEncoding::PkiPath,
            // Kerberos tickets among them.
            kind => return Err(unsupported(format!("a BinarySecurityToken of the type {}", quoted(kind)))),
        };
        if element.attribute("EncodingType").is_some_and(|how| !how.trim().ends_with(BASE64)) {
            return Err(invalid("a BinarySecurityToken that is not Base64Binary"));
        }
        let octets = element.octets().ok_or_else(|| invalid("a BinarySecurityToken that is not base64"))?;
        Ok(Self { element, encoding, octets })
    }
}

fn invalid(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::InvalidSecurityToken, reason)
}
