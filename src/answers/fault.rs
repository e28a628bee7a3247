//! A SOAP fault of either version, and a Response that has no assertion.

use super::message::{Message, said};
use crate::saml::names::SAML2P;
use crate::soap::SoapVersion;
use crate::xml::{Element, UNQUALIFIED};

/// A SOAP fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which SOAP.
    pub soap: SoapVersion,
    /// Whose fault it is, without its prefix: `Sender`, `Receiver`, SOAP 1.1's `Client` and `Server`, or there what WS-Security
    /// calls it.
    pub code: String,
    /// What exactly, without its prefix; SOAP 1.1 has none.
    pub subcode: Option<String>,
    /// Whether the subcode has a prefix, without which MSAL for Java and ADAL for Python fail.
    pub prefixed: bool,
    /// In words; absent if there are none, or several.
    pub reason: Option<String>,
}

/// A `samlp:Status` that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The top level's code, the part after the last colon.
    pub code: String,
    /// The code below, likewise.
    pub second: Option<String>,
    /// In words.
    pub message: Option<String>,
}

impl Fault {
    /// The fault, if the message is one.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let soap = message.soap;
        let fault = message.content().ok().filter(|content| content.is(soap.ns().uri, "Fault"))?;
        let ns = soap.ns().uri;
        let read = match soap {
            SoapVersion::V12 => {
                let code = fault.child(ns, "Code");
                let value = |code: &Element| said(code.child(ns, "Value"));
                let subcode = code.and_then(|code| code.child(ns, "Subcode")).and_then(value);
                let reason = fault.child(ns, "Reason").and_then(|reason| reason.only_child(ns, "Text").ok()?);
                Self {
                    soap,
                    code: unprefixed(&code.and_then(value).unwrap_or_default()),
                    prefixed: subcode.as_ref().is_some_and(|code| code.contains(':')),
                    subcode: subcode.as_deref().map(unprefixed),
                    reason: said(reason),
                }
            }
            SoapVersion::V11 => {
                let code = said(fault.child(UNQUALIFIED.uri, "faultcode")).unwrap_or_default();
                Self {
                    soap,
                    prefixed: code.contains(':'),
                    code: unprefixed(&code),
                    subcode: None,
                    reason: said(fault.child(UNQUALIFIED.uri, "faultstring")),
                }
            }
        };
        Some(read)
    }

    /// What it is, most exactly.
    pub fn what(&self) -> &str {
        self.subcode.as_deref().unwrap_or(&self.code)
    }

    /// Whether it refuses whoever asks: a wrong password, or a user who may not.
    pub fn refuses_credentials(&self) -> bool {
        self.what() == "FailedAuthentication"
    }

    /// Whether the server says that it is its own fault, and not the client's.
    pub fn is_the_servers(&self) -> bool {
        matches!(self.code.as_str(), "Receiver" | "Server")
    }
}

impl Status {
    /// The status of a `samlp:Response`; `None` if it is a success.
    pub(super) fn of(response: &Element) -> Option<Self> {
        let status = response.child(SAML2P.uri, "Status");
        let code = status.and_then(|status| status.child(SAML2P.uri, "StatusCode"));
        let value = |code: &Element| code.attribute("Value").map(last).unwrap_or_default();
        let top = code.map(value).unwrap_or_else(|| "none".to_owned());
        (top != "Success").then(|| Self {
            code: top,
            second: code.and_then(|code| code.child(SAML2P.uri, "StatusCode")).map(value),
            message: said(status.and_then(|status| status.child(SAML2P.uri, "StatusMessage"))),
        })
    }

    /// What it is, most exactly.
    pub fn what(&self) -> &str {
        self.second.as_deref().unwrap_or(&self.code)
    }

    /// Whether it refuses whoever asks.
    pub fn refuses_credentials(&self) -> bool {
        self.what() == "AuthnFailed"
    }
}

fn unprefixed(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
}

fn last(uri: &str) -> String {
    unprefixed(uri)
}
