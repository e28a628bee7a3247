//! What an answer can say something about: the closed set of names by which differences are counted.

/// What a fact or a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Whether a token was issued, refused, or there is a fault.
    Outcome,
    /// The version of SOAP.
    Soap,
    /// Whose fault a fault is.
    FaultCode,
    /// What exactly.
    FaultSubcode,
    /// In words.
    FaultReason,
    /// ECP: the status of a Response without an assertion.
    Status,
    /// The status below.
    StatusSecond,
    /// In words.
    StatusMessage,
    /// The version of WS-Trust.
    TrustVersion,
    /// `wsa:Action`.
    Action,
    /// Whether the answer is in a collection.
    Collection,
    /// TokenType.
    TokenType,
    /// AppliesTo.
    AppliesTo,
    /// KeyType.
    KeyType,
    /// How long the answer says that the token is good.
    ResponseLifetime,
    /// Whether there is a RequestedProofToken.
    ProofToken,
    /// Whether text stands beside the assertion.
    TextBeside,
    /// ECP: the header's AssertionConsumerServiceURL.
    AcsUrl,
    /// Destination of a Response.
    Destination,
    /// InResponseTo of a Response.
    InResponseTo,
    /// Issuer of a Response.
    ResponseIssuer,
    /// IssueInstant of a Response.
    ResponseInstant,
    /// A Response's own signature.
    ResponseSignature,
    /// The algorithm of an encrypted assertion.
    Encryption,
    /// The assertion's version.
    SamlVersion,
    /// The prefix of its element.
    Prefix,
    /// Its ID.
    AssertionId,
    /// Its issuer.
    Issuer,
    /// When it was made.
    IssueInstant,
    /// From when it is good.
    ValidFrom,
    /// How long.
    Lifetime,
    /// For whom.
    Audience,
    /// What other conditions it has.
    Conditions,
    /// Whom it is about.
    NameIdentifier,
    /// The name's format.
    NameFormat,
    /// How whoever presents it shows that they are the subject.
    ConfirmationMethod,
    /// To whom only.
    Recipient,
    /// An attribute.
    Attribute,
    /// How the subject signed in.
    AuthenticationMethod,
    /// When.
    AuthenticationInstant,
    /// Whether its signature holds.
    Signature,
    /// The signature's algorithm.
    SignatureAlgorithm,
    /// Its digest's.
    DigestAlgorithm,
    /// Its canonicalisation.
    Canonicalization,
    /// The certificate inside it.
    Certificate,
}

impl Subject {
    /// Each, in the order in which people read them.
    pub const ALL: [Self; 45] = [
        Self::Outcome,
        Self::Soap,
        Self::FaultCode,
        Self::FaultSubcode,
        Self::FaultReason,
        Self::Status,
        Self::StatusSecond,
        Self::StatusMessage,
        Self::TrustVersion,
        Self::Action,
        Self::Collection,
        Self::TokenType,
        Self::AppliesTo,
        Self::KeyType,
        Self::ResponseLifetime,
        Self::ProofToken,
        Self::TextBeside,
        Self::AcsUrl,
        Self::Destination,
        Self::InResponseTo,
        Self::ResponseIssuer,
        Self::ResponseInstant,
        Self::ResponseSignature,
        Self::Encryption,
        Self::SamlVersion,
        Self::Prefix,
        Self::AssertionId,
        Self::Issuer,
        Self::IssueInstant,
        Self::ValidFrom,
        Self::Lifetime,
        Self::Audience,
        Self::Conditions,
        Self::NameIdentifier,
        Self::NameFormat,
        Self::ConfirmationMethod,
        Self::Recipient,
        Self::Attribute,
        Self::AuthenticationMethod,
        Self::AuthenticationInstant,
        Self::Signature,
        Self::SignatureAlgorithm,
        Self::DigestAlgorithm,
        Self::Canonicalization,
        Self::Certificate,
    ];

    /// Its name for machines: a key of JSON, a label of a metric.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Soap => "soap",
            Self::FaultCode => "fault_code",
            Self::FaultSubcode => "fault_subcode",
            Self::FaultReason => "fault_reason",
            Self::Status => "status",
            Self::StatusSecond => "status_second",
            Self::StatusMessage => "status_message",
            Self::TrustVersion => "trust_version",
            Self::Action => "action",
            Self::Collection => "collection",
            Self::TokenType => "token_type",
            Self::AppliesTo => "applies_to",
            Self::KeyType => "key_type",
            Self::ResponseLifetime => "response_lifetime",
            Self::ProofToken => "proof_token",
            Self::TextBeside => "text_beside",
            Self::AcsUrl => "acs_url",
            Self::Destination => "destination",
            Self::InResponseTo => "in_response_to",
            Self::ResponseIssuer => "response_issuer",
            Self::ResponseInstant => "response_instant",
            Self::ResponseSignature => "response_signature",
            Self::Encryption => "encryption",
            Self::SamlVersion => "saml_version",
            Self::Prefix => "prefix",
            Self::AssertionId => "assertion_id",
            Self::Issuer => "issuer",
            Self::IssueInstant => "issue_instant",
            Self::ValidFrom => "valid_from",
            Self::Lifetime => "lifetime",
            Self::Audience => "audience",
            Self::Conditions => "conditions",
            Self::NameIdentifier => "name_identifier",
            Self::NameFormat => "name_format",
            Self::ConfirmationMethod => "confirmation_method",
            Self::Recipient => "recipient",
            Self::Attribute => "attribute",
            Self::AuthenticationMethod => "authentication_method",
            Self::AuthenticationInstant => "authentication_instant",
            Self::Signature => "signature",
            Self::SignatureAlgorithm => "signature_algorithm",
            Self::DigestAlgorithm => "digest_algorithm",
            Self::Canonicalization => "canonicalization",
            Self::Certificate => "certificate",
        }
    }

    /// Whether a client or a relying party may decide otherwise where this differs. The rest is worth knowing: what only people
    /// read, what nobody looks at, and what is taken in either form.
    pub const fn matters(self) -> bool {
        !matches!(
            self,
            Self::Soap
                | Self::FaultReason
                | Self::StatusMessage
                | Self::Action
                | Self::KeyType
                | Self::ResponseLifetime
                | Self::ResponseIssuer
                | Self::ResponseSignature
                | Self::Lifetime
                | Self::AuthenticationInstant
                | Self::SignatureAlgorithm
                | Self::DigestAlgorithm
                | Self::Canonicalization
        )
    }
}
