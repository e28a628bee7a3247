//! The one XML parser and the one writer of the project: documents checked and bounded, namespace-aware, as a tree or, where
//! they are too long for one, as they go by in pieces; exclusive canonicalisation of both; and a writer whose output is already
//! in exclusive canonical form. On quick-xml.

mod c14n;
mod c14n_stream;
mod chars;
mod events;
mod lexical;
mod limits;
mod parse;
mod pieces;
mod scope;
mod tree;
mod write;

pub use c14n::{Canonicalization, canonicalize, canonicalize_within};
pub use c14n_stream::CanonicalStream;
pub use chars::{is_nc_name, is_xml_text};
pub use events::Events;
pub use lexical::{boolean, duration};
pub use limits::Limits;
pub use parse::{ParseError, TreeBuilder, parse};
pub use pieces::Pieces;
pub use tree::{Attribute, Document, Duplicate, Element, Name, Node};
pub use write::{Ns, UNQUALIFIED, Writer, XML};
