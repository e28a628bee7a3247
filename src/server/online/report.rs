//! Telling an operator what was tried and what came of it.

use crate::model::plain;

/// How many steps were not fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps that someone should look at.
    pub warnings: usize,
    /// Steps that failed.
    pub failures: usize,
}

/// How much it matters that something would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Not: whom it is about does not need it.
    Note,
    /// Somebody may have meant it.
    Warning,
    /// It is what was asked.
    Failed,
}

/// Steps as they are taken, each a line; what to do about one is a line below it.
pub(super) struct Report<'a> {
    say: &'a mut dyn FnMut(&str),
    tally: Tally,
}

impl<'a> Report<'a> {
    pub fn new(say: &'a mut dyn FnMut(&str)) -> Self {
        Self { say, tally: Tally::default() }
    }

    /// It works.
    pub fn fine(&mut self, step: &str, what: impl AsRef<str>) {
        self.line("ok", step, what.as_ref(), "");
    }

    /// It was not looked at, or says nothing.
    pub fn note(&mut self, step: &str, what: impl AsRef<str>) {
        self.line("note", step, what.as_ref(), "");
    }

    /// It works, and someone should look at it.
    pub fn warning(&mut self, step: &str, what: impl AsRef<str>, help: impl AsRef<str>) {
        self.tally.warnings += 1;
        self.line("warning", step, what.as_ref(), help.as_ref());
    }

    /// It does not work.
    pub fn failed(&mut self, step: &str, what: impl AsRef<str>, help: impl AsRef<str>) {
        self.tally.failures += 1;
        self.line("failed", step, what.as_ref(), help.as_ref());
    }

    /// It does not work, and matters so much.
    pub fn refused(&mut self, weight: Weight, step: &str, what: impl AsRef<str>, help: impl AsRef<str>) {
        match weight {
            Weight::Note => self.note(step, what),
            Weight::Warning => self.warning(step, what, help),
            Weight::Failed => self.failed(step, what, help),
        }
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Some of the words are a directory's or a server's.
    fn line(&mut self, outcome: &str, step: &str, what: &str, help: &str) {
        let [step, what, help] = [step, what, help].map(plain);
        let help = if help.is_empty() { String::new() } else { format!("\n         help: {help}") };
        (self.say)(&format!("{outcome:8} {step}: {what}{help}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_directory_steers_the_terminal() {
        let mut lines = Vec::new();
        let mut say = |line: &str| lines.push(line.to_owned());
        let mut report = Report::new(&mut say);
        report.fine("user \u{9b}2J", "found: cn=a\u{1b}[2J\nb,dc=x");
        report.failed("user", "cn=\u{202e}c", "look at \u{7}");
        assert_eq!(
            lines,
            [
                "ok       user \\u{9b}2J: found: cn=a\\u{1b}[2J\\nb,dc=x",
                "failed   user: cn=\\u{202e}c\n         help: look at \\u{7}"
            ]
        );
    }
}
