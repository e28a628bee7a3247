//! Relying parties: whom tokens are for, and what each may have. Plain data, made by `config`.

use std::time::Duration;

use super::{AccessRule, ValueRule, ValueSource};

/// The algorithm of our own signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSA with SHA-256, digests with SHA-256.
    RsaSha256,
    /// RSA with SHA-1, digests with SHA-1: for relying parties that know nothing newer.
    RsaSha1,
}

/// How a token is encrypted for its relying party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES-256-GCM (XML Encryption 1.1).
    Aes256Gcm,
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-CBC, which nothing authenticates: for relying parties that know nothing newer, such as WIF.
    Aes256Cbc,
    /// AES-128-CBC, likewise.
    Aes128Cbc,
}

/// Which issuer a relying party knows us by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerChoice {
    /// `issuer.entity_id`.
    EntityId,
    /// `issuer.domains`, by the domain of the user's UPN; a user of no listed domain is refused.
    ByDomain,
}

/// How an RSTR spells the type of the token in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTypeSpelling {
    /// `urn:oasis:names:tc:SAML:1.0:assertion`: the one spelling that every Microsoft client maps to the right grant.
    SamlNamespace,
    /// The WSS SAML Token Profile's, `…#SAMLV1.1`, as WSO2 writes it.
    TokenProfile,
    /// As the request spells it, without which WCF refuses the answer; the profile's where it does not say.
    AsAsked,
}

/// Where the name identifier comes from and what format it is said to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameIdentifierRule {
    /// The ImmutableID.
    ImmutableId {
        /// The format's URI.
        format: String,
    },
    /// An attribute of the entry.
    Attribute {
        /// The attribute.
        name: String,
        /// The format's URI.
        format: String,
    },
    /// The name the directory knows them by (UPN), as WSO2's STS writes it.
    Upn {
        /// The format's URI.
        format: String,
    },
    /// The first value that a rule makes.
    Rule {
        /// The rule.
        rule: ValueRule,
        /// The format's URI.
        format: String,
    },
    /// A fresh identifier for each assertion.
    Transient,
}

impl NameIdentifierRule {
    /// The URI of the format that it makes.
    pub fn format(&self) -> &str {
        match self {
            Self::ImmutableId { format }
            | Self::Attribute { format, .. }
            | Self::Upn { format }
            | Self::Rule { format, .. } => format,
            Self::Transient => "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        }
    }

    /// Whether it makes another name of a user for each service provider.
    pub fn is_pairwise(&self) -> bool {
        matches!(self, Self::Rule { rule: ValueRule { source: ValueSource::Pairwise(_), .. }, .. })
    }
}

/// One attribute that a relying party gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRelease {
    /// The attribute's name in the assertion. In SAML 1.1 it is a claim URI, split at its last `/` into namespace and
    /// name, unless `namespace` is given.
    pub name: String,
    /// SAML 1.1's AttributeNamespace.
    pub namespace: Option<String>,
    /// SAML 2.0's NameFormat.
    pub name_format: Option<String>,
    /// SAML 2.0's FriendlyName.
    pub friendly_name: Option<String>,
    /// How its values are made.
    pub rule: ValueRule,
    /// Whether a user without it is refused.
    pub required: bool,
    /// Which service providers of a party get it, if one of these is true of them; empty: all.
    pub released_to: Vec<ReleasedTo>,
}

/// What must be true, all of it, of a service provider that gets an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleasedTo {
    /// Its metadata says that it is of this entity category (RFC 8409).
    pub category: Option<String>,
    /// Its metadata asks for the attribute, by `RequestedAttribute` or `subject-id:req`.
    pub requested: bool,
}

/// What a relying party gets over ECP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcpRelease {
    /// Which service provider of its metadata it is; empty: the only one there.
    pub entity_id: String,
    /// The name identifiers that it can have, the one to be preferred first; never empty.
    pub name_identifiers: Vec<NameIdentifierRule>,
    /// Attributes released.
    pub attributes: Vec<AttributeRelease>,
    /// How it is answered besides.
    pub switches: EcpSwitches,
}

/// How a service provider is answered over ECP, besides what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcpSwitches {
    /// Whether its assertions are encrypted.
    pub encrypt: EncryptAssertions,
    /// How; `None`: as its metadata says.
    pub content_encryption: Option<ContentEncryption>,
    /// Whether the Response is signed, too.
    pub sign_response: bool,
    /// Whether a client is told that the request's signature was verified. pysaml2 cannot read that.
    pub request_authenticated: bool,
    /// Whether signatures of its requests may be made with SHA-1.
    pub accept_sha1: bool,
}

impl Default for EcpSwitches {
    fn default() -> Self {
        Self {
            encrypt: EncryptAssertions::Auto,
            content_encryption: None,
            sign_response: false,
            request_authenticated: true,
            accept_sha1: false,
        }
    }
}

/// Whether a service provider's assertions are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptAssertions {
    /// If its metadata has a key for that.
    Auto,
    /// No.
    Off,
    /// Yes, or there is no assertion.
    Required,
}

/// How a request says that its token is to be another user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DelegationKind {
    /// WS-Trust's OnBehalfOf: the token is the other user's, and says nothing of who asked.
    OnBehalfOf,
    /// WS-Trust 1.4's ActAs: the token is the other user's, and says who acts.
    ActAs,
}

impl DelegationKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OnBehalfOf, Self::ActAs];

    /// The word in the configuration and in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OnBehalfOf => "on_behalf_of",
            Self::ActAs => "act_as",
        }
    }
}

/// Who may have tokens of others for a relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationRule {
    /// Who may ask: users (UPN, login, DN) and groups (common name, DN).
    pub askers: Vec<String>,
    /// For whom, likewise.
    pub subjects: Vec<String>,
    /// How.
    pub kinds: Vec<DelegationKind>,
    /// Whether the other user's name alone is enough, without a token that shows that they signed in.
    pub by_name: bool,
    /// For whom such a token may be, besides for us: what the asker itself is known by as a relying party.
    pub audiences: Vec<String>,
}

/// How tokens are renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// How long after a token's end.
    pub window: Duration,
    /// How long after the user proved who they are: no token that follows by renewal ends later.
    pub longest: Duration,
    /// Who besides a token's own subject may renew and cancel it, by UPN, login or DN.
    pub askers: Vec<String>,
}

/// Someone whom tokens are issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The name in the configuration; also the label of metrics and audit records.
    pub name: String,
    /// The AppliesTo addresses that mean this party. Empty: no WS-Trust.
    pub applies_to: Vec<String>,
    /// What to write as audience instead of the AppliesTo asked for.
    pub audience: Option<String>,
    /// The group that a user must be in, by common name or DN.
    pub required_group: Option<String>,
    /// From where, with what and by which protocol its tokens may be had; empty: without restriction.
    pub access: Vec<AccessRule>,
    /// The issuer it knows us by.
    pub issuer: IssuerChoice,
    /// The signature that it understands.
    pub signature: SignatureAlgorithm,
    /// How long a WS-Trust token is valid, and a SAML 2.0 assertion's conditions hold.
    pub lifetime: Duration,
    /// How its WS-Trust tokens are encrypted, if they are.
    pub encryption: Option<ContentEncryption>,
    /// How long a WS-Trust token is valid at most, for a client that asks for a Lifetime of its own.
    pub longest_lifetime: Duration,
    /// Whether and how its WS-Trust tokens are renewed.
    pub renewal: Option<Renewal>,
    /// Whether its WS-Trust tokens are remembered: without, they cannot be named by reference nor renewed.
    pub remember_tokens: bool,
    /// The RSTR's spelling of TokenType.
    pub token_type_spelling: TokenTypeSpelling,
    /// WS-Trust: the name identifier.
    pub name_identifier: NameIdentifierRule,
    /// WS-Trust: the attributes.
    pub attributes: Vec<AttributeRelease>,
    /// Who may have tokens of others; empty: nobody.
    pub delegation: Vec<DelegationRule>,
    /// ECP, if it is on for this party.
    pub ecp: Option<EcpRelease>,
}
