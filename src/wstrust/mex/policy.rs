//! What a binding wants of a message, as WS-SecurityPolicy says it: one policy for each credential and version of WS-Trust.
//!
//! They are AD FS's, but where ours asks for something else: no SHA-1, so that a credential that signs does so by
//! `Basic256Sha256`; a signing certificate in the message, not its thumbprint; and a Timestamp always, for there is one in
//! every answer.

use super::names::{WSA10, WSAW, WSU_IN_WSDL};
use crate::wstrust::{TrustVersion, WSP};
use crate::xml::{Ns, Writer};

static SP_13: Ns = Ns { prefix: "sp", uri: "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702" };
static SP_200502: Ns = Ns { prefix: "sp", uri: "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy" };

/// What a user may show to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password: AD FS's `usernamemixed`.
    UserName,
    /// A certificate whose key signs the message: `certificatemixed`.
    Certificate,
    /// A certificate shown in the TLS handshake: `certificatetransport`.
    CertificateTransport,
    /// Another issuer's token, whose key signs the message: `issuedtokenmixedasymmetricbasic256`.
    IssuedToken,
}

impl Credential {
    /// Each; what every Microsoft client looks for first.
    pub const ALL: [Self; 4] = [Self::UserName, Self::Certificate, Self::CertificateTransport, Self::IssuedToken];

    /// The last segment of AD FS's path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::UserName => "usernamemixed",
            Self::Certificate => "certificatemixed",
            Self::CertificateTransport => "certificatetransport",
            Self::IssuedToken => "issuedtokenmixedasymmetricbasic256",
        }
    }

    /// AD FS's name of the binding, for a port type.
    pub(super) fn binding(self, port_type: &str) -> String {
        match self {
            Self::UserName => format!("UserNameWSTrustBinding_{port_type}"),
            Self::Certificate => format!("CertificateWSTrustBinding_{port_type}"),
            Self::CertificateTransport => format!("CertificateWSTrustBinding_{port_type}1"),
            Self::IssuedToken => format!("IssuedTokenWSTrustBinding_{port_type}"),
        }
    }

    /// Whether the message has a signature.
    const fn signs(self) -> bool {
        matches!(self, Self::Certificate | Self::IssuedToken)
    }
}

/// Writes the policy for a credential, as `wsp:Policy` with the `wsu:Id`.
pub(in crate::wstrust) fn policy(w: &mut Writer, id: &str, credential: Credential, version: TrustVersion) {
    let sp = namespace(version);
    w.start_with(&WSP, "Policy", &[], vec![(Some(&WSU_IN_WSDL), "Id", id)]);
    w.start(&WSP, "ExactlyOne", &[]);
    w.start(&WSP, "All", &[]);
    transport(w, credential, version);
    match credential {
        Credential::UserName => username(w, version),
        Credential::Certificate => endorsing(w, sp, |w| {
            included(w, sp, "X509Token");
            w.start(&WSP, "Policy", &[]);
            empty(w, sp, "WssX509V3Token10");
            w.end();
            w.end();
        }),
        Credential::IssuedToken => endorsing(w, sp, |w| {
            included(w, sp, "IssuedToken");
            template(w, sp, version);
            w.start(&WSP, "Policy", &[]);
            empty(w, sp, "RequireInternalReference");
            w.end();
            w.end();
        }),
        Credential::CertificateTransport => {}
    }
    if credential != Credential::CertificateTransport {
        nested(w, sp, "Wss11", |_| {});
        nested(w, sp, if version == TrustVersion::V13 { "Trust13" } else { "Trust10" }, |w| {
            for name in ["MustSupportIssuedTokens", "RequireClientEntropy", "RequireServerEntropy"] {
                empty(w, sp, name);
            }
        });
    }
    empty(w, &WSAW, "UsingAddressing");
    (0..3).for_each(|_| w.end());
}

/// WS-SecurityPolicy of the version's own time.
fn namespace(version: TrustVersion) -> &'static Ns {
    match version {
        TrustVersion::V13 => &SP_13,
        TrustVersion::V200502 => &SP_200502,
    }
}

/// TLS, with or without a certificate of the client's.
fn transport(w: &mut Writer, credential: Credential, version: TrustVersion) {
    let sp = namespace(version);
    let certificate = credential == Credential::CertificateTransport;
    nested(w, sp, "TransportBinding", |w| {
        nested(w, sp, "TransportToken", |w| match version {
            TrustVersion::V13 if certificate => {
                nested(w, sp, "HttpsToken", |w| empty(w, sp, "RequireClientCertificate"));
            }
            TrustVersion::V13 => empty(w, sp, "HttpsToken"),
            TrustVersion::V200502 => {
                let required = if certificate { "true" } else { "false" };
                w.start(sp, "HttpsToken", &[("RequireClientCertificate", required)]);
                w.end();
            }
        });
        let algorithms = if credential.signs() { "Basic256Sha256" } else { "Basic256" };
        nested(w, sp, "AlgorithmSuite", |w| empty(w, sp, algorithms));
        nested(w, sp, "Layout", |w| empty(w, sp, "Strict"));
        empty(w, sp, "IncludeTimestamp");
    });
}

fn username(w: &mut Writer, version: TrustVersion) {
    let sp = namespace(version);
    let supporting = match version {
        TrustVersion::V13 => "SignedEncryptedSupportingTokens",
        TrustVersion::V200502 => "SignedSupportingTokens",
    };
    nested(w, sp, supporting, |w| {
        included(w, sp, "UsernameToken");
        w.start(&WSP, "Policy", &[]);
        empty(w, sp, "WssUsernameToken10");
        w.end();
        w.end();
    });
}

/// A token whose key signs the Timestamp, and To, so that nobody else can be asked with the same message.
fn endorsing(w: &mut Writer, sp: &'static Ns, token: impl FnOnce(&mut Writer)) {
    nested(w, sp, "EndorsingSupportingTokens", |w| {
        token(w);
        w.start(sp, "SignedParts", &[]);
        w.start(sp, "Header", &[("Name", "To"), ("Namespace", WSA10.uri)]);
        (0..2).for_each(|_| w.end());
    });
}

/// The start tag of a token that the message brings along.
fn included(w: &mut Writer, sp: &'static Ns, name: &'static str) {
    let include = format!("{}/IncludeToken/AlwaysToRecipient", sp.uri);
    w.start_with(sp, name, &[], vec![(Some(sp), "IncludeToken", &include)]);
}

/// What to ask the other issuer for.
fn template(w: &mut Writer, sp: &'static Ns, version: TrustVersion) {
    let wst = version.ns();
    w.start(sp, "RequestSecurityTokenTemplate", &[]);
    w.leaf(wst, "KeyType", &format!("{}/PublicKey", wst.uri));
    w.leaf(wst, "SignatureAlgorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
    w.leaf(wst, "CanonicalizationAlgorithm", "http://www.w3.org/2001/10/xml-exc-c14n#");
    w.end();
}

/// `<sp:name><wsp:Policy>…</wsp:Policy></sp:name>`.
fn nested(w: &mut Writer, sp: &'static Ns, name: &'static str, inside: impl FnOnce(&mut Writer)) {
    w.start(sp, name, &[]);
    w.start(&WSP, "Policy", &[]);
    inside(w);
    w.end();
    w.end();
}

fn empty(w: &mut Writer, ns: &'static Ns, name: &'static str) {
    super::names::empty(w, ns, name, &[]);
}
