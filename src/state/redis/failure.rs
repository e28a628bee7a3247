//! Why the server could not be used, in an operator's words.

use std::borrow::Cow;
use std::fmt::Display;

use redis::RedisError;

use crate::model::is_misleading;

/// Characters of a reason, at most.
const LONGEST: usize = 200;

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// For a log, without any password.
    pub reason: Cow<'static, str>,
    /// Whether nothing came in time.
    pub timeout: bool,
}

/// Nothing came in time.
pub(super) const TIMEOUT: Failure = Failure { reason: Cow::Borrowed("it does not answer in time"), timeout: true };

impl Failure {
    /// For this reason.
    pub(super) fn said(reason: impl Display) -> Self {
        let reason = reason.to_string();
        Self { reason: reason.chars().filter(|c| !is_misleading(*c)).take(LONGEST).collect(), timeout: false }
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        match (error.code(), error.detail()) {
            // What follows are the arguments: a password, if it is AUTH that the server does not know.
            (Some(code), Some(detail)) => {
                let detail = detail.split(", with args").next().unwrap_or_default();
                Self::said(format_args!("{code}: {detail}"))
            }
            (Some(code), None) => Self::said(code),
            (None, _) if error.is_io_error() => Self::said("it ended the connection"),
            (None, _) => Self::said(error.category()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(line: &str) -> String {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let error = value.extract_error().unwrap_err();
        Failure::from(error).reason.into_owned()
    }

    #[test]
    fn a_reason_has_neither_a_password_nor_what_misleads() {
        for (line, reason) in [
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                "WRONGPASS: invalid username-password pair or user is disabled.",
            ),
            ("ERR unknown command 'AUTH', with args beginning with: 'canary' ", "ERR: unknown command 'AUTH'"),
            (
                "READONLY You can't write against a read only replica.",
                "READONLY: You can't write against a read only replica.",
            ),
            ("LOADING\u{1b}[2J", "LOADING[2J"),
            ("MOVED 3999 127.0.0.1:6381", "MOVED: 3999 127.0.0.1:6381"),
        ] {
            assert_eq!(failure(line), reason);
        }
        assert_eq!(failure(&format!("ERR {}", "x".repeat(1000))).len(), LONGEST);
    }
}
