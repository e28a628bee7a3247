//! What result codes mean (RFC 4511, appendix A, and what servers make of them).

use ldap3::LdapResult;

use crate::directory::{BindOutcome, BindRefusal};

pub(super) const SUCCESS: u32 = 0;
pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
const CONSTRAINT_VIOLATION: u32 = 19;
const NO_SUCH_OBJECT: u32 = 32;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const INSUFFICIENT_ACCESS: u32 = 50;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const UNWILLING_TO_PERFORM: u32 = 53;

/// Whether the server says that it cannot work now: busy or unavailable.
pub(super) fn is_outage(rc: u32) -> bool {
    [BUSY, UNAVAILABLE].contains(&rc)
}

/// What a bind's result says about the user; `None` where it says something about the server instead (busy, unavailable,
/// wants TLS), which nobody may take for a bad password.
pub(super) fn bind_outcome(result: &LdapResult) -> Option<BindOutcome> {
    Some(BindOutcome::Refused(match result.rc {
        SUCCESS => return Some(BindOutcome::Bound),
        INVALID_CREDENTIALS => invalid_credentials(&result.text),
        // 389 Directory Server: "Exceed password retry limit".
        CONSTRAINT_VIOLATION => BindRefusal::Locked,
        rc @ (NO_SUCH_OBJECT | INAPPROPRIATE_AUTHENTICATION | INSUFFICIENT_ACCESS | UNWILLING_TO_PERFORM) => {
            BindRefusal::Other(rc.to_string())
        }
        _ => return None,
    }))
}

/// Active Directory says with `data 52e` and the like why it refused; others say nothing, and mean the password.
fn invalid_credentials(text: &str) -> BindRefusal {
    match sub_code(text) {
        None | Some("52e" | "525") => BindRefusal::InvalidCredentials,
        Some("532") => BindRefusal::PasswordExpired,
        Some("533") => BindRefusal::Disabled,
        Some("701") => BindRefusal::AccountExpired,
        Some("773") => BindRefusal::MustChange,
        Some("775") => BindRefusal::Locked,
        Some(other) => BindRefusal::Other(format!("49/{other}")),
    }
}

/// The Windows error code in `80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563`.
pub(super) fn sub_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("data ")?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    rest.get(..end).filter(|code| (1..=8).contains(&code.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rc: u32, text: &str) -> Option<BindOutcome> {
        let text = text.to_owned();
        bind_outcome(&LdapResult { rc, matched: String::new(), text, refs: Vec::new(), ctrls: Vec::new() })
    }

    #[test]
    fn active_directory_says_why() {
        for (code, refusal) in [
            ("52e", BindRefusal::InvalidCredentials),
            ("525", BindRefusal::InvalidCredentials),
            ("530", BindRefusal::Other("49/530".to_owned())),
            ("531", BindRefusal::Other("49/531".to_owned())),
            ("532", BindRefusal::PasswordExpired),
            ("533", BindRefusal::Disabled),
            ("701", BindRefusal::AccountExpired),
            ("773", BindRefusal::MustChange),
            ("775", BindRefusal::Locked),
        ] {
            let text =
                format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563\0");
            assert_eq!(outcome(49, &text), Some(BindOutcome::Refused(refusal)), "{code}");
        }
    }

    #[test]
    fn a_result_is_about_the_user_or_about_the_server() {
        let refused = |refusal| Some(BindOutcome::Refused(refusal));
        for (rc, text, expected) in [
            (0, "", Some(BindOutcome::Bound)),
            (49, "", refused(BindRefusal::InvalidCredentials)),
            (49, "data , v1", refused(BindRefusal::InvalidCredentials)),
            (19, "Exceed password retry limit", refused(BindRefusal::Locked)),
            (32, "", refused(BindRefusal::Other("32".to_owned()))),
            (53, "no password", refused(BindRefusal::Other("53".to_owned()))),
        ] {
            assert_eq!(outcome(rc, text), expected, "{rc} {text}");
        }
        for rc in [1, 2, 3, 8, 10, 11, 13, 14, 51, 52, 80, 88, 4096] {
            assert_eq!(outcome(rc, "data 52e"), None, "{rc}");
        }
    }

    #[test]
    fn only_a_wrong_password_counts() {
        assert!(invalid_credentials("").counts());
        assert!(!invalid_credentials("data 775").counts());
        assert!(!invalid_credentials("data 530").counts());
    }
}
