//! Whether the guard keeps below what locks an account in the directory.

use std::time::Duration;

use super::claims::shown;
use super::report::Report;
use crate::config::{GuardConfig, format_duration};
use crate::directory::{Directory, Lockout, LockoutPolicy};

/// What of the guard is compared.
#[derive(Clone, Copy)]
struct Ours {
    enforced: bool,
    threshold: u32,
    window: Duration,
}

const SILENT: &str = "OpenLDAP says that an account is locked only with ppolicy_use_lockout, and refuses it else as a wrong \
    password; the audit log tells it even so where bind_dn may read pwdAccountLockedTime";
const ENFORCE: &str = "set guard.mode to enforce once you have seen whom it would refuse";

/// Reads the policies of a directory from one of its servers, and compares.
pub(super) async fn compare(guard: &GuardConfig, directory: &dyn Directory, server: usize, report: &mut Report<'_>) {
    let step = format!("directory {}, lockout policy", directory.name());
    let ours = Ours { enforced: guard.enforced, threshold: guard.threshold, window: guard.window };
    match directory.lockout(server).await {
        Ok(None) => {}
        Ok(Some(lockout)) => tell(ours, &lockout, &step, report),
        Err(unavailable) => report.note(&step, format!("not read: {unavailable}; {}", by_hand(ours))),
    }
}

fn tell(ours: Ours, lockout: &Lockout, step: &str, report: &mut Report<'_>) {
    for policy in &lockout.policies {
        let step = format!("{step} {}", shown(&policy.name));
        let Some(threshold) = policy.threshold.map(u32::from) else {
            match ours.enforced {
                true => {
                    report.fine(&step, "locks no account: guard.threshold alone bounds how many passwords are guessed")
                }
                false => report.warning(&step, "locks no account, and nor does guard.mode observe", ENFORCE),
            }
            continue;
        };
        let rule = rule(threshold, policy);
        let excess = match ours.enforced {
            true => excess(ours, threshold, policy),
            false => {
                Some(("guard.mode observe refuses nobody: strangers can lock users out".to_owned(), ENFORCE.to_owned()))
            }
        };
        match excess {
            None => report.fine(&step, format!("{rule}; the guard stays below")),
            Some((what, help)) => report.warning(&step, format!("{rule}, and {what}"), help),
        }
    }
    if let Some(unseen) = &lockout.unseen {
        report.note(step, format!("{unseen}; {}", by_hand(ours)));
    }
    if lockout.silent {
        report.note(step, SILENT);
    }
}

/// What of the guard is not below the policy, and what to do about it.
fn excess(ours: Ours, threshold: u32, policy: &LockoutPolicy) -> Option<(String, String)> {
    let (mut what, mut help) = (Vec::new(), Vec::new());
    if ours.threshold >= threshold {
        what.push(format!("guard.threshold lets {} through: strangers can lock users out", ours.threshold));
        help.push(match threshold - 1 {
            0 => "raise it in the directory to 2 or more: no guard.threshold is below 1".to_owned(),
            1 => "set guard.threshold to 1".to_owned(),
            most => format!("set guard.threshold to {most} or less"),
        });
    }
    match policy.window {
        Some(window) if ours.window < window => {
            what.push(format!("guard.window forgets after {} what still counts there", format_duration(ours.window)));
            help.push(format!("set guard.window to {} or more", format_duration(window)));
        }
        None => {
            what.push(format!("guard.window forgets after {} what counts on there", format_duration(ours.window)));
            help.push(
                "let the directory too forget wrong passwords after a time, such as by pwdFailureCountInterval"
                    .to_owned(),
            );
        }
        Some(_) => {}
    }
    (!what.is_empty()).then(|| (what.join(", and "), help.join("; ")))
}

fn rule(threshold: u32, policy: &LockoutPolicy) -> String {
    let passwords = if threshold == 1 { "password locks" } else { "passwords lock" };
    let within = match policy.window {
        Some(window) => format!("within {}", format_duration(window)),
        None => "without a right one among them".to_owned(),
    };
    let until = match policy.duration {
        Some(duration) => format!("for {}", format_duration(duration)),
        None => "until it is unlocked".to_owned(),
    };
    format!("{threshold} wrong {passwords} an account {until} ({within})")
}

fn by_hand(ours: Ours) -> String {
    let (threshold, window) = (ours.threshold, format_duration(ours.window));
    format!(
        "see to it yourself that guard.threshold ({threshold}) is below the number of wrong passwords that lock an account, and \
         guard.window ({window}) no shorter than they count"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 is none.
    fn minutes(number: u64) -> Option<Duration> {
        (number > 0).then(|| Duration::from_secs(60 * number))
    }

    #[test]
    fn a_guard_that_is_not_below_the_directory_is_warned_of() {
        for ((threshold, window), (locks_at, counts, lasts), expected) in [
            (
                (3, 30),
                (5, 30, 30),
                "ok       step cn=p: 5 wrong passwords lock an account for 30m (within 30m); the guard stays",
            ),
            (
                (3, 60),
                (4, 30, 0),
                "ok       step cn=p: 4 wrong passwords lock an account until it is unlocked (within 30m)",
            ),
            ((3, 30), (0, 30, 30), "ok       step cn=p: locks no account"),
            (
                (3, 30),
                (3, 30, 30),
                "guard.threshold lets 3 through: strangers can lock users out -- set guard.threshold to 2 or less",
            ),
            (
                (9, 30),
                (3, 30, 30),
                "guard.threshold lets 9 through: strangers can lock users out -- set guard.threshold to 2 or less",
            ),
            ((1, 30), (1, 30, 30), "-- raise it in the directory to 2 or more"),
            (
                (3, 30),
                (5, 90, 90),
                "guard.window forgets after 30m what still counts there -- set guard.window to 90m or more",
            ),
            ((3, 30), (3, 60, 60), "to 2 or less; set guard.window to 1h or more"),
            (
                (3, 30),
                (5, 0, 0),
                "without a right one among them), and guard.window forgets after 30m what counts on there",
            ),
        ] {
            let ours = Ours { enforced: true, threshold, window: minutes(window).unwrap_or_default() };
            let (line, warned) = told(ours, locks_at, minutes(counts), minutes(lasts));
            assert!(line.contains(expected), "{line}");
            assert_eq!(warned, !expected.starts_with("ok"), "{line}");
        }
    }

    #[test]
    fn a_guard_that_only_observes_stays_below_nothing() {
        for (locks_at, expected) in [
            (
                5,
                "(within 30m), and guard.mode observe refuses nobody: strangers can lock users out -- set guard.mode to enforce",
            ),
            (0, "locks no account, and nor does guard.mode observe -- set guard.mode to enforce"),
        ] {
            let ours = Ours { enforced: false, threshold: 3, window: minutes(30).unwrap() };
            let (line, warned) = told(ours, locks_at, minutes(30), minutes(30));
            assert!(warned && line.contains(expected) && !line.contains("stays below"), "{line}");
        }
    }

    /// The one line that is said of a policy, and whether it warns.
    fn told(ours: Ours, locks_at: u32, window: Option<Duration>, duration: Option<Duration>) -> (String, bool) {
        let threshold = std::num::NonZeroU32::new(locks_at);
        let policy = LockoutPolicy { name: "cn=p".to_owned(), threshold, window, duration };
        let mut lines = Vec::new();
        let mut say = |line: &str| lines.push(line.replace("\n         help: ", " -- "));
        let mut report = Report::new(&mut say);
        tell(ours, &Lockout { policies: vec![policy], unseen: None, silent: false }, "step", &mut report);
        let warned = report.tally().warnings == 1;
        assert_eq!(lines.len(), 1, "{lines:?}");
        (lines.concat(), warned)
    }
}
