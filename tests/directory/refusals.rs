//! Why OpenLDAP refuses a bind, with its password policy.

use fedfront::directory::{BindOutcome, BindRefusal};

use super::slapd::Slapd;
use super::subject::{PEOPLE, Subject, WRONG};

const POLICY: &str = "rootdn \"cn=admin,dc=example,dc=com\"\noverlay ppolicy\nppolicy_default \"cn=usual,ou=policies,dc=example,dc=com\"\n";

/// Policies, and users whom they refuse.
fn people() -> String {
    let policy = |name: &str, more: &str| {
        format!(
            "\ndn: cn={name},ou=policies,dc=example,dc=com\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {name}\n\
             pwdAttribute: userPassword\npwdMustChange: TRUE\npwdLockout: TRUE\npwdMaxFailure: 2\n{more}"
        )
    };
    let user = |name: &str, more: &str| {
        format!(
            "\ndn: uid={name},ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: {name}\ncn: x\nsn: x\n\
             userPassword: right\n{more}"
        )
    };
    let old = "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn";
    PEOPLE.to_owned()
        + "\ndn: ou=policies,dc=example,dc=com\nobjectClass: organizationalUnit\nou: policies\n"
        + &policy("usual", "")
        + &policy("expiring", "pwdMaxAge: 1\n")
        + &policy("graceful", "pwdMaxAge: 1\npwdGraceAuthnLimit: 1\n")
        + &user("locked", "pwdAccountLockedTime: 000001010000Z\n")
        + &user("reset", "pwdReset: TRUE\n")
        + &user("expired", &format!("{old}=expiring,ou=policies,dc=example,dc=com\n"))
        + &user("grace", &format!("{old}=graceful,ou=policies,dc=example,dc=com\n"))
        + &user("guessed", "")
}

#[tokio::test]
async fn openldaps_password_policy_says_why() {
    let Some(slapd) = Slapd::start_with(&people(), &format!("{POLICY}ppolicy_use_lockout\n")) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let coded = |refusal: BindRefusal, code: &str| BindOutcome::Refused(refusal.coded(code));
    for (name, password, outcome) in [
        ("alice", "wonderland", BindOutcome::Bound),
        ("alice", "wrong", WRONG),
        ("locked", "right", coded(BindRefusal::Locked, "49/accountLocked")),
        ("locked", "wrong", coded(BindRefusal::Locked, "49/accountLocked")),
        ("reset", "right", coded(BindRefusal::MustChange, "0/changeAfterReset")),
        ("reset", "wrong", WRONG),
        ("expired", "right", coded(BindRefusal::PasswordExpired, "49/passwordExpired")),
        ("expired", "wrong", WRONG),
        ("grace", "right", BindOutcome::Bound),
        ("grace", "right", coded(BindRefusal::PasswordExpired, "49/passwordExpired")),
        ("guessed", "wrong", WRONG),
        ("guessed", "wrong", WRONG),
        ("guessed", "right", coded(BindRefusal::Locked, "49/accountLocked")),
    ] {
        let entry = subject.found(name).await;
        assert_eq!(subject.bind(&entry, password).await, Ok(outcome), "{name} {password}");
    }
    assert_eq!(subject.operations("bind", "error"), 0);
}

#[tokio::test]
async fn of_a_policy_that_does_not_tell_of_locks_the_entry_does() {
    let Some(slapd) = Slapd::start_with(&people(), POLICY) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let locked = subject.found("locked").await;
    assert_eq!(subject.bind(&locked, "right").await, Ok(BindOutcome::Refused(BindRefusal::ShownLocked)));
}
