//! What operators want of what is remembered of users: done, told in words or as JSON, and recorded.

use serde_json::{Map, Value, json};
use tracing::info;

use super::process::Process;
use super::snapshot::Snapshot;
use crate::admin::{Errand, Outcome};
use crate::guard::{Summary, Verdict};
use crate::model::{EntryId, Username, is_misleading};
use crate::sign_in::{Doubt, Failures, Meant, SignIn};
use crate::telemetry::{AuditEvent, OperatorAction};

/// What an operator may wonder about whose user is still refused.
const STAYS: &str =
    "what the directory itself has counted stays, and counts here (guard.directory_count): reset it there\n";

/// Does it with the configuration that is in use.
pub(super) async fn run(errand: Errand, snapshot: &Snapshot, process: &Process) -> Outcome {
    let sign_in = snapshot.sign_in();
    match errand {
        Errand::Flush { user } => flush(user.map(Username::new), sign_in, process).await,
        Errand::Failures { most, json } => Ok(list(&sign_in.failures().await, most, json)),
        Errand::FailuresOf { user, json } => {
            let (meant, failures) = sign_in.failures_of(&Username::new(user)).await;
            show(&meant, &failures, json)
        }
        Errand::Unlock { user } => {
            let unlocked = match user {
                Some(user) => unlock(Username::new(user), sign_in, process).await,
                None => Ok(unlock_all(sign_in, process).await),
            };
            let stays = if snapshot.config().guard.directory_count { STAYS } else { "" };
            unlocked.map(|told| told + stays)
        }
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
            visible(&outage.to_string())
        )),
        Some(doubt) => Err(text + &told(&doubt)),
    }
}

async fn unlock(user: Username, sign_in: &SignIn, process: &Process) -> Outcome {
    let meant = sign_in.meant_by_failures(&user).await;
    let mut text = String::new();
    for entry in &meant.entries {
        let was = sign_in.unlock(entry).await;
        let failures = was.map_or(0, |was| was.summary.failures as usize);
        info!(directory = &*entry.directory, failures, "told to unlock an entry");
        record(OperatorAction::GuardUnlock, Some(user.clone()), Some(entry.clone()), failures, process).await;
        text += &match failures {
            0 => format!("{}: has no failures that count\n", named(entry)),
            _ => format!("{}: {failures} {} forgotten\n", named(entry), plural(failures, "failure", "failures")),
        };
    }
    match &meant.doubt {
        None => Ok(text),
        Some(doubt) => Err(text + &told(doubt)),
    }
}

async fn unlock_all(sign_in: &SignIn, process: &Process) -> String {
    let (mut entries, mut locked) = (0, 0);
    for Failures { entry, .. } in sign_in.failures().await {
        if let Some(was) = sign_in.unlock(&entry).await {
            entries += 1;
            locked += usize::from(was.summary.is_locked());
        }
    }
    info!(entries, locked, "told to unlock every entry");
    record(OperatorAction::GuardUnlock, None, None, entries, process).await;
    format!("failures forgotten of {entries} {}, {locked} of them locked\n", plural(entries, "entry", "entries"))
}

/// The first of them.
fn list(all: &[Failures], most: usize, json: bool) -> String {
    let locked = all.iter().filter(|one| one.summary.is_locked()).count();
    let rows: Vec<Row> = all.iter().take(most).map(|one| row(&one.entry, Some(&one.summary))).collect();
    if json {
        return written(json!({ "entries": objects(rows), "total": all.len(), "locked": locked }));
    }
    if all.is_empty() {
        return "no entry has failures that count\n".to_owned();
    }
    let (shown, total) = (rows.len(), all.len());
    format!("{}{shown} of {total} {} with failures; {locked} locked\n", table(&rows), plural(total, "entry", "entries"))
}

fn show(meant: &Meant, failures: &[Failures], json: bool) -> Outcome {
    let summary = |entry: &EntryId| failures.iter().find(|one| one.entry == *entry).map(|one| &one.summary);
    let rows: Vec<Row> = meant.entries.iter().map(|entry| row(entry, summary(entry))).collect();
    let doubt = meant.doubt.as_ref().map(told).unwrap_or_default();
    let text = match (json, rows.is_empty()) {
        (true, _) => {
            written(json!({ "entries": objects(rows), "doubt": meant.doubt.as_ref().map(|_| doubt.trim_end()) }))
        }
        (false, true) => doubt,
        (false, false) => table(&rows) + &doubt,
    };
    if meant.doubt.is_none() { Ok(text) } else { Err(text) }
}

/// What is told of an entry, column by column.
type Row = Vec<(&'static str, Value)>;

fn row(entry: &EntryId, summary: Option<&Summary>) -> Row {
    let Summary { failures, unanswered, unknown_failures, last_failure, until, held_back, unknown_held_back } =
        summary.copied().unwrap_or_default();
    let locked = match (held_back, unknown_held_back) {
        (None, None) => "no",
        (None, Some(_)) => "elsewhere",
        // Too many binds that were not answered: told as an outage.
        (Some(Verdict::Unanswered), _) => "unanswered",
        (Some(_), _) => "yes",
    };
    vec![
        ("locked", json!(locked)),
        ("failures", json!(failures)),
        ("unanswered", json!(unanswered)),
        ("elsewhere", json!(unknown_failures)),
        ("last_failure", json!(last_failure.map(|last| last.to_string()))),
        ("until", json!(until.map(|until| until.to_string()))),
        ("directory", json!(&*entry.directory)),
        ("entry", json!(&*entry.entry)),
    ]
}

fn objects(rows: Vec<Row>) -> Vec<Value> {
    let object = |row: Row| row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>();
    rows.into_iter().map(|row| object(row).into()).collect()
}

fn written(value: Value) -> String {
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// Rows below each other, each column as wide as it must be, and the last as wide as it likes.
fn table(rows: &[Row]) -> String {
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => visible(text),
        other => other.to_string(),
    };
    let heads = rows.first().into_iter().flatten().map(|(name, _)| name.to_uppercase().replace('_', " ")).collect();
    let cells = rows.iter().map(|row| row.iter().map(|(_, value)| cell(value)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(cells).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |line: &Vec<String>| {
        let padded = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

fn told(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Nobody => "no directory has this name\n".to_owned(),
        Doubt::Ambiguous(names) => {
            let names: Vec<String> = names.iter().map(|name| visible(name)).collect();
            format!("more than one entry has this name; name one of them: {}\n", names.join("; "))
        }
        Doubt::Unavailable(outage) => format!(
            "{}: whom the name means cannot be told now; name the entry itself, as fedfront guard list shows it\n",
            visible(&outage.to_string())
        ),
    }
}

fn named(entry: &EntryId) -> String {
    format!("{}: {}", visible(&entry.directory), visible(&entry.entry))
}

/// For a terminal, which a directory's words must not steer.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_misleading(c) { '\u{fffd}' } else { c }).collect()
}

fn plural<'a>(number: usize, one: &'a str, many: &'a str) -> &'a str {
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
    use std::time::Duration;

    use super::*;
    use crate::model::{Timestamp, Unavailable};

    fn failures(entry: &str, failures: u32, held_back: Option<Verdict>) -> Failures {
        let last_failure = Some(Timestamp::from_unix_millis(1_767_225_600_000));
        let entry = EntryId { directory: "corp".into(), entry: entry.into() };
        let until = last_failure.map(|last| last.plus(Duration::from_secs(1800)));
        let (unknown_failures, unknown_held_back) = (failures.min(2), held_back);
        let summary =
            Summary { failures, unanswered: 0, unknown_failures, last_failure, until, held_back, unknown_held_back };
        Failures { entry, summary }
    }

    #[test]
    fn a_table_tells_who_is_locked_until_when() {
        let all = [failures("uid=\u{202e}alice\n,dc=x", 3, Some(Verdict::Locked)), failures("uid=bob", 10, None)];
        let expected = "\
LOCKED  FAILURES  UNANSWERED  ELSEWHERE  LAST FAILURE              UNTIL                     DIRECTORY  ENTRY
yes     3         0           2          2026-01-01T00:00:00.000Z  2026-01-01T00:30:00.000Z  corp       uid=\u{fffd}alice\u{fffd},dc=x
no      10        0           2          2026-01-01T00:00:00.000Z  2026-01-01T00:30:00.000Z  corp       uid=bob
2 of 2 entries with failures; 1 locked
";
        assert_eq!(list(&all, 10, false), expected);
        assert!(list(&all, 1, false).ends_with("dc=x\n1 of 2 entries with failures; 1 locked\n"));
        assert_eq!(list(&[], 1, false), "no entry has failures that count\n");
    }

    #[test]
    fn json_has_the_same_for_programs() {
        let told = list(&[failures("uid=\u{202e}a", 3, Some(Verdict::Unanswered))], 10, true);
        let told: Value = serde_json::from_str(&told).unwrap();
        let entry = json!({
            "locked": "unanswered", "failures": 3, "unanswered": 0, "elsewhere": 2,
            "last_failure": "2026-01-01T00:00:00.000Z", "until": "2026-01-01T00:30:00.000Z", "directory": "corp", "entry": "uid=\u{202e}a",
        });
        assert_eq!(told, json!({ "entries": [entry], "total": 1, "locked": 1 }));
    }

    #[test]
    fn who_has_no_failures_is_shown_and_a_doubt_is_told_and_no_success() {
        let meant = |doubt| Meant { entries: vec![failures("uid=a", 0, None).entry], doubt };
        let shown = show(&meant(None), &[], false).unwrap();
        assert!(
            shown.ends_with("\nno      0         0           0          -             -      corp       uid=a\n"),
            "{shown}"
        );
        let outage = Doubt::Unavailable(Unavailable::new("corp", "down"));
        let shown = show(&meant(Some(outage.clone())), &[], false).unwrap_err();
        assert!(shown.contains("uid=a\ncorp: down: whom the name means cannot be told now"), "{shown}");
        let shown = show(&meant(Some(outage)), &[], true).unwrap_err();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert!(shown["doubt"].as_str().unwrap().starts_with("corp: down"), "{shown}");
        let many = Meant { entries: Vec::new(), doubt: Some(Doubt::Ambiguous(vec!["a".into(), "b".into()])) };
        let shown = show(&many, &[], false).unwrap_err();
        assert_eq!(shown, "more than one entry has this name; name one of them: a; b\n");
    }
}
