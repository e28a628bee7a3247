//! In what two answers differ.

use std::collections::HashMap;

use super::fact::{Fact, Value};
use super::issued::Answer;
use super::subject::Subject;

/// One thing of which two answers say something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is; [`Subject::label`] is its name for machines.
    pub subject: Subject,
    /// Of attributes the name.
    pub name: Option<String>,
    /// What the first says; `None` if nothing.
    pub first: Option<Value>,
    /// What the second says.
    pub second: Option<Value>,
}

impl Difference {
    /// What each says, in words.
    pub fn words(&self) -> (String, String) {
        let said = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        (said(&self.first), said(&self.second))
    }
}

/// In what two answers differ; empty if in nothing. Ids and signature values are only there or not; instants are the same within
/// [`CLOSE`](super::CLOSE), lifetimes within a minute; of several values no order counts. Where one has a token and the other
/// none, or one an encrypted one, that alone is said.
pub fn differences(first: &Answer, second: &Answer) -> Vec<Difference> {
    let (first, second) = (first.facts(), second.facts());
    let outcome = |facts: &[Fact]| facts.iter().find(|fact| fact.subject == Subject::Outcome).cloned();
    let (ours, theirs) = (outcome(&first), outcome(&second));
    if ours != theirs {
        return compare(&ours.into_iter().collect::<Vec<_>>(), &theirs.into_iter().collect::<Vec<_>>());
    }
    let encrypted = |facts: &[Fact]| facts.iter().any(|fact| fact.subject == Subject::Encryption);
    let mut found = compare(&first, &second);
    if encrypted(&first) != encrypted(&second) {
        // Of what is encrypted nothing more can be told.
        found.retain(|difference| difference.subject <= Subject::Encryption);
    }
    found
}

fn compare(first: &[Fact], second: &[Fact]) -> Vec<Difference> {
    let (of_first, of_second) = (by_subject(first), by_subject(second));
    let in_first = first.iter().map(|fact| (fact, Some(fact), of_second.get(&about(fact)).copied()));
    let only_second =
        second.iter().filter(|fact| !of_first.contains_key(&about(fact))).map(|fact| (fact, None, Some(fact)));
    let mut found: Vec<Difference> =
        in_first.chain(only_second).filter_map(|(of, first, second)| difference(of, first, second)).collect();
    found.sort_by_key(|difference| difference.subject);
    found
}

/// What a fact is about, by which it is found: an answer may have very many attributes.
type About<'f> = (Subject, Option<&'f str>);

fn about(fact: &Fact) -> About<'_> {
    (fact.subject, fact.name.as_deref())
}

/// Of several about the same the first.
fn by_subject(facts: &[Fact]) -> HashMap<About<'_>, &Fact> {
    facts.iter().rev().map(|fact| (about(fact), fact)).collect()
}

fn difference(of: &Fact, first: Option<&Fact>, second: Option<&Fact>) -> Option<Difference> {
    let agree = first.zip(second).is_some_and(|(first, second)| first.value.agrees(&second.value));
    let value = |fact: Option<&Fact>| fact.map(|fact| fact.value.clone());
    (!agree).then(|| Difference {
        subject: of.subject,
        name: of.name.clone(),
        first: value(first),
        second: value(second),
    })
}
