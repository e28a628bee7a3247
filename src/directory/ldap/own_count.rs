//! What the directory itself has counted against an entry, read from the entry: whoever was tried elsewhere has fewer guesses
//! left here.

use crate::model::{AttributeValue, Attributes, FailureCount, Timestamp};

/// Active Directory's count since the last right password; older than the domain's observation window, it begins anew with the
/// next wrong one. Each domain controller has its own, the PDC emulator the highest.
const BAD_PWD_COUNT: &str = "badPwdCount";
/// When Active Directory was last given a wrong password: a FILETIME.
const BAD_PASSWORD_TIME: &str = "badPasswordTime";
/// OpenLDAP's password policy: when each wrong password was given, since the last right one.
const PWD_FAILURE_TIME: &str = "pwdFailureTime";

/// What is searched for to tell.
pub(super) const ATTRIBUTES: [&str; 3] = [BAD_PWD_COUNT, BAD_PASSWORD_TIME, PWD_FAILURE_TIME];

/// What these attributes of an entry say; `None` where they count nothing, or are not there or not what their schema has.
pub(super) fn of(attributes: &Attributes) -> Option<FailureCount> {
    active_directory(attributes).or_else(|| password_policy(attributes))
}

fn active_directory(attributes: &Attributes) -> Option<FailureCount> {
    let first = |name| attributes.first(name).and_then(AttributeValue::as_text);
    let failures = first(BAD_PWD_COUNT)?.parse().ok().filter(|failures| *failures > 0)?;
    let last = Timestamp::of_file_time(first(BAD_PASSWORD_TIME)?.parse().ok()?)?;
    Some(FailureCount { failures, last })
}

fn password_policy(attributes: &Attributes) -> Option<FailureCount> {
    let times = attributes.all(PWD_FAILURE_TIME).iter().filter_map(|value| generalized_time(value.as_text()?));
    let (failures, last) = times.fold((0, None), |(failures, last), at| (failures + 1, last.max(Some(at))));
    last.map(|last| FailureCount { failures, last })
}

/// A GeneralizedTime (RFC 4517, 3.3.13) as servers write it: to the second or finer, in UTC.
fn generalized_time(text: &str) -> Option<Timestamp> {
    let (digits, fraction) = text.strip_suffix('Z')?.split_at_checked(14)?;
    let part = |from: usize, to: usize| digits.get(from..to);
    let date = [part(0, 4)?, part(4, 6)?, part(6, 8)?].join("-");
    let time = [part(8, 10)?, part(10, 12)?, part(12, 14)?].join(":");
    Timestamp::parse(&format!("{date}T{time}{}Z", fraction.replace(',', "."))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(values: &[(&str, &str)]) -> Option<(u32, String)> {
        let mut attributes = Attributes::default();
        for (name, value) in values {
            attributes.add(name, AttributeValue::Text((*value).to_owned()));
        }
        of(&attributes).map(|count| (count.failures, count.last.to_string()))
    }

    #[test]
    fn active_directory_counts_and_says_when() {
        let time = ("badPasswordTime", "133000000000019999");
        let found = |failures| Some((failures, "2022-06-18T04:26:40.001Z".to_owned()));
        for (values, expected) in [
            (&[("badPwdCount", "3"), time][..], found(3)),
            (&[("BADPWDCOUNT", "1"), time], found(1)),
            (&[("badPwdCount", "0"), time], None),
            (&[("badPwdCount", "0"), ("badPasswordTime", "0")], None),
            (&[("badPwdCount", "3"), ("badPasswordTime", "0")], None),
            (&[("badPwdCount", "3")], None),
            (&[("badPwdCount", "-1"), time], None),
            (&[("badPwdCount", "many"), time], None),
            (&[("badPwdCount", "3"), ("badPasswordTime", "today")], None),
            (&[time], None),
            (&[("cn", "alice")], None),
            (&[], None),
        ] {
            assert_eq!(count(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_password_policy_has_a_time_for_each_failure() {
        let name = "pwdFailureTime";
        let (first, second) = ("20260101000000.250000Z", "20260101000059.999999Z");
        let last = "2026-01-01T00:00:59.999Z".to_owned();
        for values in [[(name, first), (name, second)], [(name, second), (name, first)]] {
            assert_eq!(count(&values), Some((2, last.clone())));
        }
        assert_eq!(count(&[(name, first), (name, "yesterday")]), Some((1, "2026-01-01T00:00:00.250Z".to_owned())));
        assert_eq!(count(&[("badPwdCount", "0"), (name, second)]), Some((1, last)));
    }

    #[test]
    fn times_are_read_as_servers_write_them() {
        for (text, expected) in [
            ("20261122113530.0Z", Some("2026-11-22T11:35:30.000Z")),
            ("20261122113530Z", Some("2026-11-22T11:35:30.000Z")),
            ("20261122113530,5Z", Some("2026-11-22T11:35:30.500Z")),
            ("20261122113530", None),
            ("20261322113530Z", None),
            ("202611221135Z", None),
            ("2026112211353éZ", None),
            ("éééééééééééééZ", None),
            ("20261122113530+01Z", None),
            ("Z", None),
            ("", None),
        ] {
            assert_eq!(generalized_time(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
