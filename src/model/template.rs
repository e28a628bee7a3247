//! Text with places in it for values: `{givenName} {sn}`.

/// A template, as it was written and taken apart. `T` is what stands in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<T> {
    text: String,
    pieces: Vec<Piece<T>>,
}

/// What a template is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<T> {
    /// Text that stands for itself.
    Text(String),
    /// A place for a value.
    Value(T),
}

impl<T> Template<T> {
    /// Reads `{name}` as a place for a value, which `place` makes of the name, and `{{` and `}}` as braces.
    ///
    /// # Errors
    /// What is wrong with it, to complete "it …" about the text.
    pub fn parse(text: &str, mut place: impl FnMut(&str) -> Result<T, String>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = split_at_brace(rest) {
            plain.push_str(before);
            rest = match after {
                Brace::Doubled(brace, after) => {
                    plain.push(brace);
                    after
                }
                Brace::Open(after) => {
                    let (name, after) = after.split_once('}').ok_or("has a `{` that is never closed")?;
                    if name.is_empty() || name.contains('{') {
                        return Err(format!("has `{{{name}}}`, which names nothing"));
                    }
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Value(place(name)?));
                    after
                }
                Brace::Closed => return Err("has a `}` that closes nothing".to_owned()),
            };
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What its places hold, in order.
    pub fn places(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(value) => Some(value),
        })
    }

    /// The text with every place filled; `None` where one has nothing to fill it with.
    pub fn fill<'v>(&'v self, mut value: impl FnMut(&'v T) -> Option<std::borrow::Cow<'v, str>>) -> Option<String> {
        let mut filled = String::with_capacity(self.text.len() + 32);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(place) => filled.push_str(&value(place)?),
            }
        }
        Some(filled)
    }
}

enum Brace<'t> {
    /// `{{` or `}}`, and what comes after.
    Doubled(char, &'t str),
    /// What comes after a `{`.
    Open(&'t str),
    Closed,
}

/// What stands before the first brace, and the brace.
fn split_at_brace(text: &str) -> Option<(&str, Brace<'_>)> {
    let (before, rest) = text.split_at_checked(text.find(['{', '}'])?)?;
    let brace = match (rest.strip_prefix("{{"), rest.strip_prefix("}}"), rest.strip_prefix('{')) {
        (Some(after), ..) => Brace::Doubled('{', after),
        (_, Some(after), _) => Brace::Doubled('}', after),
        (.., Some(after)) => Brace::Open(after),
        _ => Brace::Closed,
    };
    Some((before, brace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_braces_and_doubled_braces_are_braces() {
        for (text, filled) in [
            ("{givenName} {sn}", Ok("<givenName> <sn>")),
            ("{a}{b}", Ok("<a><b>")),
            ("none", Ok("none")),
            ("", Ok("")),
            ("{{{a}}}", Ok("{<a>}")),
            ("é{{}}{ü}", Ok("é{}<ü>")),
            ("{", Err("has a `{` that is never closed")),
            ("{a", Err("has a `{` that is never closed")),
            ("a}", Err("has a `}` that closes nothing")),
            ("{}", Err("has `{}`, which names nothing")),
            ("{a{b}", Err("has `{a{b}`, which names nothing")),
            ("{bad}", Err("says no")),
        ] {
            let template =
                Template::parse(
                    text,
                    |name| {
                        if name == "bad" { Err("says no".to_owned()) } else { Ok(name.to_owned()) }
                    },
                );
            let actual = template.and_then(|template| {
                assert_eq!(template.text(), text);
                template.fill(|name| Some(format!("<{name}>").into())).ok_or_else(|| "nothing".to_owned())
            });
            assert_eq!(actual.as_deref().map_err(String::as_str), filled, "{text}");
        }
    }

    #[test]
    fn a_place_without_a_value_leaves_nothing() {
        let template = Template::parse("{a} {b}", |name| Ok(name.to_owned())).unwrap();
        assert_eq!(template.fill(|name| (name == "a").then(|| name.as_str().into())), None);
        assert_eq!(template.places().collect::<Vec<_>>(), ["a", "b"]);
    }
}
