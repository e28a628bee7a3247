//! Which algorithms a verification takes.

/// Which algorithms others' signatures may be of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accepted {
    /// RSA and ECDSA with SHA-256, SHA-384 or SHA-512.
    #[default]
    Modern,
    /// RSA with SHA-1 besides, for who is known by a pinned key and knows nothing newer, as Microsoft's own metadata.
    Sha1Too,
}
