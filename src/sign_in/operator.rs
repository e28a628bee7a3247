//! What an operator wants to know of sign-ins, or to have forgotten.

use tokio::time::timeout;

use super::SignIn;
use crate::directory::Resolution;
use crate::guard::Summary;
use crate::model::{EntryId, Unavailable, Username};

/// Whom a name means: what a sign-in by it would find, or the entry that has it for its own name in its directory (its DN).
#[derive(Clone, Debug)]
pub struct Meant {
    /// The entries.
    pub entries: Vec<EntryId>,
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
}

impl SignIn {
    /// Forgets remembered binds, and what directories remember beside them: everybody's, or those of whom a name means now, and
    /// meant when it was typed. Binds that are under way are not remembered either.
    pub async fn flush(&self, user: Option<&Username>) -> Flushed {
        let directory = &self.attempts.directory;
        let Some(name) = user else {
            directory.forget(None);
            return Flushed { forgotten: self.attempts.binds.forget_all().await, meant: None };
        };
        let mut meant = self.meant(name, self.attempts.binds.entries()).await;
        meant.entries.extend(self.attempts.binds.entries_by(name));
        meant.entries.sort();
        meant.entries.dedup();
        let mut forgotten = 0;
        for entry in &meant.entries {
            directory.forget(Some(entry));
            forgotten += self.attempts.binds.forget_entry(entry).await;
        }
        Flushed { forgotten, meant: Some(meant) }
    }

    /// Every entry with failures that count, the most serious first: those that are locked, those of most failures, the latest.
    pub async fn failures(&self) -> Vec<Failures> {
        let attempts = &self.attempts;
        let summaries = attempts.memory.records.summaries(attempts.clock.now()).await;
        let mut all: Vec<Failures> =
            summaries.into_iter().map(|(entry, summary)| Failures { entry, summary }).collect();
        let seriousness = |Failures { summary, .. }: &Failures| {
            (summary.held_back.is_some(), summary.is_locked(), summary.failures, summary.last_failure)
        };
        all.sort_by(|one, other| seriousness(other).cmp(&seriousness(one)).then_with(|| one.entry.cmp(&other.entry)));
        all
    }

    /// The failures that count of whom a name means.
    pub async fn failures_of(&self, name: &Username) -> (Meant, Vec<Failures>) {
        let meant = self.meant_by_failures(name).await;
        let mut all = self.failures().await;
        all.retain(|one| meant.entries.contains(&one.entry));
        (meant, all)
    }

    /// Whom a name means; an entry's own name, among those that have failures.
    pub async fn meant_by_failures(&self, name: &Username) -> Meant {
        let known = self.failures().await.into_iter().map(|one| one.entry).collect();
        self.meant(name, known).await
    }

    /// Forgets the failures of an entry; what they were, if there were any.
    pub async fn unlock(&self, entry: &EntryId) -> Option<Failures> {
        let attempts = &self.attempts;
        let summary = attempts.memory.records.unlock(entry, attempts.clock.now()).await?;
        Some(Failures { entry: entry.clone(), summary })
    }

    /// Whom a name means, among whom may be some of these by their own names.
    async fn meant(&self, name: &Username, known: Vec<EntryId>) -> Meant {
        let looking = timeout(self.attempts.deadline, self.attempts.directory.resolve(name));
        let late = || Err(Unavailable::new("directory", "no answer within limits.sign_in_deadline"));
        let (mut entries, mut doubt) = match looking.await.unwrap_or_else(|_| late()) {
            Ok(Resolution::Found(entry)) => (vec![entry.id.clone()], None),
            Ok(Resolution::FoundDespite(entry, outage)) => (vec![entry.id.clone()], Some(Doubt::Unavailable(outage))),
            Ok(Resolution::Nobody) => (Vec::new(), Some(Doubt::Nobody)),
            Ok(Resolution::Ambiguous(names)) => (Vec::new(), Some(Doubt::Ambiguous(names))),
            Ok(Resolution::NobodyDespite(outage)) | Err(outage) => (Vec::new(), Some(Doubt::Unavailable(outage))),
        };
        let own = name.folded();
        let mut named: Vec<EntryId> = known.into_iter().filter(|entry| entry.entry.to_lowercase() == own).collect();
        if entries.is_empty() && !named.is_empty() {
            doubt = None;
        }
        entries.append(&mut named);
        entries.sort();
        entries.dedup();
        Meant { entries, doubt }
    }
}
