//! What an operator wants to know of sign-ins, or to have forgotten.

use std::sync::Arc;

use tokio::time::timeout;

use super::SignIn;
use super::attempt::Attempts;
use crate::directory::{BindRefusal, Resolution, Standing};
use crate::guard::Summary;
use crate::model::{Entry, EntryId, FailureCount, Timestamp, Unavailable, Username};

/// Whom a name means: what a sign-in by it would find, or the entry that has it for its own name in its directory (its DN).
#[derive(Clone, Debug)]
pub struct Meant {
    /// The entries.
    pub entries: Vec<EntryId>,
    /// That of them which a directory was just asked for, and found.
    pub found: Option<Arc<Entry>>,
    /// Why these may not be all, or not the right ones.
    pub doubt: Option<Doubt>,
}

/// What keeps a name from meaning one entry.
#[derive(Clone, Debug)]
pub enum Doubt {
    /// No directory has it.
    Nobody,
    /// More than one entry has it: some of their names.
    Ambiguous(Vec<String>),
    /// A directory that may have it could not be asked.
    Unavailable(Unavailable),
}

/// What was forgotten.
#[derive(Clone, Debug)]
pub struct Flushed {
    /// How many remembered binds.
    pub forgotten: usize,
    /// Whose, where it was not everybody's.
    pub meant: Option<Meant>,
}

/// The failures of an entry.
#[derive(Clone, Debug)]
pub struct Failures {
    /// Whose.
    pub entry: EntryId,
    /// What they are.
    pub summary: Summary,
    /// What its directory has counted itself, where it was asked and counts.
    pub theirs: Option<Theirs>,
    /// What its directory would refuse a bind for, where it was asked and the entry tells.
    pub standing: Option<BindRefusal>,
    /// Whether what replicas share was asked, or nothing is shared.
    pub whole: bool,
}

/// What a directory has counted itself, as long as it counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// What it has counted.
    pub count: FailureCount,
    /// Until when that counts here.
    pub until: Timestamp,
    /// Whether no password is tried because of it.
    pub refuses: bool,
}

impl SignIn {
    /// Forgets remembered binds, which passwords were wrong a moment ago, and what directories remember beside them: everybody's, or those of whom a name means now, and
    /// meant when it was typed. Binds that are under way are not remembered either.
    pub async fn flush(&self, user: Option<&Username>) -> Flushed {
        let directory = &self.attempts.directory;
        let Some(name) = user else {
            directory.forget(None);
            self.attempts.memory.records.forget_passwords(None, self.attempts.clock.now());
            return Flushed { forgotten: self.attempts.binds.forget_all().await, meant: None };
        };
        let known = [self.attempts.binds.entries(), self.attempts.memory.records.entries()].concat();
        let mut meant = self.meant(name, known).await;
        meant.entries.extend(self.attempts.binds.entries_by(name));
        meant.entries.sort();
        meant.entries.dedup();
        let mut forgotten = 0;
        for entry in &meant.entries {
            directory.forget(Some(entry));
            self.attempts.memory.records.forget_passwords(Some(entry), self.attempts.clock.now());
            forgotten += self.attempts.binds.forget_entry(entry).await;
        }
        Flushed { forgotten, meant: Some(meant) }
    }

    /// Every entry with failures that count, as far as this process knows, the most serious first: those that are locked, those of most failures, the latest.
    pub async fn failures(&self) -> Vec<Failures> {
        let attempts = &self.attempts;
        let summaries = attempts.memory.records.summaries(attempts.clock.now()).await;
        let mut all: Vec<Failures> =
            summaries.into_iter().map(|(entry, summary)| Failures::known(entry, summary)).collect();
        let seriousness = |Failures { summary, .. }: &Failures| {
            (summary.held_back.is_some(), summary.is_locked(), summary.failures, summary.last_failure)
        };
        all.sort_by(|one, other| seriousness(other).cmp(&seriousness(one)).then_with(|| one.entry.cmp(&other.entry)));
        all
    }

    /// The failures of whom a name means, each entry's as whoever keeps them has them now.
    pub async fn failures_of(&self, name: &Username) -> (Meant, Vec<Failures>) {
        let meant = self.meant_by_failures(name).await;
        let mut all = Vec::new();
        for entry in &meant.entries {
            let now = self.attempts.clock.now();
            let (summary, whole) = self.attempts.memory.records.summary(entry, now).await;
            let (theirs, standing) = (self.theirs(&meant, entry), self.standing(&meant, entry));
            all.push(Failures { entry: entry.clone(), summary, theirs, standing, whole });
        }
        (meant, all)
    }

    /// Whom a name means; an entry's own name among those that something is known of, or, where that is a DN, whatever is known.
    pub async fn meant_by_failures(&self, name: &Username) -> Meant {
        let records = &self.attempts.memory.records;
        let meant = self.meant(name, records.entries()).await;
        let own = name.folded();
        if !meant.entries.is_empty() || !is_dn(&own) {
            return meant;
        }
        // Another replica may have seen it; and if none has, that is an answer too.
        let (mut failed, mut others) = (Vec::new(), Vec::new());
        for directory in &self.attempts.trees {
            let entry = EntryId { directory: directory.clone(), entry: own.as_str().into() };
            let (summary, _) = records.summary(&entry, self.attempts.clock.now()).await;
            if summary.last_failure.is_some() { &mut failed } else { &mut others }.push(entry);
        }
        let entries = if failed.is_empty() { others } else { failed };
        let doubt = if entries.is_empty() { meant.doubt } else { None };
        Meant { entries, found: None, doubt }
    }

    /// What its directory has counted against an entry, if it was found just now and that counts.
    pub fn theirs(&self, meant: &Meant, entry: &EntryId) -> Option<Theirs> {
        let guard = &self.attempts.guard;
        let count = meant.found(entry)?.own_count.filter(|_| guard.directory_count)?;
        let until = count.last.plus(guard.window);
        (self.attempts.clock.now() < until).then_some(Theirs {
            count,
            until,
            refuses: count.failures >= guard.threshold,
        })
    }

    /// Whether its directory may have counted something against an entry that counts here, and was not just asked for it.
    pub fn may_have_theirs(&self, meant: Option<&Meant>, entry: &EntryId) -> bool {
        let Attempts { guard, trees, .. } = &*self.attempts;
        let asked = meant.is_some_and(|meant| meant.found(entry).is_some());
        guard.directory_count && !asked && trees.contains(&entry.directory)
    }

    /// What its directory would refuse a bind for, if the entry was found just now and tells.
    fn standing(&self, meant: &Meant, entry: &EntryId) -> Option<BindRefusal> {
        match self.attempts.directory.standing(meant.found(entry)?, self.attempts.clock.now()) {
            Standing::Refused(refusal) => Some(refusal),
            Standing::Good | Standing::Unknown(_) => None,
        }
    }

    /// Whether other replicas may have counted what this process knows nothing of.
    pub fn shares(&self) -> bool {
        self.attempts.memory.records.is_shared()
    }

    /// Forgets the failures of an entry, and which passwords were wrong a moment ago; what they were, if there were any.
    pub async fn unlock(&self, entry: &EntryId) -> Option<Failures> {
        let attempts = &self.attempts;
        let summary = attempts.memory.records.unlock(entry, attempts.clock.now()).await?;
        Some(Failures::known(entry.clone(), summary))
    }

    /// Whom a name means, among whom may be some of these by their own names.
    async fn meant(&self, name: &Username, known: Vec<EntryId>) -> Meant {
        let looking = timeout(self.attempts.deadline, self.attempts.directory.resolve(name));
        let late = || Err(Unavailable::new("directory", "no answer within limits.sign_in_deadline"));
        let (found, mut doubt) = match looking.await.unwrap_or_else(|_| late()) {
            Ok(Resolution::Found(entry)) => (Some(entry), None),
            Ok(Resolution::FoundDespite(entry, outage)) => (Some(entry), Some(Doubt::Unavailable(outage))),
            Ok(Resolution::Nobody) => (None, Some(Doubt::Nobody)),
            Ok(Resolution::Ambiguous(names)) => (None, Some(Doubt::Ambiguous(names))),
            Ok(Resolution::NobodyDespite(outage)) | Err(outage) => (None, Some(Doubt::Unavailable(outage))),
        };
        let mut entries: Vec<EntryId> = found.iter().map(|entry| entry.id.clone()).collect();
        let own = name.folded();
        let mut named: Vec<EntryId> = known.into_iter().filter(|entry| entry.entry.to_lowercase() == own).collect();
        if entries.is_empty() && !named.is_empty() {
            doubt = None;
        }
        entries.append(&mut named);
        entries.sort();
        entries.dedup();
        Meant { entries, found, doubt }
    }
}

impl Meant {
    /// The entry, if it was found just now.
    fn found(&self, entry: &EntryId) -> Option<&Entry> {
        self.found.as_deref().filter(|found| found.id == *entry)
    }
}

impl Failures {
    /// Those that this process knows of.
    fn known(entry: EntryId, summary: Summary) -> Self {
        Self { entry, summary, theirs: None, standing: None, whole: true }
    }
}

/// Whether it is written as a DN is (RFC 4514): an attribute and its value first.
fn is_dn(name: &str) -> bool {
    let is_type = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || ['-', '.'].contains(&c))
    };
    name.split_once('=').is_some_and(|(attribute, value)| is_type(attribute.trim_end()) && !value.is_empty())
}
