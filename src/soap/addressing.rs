//! WS-Addressing headers, as far as a request and its one answer on the same connection need them.

use crate::model::{Refusal, RefusalKind};
use crate::xml::{Element, Ns};

/// Which WS-Addressing a message speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressingVersion {
    /// 1.0: Microsoft's clients.
    V200508,
    /// The member submission of August 2004: WSO2's sample client.
    V200408,
}

static WSA_200508: Ns = Ns { prefix: "a", uri: "http://www.w3.org/2005/08/addressing" };
static WSA_200408: Ns = Ns { prefix: "a", uri: "http://schemas.xmlsoap.org/ws/2004/08/addressing" };

impl AddressingVersion {
    /// The version of a namespace.
    pub fn of(namespace: &str) -> Option<Self> {
        [Self::V200508, Self::V200408].into_iter().find(|version| version.ns().uri == namespace)
    }

    /// Its namespace.
    pub fn ns(self) -> &'static Ns {
        match self {
            Self::V200508 => &WSA_200508,
            Self::V200408 => &WSA_200408,
        }
    }

    /// The address that means "answer on this connection".
    pub const fn anonymous(self) -> &'static str {
        match self {
            Self::V200508 => "http://www.w3.org/2005/08/addressing/anonymous",
            Self::V200408 => "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
        }
    }

    /// The Action of a fault.
    pub const fn fault_action(self) -> &'static str {
        match self {
            Self::V200508 => "http://www.w3.org/2005/08/addressing/soap/fault",
            Self::V200408 => "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault",
        }
    }
}

/// What a request says in its addressing headers. `wsa:To` is not read: proxies move it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressing {
    /// In which version.
    pub version: AddressingVersion,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// `wsa:MessageID`, which ADAL, MSAL for Java and MSAL for Go spell `messageID`; the old sign-in assistant sends one
    /// that is no URI, others none.
    pub message_id: Option<String>,
}

impl Addressing {
    /// Reads the addressing headers; `None` if there are none.
    ///
    /// # Errors
    /// If the answer should go anywhere but back.
    pub fn read(header: &Element) -> Result<Option<Self>, Refusal> {
        let Some(version) = header.elements().find_map(|block| AddressingVersion::of(&block.name.namespace)) else {
            return Ok(None);
        };
        let uri = version.ns().uri;
        let text = |name| header.child(uri, name).and_then(Element::trimmed_text).map(str::to_owned);
        if let Some(reply_to) = header.child(uri, "ReplyTo") {
            let address = reply_to.child(uri, "Address").and_then(Element::trimmed_text);
            if address.is_some_and(|address| address != version.anonymous()) {
                return Err(Refusal::new(RefusalKind::Malformed, "wsa:ReplyTo is not the anonymous address"));
            }
        }
        Ok(Some(Self { version, action: text("Action"), message_id: text("MessageID").or_else(|| text("messageID")) }))
    }
}
