//! What result codes mean (RFC 4511, appendix A, and what servers make of them).

use ldap3::LdapResult;

use super::policy::PasswordPolicy;
use crate::directory::{BindOutcome, BindRefusal};

pub(super) const SUCCESS: u32 = 0;
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
pub(super) const REFERRAL: u32 = 10;
const CONSTRAINT_VIOLATION: u32 = 19;
pub(super) const NO_SUCH_OBJECT: u32 = 32;
pub(super) const INVALID_DN_SYNTAX: u32 = 34;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS: u32 = 50;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const UNWILLING_TO_PERFORM: u32 = 53;

/// What servers without sub-codes write where they refuse, in lower case: 389 Directory Server, FreeIPA, and Oracle Internet
/// Directory behind its `Password Policy Error :9001:`.
const TEXTS: [(&str, BindRefusal); 9] = [
    ("password expired!", BindRefusal::PasswordExpired),
    ("account inactivated", BindRefusal::Disabled),
    ("exceed password retry limit", BindRefusal::Locked),
    ("too many failed logins", BindRefusal::Locked),
    ("kerberos principal) is expired", BindRefusal::AccountExpired),
    ("gsl_accountlocked_excp", BindRefusal::Locked),
    ("gsl_pwdexpired_excp", BindRefusal::PasswordExpired),
    ("gsl_acctdisabled_excp", BindRefusal::Disabled),
    ("gsl_accountdisabled_excp", BindRefusal::Disabled),
];

/// Whether the server says that it cannot work now: busy or unavailable.
pub(super) fn is_outage(rc: u32) -> bool {
    [BUSY, UNAVAILABLE].contains(&rc)
}

/// What a bind's result says about the user; `None` where it says something about the server instead (busy, unavailable,
/// wants TLS), which nobody may take for a bad password.
pub(super) fn bind_outcome(result: &LdapResult) -> Option<BindOutcome> {
    let policy = PasswordPolicy::of(result);
    let rc = result.rc;
    let told = || policy.refusal().map(|(refusal, error)| refusal.coded(format!("{rc}/{error}")));
    let written = || by_text(&result.text).map(|refusal| refusal.coded(rc.to_string()));
    Some(BindOutcome::Refused(match rc {
        SUCCESS => match policy.restriction() {
            Some((refusal, error)) => refusal.coded(format!("{rc}/{error}")),
            None => return Some(BindOutcome::Bound),
        },
        INVALID_CREDENTIALS => {
            by_sub_code(&result.text).or_else(told).or_else(written).unwrap_or(BindRefusal::InvalidCredentials)
        }
        CONSTRAINT_VIOLATION => told().or_else(written).unwrap_or_else(|| BindRefusal::Locked.coded(rc.to_string())),
        NO_SUCH_OBJECT | INAPPROPRIATE_AUTHENTICATION | INSUFFICIENT_ACCESS | UNWILLING_TO_PERFORM => {
            told().or_else(written).unwrap_or_else(|| BindRefusal::Other(rc.to_string()))
        }
        _ => return None,
    }))
}

/// Active Directory says with `data 52e` and the like why it refused; others say nothing, and mean the password.
fn by_sub_code(text: &str) -> Option<BindRefusal> {
    let code = sub_code(text)?;
    let refusal = match code {
        "52e" => BindRefusal::InvalidCredentials,
        "525" => BindRefusal::UnknownUser,
        "530" => BindRefusal::Hours,
        "531" => BindRefusal::Workstation,
        "532" => BindRefusal::PasswordExpired,
        "533" => BindRefusal::Disabled,
        "701" => BindRefusal::AccountExpired,
        "773" => BindRefusal::MustChange,
        "775" => BindRefusal::Locked,
        other => return Some(BindRefusal::Other(format!("49/{other}"))),
    };
    Some(refusal.coded(format!("49/{code}")))
}

fn by_text(text: &str) -> Option<BindRefusal> {
    let text = text.to_lowercase();
    TEXTS.into_iter().find(|(known, _)| text.contains(known)).map(|(_, refusal)| refusal)
}

/// The Windows error code in `80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563`.
pub(super) fn sub_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("data ")?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    rest.get(..end).filter(|code| (1..=8).contains(&code.len()))
}

#[cfg(test)]
mod tests {
    use ldap3::controls::{Control, RawControl};

    use super::*;

    fn outcome(rc: u32, text: &str) -> Option<BindOutcome> {
        answered(rc, text, None)
    }

    fn answered(rc: u32, text: &str, policy: Option<&[u8]>) -> Option<BindOutcome> {
        let control = |value: &[u8]| RawControl { val: Some(value.to_vec()), ..super::super::policy::request() };
        let ctrls = policy.map(|value| Control(None, control(value))).into_iter().collect();
        bind_outcome(&LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls })
    }

    #[test]
    fn active_directory_says_why() {
        for (code, refusal) in [
            ("52e", BindRefusal::InvalidCredentials),
            ("525", BindRefusal::UnknownUser),
            ("530", BindRefusal::Hours),
            ("531", BindRefusal::Workstation),
            ("532", BindRefusal::PasswordExpired),
            ("533", BindRefusal::Disabled),
            ("701", BindRefusal::AccountExpired),
            ("773", BindRefusal::MustChange),
            ("775", BindRefusal::Locked),
        ] {
            let text =
                format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563\0");
            assert_eq!(outcome(49, &text), Some(BindOutcome::Refused(refusal.coded(format!("49/{code}")))), "{code}");
        }
        let other = Some(BindOutcome::Refused(BindRefusal::Other("49/57".to_owned())));
        assert_eq!(outcome(49, "80090308: LdapErr: data 57, v4563"), other);
    }

    #[test]
    fn the_password_policy_says_why() {
        let refused = |refusal: BindRefusal, code: &str| Some(BindOutcome::Refused(refusal.coded(code)));
        let wrong = Some(BindOutcome::Refused(BindRefusal::InvalidCredentials));
        let error = |error| [0x30, 3, 0x81, 1, error];
        for (rc, policy, expected) in [
            (49, &error(0)[..], refused(BindRefusal::PasswordExpired, "49/passwordExpired")),
            (49, &error(1), refused(BindRefusal::Locked, "49/accountLocked")),
            (53, &error(1), refused(BindRefusal::Locked, "53/accountLocked")),
            (0, &error(2), refused(BindRefusal::MustChange, "0/changeAfterReset")),
            (0, &error(0), refused(BindRefusal::PasswordExpired, "0/passwordExpired")),
            (0, b"\x30\x05\xa0\x03\x81\x01\x05", Some(BindOutcome::Bound)),
            (0, b"\x30\x06\xa0\x04\x80\x02\x0e\x10", Some(BindOutcome::Bound)),
            (0, b"nonsense", Some(BindOutcome::Bound)),
            (49, b"\x30\x00", wrong.clone()),
            (49, &error(7), wrong),
            (51, &error(1), None),
        ] {
            assert_eq!(answered(rc, "", Some(policy)), expected, "{rc} {policy:02x?}");
        }
    }

    #[test]
    fn a_result_is_about_the_user_or_about_the_server() {
        let refused = |refusal: BindRefusal, code: &str| Some(BindOutcome::Refused(refusal.coded(code)));
        let other = |code: &str| Some(BindOutcome::Refused(BindRefusal::Other(code.to_owned())));
        let wrong = Some(BindOutcome::Refused(BindRefusal::InvalidCredentials));
        for (rc, text, expected) in [
            (0, "", Some(BindOutcome::Bound)),
            (49, "", wrong.clone()),
            (49, "data , v1", wrong),
            (49, "password expired!", refused(BindRefusal::PasswordExpired, "49")),
            (19, "Exceed password retry limit. Please try later.", refused(BindRefusal::Locked, "19")),
            (19, "", refused(BindRefusal::Locked, "19")),
            (53, "Account inactivated. Contact system administrator.", refused(BindRefusal::Disabled, "53")),
            (
                53,
                "Password Policy Error :9001: GSL_ACCOUNTLOCKED_EXCP : Your account is locked.",
                refused(BindRefusal::Locked, "53"),
            ),
            (
                49,
                "Password Policy Error :9000: GSL_PWDEXPIRED_EXCP :Your Password has expired.",
                refused(BindRefusal::PasswordExpired, "49"),
            ),
            (32, "", other("32")),
            (53, "no password", other("53")),
        ] {
            assert_eq!(outcome(rc, text), expected, "{rc} {text}");
        }
        for rc in [1, 2, 3, 8, 10, 11, 13, 14, 34, 51, 52, 80, 88, 4096] {
            assert_eq!(outcome(rc, "data 52e"), None, "{rc}");
        }
    }

    #[test]
    fn only_a_wrong_guess_counts() {
        for (text, counts) in
            [("", true), ("data 52e", true), ("data 525", true), ("data 775", false), ("data 530", false)]
        {
            let Some(BindOutcome::Refused(refusal)) = outcome(49, text) else { panic!("{text}") };
            assert_eq!(refusal.counts(), counts, "{text}");
        }
    }
}
