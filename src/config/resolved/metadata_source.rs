//! Where the metadata of service providers comes from, besides the files of single relying parties.

use std::path::PathBuf;
use std::time::Duration;

/// A source of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataSourceConfig {
    /// Its name: in relying parties, metrics and audit records.
    pub name: String,
    /// Where its documents are.
    pub place: MetadataPlace,
    /// The certificates of the keys that sign its documents, PEM; absent, for files alone: signatures are not looked at.
    pub certificate_file: Option<PathBuf>,
    /// Whether signatures by SHA-1 are believed.
    pub allow_sha1: bool,
    /// For how long a document may be valid at most; absent: it need not say.
    pub longest_validity: Option<Duration>,
    /// The least time between two looks at it.
    pub shortest_refresh: Duration,
    /// The most.
    pub longest_refresh: Duration,
    /// Certificates to trust in TLS instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where a source's documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataPlace {
    /// One file.
    File(PathBuf),
    /// Every `*.xml` in a folder.
    Directory(PathBuf),
    /// One document behind a URL.
    Url(String),
    /// A metadata query service: one document for each entity, below this base, which ends in `/`.
    Mdq(String),
}

impl MetadataPlace {
    /// Whether its documents come over the network.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Mdq(_))
    }
}
