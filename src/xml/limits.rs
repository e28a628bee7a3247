//! How large a document may be.

/// Bytes of one namespace URI. Exclusive canonicalisation writes it again on every element that uses it first, so that a
/// long one would turn a short document into hundreds of megabytes.
pub(super) const NAMESPACE_BYTES: usize = 512;

/// Namespace declarations in scope at one element, hidden ones counted.
pub(super) const NAMESPACES_IN_SCOPE: usize = 256;

/// IDs in one document.
pub(super) const IDS: usize = 1 << 20;

/// Bytes of one tag, comment or text of a document that comes in pieces: what has to be held until its end is there.
pub(super) const HELD_BYTES: usize = 1 << 20;

/// What a parser refuses to go beyond. A document over any of them is refused, never cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub bytes: usize,
    /// Elements within elements.
    pub depth: usize,
    /// Attributes of one element, namespace declarations not counted.
    pub attributes: usize,
    /// Namespace declarations of one element.
    pub namespaces: usize,
    /// Elements, texts and comments together.
    pub nodes: usize,
}

impl Limits {
    /// For a message of at most `bytes`.
    pub const fn message(bytes: usize) -> Self {
        Self { bytes, depth: 64, attributes: 64, namespaces: 32, nodes: 8192 }
    }

    /// For one entity's metadata, which has far more elements than any message.
    pub const fn metadata(bytes: usize) -> Self {
        Self { bytes, depth: 64, attributes: 64, namespaces: 64, nodes: 200_000 }
    }

    /// For a federation's metadata, of which no tree is made: its nodes are as many as fit into `bytes`.
    pub const fn aggregate(bytes: usize) -> Self {
        Self { bytes, depth: 64, attributes: 64, namespaces: 64, nodes: usize::MAX }
    }
}
