//! A user's entry in a directory, and the proof that it is they who ask.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Timestamp, Username};

/// Names one entry of one directory: the identity by which failures are counted and cached binds flushed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// The directory's name in the configuration.
    pub directory: Arc<str>,
    /// The entry's own name there, in one spelling: a normalised DN, or a login.
    pub entry: Arc<str>,
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({}/…)", self.directory)
    }
}

/// One value of an attribute. A directory's schema, not the bytes, decides which it is.
#[derive(Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// Octets, such as an objectGUID.
    Binary(Vec<u8>),
}

impl AttributeValue {
    /// The bytes of the value.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

/// Values by attribute name; names compare without regard to case, as LDAP's do.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, Vec<AttributeValue>>);

impl Attributes {
    /// Adds a value under a name.
    pub fn add(&mut self, name: &str, value: AttributeValue) {
        self.0.entry(name.to_ascii_lowercase()).or_default().push(value);
    }

    /// Every value of the attribute; none if it is absent.
    pub fn all(&self, name: &str) -> &[AttributeValue] {
        self.0.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The first value of the attribute.
    pub fn first(&self, name: &str) -> Option<&AttributeValue> {
        self.all(name).first()
    }
}

/// Wrong passwords that a directory has counted itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureCount {
    /// How many.
    pub failures: u32,
    /// When the last of them was counted.
    pub last: Timestamp,
}

/// A user found in a directory; not yet anybody who proved anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which entry it is.
    pub id: EntryId,
    /// The name to bind as: a DN, or what the adapter needs.
    pub bind_name: Arc<str>,
    /// The user principal name (`directory.*.attributes.upn`).
    pub upn: Option<String>,
    /// The value that Entra knows as ImmutableID, already base64 where the attribute is binary.
    pub immutable_id: Option<String>,
    /// Groups, each as the directory names it (a DN or a plain name).
    pub groups: Vec<String>,
    /// Every attribute that some relying party releases.
    pub attributes: Attributes,
    /// What the directory said it had counted against the entry when it was found; absent where it does not say.
    pub own_count: Option<FailureCount>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({:?})", self.id)
    }
}

/// How the user proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthenticationMethod {
    /// A password that the directory accepted.
    Password,
    /// A certificate by which they authenticated the TLS connection.
    TlsClient,
    /// A certificate by whose key they signed the message.
    X509,
    /// In a way that nobody has told us.
    Unspecified,
}

/// A user who proved who they are. Made only where a directory accepted a password, where it holds the user whom a certificate
/// or a token that is believed names, or where somebody may ask in their name; `tests/architecture.rs` holds who may call
/// what makes one.
#[derive(Clone)]
pub struct Authenticated {
    username: Username,
    entry: Arc<Entry>,
    method: AuthenticationMethod,
    instant: Timestamp,
    asker: Option<Arc<Entry>>,
}

impl Authenticated {
    /// The directory bound as `entry` with the password that came with `username`, at `instant`.
    pub fn by_bind(username: Username, entry: Arc<Entry>, instant: Timestamp) -> Self {
        Self { username, entry, method: AuthenticationMethod::Password, instant, asker: None }
    }

    /// A trusted issuer's token says that `username`, whose entry it is, signed in by `method` at `instant`.
    pub fn by_token(username: Username, entry: Arc<Entry>, method: AuthenticationMethod, instant: Timestamp) -> Self {
        Self { username, entry, method, instant, asker: None }
    }

    /// `entry` has the name `username`, in which `asker` may ask; `method` and `instant` are of their own sign-in, as far as
    /// that is known.
    pub fn in_the_name_of(
        username: Username,
        entry: Arc<Entry>,
        asker: &Self,
        method: AuthenticationMethod,
        instant: Timestamp,
    ) -> Self {
        Self { username, entry, method, instant, asker: Some(asker.entry.clone()) }
    }

    /// Who asked in their name, if it was not they themselves.
    pub fn asker(&self) -> Option<&Entry> {
        self.asker.as_deref()
    }

    /// `entry` has the name `username`, which is in a certificate that was verified and believed, and whose key was proved
    /// at `instant`.
    pub fn by_certificate(
        username: Username,
        entry: Arc<Entry>,
        method: AuthenticationMethod,
        instant: Timestamp,
    ) -> Self {
        Self { username, entry, method, instant, asker: None }
    }

    /// The name as typed, or as a certificate has it.
    pub fn username(&self) -> &Username {
        &self.username
    }

    /// Their entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Their entry, to be kept.
    pub fn shared_entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// How they proved it.
    pub fn method(&self) -> AuthenticationMethod {
        self.method
    }

    /// When they proved it.
    pub fn instant(&self) -> Timestamp {
        self.instant
    }
}
