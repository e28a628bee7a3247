//! The two versions of WS-Trust that clients speak.

use crate::xml::Ns;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustOperation {
    /// A new token.
    Issue,
    /// A token that goes on.
    Renew,
    /// Whether a token is valid, or another in its place.
    Validate,
    /// A token's end.
    Cancel,
}

impl TrustOperation {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Issue, Self::Renew, Self::Validate, Self::Cancel];

    /// The label of metrics and audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Renew => "renew",
            Self::Validate => "validate",
            Self::Cancel => "cancel",
        }
    }

    /// The operation that a RequestType, in either version, names.
    pub fn of_request_type(uri: &str) -> Option<(Self, TrustVersion)> {
        TrustVersion::each_operation().find(|(operation, version)| version.request_type(*operation) == uri)
    }

    /// The operation that a `wsa:Action`, in either version, names.
    pub fn of_action(uri: &str) -> Option<(Self, TrustVersion)> {
        TrustVersion::each_operation().find(|(operation, version)| version.action(*operation) == uri)
    }
}

/// A version, known by the namespace of the RequestSecurityToken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustVersion {
    /// 1.3 (200512).
    V13,
    /// February 2005.
    V200502,
}

static WST_13: Ns = Ns { prefix: "trust", uri: "http://docs.oasis-open.org/ws-sx/ws-trust/200512" };
static WST_200502: Ns = Ns { prefix: "t", uri: "http://schemas.xmlsoap.org/ws/2005/02/trust" };

impl TrustVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V13, Self::V200502];

    /// The version of a namespace.
    pub fn of(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.ns().uri == namespace)
    }

    /// Its namespace, with the prefix that AD FS writes.
    pub fn ns(self) -> &'static Ns {
        match self {
            Self::V13 => &WST_13,
            Self::V200502 => &WST_200502,
        }
    }

    fn each_operation() -> impl Iterator<Item = (TrustOperation, Self)> {
        Self::ALL.into_iter().flat_map(|version| TrustOperation::ALL.map(|operation| (operation, version)))
    }

    /// The RequestType.
    pub const fn request_type(self, operation: TrustOperation) -> &'static str {
        match (self, operation) {
            (Self::V13, TrustOperation::Issue) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue",
            (Self::V13, TrustOperation::Renew) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Renew",
            (Self::V13, TrustOperation::Validate) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Validate",
            (Self::V13, TrustOperation::Cancel) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Cancel",
            (Self::V200502, TrustOperation::Issue) => "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
            (Self::V200502, TrustOperation::Renew) => "http://schemas.xmlsoap.org/ws/2005/02/trust/Renew",
            (Self::V200502, TrustOperation::Validate) => "http://schemas.xmlsoap.org/ws/2005/02/trust/Validate",
            (Self::V200502, TrustOperation::Cancel) => "http://schemas.xmlsoap.org/ws/2005/02/trust/Cancel",
        }
    }

    /// The `wsa:Action` of a request.
    pub const fn action(self, operation: TrustOperation) -> &'static str {
        match (self, operation) {
            (Self::V13, TrustOperation::Issue) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            (Self::V13, TrustOperation::Renew) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Renew",
            (Self::V13, TrustOperation::Validate) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Validate",
            (Self::V13, TrustOperation::Cancel) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Cancel",
            (Self::V200502, TrustOperation::Issue) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
            (Self::V200502, TrustOperation::Renew) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Renew",
            (Self::V200502, TrustOperation::Validate) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Validate",
            (Self::V200502, TrustOperation::Cancel) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Cancel",
        }
    }

    /// The `wsa:Action` of the answer. In 1.3, only Issue is answered by a collection.
    pub const fn answer_action(self, operation: TrustOperation) -> &'static str {
        match (self, operation) {
            (Self::V13, TrustOperation::Issue) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTRC/IssueFinal",
            (Self::V13, TrustOperation::Renew) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/RenewFinal",
            (Self::V13, TrustOperation::Validate) => {
                "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/ValidateFinal"
            }
            (Self::V13, TrustOperation::Cancel) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/CancelFinal",
            (Self::V200502, TrustOperation::Issue) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue",
            (Self::V200502, TrustOperation::Renew) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Renew",
            (Self::V200502, TrustOperation::Validate) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Validate",
            (Self::V200502, TrustOperation::Cancel) => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Cancel",
        }
    }

    /// The TokenType of an answer that only says whether a token is valid.
    pub const fn status_type(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTR/Status",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Status",
        }
    }

    /// The code of such an answer.
    pub const fn status_code(self, valid: bool) -> &'static str {
        match (self, valid) {
            (Self::V13, true) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/status/valid",
            (Self::V13, false) => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/status/invalid",
            (Self::V200502, true) => "http://schemas.xmlsoap.org/ws/2005/02/trust/status/valid",
            (Self::V200502, false) => "http://schemas.xmlsoap.org/ws/2005/02/trust/status/invalid",
        }
    }

    /// The KeyType of a bearer token. 2005/02 has none of its own; this is CardSpace's, which AD FS answers with.
    pub const fn bearer(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        }
    }

    /// The KeyType of a token with a key that its holder and the relying party share; also the type of a BinarySecret that is
    /// such a key.
    pub const fn symmetric_key(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/SymmetricKey",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/SymmetricKey",
        }
    }

    /// The KeyType of a token with its holder's public key.
    pub const fn public_key(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/PublicKey",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/PublicKey",
        }
    }

    /// The type of a BinarySecret that is one half of a computed key.
    pub const fn nonce(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Nonce",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Nonce",
        }
    }

    /// How a key is computed from two halves.
    pub const fn p_sha1(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/CK/PSHA1",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/CK/PSHA1",
        }
    }

    /// The label of metrics and audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::V13 => "wstrust13",
            Self::V200502 => "wstrust2005",
        }
    }
}
