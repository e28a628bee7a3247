//! Where passwords are checked, resolved.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;

use super::{UpstreamServer, UpstreamTls};
use crate::model::Password;

/// One directory.
#[derive(Clone)]
pub struct DirectoryConfig {
    /// Its name: in audit records, never a label that a client chooses.
    pub name: String,
    /// What it is.
    pub adapter: DirectoryAdapter,
    /// Which attribute is what.
    pub attributes: AttributeNames,
    /// Attributes that relying parties release besides those.
    pub released: Vec<String>,
    /// Whether users sign in without a bind, so that what tells of disabled accounts is read too.
    pub standing: bool,
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
    /// The service account's DN.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: Password,
    /// Where the search for users begins.
    pub base_dn: String,
    /// The search, with `{name}` for the escaped name.
    pub user_filter: String,
    /// UPN domains whose users are searched by the part before `@`.
    pub strip_domains: Vec<String>,
    /// Whether groups of groups count: resolved by Active Directory's matching rule.
    pub nested_groups: bool,
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

/// Attributes that hold octets in every schema that has them, even when the octets happen to be text.
pub const OCTET_ATTRIBUTES: [&str; 3] = ["objectGUID", "mS-DS-ConsistencyGuid", "objectSid"];

/// Which attribute is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeNames {
    /// User principal name.
    pub upn: String,
    /// ImmutableID: base64 of the value where it is binary.
    pub immutable_id: String,
    /// Whether the ImmutableID attribute holds octets (objectGUID) or text. The schema decides, not the bytes.
    pub immutable_id_binary: bool,
    /// Groups.
    pub groups: String,
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
