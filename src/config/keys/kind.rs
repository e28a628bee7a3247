//! What the table is made of.

use std::net::SocketAddr;

use crate::config::value;

/// A section: a map with known keys.
pub(in crate::config) struct Spec {
    /// What it is about.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a section.
pub(in crate::config) struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
    /// What happens without it.
    pub need: Need,
}

/// What happens without a key.
pub(in crate::config) enum Need {
    /// An error.
    Required,
    /// This, as it would be typed.
    Default(&'static str),
    /// What `doc` says.
    Optional,
}

/// What a value must be.
pub(in crate::config) enum Kind {
    /// Any text but none.
    Text,
    /// Text that is never shown; may be empty.
    Secret,
    /// A file to read, relative to `proxy.yaml`.
    File,
    /// A file to make, relative to `proxy.yaml`.
    NewFile,
    /// `true` or `false`.
    Flag,
    /// A number from 0 to 1.
    Ratio,
    /// A whole number between these.
    Count(u64, u64),
    /// A duration above 0.
    Duration,
    /// A duration, 0 included.
    Delay,
    /// A date and time with its zone.
    Instant,
    /// Bytes, above 0.
    Size,
    /// An address and port to listen on.
    Address,
    /// A network, or one address.
    Network,
    /// A URL of one of these schemes that names a server and nothing on it.
    Server(&'static [&'static str]),
    /// A path on a server.
    HttpPath,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any number of these.
    List(&'static Kind),
    /// One of these, or any number.
    OneOrMany(&'static Kind),
    /// These, by keys that are free.
    Map(&'static Kind),
    /// A section.
    Section(&'static Spec),
    /// Any number of these, or a section in their place.
    ListOrSection(&'static Kind, &'static Spec),
    /// One of these words, or the other kind.
    WordOr(&'static [&'static str], &'static Kind),
}

/// A key that must be there.
pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, doc, need: Need::Required }
}

/// A key that may be absent, with what is meant then in `doc`.
pub(super) const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, doc, need: Need::Optional }
}

/// A key that may be absent, which then means `default`.
pub(super) const fn default(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, doc, need: Need::Default(default) }
}

impl Kind {
    /// Whether one value is of this kind; kinds that hold other values take none.
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Secret => true,
            Self::Text | Self::File | Self::NewFile => !text.is_empty(),
            Self::Flag => matches!(text, "true" | "false"),
            Self::Ratio => value::ratio(text).is_some(),
            Self::Count(least, most) => text.parse().is_ok_and(|count: u64| (*least..=*most).contains(&count)),
            Self::Duration => value::duration(text).is_some_and(|duration| !duration.is_zero()),
            Self::Delay => value::duration(text).is_some(),
            Self::Instant => value::instant(text).is_some(),
            Self::Size => value::size(text).is_some_and(|size| size > 0),
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::Network => value::network(text).is_some(),
            Self::Server(schemes) => {
                value::origin(text).is_some_and(|origin| schemes.contains(&origin.scheme.as_str()))
            }
            Self::HttpPath => text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c == '#'),
            Self::Word(words) => words.contains(&text),
            Self::WordOr(words, other) => words.contains(&text) || other.accepts(text),
            Self::List(_) | Self::OneOrMany(_) | Self::Map(_) | Self::Section(_) | Self::ListOrSection(..) => false,
        }
    }

    /// What is wanted, to complete "must be …".
    pub fn wanted(&self) -> String {
        match self {
            Self::Text | Self::Secret => "text".to_owned(),
            Self::File | Self::NewFile => "the path of a file".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Ratio => "a number from 0 to 1, such as 0.1".to_owned(),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Duration => "a duration above 0, such as 250ms, 60s, 30m or 1h".to_owned(),
            Self::Delay => "a duration such as 250ms, 60s, 30m or 1h".to_owned(),
            Self::Instant => "a date and time with its zone, such as 2027-01-31T06:00:00Z".to_owned(),
            Self::Size => "a size above 0, such as 64KiB or 1MiB".to_owned(),
            Self::Address => "an IP address and a port, such as 0.0.0.0:8443 or [::]:8443".to_owned(),
            Self::Network => "a network such as 10.0.0.0/8, or one IP address".to_owned(),
            Self::Server(schemes) => {
                let schemes: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://host[:port]")).collect();
                format!("{}, without path or query", schemes.join(" or "))
            }
            Self::HttpPath => "a path that begins with /".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::List(item) => format!("a list, each item {}", item.wanted()),
            Self::OneOrMany(item) => format!("{}, or a list of them", item.wanted()),
            Self::Map(item) => format!("a map, each value {}", item.wanted()),
            Self::Section(spec) => {
                let names: Vec<_> = spec.keys.iter().map(|key| key.name).collect();
                format!("a section with keys such as {}", names.join(", "))
            }
            Self::ListOrSection(item, spec) => {
                format!("{}, or {}", Self::List(item).wanted(), Self::Section(spec).wanted())
            }
            Self::WordOr(words, other) => format!("{}, or {}", words.join(" or "), other.wanted()),
        }
    }
}
