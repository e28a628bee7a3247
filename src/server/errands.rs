//! What operators want of what is remembered of users: done, told in words or as JSON, and recorded.

use tracing::info;

use super::failures::{Rules, SEEN, list, said, show};
use super::process::Process;
use super::snapshot::Snapshot;
use crate::admin::{Errand, Outcome};
use crate::guard::Summary;
use crate::model::{EntryId, Username, plain};
use crate::sign_in::{Doubt, Failures, SignIn};
use crate::telemetry::{AuditEvent, OperatorAction};

/// What an operator may wonder about whose user is still refused.
const STAYS: &str =
    "what the directory itself may have counted stays, and counts here (guard.directory_count): reset it there\n";

/// Does it with the configuration that is in use.
pub(super) async fn run(errand: Errand, snapshot: &Snapshot, process: &Process) -> Outcome {
    let (sign_in, guard) = (snapshot.sign_in(), &snapshot.config().guard);
    let rules = Rules { enforced: guard.enforced, shared: sign_in.shares(), directory_count: guard.directory_count };
    match errand {
        Errand::Flush { user } => flush(user.map(Username::new), sign_in, process).await,
        Errand::Failures { most, json } => Ok(list(&sign_in.failures().await, most, json, rules)),
        Errand::FailuresOf { user, json } => {
            let (meant, failures) = sign_in.failures_of(&Username::new(user)).await;
            show(&meant, &failures, json, rules)
        }
        Errand::Unlock { user: Some(user) } => unlock(Username::new(user), sign_in, rules, process).await,
        Errand::Unlock { user: None } => Ok(unlock_all(sign_in, rules, process).await),
        Errand::LogLevel => Ok(process.log_level.describe(&snapshot.config().telemetry.level)),
        Errand::SetLogLevel { level, during } => {
            let configured = &snapshot.config().telemetry.level;
            process.log_level.change(level, during, configured, process.clock.now())
        }
    }
}

async fn flush(user: Option<Username>, sign_in: &SignIn, process: &Process) -> Outcome {
    let flushed = sign_in.flush(user.as_ref()).await;
    let forgotten = flushed.forgotten;
    let (entries, doubt) = flushed.meant.map_or((Vec::new(), None), |meant| (meant.entries, meant.doubt));
    info!(forgotten, everybody = user.is_none(), "told to flush the cache of binds");
    // Of several entries how many were whose is not told apart.
    let entry = if let [entry] = entries.as_slice() { Some(entry.clone()) } else { None };
    record(OperatorAction::CacheFlush, user, entry, forgotten, process).await;
    let of: String = entries.iter().map(|entry| format!(" of {}", named(entry))).collect::<Vec<_>>().join(",");
    let text = format!("forgotten: {forgotten} remembered {}{of}\n", plural(forgotten, "sign-in", "sign-ins"));
    match doubt {
        None => Ok(text),
        Some(Doubt::Nobody) if !entries.is_empty() => Ok(text),
        Some(Doubt::Unavailable(outage)) => Err(format!(
            "{text}{}: whom the name means cannot be told now, so that sign-ins by other names of theirs may still be \
             remembered; name the entry itself (its DN), or flush all\n",
            plain(&outage.to_string())
        )),
        Some(doubt) => Err(text + &told(&doubt)),
    }
}

async fn unlock(user: Username, sign_in: &SignIn, rules: Rules, process: &Process) -> Outcome {
    let meant = sign_in.meant_by_failures(&user).await;
    let (mut text, mut unseen) = (String::new(), false);
    for entry in &meant.entries {
        let was = sign_in.unlock(entry).await.map(|was| was.summary).unwrap_or_default();
        // Those from unknown places are among the others, unless a sign-in from elsewhere has ended these.
        let failures = was.failures.max(was.unknown_failures) as usize;
        info!(directory = &*entry.directory, failures, "told to unlock an entry");
        record(OperatorAction::GuardUnlock, Some(user.clone()), Some(entry.clone()), failures, process).await;
        text += &format!("{}: {}\n", named(entry), forgotten(&was));
        match sign_in.theirs(&meant, entry) {
            Some(theirs) => text += &said(entry, theirs, rules),
            None => unseen |= sign_in.may_have_theirs(Some(&meant), entry),
        }
    }
    if unseen && meant.doubt.is_none() {
        text += STAYS;
    }
    match &meant.doubt {
        None => Ok(text),
        Some(doubt) => Err(text + &told(doubt)),
    }
}

/// What an entry had.
fn forgotten(was: &Summary) -> String {
    let failures = |number: u32| format!("{number} {}", plural(number as usize, "failure", "failures"));
    match (was.failures, was.unknown_failures) {
        (0, 0) => "has no failures that count".to_owned(),
        (0, unknown) => format!("{} from unknown places forgotten", failures(unknown)),
        (all, unknown) if unknown > all => format!("{} and {unknown} from unknown places forgotten", failures(all)),
        (all, _) => format!("{} forgotten", failures(all)),
    }
}

async fn unlock_all(sign_in: &SignIn, rules: Rules, process: &Process) -> String {
    let (mut entries, mut locked, mut unseen) = (0, 0, false);
    for Failures { entry, .. } in sign_in.failures().await {
        if let Some(was) = sign_in.unlock(&entry).await {
            entries += 1;
            locked += usize::from(was.summary.is_locked());
            unseen |= sign_in.may_have_theirs(None, &entry);
        }
    }
    info!(entries, locked, "told to unlock every entry");
    record(OperatorAction::GuardUnlock, None, None, entries, process).await;
    let of = plural(entries, "entry", "entries");
    let seen = if rules.shared { SEEN } else { "" };
    let stays = if unseen { STAYS } else { "" };
    format!("failures forgotten of {entries} {of}, {locked} of them locked\n{seen}{stays}")
}

pub(super) fn told(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Nobody => "no directory has this name\n".to_owned(),
        Doubt::Ambiguous(names) => {
            let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
            format!("more than one entry has this name; name one of them: {}\n", names.join("; "))
        }
        Doubt::Unavailable(outage) => format!(
            "{}: whom the name means cannot be told now; name the entry itself, as fedfront guard list shows it\n",
            plain(&outage.to_string())
        ),
    }
}

pub(super) fn named(entry: &EntryId) -> String {
    format!("{}: {}", plain(&entry.directory), plain(&entry.entry))
}

pub(super) fn plural<'a>(number: usize, one: &'a str, many: &'a str) -> &'a str {
    if number == 1 { one } else { many }
}

async fn record(
    action: OperatorAction,
    user: Option<Username>,
    entry: Option<EntryId>,
    forgotten: usize,
    process: &Process,
) {
    let event = AuditEvent { time: process.clock.now(), action, user, entry, forgotten };
    process.audit.tell(event).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_from_unknown_places_are_counted_and_said_when_they_are_forgotten() {
        for (failures, unknown_failures, says) in [
            (0, 0, "has no failures that count"),
            (3, 0, "3 failures forgotten"),
            (3, 2, "3 failures forgotten"),
            (0, 1, "1 failure from unknown places forgotten"),
            (1, 2, "1 failure and 2 from unknown places forgotten"),
        ] {
            let was = Summary { failures, unknown_failures, ..Summary::default() };
            assert_eq!(forgotten(&was), says);
        }
    }
}
