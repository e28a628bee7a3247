//! What an operator is told of failures that count: a table of them, or JSON, and what is to be known besides.

use serde_json::{Map, Value, json};

use super::errands::{named, plural, told};
use crate::admin::Outcome;
use crate::directory::BindRefusal;
use crate::guard::{Summary, Verdict};
use crate::model::{EntryId, plain};
use crate::sign_in::{Failures, Meant, Theirs};

/// What decides how failures are told.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Whether anybody is refused.
    pub enforced: bool,
    /// Whether other replicas count, too.
    pub shared: bool,
    /// Whether what directories have counted themselves counts.
    pub directory_count: bool,
}

/// How what a directory has counted itself is reset.
const RESET: &str = "unlock the account in Active Directory; in OpenLDAP delete its pwdFailureTime (ldapmodify -e relax), or set a new password";

/// How a directory's own lock is taken off.
const UNLOCK: &str = "delete the attribute there (ldapmodify -e relax), or set a new password";

/// What one replica cannot say of all.
pub(super) const SEEN: &str =
    "of what this replica has seen: others may have counted more (state); name the user to have theirs, too\n";

/// The first of those that this process knows of.
pub(super) fn list(all: &[Failures], most: usize, json: bool, rules: Rules) -> String {
    let locked = all.iter().filter(|one| one.summary.is_locked()).count();
    let rows: Vec<Row> = all.iter().take(most).map(|one| row(one, rules)).collect();
    let (shown, total) = (rows.len(), all.len());
    if json {
        let mode = if rules.enforced { "enforce" } else { "observe" };
        let locked = if rules.enforced { locked } else { 0 };
        return written(json!({
            "entries": objects(rows), "total": total, "locked": locked, "mode": mode, "shared": rules.shared,
        }));
    }
    let seen = if rules.shared { SEEN } else { "" };
    if all.is_empty() {
        return format!("no entry has failures that count\n{seen}");
    }
    let (of, locked) = (plural(total, "entry", "entries"), refused(locked, rules));
    format!("{}{shown} of {total} {of} with failures; {locked}\n{seen}", table(&rows))
}

fn refused(locked: usize, rules: Rules) -> String {
    match rules.enforced {
        true => format!("{locked} locked"),
        false => format!("{locked} would be locked, and nobody is: guard.mode is observe"),
    }
}

/// Those of whom a name means.
pub(super) fn show(meant: &Meant, failures: &[Failures], json: bool, rules: Rules) -> Outcome {
    let rows: Vec<Row> = failures.iter().map(|one| row(one, rules)).collect();
    let doubt = meant.doubt.as_ref().map(told).unwrap_or_default();
    let text = if json {
        let mut objects = objects(rows);
        for (object, one) in objects.iter_mut().zip(failures) {
            let Some(object) = object.as_object_mut() else { continue };
            if let Some(theirs) = one.theirs {
                object.insert("directory_count".to_owned(), counted(theirs));
            }
            if let Some(standing) = &one.standing {
                object.insert("directory_refuses".to_owned(), json!(standing.reason()));
            }
        }
        written(json!({ "entries": objects, "doubt": meant.doubt.as_ref().map(|_| doubt.trim_end()) }))
    } else if rows.is_empty() {
        doubt
    } else {
        let notes: String = failures.iter().map(|one| notes(meant, one, rules)).collect();
        table(&rows) + &notes + &doubt
    };
    if meant.doubt.is_none() { Ok(text) } else { Err(text) }
}

/// What its directory has counted against an entry, in a line.
pub(super) fn said(entry: &EntryId, theirs: Theirs, rules: Rules) -> String {
    let Theirs { count, until, refuses } = theirs;
    let (failures, last) = (count.failures, count.last);
    let passwords = plural(failures as usize, "wrong password", "wrong passwords");
    let what = format!("{}: the directory itself has counted {failures} {passwords}, the last at {last}", named(entry));
    match (refuses, rules.enforced) {
        (true, true) => format!(
            "{what}: each is refused here until {until}, the right one too (guard.directory_count), and guard unlock does not \
             change that; to let them in sooner, reset it there: {RESET}\n"
        ),
        (true, false) => format!("{what}: guard.directory_count would refuse each until {until}\n"),
        (false, _) => format!("{what}, which count here until {until} (guard.directory_count)\n"),
    }
}

/// What its directory refuses an entry for, in a line.
fn refused_there(entry: &EntryId, standing: &BindRefusal) -> String {
    let (of, reason) = (named(entry), plain(&standing.reason()));
    match standing {
        // The only lock that is read, and it stays in the entry when it is over.
        BindRefusal::Locked => format!(
            "{of}: {reason}, says the entry's pwdAccountLockedTime, and refuses the right password, too, unless that is over; \
             guard unlock does not change it: {UNLOCK}\n"
        ),
        _ => format!(
            "{of}: the directory refuses the right password, too: {reason}; guard unlock does not change that\n"
        ),
    }
}

/// What a row does not say.
fn notes(meant: &Meant, one: &Failures, rules: Rules) -> String {
    let mut notes = String::new();
    if !one.whole {
        let of = named(&one.entry);
        notes += &format!("{of}: what replicas share cannot be reached: of what this replica has seen\n");
    }
    match one.theirs {
        Some(theirs) => notes += &said(&one.entry, theirs, rules),
        None if meant.found.is_none() && one.summary == Summary::default() => {
            let of = named(&one.entry);
            notes += &format!(
                "{of}: nothing is counted under this DN, which must be written as guard list and the audit log write it; \
                 whether there is such an entry was not looked up\n"
            );
        }
        None if meant.found.is_none() && rules.directory_count => {
            notes += &format!(
                "{}: what the directory itself has counted was not looked up: name the user as they sign in\n",
                named(&one.entry)
            );
        }
        None => {}
    }
    if let Some(standing) = &one.standing {
        notes += &refused_there(&one.entry, standing);
    }
    if !rules.enforced && (one.summary.is_locked() || one.theirs.is_some_and(|theirs| theirs.refuses)) {
        notes += "guard.mode is observe: nobody is refused\n";
    }
    notes
}

fn counted(theirs: Theirs) -> Value {
    let Theirs { count, until, refuses } = theirs;
    json!({
        "failures": count.failures, "last_failure": count.last.to_string(), "until": until.to_string(), "refuses": refuses,
    })
}

/// What is told of an entry, column by column.
type Row = Vec<(&'static str, Value)>;

fn row(one: &Failures, rules: Rules) -> Row {
    let Failures { entry, summary, theirs, .. } = one;
    let Summary { failures, unanswered, unknown_failures, last_failure, until, held_back, unknown_held_back } =
        *summary;
    let locked = match (held_back, unknown_held_back) {
        (None, None) if !theirs.is_some_and(|theirs| theirs.refuses) => "no",
        _ if !rules.enforced => "observed",
        // Too many binds that were not answered: told as an outage.
        (Some(Verdict::Unanswered), _) => "unanswered",
        (Some(_), _) => "yes",
        (None, _) if theirs.is_some_and(|theirs| theirs.refuses) => "directory",
        (None, _) => "elsewhere",
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
        Value::String(text) => plain(text),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::{Entry, FailureCount, Timestamp, Unavailable};
    use crate::sign_in::Doubt;

    const RULES: Rules = Rules { enforced: true, shared: false, directory_count: true };

    fn failures(entry: &str, failures: u32, held_back: Option<Verdict>) -> Failures {
        let last_failure = Some(Timestamp::from_unix_millis(1_767_225_600_000));
        let entry = EntryId { directory: "corp".into(), entry: entry.into() };
        let until = last_failure.map(|last| last.plus(Duration::from_secs(1800)));
        let (unknown_failures, unknown_held_back) = (failures.min(2), held_back);
        let summary =
            Summary { failures, unanswered: 0, unknown_failures, last_failure, until, held_back, unknown_held_back };
        Failures { entry, summary, theirs: None, standing: None, whole: true }
    }

    #[test]
    fn a_table_tells_who_is_locked_until_when() {
        let all = [failures("uid=\u{202e}alice\n,dc=x", 3, Some(Verdict::Locked)), failures("uid=bob", 10, None)];
        let expected = "\
LOCKED  FAILURES  UNANSWERED  ELSEWHERE  LAST FAILURE              UNTIL                     DIRECTORY  ENTRY
yes     3         0           2          2026-01-01T00:00:00.000Z  2026-01-01T00:30:00.000Z  corp       uid=\\u{202e}alice\\n,dc=x
no      10        0           2          2026-01-01T00:00:00.000Z  2026-01-01T00:30:00.000Z  corp       uid=bob
2 of 2 entries with failures; 1 locked
";
        assert_eq!(list(&all, 10, false, RULES), expected);
        assert!(list(&all, 1, false, RULES).ends_with("dc=x\n1 of 2 entries with failures; 1 locked\n"));
        assert_eq!(list(&[], 1, false, RULES), "no entry has failures that count\n");
    }

    #[test]
    fn json_has_the_same_for_programs() {
        let told = list(&[failures("uid=\u{202e}a", 3, Some(Verdict::Unanswered))], 10, true, RULES);
        let told: Value = serde_json::from_str(&told).unwrap();
        let entry = json!({
            "locked": "unanswered", "failures": 3, "unanswered": 0, "elsewhere": 2,
            "last_failure": "2026-01-01T00:00:00.000Z", "until": "2026-01-01T00:30:00.000Z", "directory": "corp", "entry": "uid=\u{202e}a",
        });
        assert_eq!(told, json!({ "entries": [entry], "total": 1, "locked": 1, "mode": "enforce", "shared": false }));
    }

    fn meant(doubt: Option<Doubt>) -> Meant {
        Meant { entries: vec![failures("uid=a", 0, None).entry], found: None, doubt }
    }

    fn none() -> Failures {
        Failures { summary: Summary::default(), ..failures("uid=a", 0, None) }
    }

    #[test]
    fn who_has_no_failures_is_shown_and_a_doubt_is_told_and_no_success() {
        let shown = show(&meant(None), &[none()], false, RULES).unwrap();
        let row =
            "\nno      0         0           0          -             -      corp       uid=a\ncorp: uid=a: nothing is";
        assert!(shown.contains(row), "{shown}");
        let outage = Doubt::Unavailable(Unavailable::new("corp", "down"));
        let shown = show(&meant(Some(outage.clone())), &[none()], false, RULES).unwrap_err();
        assert!(shown.contains("corp: down: whom the name means cannot be told now"), "{shown}");
        let shown = show(&meant(Some(outage)), &[none()], true, RULES).unwrap_err();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert!(shown["doubt"].as_str().unwrap().starts_with("corp: down"), "{shown}");
        let many = Some(Doubt::Ambiguous(vec!["a".into(), "b".into()]));
        let many = Meant { entries: Vec::new(), found: None, doubt: many };
        let shown = show(&many, &[], false, RULES).unwrap_err();
        assert_eq!(shown, "more than one entry has this name; name one of them: a; b\n");
    }

    #[test]
    fn what_the_directory_has_counted_locks_and_is_told_with_how_to_reset_it() {
        let last = Timestamp::from_unix_millis(1_767_225_600_000);
        let count = |failures| FailureCount { failures, last };
        let theirs =
            |failures, refuses| Theirs { count: count(failures), until: last.plus(Duration::from_secs(1800)), refuses };
        let observe = Rules { enforced: false, ..RULES };
        for (counted, rules, locked, says) in [
            (
                theirs(3, true),
                RULES,
                "directory",
                "guard unlock does not change that; to let them in sooner, reset it there",
            ),
            (
                theirs(1, false),
                RULES,
                "no",
                "1 wrong password, the last at 2026-01-01T00:00:00.000Z, which count here until",
            ),
            (
                theirs(3, true),
                observe,
                "observed",
                "would refuse each until 2026-01-01T00:30:00.000Z\nguard.mode is observe",
            ),
        ] {
            let shown = show(&meant(None), &[Failures { theirs: Some(counted), ..none() }], false, rules).unwrap();
            assert!(shown.lines().nth(1).unwrap().starts_with(locked) && shown.contains(says), "{shown}");
            let shown = show(&meant(None), &[Failures { theirs: Some(counted), ..none() }], true, rules).unwrap();
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let one = &shown["entries"][0];
            assert_eq!((&one["locked"], &one["directory_count"]["refuses"]), (&json!(locked), &json!(counted.refuses)));
        }
    }

    #[test]
    fn whom_the_directory_has_locked_was_shown_as_not_locked_and_nothing_else() {
        for (standing, says) in [
            (
                BindRefusal::Locked,
                "corp: uid=a: the directory has locked the account, says the entry's pwdAccountLockedTime",
            ),
            (
                BindRefusal::Disabled,
                "corp: uid=a: the directory refuses the right password, too: the account is disabled",
            ),
        ] {
            let meant = Meant { found: Some(Arc::new(found())), ..meant(None) };
            let one = Failures { standing: Some(standing.clone()), ..none() };
            let shown = show(&meant, std::slice::from_ref(&one), false, RULES).unwrap();
            assert!(shown.lines().nth(2).unwrap().starts_with(says) && shown.lines().count() == 3, "{shown}");
            let shown: Value = serde_json::from_str(&show(&meant, &[one], true, RULES).unwrap()).unwrap();
            assert_eq!(shown["entries"][0]["directory_refuses"], json!(standing.reason()));
        }
    }

    fn found() -> Entry {
        Entry {
            id: none().entry,
            bind_name: "uid=a".into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes: Default::default(),
            own_count: None,
        }
    }

    #[test]
    fn who_would_be_refused_is_observed_where_nobody_is() {
        let observe = Rules { enforced: false, ..RULES };
        let all = [failures("uid=a", 3, Some(Verdict::Locked)), failures("uid=b", 1, None)];
        let told = list(&all, 10, false, observe);
        assert!(told.contains("\nobserved  3") && told.contains("\nno        1"), "{told}");
        assert!(
            told.ends_with("2 of 2 entries with failures; 1 would be locked, and nobody is: guard.mode is observe\n")
        );
        let told: Value = serde_json::from_str(&list(&all, 10, true, observe)).unwrap();
        assert_eq!((&told["locked"], &told["mode"]), (&json!(0), &json!("observe")));
    }

    #[test]
    fn what_one_replica_has_seen_is_not_told_as_all() {
        let shared = Rules { shared: true, ..RULES };
        assert_eq!(list(&[], 1, false, shared), format!("no entry has failures that count\n{SEEN}"));
        assert!(list(&[failures("uid=a", 1, None)], 1, false, shared).ends_with(SEEN));
        let shown = show(&meant(None), &[Failures { whole: false, ..none() }], false, shared).unwrap();
        assert!(shown.contains("what replicas share cannot be reached: of what this replica has seen"), "{shown}");
    }
}
