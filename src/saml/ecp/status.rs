//! SAML 2.0 status codes (`saml-core-2.0-os`, 3.2.2.2).

/// Top-level status of a Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// It went well.
    Success,
    /// The requester's fault; Shibboleth's choice for failed sign-ins.
    Requester,
    /// The responder's fault.
    Responder,
    /// The request's version is not ours.
    VersionMismatch,
}

/// What the top level leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondLevelStatus {
    /// The user could not be authenticated.
    AuthnFailed,
    /// The NameIDPolicy cannot be met.
    InvalidNameIdPolicy,
    /// The RequestedAuthnContext cannot be met.
    NoAuthnContext,
    /// We cannot.
    RequestUnsupported,
    /// The subject asked for is not who signed in, or nobody that we know.
    UnknownPrincipal,
    /// The SP wants another identity provider.
    NoSupportedIdp,
    /// The client's and the SP's channel bindings differ (SAML V2.0 Channel Binding Extensions 1.0, 2.4).
    ChannelBindings,
}

impl StatusCode {
    /// The code's URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Success => "urn:oasis:names:tc:SAML:2.0:status:Success",
            Self::Requester => "urn:oasis:names:tc:SAML:2.0:status:Requester",
            Self::Responder => "urn:oasis:names:tc:SAML:2.0:status:Responder",
            Self::VersionMismatch => "urn:oasis:names:tc:SAML:2.0:status:VersionMismatch",
        }
    }
}

impl SecondLevelStatus {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::AuthnFailed,
        Self::InvalidNameIdPolicy,
        Self::NoAuthnContext,
        Self::RequestUnsupported,
        Self::UnknownPrincipal,
        Self::NoSupportedIdp,
        Self::ChannelBindings,
    ];

    /// The code's URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AuthnFailed => "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed",
            Self::InvalidNameIdPolicy => "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy",
            Self::NoAuthnContext => "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext",
            Self::RequestUnsupported => "urn:oasis:names:tc:SAML:2.0:status:RequestUnsupported",
            Self::UnknownPrincipal => "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal",
            Self::NoSupportedIdp => "urn:oasis:names:tc:SAML:2.0:status:NoSupportedIDP",
            Self::ChannelBindings => "urn:oasis:names:tc:SAML:protocol:ext:channel-binding",
        }
    }
}
