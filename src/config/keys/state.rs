//! Keys of what replicas share.

use super::kind::{Kind, Spec, default, optional, required};

/// `state`.
pub(super) static STATE: Spec = Spec {
    doc: "What replicas share, in Redis or Valkey.",
    keys: &[
        required("url", Kind::Server(&["rediss", "redis"]), "The server: rediss is TLS. Port: 6379 unless given."),
        optional("username", Kind::Text, "Whom to sign in as; absent: the server's default user."),
        optional("password", Kind::Secret, "Their password; absent, as the file: nobody signs in."),
        optional("password_file", Kind::NewFile, "File that holds that password."),
        optional("ca_file", Kind::NewFile, "Certificates to trust, PEM; absent: the system's."),
        default(
            "timeout",
            Kind::Duration,
            "50ms",
            "How long one operation may take; after one that took longer, state is this process's own until the server answers in time again.",
        ),
        default(
            "prefix",
            Kind::Text,
            "\"fedfront:\"",
            "What every key there begins with: one for each group of replicas.",
        ),
        optional(
            "key",
            Kind::Secret,
            "A secret of the replicas' own, under which issued tokens are kept there and users are named; absent, as the file: the tokens' is made of the signing key.",
        ),
        optional("key_file", Kind::NewFile, "File that holds that secret."),
    ],
};
