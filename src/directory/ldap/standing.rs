//! Whether an entry may sign in though nothing is bound as it: what directory servers would refuse a bind for, whatever the
//! password, read from the entry.

use crate::directory::{BindRefusal, Standing};
use crate::model::{AttributeValue, Attributes, Entry, Timestamp};

/// Active Directory's flags, of which one says that the account is disabled.
const USER_ACCOUNT_CONTROL: &str = "userAccountControl";
/// When an account of Active Directory's ends.
const ACCOUNT_EXPIRES: &str = "accountExpires";
/// 389 Directory Server's and FreeIPA's: `true` where the account is inactivated.
const NS_ACCOUNT_LOCK: &str = "nsAccountLock";
/// OpenLDAP's password policy: there while the account is locked. It does not tell who has locked it.
pub(super) const PWD_ACCOUNT_LOCKED_TIME: &str = "pwdAccountLockedTime";

/// What is searched for to tell. `lockoutTime` is not: it comes of wrong passwords, which nobody types here.
pub(super) const ATTRIBUTES: [&str; 4] =
    [USER_ACCOUNT_CONTROL, ACCOUNT_EXPIRES, NS_ACCOUNT_LOCK, PWD_ACCOUNT_LOCKED_TIME];

/// ADS_UF_ACCOUNTDISABLE.
const ACCOUNT_DISABLED: i64 = 0x2;

/// What these attributes of an entry say. A value that is not what its schema has refuses: it is not known to be harmless.
pub(super) fn of(attributes: &Attributes, now: Timestamp) -> Standing {
    let number = |name| attributes.first(name).map(|value| text(value).parse::<i64>().ok());
    let refused = match number(USER_ACCOUNT_CONTROL) {
        Some(None) => Some(BindRefusal::Disabled),
        Some(Some(flags)) if flags & ACCOUNT_DISABLED != 0 => Some(BindRefusal::Disabled),
        _ => None,
    };
    let refused = refused.or_else(|| match number(ACCOUNT_EXPIRES) {
        Some(None) => Some(BindRefusal::AccountExpired),
        Some(Some(ticks)) if Timestamp::of_file_time(ticks).is_some_and(|end| end <= now) => {
            Some(BindRefusal::AccountExpired)
        }
        _ => None,
    });
    let inactivated = attributes.all(NS_ACCOUNT_LOCK).iter().any(|value| !text(value).eq_ignore_ascii_case("false"));
    let refused = refused.or_else(|| inactivated.then_some(BindRefusal::Disabled));
    let locked = !attributes.all(PWD_ACCOUNT_LOCKED_TIME).is_empty();
    refused.or_else(|| locked.then_some(BindRefusal::Locked)).map_or(Standing::Good, Standing::Refused)
}

/// Whether the entry shows that a password policy has locked it. That stays when the lock is over, until a right password.
pub(super) fn is_shown_locked(entry: &Entry) -> bool {
    !entry.attributes.all(PWD_ACCOUNT_LOCKED_TIME).is_empty()
}

fn text(value: &AttributeValue) -> &str {
    value.as_text().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_could_not_bind_does_not_sign_in_without() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let file_time = |unix: i64| ((unix + 11_644_473_600) * 10_000_000).to_string();
        let at = now.unix_millis() / 1000;
        let (before, after) = (file_time(at), file_time(at + 1));
        for (name, value, refused) in [
            ("cn", "alice", None),
            ("userAccountControl", "512", None),
            ("userAccountControl", "514", Some(BindRefusal::Disabled)),
            ("useraccountcontrol", "66050", Some(BindRefusal::Disabled)),
            ("userAccountControl", "what", Some(BindRefusal::Disabled)),
            ("accountExpires", "0", None),
            ("accountExpires", "9223372036854775807", None),
            ("accountExpires", &after, None),
            ("accountExpires", &before, Some(BindRefusal::AccountExpired)),
            ("accountExpires", "1", Some(BindRefusal::AccountExpired)),
            ("accountExpires", "what", Some(BindRefusal::AccountExpired)),
            ("nsAccountLock", "true", Some(BindRefusal::Disabled)),
            ("nsAccountLock", "TRUE", Some(BindRefusal::Disabled)),
            ("nsAccountLock", "false", None),
            ("pwdAccountLockedTime", "000001010000Z", Some(BindRefusal::Locked)),
            ("lockoutTime", "133500000000000000", None),
        ] {
            let mut attributes = Attributes::default();
            attributes.add(name, AttributeValue::Text(value.to_owned()));
            let expected = refused.map_or(Standing::Good, Standing::Refused);
            assert_eq!(of(&attributes, now), expected, "{name} {value}");
        }
    }
}
