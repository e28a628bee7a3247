//! Keys of a source of metadata.

use super::kind::{Kind, Spec, default, optional, required};

/// A source of metadata.
pub(super) static METADATA_SOURCE: Spec = Spec {
    doc: "A source of service providers' metadata: one of file, directory, url and mdq.",
    keys: &[
        required("name", Kind::Text, "Its name in relying parties, metrics and audit records."),
        optional("file", Kind::File, "One document."),
        optional("directory", Kind::NewFile, "A folder: every *.xml in it."),
        optional("url", Kind::Text, "One document, https://… or http://…, of one service provider or of many."),
        optional("mdq", Kind::Text, "The base of a metadata query service, which is asked for one entity at a time."),
        optional(
            "certificate_file",
            Kind::File,
            "The certificates of the keys that sign its documents, PEM; required for url and mdq; absent: signatures are \
             not looked at.",
        ),
        default(
            "allow_sha1",
            Kind::Flag,
            "false",
            "Whether signatures by RSA with SHA-1 are believed, as Microsoft's.",
        ),
        optional(
            "longest_validity",
            Kind::WordOr(&["off"], &Kind::Duration),
            "A document without validUntil, or with a later one, is refused; off: none is; absent: 14d for url and mdq, \
             off for files.",
        ),
        default("refresh", Kind::Section(&REFRESH), "{}", "How often it is asked."),
        optional("ca_file", Kind::File, "Certificates to trust in TLS, PEM; absent: the system's."),
    ],
};

static REFRESH: Spec = Spec {
    doc: "How often a source is asked, within what its documents say of themselves.",
    keys: &[
        default("shortest", Kind::Duration, "5m", "Not more often; files are looked at so often."),
        default("longest", Kind::Duration, "4h", "Not less often."),
    ],
};
