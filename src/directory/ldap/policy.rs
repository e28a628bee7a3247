//! What a password policy says of a bind: the control of draft-behera-ldap-password-policy, which OpenLDAP, 389 Directory
//! Server and Oracle's servers speak.

use ldap3::LdapResult;
use ldap3::asn1::{StructureTag, TagClass, parse_tag};
use ldap3::controls::RawControl;

use crate::directory::BindRefusal;

const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Asks for the policy's word; a server that has none ignores it.
pub(super) fn request() -> RawControl {
    RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None }
}

/// A PasswordPolicyResponseValue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PasswordPolicy {
    /// Seconds until the password expires, where that is near.
    pub(super) time_before_expiration: Option<u64>,
    /// How often an expired password is still taken.
    pub(super) grace_logins: Option<u64>,
    error: Option<u64>,
}

impl PasswordPolicy {
    /// Of a bind's result; nothing where the server did not say, or not so that it can be read.
    pub(super) fn of(result: &LdapResult) -> Self {
        let control = result.ctrls.iter().find(|control| control.1.ctype == PASSWORD_POLICY);
        control.and_then(|control| Self::read(control.1.val.as_ref()?)).unwrap_or_default()
    }

    fn read(value: &[u8]) -> Option<Self> {
        let mut policy = Self::default();
        for part in parse_tag(value).ok()?.1.expect_constructed()? {
            match (part.class, part.id) {
                (TagClass::Context, 0) => {
                    let warning = part.expect_constructed()?.pop()?;
                    match warning.id {
                        0 => policy.time_before_expiration = number(warning),
                        1 => policy.grace_logins = number(warning),
                        _ => {}
                    }
                }
                (TagClass::Context, 1) => policy.error = number(part),
                _ => {}
            }
        }
        Some(policy)
    }

    /// Why the bind was refused, and the error's name.
    pub(super) fn refusal(self) -> Option<(BindRefusal, &'static str)> {
        match self.error? {
            0 => Some((BindRefusal::PasswordExpired, "passwordExpired")),
            1 => Some((BindRefusal::Locked, "accountLocked")),
            2 => Some((BindRefusal::MustChange, "changeAfterReset")),
            // The others are of changed passwords.
            _ => None,
        }
    }

    /// Why a bind that succeeded is good for a change of the password and nothing else.
    pub(super) fn restriction(self) -> Option<(BindRefusal, &'static str)> {
        self.refusal().filter(|_| self.grace_logins.is_none())
    }
}

/// An INTEGER or ENUMERATED that is not negative.
fn number(tag: StructureTag) -> Option<u64> {
    let octets = tag.expect_primitive()?;
    let short = (1..=8).contains(&octets.len()) && octets.first().is_some_and(|first| first & 0x80 == 0);
    short.then(|| octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(time: Option<u64>, grace: Option<u64>, error: Option<u64>) -> PasswordPolicy {
        PasswordPolicy { time_before_expiration: time, grace_logins: grace, error }
    }

    #[test]
    fn the_draft_is_read() {
        for (value, expected) in [
            (&b"\x30\x00"[..], Some(policy(None, None, None))),
            (b"\x30\x03\x81\x01\x00", Some(policy(None, None, Some(0)))),
            (b"\x30\x03\x81\x01\x02", Some(policy(None, None, Some(2)))),
            (b"\x30\x06\xa0\x04\x80\x02\x0e\x10", Some(policy(Some(3600), None, None))),
            (b"\x30\x05\xa0\x03\x81\x01\x05", Some(policy(None, Some(5), None))),
            (b"\x30\x08\xa0\x03\x81\x01\x05\x81\x01\x00", Some(policy(None, Some(5), Some(0)))),
            (b"\x30\x05\xa0\x03\x89\x01\x05", Some(policy(None, None, None))),
            (b"\x30\x03\x81\x01\xff", Some(policy(None, None, None))),
            (b"\x30\x02\xa0\x00", None),
            (b"\x30\x03\x80\x01\x00", None),
            (b"\x04\x00", None),
            (b"\x30\x05", None),
            (b"", None),
        ] {
            assert_eq!(PasswordPolicy::read(value), expected, "{value:02x?}");
        }
    }

    #[test]
    fn an_expired_password_with_grace_left_is_taken() {
        assert_eq!(policy(None, None, Some(0)).restriction(), Some((BindRefusal::PasswordExpired, "passwordExpired")));
        assert_eq!(policy(None, Some(2), Some(0)).restriction(), None);
        assert_eq!(policy(Some(3600), None, None).restriction(), None);
        assert_eq!(policy(None, None, Some(7)).refusal(), None);
    }
}
