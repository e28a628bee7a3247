//! One audit record: who asked for what, from where, and what was decided.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serializer;
use serde::ser::{Serialize, SerializeMap};

use super::{AuditGuard, AuditPlace};
pub use crate::model::Protocol as AuditProtocol;
use crate::model::{ClientAddress, DelegationKind, Endpoint, EntryId, RefusalKind, Timestamp, Username, is_misleading};

/// A decision about one request to an endpoint that issues tokens. Written as one JSON object; a field without a value is
/// `null`, so that every line has every key.
#[derive(Clone)]
pub struct AuditRecord {
    /// When it was decided.
    pub time: Timestamp,
    /// The same as in the answer and in the access line.
    pub correlation_id: String,
    /// The trace that it is part of, if that is sampled or was begun by somebody else.
    pub trace_id: Option<String>,
    /// Where the request arrived.
    pub endpoint: Endpoint,
    /// Which protocol it spoke, as far as that was understood.
    pub protocol: Option<AuditProtocol>,
    /// WS-Trust: what it asked for, as far as that was understood.
    pub operation: Option<&'static str>,
    /// What was decided.
    pub result: AuditResult,
    /// For whom the token is.
    pub relying_party: Option<String>,
    /// ECP: the service provider, once it is known to be one of ours.
    pub service_provider: Option<String>,
    /// The source that its metadata is from, if it is from one.
    pub metadata_source: Option<String>,
    /// The name as typed.
    pub user: Option<Username>,
    /// The user principal name of the entry found.
    pub upn: Option<String>,
    /// The entry found.
    pub entry: Option<EntryId>,
    /// What who asks showed to sign in with, whatever came of it.
    pub credential: Option<AuditCredential>,
    /// Of a certificate that was shown: whose it says it is.
    pub certificate_subject: Option<String>,
    /// Its serial number, hexadecimal.
    pub certificate_serial: Option<String>,
    /// Of a token that was shown: whose it says it is.
    pub token_issuer: Option<String>,
    /// How the token was asked for, if it is another user's.
    pub delegation: Option<DelegationKind>,
    /// The other user: the name in the request, or by which the token that it is about was issued.
    pub subject: Option<Username>,
    /// The user principal name of their entry.
    pub subject_upn: Option<String>,
    /// Where the request came from.
    pub client: ClientAddress,
    /// Whom one of `guard.forwarders` says that it speaks for; empty where it says nothing, or it is none of them.
    pub forwarded_for: Vec<IpAddr>,
    /// What kind of client it says that is.
    pub client_application: Option<String>,
    /// Of a password: whether that is familiar to the entry. Absent where places are not told apart.
    pub place: Option<AuditPlace>,
    /// Of a password that the guard refused, or would have: by which rule.
    pub guard: Option<AuditGuard>,
    /// Why it was refused, which the client is not told; for Validate, what the token was found to be.
    pub reason: Option<String>,
    /// The assertion that was issued.
    pub assertion_id: Option<String>,
    /// Renew, Validate, Cancel: the assertion that it is about, as the client names it.
    pub target_id: Option<String>,
    /// Whether a remembered bind stood in for one with the directory.
    pub cached: bool,
    /// From arrival to decision; written in milliseconds.
    pub duration: Duration,
}

/// What somebody signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditCredential {
    /// A name and a password.
    Password,
    /// The certificate of the TLS client.
    TlsCertificate,
    /// A certificate, whose key signed the message.
    SignedMessage,
    /// A SAML assertion.
    Token,
}

impl AuditCredential {
    /// The label in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::TlsCertificate => "tls_certificate",
            Self::SignedMessage => "signed_message",
            Self::Token => "token",
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditResult {
    /// The relying party's access rules do not let it be from there, with that client or by that protocol.
    Access,
    /// The account is disabled, or lacks an attribute that the relying party needs.
    Account,
    /// The directory refused the password, or a certificate is not believed.
    BadCredentials,
    /// The relying party cannot be served as it is configured, or by its metadata.
    Configuration,
    /// The account or its password has expired, or the password must be changed.
    Expired,
    /// Our own fault.
    Internal,
    /// The guard refused, or the directory says that it did.
    Locked,
    /// The message was not what the protocol wants, or asked for what we do not offer.
    Malformed,
    /// The relying party is unknown.
    Scope,
    /// The security header did not pass.
    Security,
    /// A token was issued, or what was asked for was done.
    Success,
    /// The guard refused, for what came from the same network.
    Throttled,
    /// A dependency did not answer.
    Unavailable,
    /// No directory knows the name.
    UnknownUser,
    /// The user is not in the group that the relying party requires.
    WrongGroup,
}

impl AuditResult {
    /// Every result.
    pub const ALL: [Self; 15] = [
        Self::Access,
        Self::Account,
        Self::BadCredentials,
        Self::Configuration,
        Self::Expired,
        Self::Internal,
        Self::Locked,
        Self::Malformed,
        Self::Scope,
        Self::Security,
        Self::Success,
        Self::Throttled,
        Self::Unavailable,
        Self::UnknownUser,
        Self::WrongGroup,
    ];

    /// The label in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Account => "account",
            Self::BadCredentials => "bad_credentials",
            Self::Configuration => "configuration",
            Self::Expired => "expired",
            Self::Internal => "internal",
            Self::Locked => "locked",
            Self::Malformed => "malformed",
            Self::Scope => "scope",
            Self::Security => "security",
            Self::Success => "success",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::UnknownUser => "unknown_user",
            Self::WrongGroup => "wrong_group",
        }
    }

    /// The label of `authentications_total`, which tells less apart.
    pub const fn metric_label(self) -> &'static str {
        match self {
            // Whoever names such a relying party makes no outage.
            Self::Configuration | Self::Scope | Self::Security => Self::Malformed.label(),
            Self::Internal => Self::Unavailable.label(),
            told => told.label(),
        }
    }
}

/// A refusal of kind `Authentication` has a closer result, which whoever refused knows; this is what holds without one.
impl From<RefusalKind> for AuditResult {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::Authentication => Self::BadCredentials,
            RefusalKind::Malformed
            | RefusalKind::MustUnderstand
            | RefusalKind::Unsupported
            | RefusalKind::Version
            | RefusalKind::BadRequest
            | RefusalKind::InvalidTimeRange => Self::Malformed,
            RefusalKind::Scope => Self::Scope,
            RefusalKind::Security
            | RefusalKind::Clock
            | RefusalKind::UnsupportedToken
            | RefusalKind::InvalidSecurityToken
            | RefusalKind::FailedCheck
            | RefusalKind::UnsupportedAlgorithm
            | RefusalKind::SecurityTokenUnavailable
            | RefusalKind::MessageExpired
            | RefusalKind::NotPermitted
            | RefusalKind::InvalidTarget
            | RefusalKind::AuthenticationBadElements
            | RefusalKind::ExpiredData
            | RefusalKind::RenewNeeded
            | RefusalKind::UnableToRenew => Self::Security,
        }
    }
}

impl Serialize for AuditRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time.to_string())?;
        map.serialize_entry("correlation_id", &self.correlation_id)?;
        map.serialize_entry("trace_id", &self.trace_id)?;
        map.serialize_entry("endpoint", self.endpoint.label())?;
        map.serialize_entry("protocol", &self.protocol.map(AuditProtocol::label))?;
        map.serialize_entry("operation", &self.operation)?;
        map.serialize_entry("result", self.result.label())?;
        map.serialize_entry("relying_party", &self.relying_party)?;
        map.serialize_entry("service_provider", &self.service_provider)?;
        map.serialize_entry("metadata_source", &self.metadata_source)?;
        map.serialize_entry("user", &self.user.as_ref().map(|user| shortened(user.as_str(), 256)))?;
        map.serialize_entry("upn", &self.upn)?;
        map.serialize_entry("directory", &self.entry.as_ref().map(|id| &*id.directory))?;
        map.serialize_entry("entry", &self.entry.as_ref().map(|id| &*id.entry))?;
        map.serialize_entry("credential", &self.credential.map(AuditCredential::label))?;
        for (key, said) in [
            ("certificate_subject", &self.certificate_subject),
            ("certificate_serial", &self.certificate_serial),
            ("token_issuer", &self.token_issuer),
        ] {
            map.serialize_entry(key, &said.as_ref().map(|said| shortened(said, 256)))?;
        }
        map.serialize_entry("delegation", &self.delegation.map(DelegationKind::label))?;
        map.serialize_entry("subject", &self.subject.as_ref().map(|user| shortened(user.as_str(), 256)))?;
        map.serialize_entry("subject_upn", &self.subject_upn)?;
        map.serialize_entry("client", &self.client.0)?;
        map.serialize_entry("forwarded_for", &Some(&self.forwarded_for).filter(|clients| !clients.is_empty()))?;
        map.serialize_entry("client_application", &self.client_application)?;
        map.serialize_entry("place", &self.place.map(AuditPlace::label))?;
        map.serialize_entry("guard", &self.guard.map(AuditGuard::text))?;
        map.serialize_entry("reason", &self.reason.as_ref().map(|reason| shortened(reason, 512)))?;
        map.serialize_entry("assertion_id", &self.assertion_id)?;
        map.serialize_entry("target_id", &self.target_id.as_ref().map(|id| shortened(id, 256)))?;
        map.serialize_entry("cached", &self.cached)?;
        map.serialize_entry("duration_ms", &u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX))?;
        // Told in lines of their own.
        map.end()
    }
}

/// The beginning of what a client made as long as it liked.
pub(super) fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

impl AuditRecord {
    /// The record as one line, its end included.
    pub(super) fn line(&self) -> Result<String, serde_json::Error> {
        line_of(self)
    }
}

/// A record as one line, its end included. JSON escapes no control characters beyond ASCII; here each is, and so is all else
/// that a viewer may take for the end of a line or for a change of direction.
pub(super) fn line_of(record: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(record)?;
    // Which JSON does not see to itself; hardly a record has any.
    if !line.is_ascii() || line.contains('\u{7f}') {
        line = escaped(&line);
    }
    line.push('\n');
    Ok(line)
}

fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if is_misleading(c) {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    pub fn record(user: &str) -> AuditRecord {
        AuditRecord {
            time: Timestamp::from_unix_millis(1_767_225_600_068),
            correlation_id: "c1".to_owned(),
            trace_id: None,
            endpoint: Endpoint::Sts,
            protocol: Some(AuditProtocol::WsTrust13),
            operation: Some("issue"),
            result: AuditResult::Locked,
            relying_party: None,
            service_provider: None,
            metadata_source: None,
            user: Some(Username::new(user)),
            upn: None,
            entry: Some(EntryId { directory: "corp".into(), entry: "cn=alice".into() }),
            credential: Some(AuditCredential::Password),
            certificate_subject: None,
            certificate_serial: None,
            token_issuer: None,
            delegation: None,
            subject: None,
            subject_upn: None,
            client: ClientAddress([192, 0, 2, 7].into()),
            forwarded_for: Vec::new(),
            client_application: None,
            place: Some(AuditPlace::Unknown),
            guard: Some(AuditGuard { rule: "unknown_threshold", enforced: true }),
            reason: Some("3 failures".to_owned()),
            assertion_id: None,
            target_id: None,
            cached: false,
            duration: Duration::from_micros(250_400),
        }
    }

    #[test]
    fn every_key_is_there() {
        assert_eq!(
            record("alice").line().unwrap(),
            concat!(
                r#"{"time":"2026-01-01T00:00:00.068Z","correlation_id":"c1","trace_id":null,"endpoint":"sts","#,
                r#""protocol":"wstrust13","operation":"issue","result":"locked","relying_party":null,"service_provider":null,"#,
                r#""metadata_source":null,"user":"alice","upn":null,"directory":"corp","#,
                r#""entry":"cn=alice","credential":"password","certificate_subject":null,"certificate_serial":null,"#,
                r#""token_issuer":null,"delegation":null,"subject":null,"subject_upn":null,"client":"192.0.2.7","#,
                r#""forwarded_for":null,"client_application":null,"place":"unknown","guard":"unknown_threshold","#,
                r#""reason":"3 failures","assertion_id":null,"#,
                r#""target_id":null,"cached":false,"duration_ms":250}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_name_cannot_begin_a_line_of_its_own() {
        let name = "al\nice\r\0\"\\\u{7f}\u{85}\u{2028}\u{202e}é";
        let line = record(name).line().unwrap();
        let (body, end) = line.split_at(line.len() - 1);
        assert_eq!(end, "\n");
        assert!(!body.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{202e}'), "{body:?}");
        let read: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(read["user"], name);
    }

    #[test]
    fn what_a_certificate_or_a_token_says_of_itself_is_bounded() {
        let long = Some("é".repeat(300));
        let said = AuditRecord {
            certificate_subject: long.clone(),
            certificate_serial: long.clone(),
            token_issuer: long,
            ..record("alice")
        };
        let read: serde_json::Value = serde_json::from_str(&said.line().unwrap()).unwrap();
        for key in ["certificate_subject", "certificate_serial", "token_issuer"] {
            assert_eq!(read[key].as_str().map(|text| text.chars().count()), Some(257), "{key}");
        }
    }

    #[test]
    fn metrics_know_every_result() {
        for result in AuditResult::ALL {
            assert!(Metrics::AUTHENTICATIONS.contains(&result.metric_label()), "{result:?}");
        }
    }
}
