//! An audit record of what no request brought about: somebody at this machine's admin socket.

use serde::Serialize;

use super::record::{line_of, shortened};
use crate::model::{EntryId, Timestamp, Username};

/// What a local operator had done to what is remembered of users. Told apart from an [`AuditRecord`](super::AuditRecord) by its
/// key `event`.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// When it was done.
    pub time: Timestamp,
    /// What.
    pub action: OperatorAction,
    /// The name as given; absent: it was done to all.
    pub user: Option<Username>,
    /// To which entry; absent: to all, or there was none.
    pub entry: Option<EntryId>,
    /// How much was forgotten: failures of the entry, or locked entries of all; or remembered binds.
    pub forgotten: usize,
}

/// What an operator may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorAction {
    /// Remembered binds were forgotten.
    CacheFlush,
    /// Failures were forgotten.
    GuardUnlock,
}

impl OperatorAction {
    /// The label in audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CacheFlush => "cache_flush",
            Self::GuardUnlock => "guard_unlock",
        }
    }
}

impl AuditEvent {
    /// The event as one line, its end included.
    pub(super) fn line(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            time: String,
            event: &'static str,
            by: &'static str,
            user: Option<std::borrow::Cow<'a, str>>,
            directory: Option<&'a str>,
            entry: Option<&'a str>,
            forgotten: usize,
        }
        line_of(&Line {
            time: self.time.to_string(),
            event: self.action.label(),
            by: "local operator",
            user: self.user.as_ref().map(|user| shortened(user.as_str(), 256)),
            directory: self.entry.as_ref().map(|id| &*id.directory),
            entry: self.entry.as_ref().map(|id| &*id.entry),
            forgotten: self.forgotten,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there() {
        let event = AuditEvent {
            time: Timestamp::from_unix_millis(1_767_225_600_068),
            action: OperatorAction::GuardUnlock,
            user: Some(Username::new("al\u{2028}ice")),
            entry: Some(EntryId { directory: "corp".into(), entry: "cn=alice".into() }),
            forgotten: 3,
        };
        assert_eq!(
            event.line().unwrap(),
            concat!(
                r#"{"time":"2026-01-01T00:00:00.068Z","event":"guard_unlock","by":"local operator","#,
                r#""user":"al\u2028ice","directory":"corp","entry":"cn=alice","forgotten":3}"#,
                "\n"
            )
        );
        let all = AuditEvent { action: OperatorAction::CacheFlush, user: None, entry: None, ..event };
        assert!(all.line().unwrap().contains(r#""event":"cache_flush","by":"local operator","user":null,"#));
    }
}
