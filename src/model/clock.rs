//! Time and identifiers, which the pure floors take as arguments.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How old a message may be.
pub const MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// How far another's clock may be from ours.
pub const MAX_SKEW: Duration = Duration::from_secs(5 * 60);

/// An instant in UTC. Kept as milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(DateTime<Utc>);

/// The text is not an `xs:dateTime` with a time zone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an xs:dateTime with a time zone")]
pub struct TimestampError;

impl Timestamp {
    /// The instant that many milliseconds after the Unix epoch; the epoch itself where chrono cannot hold it.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// What Active Directory says the end of something is: a FILETIME, in tenths of a microsecond since 1601 (MS-DTYP,
    /// 2.3.3). `None` where it says never, by 0 or the largest.
    pub fn of_file_time(ticks: i64) -> Option<Self> {
        const MILLIS_TO_1970: i64 = 11_644_473_600_000;
        let ends = ticks != 0 && ticks != i64::MAX;
        ends.then(|| Self::from_unix_millis(ticks / 10_000 - MILLIS_TO_1970))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Seconds since the Unix epoch, as Prometheus has instants.
    pub fn unix_seconds(self) -> f64 {
        self.unix_millis() as f64 / 1000.0
    }

    /// Reads an `xs:dateTime`: any number of fractional digits, `Z` or a numeric offset (saml2aws sends a local offset,
    /// Office 365 seven digits). A time without a zone is read as UTC, as SAML Core 1.3.3 says that it is meant.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        // chrono would also read a space or `t` for the `T`, which XML Schema has not.
        if text.as_bytes().get(10) != Some(&b'T') || text.len() > 64 {
            return Err(TimestampError);
        }
        // ADAL for Python cuts the seconds off where its clock shows no microseconds.
        let minutes = text.strip_suffix('Z').filter(|rest| rest.len() == 16).map(|rest| format!("{rest}:00Z"));
        let text = minutes.as_deref().unwrap_or(text);
        let zoned = text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
        let parsed =
            if zoned { DateTime::parse_from_rfc3339(text) } else { DateTime::parse_from_rfc3339(&format!("{text}Z")) };
        parsed.map(|at| Self(at.with_timezone(&Utc))).map_err(|_| TimestampError)
    }

    /// This instant `by` later.
    pub fn plus(self, by: Duration) -> Self {
        let delta = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        Self(self.0.checked_add_signed(delta).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// This instant `by` earlier.
    pub fn minus(self, by: Duration) -> Self {
        let delta = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        Self(self.0.checked_sub_signed(delta).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or(Duration::ZERO)
    }
}

impl From<i64> for Timestamp {
    fn from(millis: i64) -> Self {
        Self::from_unix_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(instant: Timestamp) -> Self {
        instant.unix_millis()
    }
}

/// Milliseconds and a `Z`: the one form in which this project writes an instant.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Draws identifiers.
pub trait Ids: Send + Sync {
    /// A fresh `xs:ID` (an underscore and 128 random bits in hexadecimal), never drawn twice.
    fn id(&self) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", 1000),
            ("1970-01-01T00:00:01.2150299Z", 1215),
            ("1970-01-01T01:00:00.5+01:00", 500),
            ("1970-01-01T00:00:02", 2000),
            ("1970-01-01T00:01Z", 60_000),
            ("  1970-01-01T00:00:00.000Z\n", 0),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::unix_millis), Ok(millis), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_date_time() {
        for text in ["", "now", "1970-01-01", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-01T00:00:00ZZ"] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn file_times_begin_in_1601_and_may_never_end() {
        for (ticks, instant) in [
            (116_444_736_000_000_000, Some("1970-01-01T00:00:00.000Z")),
            (133_000_000_000_019_999, Some("2022-06-18T04:26:40.001Z")),
            (1, Some("1601-01-01T00:00:00.000Z")),
            (0, None),
            (i64::MAX, None),
        ] {
            assert_eq!(Timestamp::of_file_time(ticks).map(|instant| instant.to_string()).as_deref(), instant);
        }
    }

    #[test]
    fn writes_milliseconds_and_z() {
        assert_eq!(Timestamp::from_unix_millis(1_767_225_600_068).to_string(), "2026-01-01T00:00:00.068Z");
    }
}
