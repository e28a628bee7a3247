//! A regular expression for whole values, bounded in every way: by the `regex` crate, whose time is linear in the value.

use std::borrow::Cow;
use std::fmt;

use regex::{Regex, RegexBuilder};

use super::Template;

/// A pattern, and what a value that it matches becomes.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
    replace: Option<Template<usize>>,
}

/// Why a value does not go through a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// It does not match.
    Different,
    /// It is longer than [`Pattern::LONGEST_VALUE`], and was not looked at.
    TooLong,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The expression, and why.
    Pattern(String),
    /// What it is to be replaced by, and why.
    Replace(String),
}

impl Pattern {
    /// Bytes of a value at most.
    pub const LONGEST_VALUE: usize = 1024;
    /// Characters of an expression at most.
    pub const LONGEST: usize = 1000;
    /// Bytes of the compiled program at most: with [`Self::LONGEST_VALUE`], what one value can cost.
    const PROGRAM: usize = 256 * 1024;
    /// Groups within groups.
    const DEPTH: u32 = 50;

    /// Compiles an expression that whole values must match, and `replace`, in which `{1}` and `{name}` are its groups and
    /// `{0}` is the value.
    ///
    /// # Errors
    /// [`PatternError`]: not an expression, too large, or a group that it does not have.
    pub fn compile(text: &str, replace: Option<&str>) -> Result<Self, PatternError> {
        if text.chars().count() > Self::LONGEST {
            return Err(PatternError::Pattern(format!("is longer than {} characters", Self::LONGEST)));
        }
        let build = |text: &str| {
            RegexBuilder::new(text)
                .size_limit(Self::PROGRAM)
                .dfa_size_limit(Self::PROGRAM)
                .nest_limit(Self::DEPTH)
                .build()
                .map_err(|error| PatternError::Pattern(in_one_line(&error)))
        };
        // By itself first: what closes a group that it did not open is not to close ours.
        build(text)?;
        let regex = build(&format!(r"\A(?:{text}{end})\z", end = if text.contains("(?x") { "\n" } else { "" }))?;
        let group = |name: &str| {
            let number = name.parse().ok().filter(|number| *number < regex.captures_len());
            let named = || regex.capture_names().position(|group| group == Some(name));
            number.or_else(named).ok_or_else(|| format!("has `{{{name}}}`, and the pattern has no such group"))
        };
        let replace = replace.map(|replace| Template::parse(replace, group)).transpose();
        let replace = replace.map_err(PatternError::Replace)?;
        Ok(Self { text: text.to_owned(), regex, replace })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a value that matches becomes, as it was written; absent: it stays.
    pub fn replacement(&self) -> Option<&str> {
        self.replace.as_ref().map(Template::text)
    }

    /// What the value becomes. A group that took no part is empty.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn apply<'v>(&self, value: Cow<'v, str>) -> Result<Cow<'v, str>, Unmatched> {
        if value.len() > Self::LONGEST_VALUE {
            return Err(Unmatched::TooLong);
        }
        let Some(replace) = &self.replace else {
            return if self.regex.is_match(&value) { Ok(value) } else { Err(Unmatched::Different) };
        };
        let groups = self.regex.captures(&value).ok_or(Unmatched::Different)?;
        let group = |number: &usize| Some(Cow::Borrowed(groups.get(*number).map_or("", |group| group.as_str())));
        Ok(Cow::Owned(replace.fill(group).unwrap_or_default()))
    }
}

/// Regular expressions are told over several lines, with a caret.
fn in_one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "is too large once compiled: count less, or write classes such as [a-z0-9] for \\w".to_owned()
        }
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("is not a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.replace == other.replace
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?} -> {:?})", self.text, self.replacement())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(pattern: &str, replace: Option<&str>, value: &str) -> Result<String, Unmatched> {
        let pattern = Pattern::compile(pattern, replace).unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
        pattern.apply(value.into()).map(Cow::into_owned)
    }

    #[test]
    fn the_whole_value_must_match_and_becomes_what_is_said() {
        let different = Err(Unmatched::Different);
        for (pattern, replace, value, expected) in [
            ("App-.*", None, "App-Mail", Ok("App-Mail")),
            ("App-.*", None, "No App-Mail", different),
            ("a|b", None, "b", Ok("b")),
            ("a|b", None, "bc", different),
            ("a$", None, "a\n", different),
            ("(?m)^a$", None, "x\na\nx", different),
            ("CN=App-([^,]+),.*", Some("{1}"), "CN=App-Mail,OU=x", Ok("Mail")),
            ("(?<user>[^@]+)@(?<domain>.+)", Some("{domain}\\{user}"), "a@x.y", Ok("x.y\\a")),
            ("(a)|(b)", Some("<{1}{2}{0}>{{}}"), "b", Ok("<bb>{}")),
            ("(?x) a # comment", None, "a", Ok("a")),
            ("(?i)É", None, "é", Ok("é")),
        ] {
            let actual = apply(pattern, replace, value);
            assert_eq!(actual.as_deref().map_err(|error| *error), expected, "{pattern} {value:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        let error = |pattern: &str, replace: Option<&str>| match Pattern::compile(pattern, replace).unwrap_err() {
            PatternError::Pattern(why) => format!("pattern {why}"),
            PatternError::Replace(why) => format!("replace {why}"),
        };
        assert_eq!(error("(", None), "pattern is not a regular expression: unclosed group");
        assert_eq!(error("a)|(b", None), "pattern is not a regular expression: unopened group");
        assert_eq!(error(r"(a)\1", None), "pattern is not a regular expression: backreferences are not supported");
        assert!(error(r"(\w{1,50}\s){1,50}", None).starts_with("pattern is too large once compiled"));
        assert!(error(&"(".repeat(200), None).starts_with("pattern is not"));
        assert_eq!(error(&"a".repeat(1001), None), "pattern is longer than 1000 characters");
        assert_eq!(error("(a)", Some("{2}")), "replace has `{2}`, and the pattern has no such group");
        assert_eq!(error("(?<a>a)", Some("{b}")), "replace has `{b}`, and the pattern has no such group");
        assert_eq!(error("a", Some("{0")), "replace has a `{` that is never closed");
    }

    #[test]
    fn long_values_are_not_looked_at() {
        let long = "a".repeat(Pattern::LONGEST_VALUE + 1);
        assert_eq!(apply("a*", None, &long), Err(Unmatched::TooLong));
        assert!(apply("a*", None, long.get(1..).unwrap()).is_ok());
        // What would take for ever where the time is not linear.
        assert_eq!(apply("(a*)*b", None, long.get(1..).unwrap()), Err(Unmatched::Different));
    }
}
