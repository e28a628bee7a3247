//! Where passwords are checked, resolved.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

use super::{UpstreamServer, UpstreamTls};
use crate::model::{Password, Template};

/// One directory.
#[derive(Clone)]
pub struct DirectoryConfig {
    /// Its name: in audit records, never a label that a client chooses.
    pub name: String,
    /// Domains, in lower case, whose names are asked for in the directories that list them only.
    pub domains: Vec<String>,
    /// What it is.
    pub adapter: DirectoryAdapter,
    /// Which attribute is what.
    pub attributes: AttributeNames,
    /// Attributes that relying parties release besides those.
    pub released: Vec<String>,
    /// Whether users sign in without a bind, so that what tells of disabled accounts is read too.
    pub standing: bool,
    /// Whether binds that it accepted are remembered.
    pub cached: bool,
}

/// What a directory is.
#[derive(Clone)]
pub enum DirectoryAdapter {
    /// A YAML file of users with argon2 hashes.
    File {
        /// The file.
        path: PathBuf,
    },
    /// LDAP.
    Ldap(Box<LdapConfig>),
    /// The identity provider behind, which checks the password itself.
    Upstream(Box<UpstreamDirectoryConfig>),
}

/// An LDAP directory.
#[derive(Clone)]
pub struct LdapConfig {
    /// `ldap://` or `ldaps://`, in order of preference.
    pub urls: Vec<String>,
    /// Whether `ldap://` connections are upgraded by StartTLS.
    pub start_tls: bool,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The service account's DN; empty: there is none.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: Password,
    /// What users are bound as once their entry was found: `{dn}` is its DN, any other place its attribute of that name.
    pub bind_as: Template<String>,
    /// Whom a name means without a search.
    pub user_dn: Option<UserDn>,
    /// Where the search for users begins.
    pub base_dn: String,
    /// The search, with `{name}` for the escaped name, and `{bind_name}` for what was bound where [`UserDn::Login`] was. Where
    /// [`UserDn::Dn`] says which entry it is, what that must satisfy besides.
    pub user_filter: String,
    /// UPN domains whose users are searched by the part before `@`.
    pub strip_domains: Vec<String>,
    /// Whether groups of groups count, and how they are found.
    pub nested_groups: NestedGroups,
    /// How long the groups that searches found are remembered.
    pub group_cache: GroupCache,
    /// Where the search for groups begins, for directories without a group attribute on the user.
    pub group_base_dn: Option<String>,
    /// That search, with `{dn}` for the user's escaped DN; the groups' DNs are what counts.
    pub group_filter: Option<String>,
    /// Connections at most, of each kind (searches, binds).
    pub pool_size: usize,
    /// Deadline for connecting (TCP, TLS, service bind).
    pub connect_timeout: Duration,
    /// Deadline for one search or bind.
    pub operation_timeout: Duration,
}

impl LdapConfig {
    /// Whether users are bound by their name and nobody looks them up before: there is no service account that could.
    pub fn binds_unseen(&self) -> bool {
        self.bind_dn.is_empty() && self.user_dn.is_some()
    }
}

/// Which entry a name means, without a search. `{name}` in it is the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserDn {
    /// The one with this DN.
    Dn(String),
    /// The one that Active Directory binds by this name: `{name}@example.com` or `EXAMPLE\{name}`.
    Login(String),
}

/// Whether groups of groups count, and how they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestedGroups {
    /// They do not.
    No,
    /// `group_filter` is asked for the groups of each group.
    ByFilter,
    /// By Active Directory's matching rule in chain.
    MatchingRule,
    /// By the entry's `tokenGroups`, which Active Directory computes.
    TokenGroups,
}

/// Remembered groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCache {
    /// How long; `None`: not at all.
    pub ttl: Option<Duration>,
    /// Of how many users.
    pub capacity: u64,
}

/// Finds whoever has the name in Active Directory: [`LdapConfig::user_filter`] by default.
pub const USUAL_FILTER: &str = "(|(userPrincipalName={name})(sAMAccountName={name}))";

/// Attributes that hold octets in every schema that has them, even when the octets happen to be text.
pub const OCTET_ATTRIBUTES: [&str; 3] = ["objectGUID", "mS-DS-ConsistencyGuid", "objectSid"];

/// Which attribute is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeNames {
    /// User principal name.
    pub upn: String,
    /// ImmutableID, the first of these that the entry has: base64 of the value where it is binary.
    pub immutable_id: Vec<String>,
    /// Whether those hold octets (objectGUID) or text; absent: what [`OCTET_ATTRIBUTES`] says of each. The schema decides, not
    /// the bytes.
    pub immutable_id_binary: Option<bool>,
    /// Groups.
    pub groups: String,
}

impl AttributeNames {
    /// Whether an attribute holds octets.
    pub fn is_octets(&self, name: &str) -> bool {
        let known = OCTET_ATTRIBUTES.iter().any(|octets| octets.eq_ignore_ascii_case(name));
        if self.immutable_id.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return self.immutable_id_binary.unwrap_or(known);
        }
        known
    }
}

/// The identity provider behind as a directory.
#[derive(Clone)]
pub struct UpstreamDirectoryConfig {
    /// Servers, in order of preference.
    pub servers: Vec<UpstreamServer>,
    /// Whether they are others than those that the rest is forwarded to.
    pub is_own: bool,
    /// For `https` servers.
    pub tls: UpstreamTls,
    /// Headers set on every request.
    pub set_headers: Vec<(String, HeaderValue)>,
    /// The host that is asked for, where it is not the server's.
    pub host: Option<String>,
    /// Where users read their own record.
    pub path: String,
    /// The name that is sent, with `{name}` for the one typed.
    pub login: String,
    /// UPN domains whose users are known by the part before `@`.
    pub strip_domains: Vec<String>,
    /// Where in the record the name is by which its user signs in.
    pub name: String,
    /// Where attributes are that relying parties release by other names.
    pub named: Vec<(String, String)>,
    /// What the ImmutableID is in the record.
    pub immutable_id_encoding: ImmutableIdEncoding,
    /// Requests at once.
    pub pool_size: usize,
    /// Deadline for connecting (TCP, TLS).
    pub connect_timeout: Duration,
    /// Deadline for one answer.
    pub operation_timeout: Duration,
    /// How long an idle connection is kept for the next request.
    pub idle_timeout: Duration,
}

/// What an ImmutableID is in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImmutableIdEncoding {
    /// Text that is sent as it is.
    Text,
    /// A UUID, sent as the base64 of its octets in Microsoft's order.
    Guid,
}
