//! What an assertion says, in whichever version it is written.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Advice;
use crate::dsig::KeyInfo;
use crate::model::{AuthenticationMethod, Timestamp, claim_uri};

/// An assertion about one user for one relying party. [`super::saml11`] and [`super::saml20`] write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// `AssertionID` or `ID`: an `xs:ID`.
    pub id: String,
    /// The issuer that the relying party knows us by.
    pub issuer: String,
    /// When it was made.
    pub issue_instant: Timestamp,
    /// Conditions: from.
    pub not_before: Timestamp,
    /// Conditions: until, exclusive.
    pub not_on_or_after: Timestamp,
    /// Conditions: for whom.
    pub audience: String,
    /// The subject.
    pub name_identifier: NameIdentifier,
    /// How the presenter is known to be the subject.
    pub confirmation: Confirmation,
    /// What else is said of the subject. One without values is not written.
    pub attributes: Vec<AttributeOut>,
    /// When the user proved who they are.
    pub authn_instant: Timestamp,
    /// How they did.
    pub method: AuthenticationMethod,
    /// SAML 2.0: the authentication context class to state, which an SP that asked for one exactly compares.
    pub authn_context: AuthnContextClass,
    /// SAML 2.0: the session's name, if it has one.
    pub session_index: Option<String>,
    /// SAML 2.0: whether it is not to be kept for later.
    pub one_time_use: bool,
    /// SAML 2.0: whether no other assertion may follow from it.
    pub not_to_be_proxied: bool,
    /// SAML 2.0: what it says beside the subject; over ECP alone, whose assertions are not kept.
    #[serde(skip)]
    pub advice: Advice,
}

/// The subject's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameIdentifier {
    /// The name.
    pub value: String,
    /// Its format's URI.
    pub format: String,
    /// Within which it is the user's alone: of a name that is computed for each service provider.
    pub qualifiers: Option<NameQualifiers>,
}

/// Between whom a persistent name is one (`saml-core-2.0-os`, 8.3.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameQualifiers {
    /// `NameQualifier`: the identity provider.
    pub identity_provider: String,
    /// `SPNameQualifier`: the service provider.
    pub service_provider: String,
}

impl NameIdentifier {
    /// A name without qualifiers, as most are: Entra knows none.
    pub fn plain(value: String, format: String) -> Self {
        Self { value, format, qualifiers: None }
    }
}

/// How the presenter of an assertion is known to be its subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmation {
    /// Whoever holds it: WS-Trust tokens.
    Bearer,
    /// Whoever delivers it to one place in answer to one request: SAML 2.0 over ECP. SAML 1.1 cannot say so and writes
    /// plain bearer.
    BearerFor {
        /// The assertion consumer service's address.
        recipient: String,
        /// The ID of the request.
        in_response_to: Option<String>,
        /// Until when it may be delivered, exclusive.
        not_on_or_after: Timestamp,
    },
    /// Whoever proves to have this key.
    HolderOfKey(KeyInfo),
}

/// One attribute of the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeOut {
    /// Its name; a claim URI if `namespace` is `None`.
    pub name: String,
    /// SAML 1.1's AttributeNamespace. In SAML 2.0 it makes the claim URI `namespace/name`, as AD FS does.
    pub namespace: Option<String>,
    /// SAML 2.0's NameFormat.
    pub name_format: Option<String>,
    /// SAML 2.0's FriendlyName.
    pub friendly_name: Option<String>,
    /// Its values.
    pub values: Vec<String>,
}

/// SAML 2.0's authentication context classes that a password over TLS satisfies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthnContextClass {
    /// `…:PasswordProtectedTransport`: what we state unless asked otherwise.
    #[default]
    PasswordProtectedTransport,
    /// `…:Password`.
    Password,
}

impl AuthnContextClass {
    /// The class's URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::PasswordProtectedTransport => "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            Self::Password => "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        }
    }
}

impl AttributeOut {
    /// SAML 1.1's AttributeName and AttributeNamespace: as given, or the claim URI split at its last `/`. A name that
    /// cannot be split gets the namespace that the MACE-Dir attribute profile for SAML 1.x has for whole names.
    pub(super) fn split_name(&self) -> (&str, &str) {
        if let Some(namespace) = &self.namespace {
            return (&self.name, namespace);
        }
        match self.name.rsplit_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => (name, namespace),
            _ => (&self.name, WHOLE_NAMES),
        }
    }

    /// What SAML 1.1 calls by a name and a namespace.
    pub(super) fn of_saml11(name: &str, namespace: &str, values: Vec<String>) -> Self {
        let namespace = Some(namespace).filter(|namespace| *namespace != WHOLE_NAMES).map(str::to_owned);
        Self { name: name.to_owned(), namespace, name_format: None, friendly_name: None, values }
    }

    /// What it is called in SAML 2.0: the claim's URI.
    pub fn claim_uri(&self) -> Cow<'_, str> {
        claim_uri(self.namespace.as_deref(), &self.name)
    }
}

/// The namespace that the MACE-Dir attribute profile for SAML 1.x has for names that are whole.
const WHOLE_NAMES: &str = "urn:mace:shibboleth:1.0:attributeNamespace:uri";

impl Assertion {
    /// The attributes that have something to say.
    pub(super) fn stated_attributes(&self) -> impl Iterator<Item = &AttributeOut> {
        self.attributes.iter().filter(|attribute| !attribute.values.is_empty())
    }

    /// About how many bytes its attributes take.
    pub fn attribute_bytes(&self) -> usize {
        let values: usize = self.attributes.iter().flat_map(|attribute| &attribute.values).map(|v| v.len() + 64).sum();
        values + self.attributes.len() * 256
    }

    /// About how many bytes its key takes, in one place.
    pub fn key_bytes(&self) -> usize {
        match &self.confirmation {
            Confirmation::Bearer | Confirmation::BearerFor { .. } => 0,
            Confirmation::HolderOfKey(key) => 512 + key.length(),
        }
    }

    /// Room for the assertion and the signature that goes into it, so that neither moves it.
    pub(super) fn capacity(&self) -> usize {
        6144 + self.attribute_bytes() + 2 * self.key_bytes()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::xml::{Canonicalization, Document, Limits, canonicalize, parse};

    /// Text that breaks out of anything that is not escaped.
    pub const HOSTILE: &str = "a\"'<b>&amp;]]>\r\n\t</x><!-- é";

    pub fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + seconds * 1000)
    }

    pub fn attribute(name: &str, values: &[&str]) -> AttributeOut {
        AttributeOut {
            name: name.to_owned(),
            namespace: None,
            name_format: None,
            friendly_name: None,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    pub fn alice() -> Assertion {
        Assertion {
            id: "_a1".to_owned(),
            issuer: "http://example.com/adfs/services/trust/".to_owned(),
            issue_instant: at(0),
            not_before: at(0),
            not_on_or_after: at(3600),
            audience: "urn:federation:MicrosoftOnline".to_owned(),
            name_identifier: NameIdentifier::plain(
                "AAECAwQFBgcICQoLDA0ODw==".to_owned(),
                "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified".to_owned(),
            ),
            confirmation: Confirmation::Bearer,
            attributes: vec![attribute("http://schemas.xmlsoap.org/claims/UPN", &["alice@example.com"])],
            authn_instant: at(-1),
            method: AuthenticationMethod::Password,
            authn_context: AuthnContextClass::default(),
            session_index: None,
            one_time_use: false,
            not_to_be_proxied: false,
            advice: Advice::default(),
        }
    }

    /// With a key of her own.
    pub fn holder() -> Assertion {
        let key = KeyInfo::RsaKeyValue { modulus: "AJkx".to_owned(), exponent: "AQAB".to_owned() };
        Assertion { confirmation: Confirmation::HolderOfKey(key), ..alice() }
    }

    /// Everything that comes from outside is [`HOSTILE`].
    pub fn mallory() -> Assertion {
        let hostile = || HOSTILE.to_owned();
        Assertion {
            id: hostile(),
            issuer: hostile(),
            audience: hostile(),
            name_identifier: NameIdentifier {
                value: hostile(),
                format: hostile(),
                qualifiers: Some(NameQualifiers { identity_provider: hostile(), service_provider: hostile() }),
            },
            confirmation: Confirmation::BearerFor {
                recipient: hostile(),
                in_response_to: Some(hostile()),
                not_on_or_after: at(300),
            },
            attributes: vec![AttributeOut {
                name: hostile(),
                namespace: Some(hostile()),
                name_format: Some(hostile()),
                friendly_name: Some(hostile()),
                values: vec![hostile(), hostile()],
            }],
            session_index: Some(hostile()),
            ..alice()
        }
    }

    /// Parses what was written, having seen that it is its own canonical form.
    pub fn reread(xml: &str) -> Document {
        let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
        assert_eq!(String::from_utf8(canonicalize(&document.root, &Canonicalization::default())).unwrap(), xml);
        document
    }

    #[test]
    fn claim_uris_split_at_the_last_slash() {
        for (name, namespace, expected) in [
            ("http://schemas.xmlsoap.org/claims/UPN", None, ("UPN", "http://schemas.xmlsoap.org/claims")),
            ("a/b", Some("urn:n"), ("a/b", "urn:n")),
            ("urn:oid:0.9", None, ("urn:oid:0.9", "urn:mace:shibboleth:1.0:attributeNamespace:uri")),
            ("x/", None, ("x/", "urn:mace:shibboleth:1.0:attributeNamespace:uri")),
        ] {
            let attribute = AttributeOut { namespace: namespace.map(str::to_owned), ..attribute(name, &[]) };
            assert_eq!(attribute.split_name(), expected);
        }
    }
}
