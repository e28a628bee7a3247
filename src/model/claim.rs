//! Where a claim's values come from. Plain data, made by `config` and evaluated by `sts`.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{PairwiseRule, Pattern, Template};

/// How the values of a claim are made: taken from their source, then written as text, matched, put in a letter case and given
/// a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRule {
    /// Where they are taken from.
    pub source: ValueSource,
    /// How each is written; `None`: text as it is, octets as base64.
    pub encoding: Option<Encoding>,
    /// What each must match, and becomes. What does not match is left out.
    pub pattern: Option<Pattern>,
    /// In which letter case.
    pub case: Option<LetterCase>,
    /// What stands behind the `@` of each. What has another there already is left out.
    pub scope: Option<String>,
    /// Whether the first is all.
    pub only_first: bool,
}

/// Where values are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// Every value of an attribute.
    Attribute(DirectoryAttribute),
    /// Every value of the first of these attributes that has one.
    FirstOf(Vec<DirectoryAttribute>),
    /// These, for everybody.
    Constant(Vec<String>),
    /// One text, with the first value of each attribute in its place. None if one of them has no value.
    Template(Template<DirectoryAttribute>),
    /// By group (common name or DN), the role that it gives; in this order, each once.
    Roles(Vec<(String, String)>),
    /// A name by which one service provider knows the user, computed.
    Pairwise(PairwiseRule),
    /// Not the directory, but the sign-in itself.
    SignIn(SignInValue),
}

/// An attribute of a user's entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirectoryAttribute {
    /// The user principal name.
    Upn,
    /// The ImmutableID.
    ImmutableId,
    /// The groups.
    Groups,
    /// Any other, by its name in the directory.
    Named(String),
}

/// What is known of a sign-in besides who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInValue {
    /// `true` or `false`: whether the client is in one of these networks. An address of a proxy that we trust says nothing
    /// about who is behind it, and is in none.
    InsideNetwork {
        /// The networks.
        networks: Vec<IpNet>,
        /// `trusted_proxies`.
        proxies: Vec<IpNet>,
    },
    /// In how many seconds, or days, the password will have expired; nothing unless that is soon.
    PasswordExpiry {
        /// The attribute with the instant, a FILETIME.
        attribute: DirectoryAttribute,
        /// In which unit.
        unit: ExpiryUnit,
    },
    /// Where the password can be changed; nothing unless it expires soon.
    PasswordChangeUrl {
        /// The attribute with the instant, a FILETIME.
        attribute: DirectoryAttribute,
        /// The address.
        url: String,
    },
    /// The issuer by which the relying party knows us.
    Issuer,
    /// When the user proved who they are, an `xs:dateTime`.
    AuthenticationInstant,
}

/// A unit of the time that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryUnit {
    /// Seconds.
    Seconds,
    /// Whole days.
    Days,
}

/// How octets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Base64 with padding.
    Base64,
    /// Base32 with padding (RFC 4648, 6), which knows no letter case.
    Base32,
    /// Two lower-case hexadecimal digits an octet.
    Hex,
    /// Sixteen octets as Microsoft writes a GUID: the first three groups in the other byte order.
    Guid,
}

/// A letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterCase {
    /// Lower.
    Lower,
    /// Upper.
    Upper,
}

impl ValueRule {
    /// The values as they are.
    pub fn plain(source: ValueSource) -> Self {
        Self { source, encoding: None, pattern: None, case: None, scope: None, only_first: false }
    }

    /// Every value of an attribute, as it is.
    pub fn attribute(name: &str) -> Self {
        Self::plain(ValueSource::Attribute(DirectoryAttribute::new(name)))
    }

    /// Whether the values are taken as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self { encoding: None, pattern: None, case: None, scope: None, only_first: false, .. })
    }
}

impl ValueSource {
    /// Every attribute of the directory that is looked at.
    pub fn attributes(&self) -> Vec<&DirectoryAttribute> {
        match self {
            Self::Attribute(attribute) => vec![attribute],
            Self::FirstOf(attributes) => attributes.iter().collect(),
            Self::Template(template) => template.places().collect(),
            Self::Roles(_) => vec![&DirectoryAttribute::Groups],
            Self::Pairwise(rule) => vec![&rule.source],
            Self::SignIn(
                SignInValue::PasswordExpiry { attribute, .. } | SignInValue::PasswordChangeUrl { attribute, .. },
            ) => vec![attribute],
            Self::Constant(_) | Self::SignIn(_) => Vec::new(),
        }
    }
}

impl DirectoryAttribute {
    /// By its name in the configuration: `upn`, `immutable_id` and `groups` are those of `directory.*.attributes`.
    pub fn new(name: &str) -> Self {
        match name {
            "upn" => Self::Upn,
            "immutable_id" => Self::ImmutableId,
            "groups" => Self::Groups,
            name => Self::Named(name.to_owned()),
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        match self {
            Self::Upn => "upn",
            Self::ImmutableId => "immutable_id",
            Self::Groups => "groups",
            Self::Named(name) => name,
        }
    }
}

/// The one URI of a claim that has a namespace: the two joined as every reader of SAML 1.1 joins them, by one `/`.
pub fn claim_uri<'a>(namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
    match namespace {
        Some(namespace) if !namespace.is_empty() => {
            Cow::Owned(format!("{}/{name}", namespace.strip_suffix('/').unwrap_or(namespace)))
        }
        _ => Cow::Borrowed(name),
    }
}

/// Whether a claim has that URI: [`claim_uri`], without making it.
pub fn is_claim(namespace: Option<&str>, name: &str, uri: &str) -> bool {
    match namespace {
        Some(namespace) if !namespace.is_empty() => {
            let rest = uri.strip_prefix(namespace.strip_suffix('/').unwrap_or(namespace));
            rest.and_then(|rest| rest.strip_prefix('/')) == Some(name)
        }
        _ => uri == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_one_uri() {
        for (namespace, name, uri) in [
            (None, "urn:x/y", "urn:x/y"),
            (Some(""), "mail", "mail"),
            (Some("http://schemas.xmlsoap.org/claims"), "UPN", "http://schemas.xmlsoap.org/claims/UPN"),
            (Some("http://schemas.xmlsoap.org/claims/"), "UPN", "http://schemas.xmlsoap.org/claims/UPN"),
            (Some("urn"), "a/b", "urn/a/b"),
        ] {
            assert_eq!(claim_uri(namespace, name), uri);
            assert!(is_claim(namespace, name, uri), "{uri}");
            for other in
                ["", "UPN", "urn", "http://schemas.xmlsoap.org/claims", "http://schemas.xmlsoap.org/claims//UPN"]
            {
                assert!(!is_claim(namespace, name, other), "{uri} {other}");
            }
        }
    }
}
