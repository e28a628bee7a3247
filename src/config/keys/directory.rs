//! Keys of a directory.

use super::kind::{Kind, Spec, default, optional, required};

/// One directory: `ldap`, `file` or `upstream`.
pub(super) static DIRECTORY: Spec = Spec {
    doc: "One directory: ldap, file or upstream.",
    keys: &[
        optional(
            "name",
            Kind::Text,
            "Its name in audit records; absent: ldap, file or upstream, numbered from the second on.",
        ),
        default(
            "domains",
            Kind::List(&Kind::Text),
            "[]",
            "Domains of names (user@domain, DOMAIN\\user, DOMAIN/user) that only the directories listing them are asked for.",
        ),
        optional("ldap", Kind::Section(&LDAP), "An LDAP directory, such as Active Directory."),
        optional("file", Kind::Section(&FILE), "A YAML file of users."),
        optional("upstream", Kind::Section(&UPSTREAM), "The identity provider behind, which checks passwords itself."),
        default(
            "cache",
            Kind::Word(&["on", "off"]),
            "on",
            "Whether passwords that it accepted are remembered, as cache.bind says; off: every sign-in is a bind.",
        ),
    ],
};

static FILE: Spec =
    Spec { doc: "A YAML file of users with argon2 hashes.", keys: &[required("path", Kind::File, "The file.")] };

static LDAP: Spec = Spec {
    doc: "An LDAP directory.",
    keys: &[
        required("urls", Kind::List(&Kind::Server(&["ldaps", "ldap"])), "Servers, in order of preference."),
        default("start_tls", Kind::Flag, "false", "Whether ldap:// connections are upgraded by StartTLS."),
        optional("ca_file", Kind::File, "Certificates to trust, PEM; absent: the system's."),
        optional(
            "bind_dn",
            Kind::Text,
            "The service account that searches; absent only where user_dn binds users by name.",
        ),
        optional("bind_password", Kind::Secret, "Its password; this or bind_password_file."),
        optional("bind_password_file", Kind::File, "File that holds that password."),
        default(
            "bind_as",
            Kind::Text,
            "\"{dn}\"",
            "What a user is bound as once found: {dn} or the entry's own attributes, such as {userPrincipalName}.",
        ),
        optional(
            "user_dn",
            Kind::Text,
            "Whom a name means without a search: uid={name},ou=people,dc=example,dc=com, {name}@example.com or EXAMPLE\\{name}.",
        ),
        required("base_dn", Kind::Text, "Where the search for users begins."),
        optional(
            "user_filter",
            Kind::Text,
            "The search for a user; {name} is the name as typed, {bind_name} what user_dn made of it, escaped. Absent: \
             (|(userPrincipalName={name})(sAMAccountName={name})); with user_dn, what it means.",
        ),
        default(
            "strip_domains",
            Kind::List(&Kind::Text),
            "[]",
            "UPN domains whose users are searched by the part before the @.",
        ),
        default("attributes", Kind::Section(&ATTRIBUTES), "{}", "Which attribute is what."),
        default(
            "nested_groups",
            Kind::Word(&["false", "true", "matching_rule", "token_groups"]),
            "false",
            "Whether groups of groups count: true by group_filter or else matching_rule, Active Directory's; or token_groups.",
        ),
        optional(
            "group_base_dn",
            Kind::Text,
            "Where the search for groups begins, for directories without a group attribute on the user.",
        ),
        optional("group_filter", Kind::Text, "That search; {dn} is the user's DN, escaped."),
        default("pool_size", Kind::Count(1, 1000), "10", "Connections at most, of each kind: searches and binds."),
        default("connect_timeout", Kind::Duration, "2s", "Deadline for connecting: TCP, TLS and the service bind."),
        default("operation_timeout", Kind::Duration, "2s", "Deadline for one search or bind."),
    ],
};

static ATTRIBUTES: Spec = Spec {
    doc: "Which attribute is what.",
    keys: &[
        default("upn", Kind::Text, "userPrincipalName", "User principal name."),
        default(
            "immutable_id",
            Kind::OneOrMany(&Kind::Text),
            "[mS-DS-ConsistencyGuid, objectGUID]",
            "ImmutableID; of a list, the first that the entry has.",
        ),
        optional(
            "immutable_id_binary",
            Kind::Flag,
            "Whether those hold octets, sent as base64; absent: true for objectGUID, mS-DS-ConsistencyGuid and objectSid.",
        ),
        default("groups", Kind::Text, "memberOf", "Groups."),
    ],
};

static UPSTREAM: Spec = Spec {
    doc: "The identity provider behind, asked for a user's own record with the user's password.",
    keys: &[
        default("path", Kind::HttpPath, "/scim2/Me", "Where users read their own record: GET with HTTP Basic, JSON."),
        optional(
            "url",
            Kind::Server(&["https", "http"]),
            "Another server than those of upstream; absent: those, with their tls and set_headers.",
        ),
        optional("ca_file", Kind::File, "Certificates to trust for url, PEM; absent: the system's."),
        default("login", Kind::Text, "\"{name}\"", "The user name that is sent; {name} is the name as typed."),
        default(
            "strip_domains",
            Kind::List(&Kind::Text),
            "[]",
            "UPN domains whose users the identity provider knows by the part before the @.",
        ),
        default("attributes", Kind::Section(&RECORD), "{}", "What is where in the record."),
        default("pool_size", Kind::Count(1, 1000), "20", "Requests at once, at most."),
        default("connect_timeout", Kind::Duration, "1s", "Deadline for connecting: TCP and TLS."),
        default("operation_timeout", Kind::Duration, "3s", "Deadline for one answer."),
    ],
};

static RECORD: Spec = Spec {
    doc: "What is where in the record: names with dots between, in double quotes those that have a dot themselves.",
    keys: &[
        default("name", Kind::Text, "userName", "The name that the user signs in by; it must be the one asked for."),
        default("upn", Kind::Text, "userName", "User principal name."),
        default(
            "immutable_id",
            Kind::OneOrMany(&Kind::Text),
            "id",
            "ImmutableID; of a list, the first that the record has.",
        ),
        default(
            "immutable_id_encoding",
            Kind::Word(&["text", "guid"]),
            "text",
            "What that is: text, sent as it is, or guid, a UUID sent as the base64 of its octets in Microsoft's order.",
        ),
        default("groups", Kind::Text, "groups.display", "Groups."),
        default(
            "named",
            Kind::Map(&Kind::Text),
            "{}",
            "Where attributes are that relying parties release by another name than their path.",
        ),
    ],
};
