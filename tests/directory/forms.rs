//! What is bound: the entry that was found, another name of it, or what a template makes of the name that was typed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedfront::config::UserDn;
use fedfront::directory::{BindError, BindOutcome, BindRefusal, Resolution, Standing};
use fedfront::model::{Password, Timestamp};

use super::faults::{Act, Script, bind_result};
use super::slapd::Slapd;
use super::subject::{PEOPLE, Subject, WRONG, outage, places};

/// Names that are legal in a DN, and passwords that are legal anywhere.
const NAMES: [(&str, &str); 18] = [
    ("a,ou=admins", "a,ou=admins"),
    ("a+cn=b", "a+b"),
    ("\"quoted\"", "\"quoted\""),
    ("back\\slash", "back\\slash"),
    ("sl/ash", "sl/ash"),
    ("  lead", "  lead"),
    ("trail  ", "trail  "),
    ("#hash", "#hash"),
    ("<angle>", "<angle>"),
    ("semi;colon", ";"),
    ("eq=ual", "="),
    ("ünïcödé", "pässwörd"),
    ("鮑勃", "密码"),
    ("🦊", "🦊\u{200d}e\u{301}"),
    ("st*r", "*"),
    ("(paren)", "(|(uid=*))"),
    ("{name}", "x{dn}"),
    ("two  spaces", "x\ty"),
];

fn people_of(names: &[(&str, &str)]) -> String {
    let entry = |(number, (name, password)): (usize, &(&str, &str))| {
        let in_dn: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        format!(
            "\ndn: uid={in_dn},ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: testUser\nuid:: {}\n\
             cn: {number}\nsn: {number}\nuserPrincipalName: n{number}@example.com\nuserPassword:: {}\n",
            STANDARD.encode(name),
            STANDARD.encode(password)
        )
    };
    PEOPLE.to_owned() + &names.iter().enumerate().map(entry).collect::<String>()
}

fn at_dn() -> Option<UserDn> {
    Some(UserDn::Dn("uid={name},ou=people,dc=example,dc=com".to_owned()))
}

/// Users bind as what their name makes, and nobody looks them up.
fn unseen(slapd: &Slapd, filter: &str) -> Subject {
    Subject::open(slapd, |_, ldap| {
        ldap.bind_dn.clear();
        ldap.user_dn = at_dn();
        ldap.user_filter = filter.to_owned();
    })
}

/// Whether a name can be typed at all: of `X\y` and `X/y` `y` is looked for, and white space around it is nobody's.
fn can_be_typed(name: &str) -> bool {
    !name.contains(['\\', '/']) && name.trim() == name
}

#[tokio::test]
async fn any_legal_dn_binds_with_any_password() {
    let Some(slapd) = Slapd::start(&people_of(&NAMES)) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    for (number, (name, password)) in NAMES.iter().enumerate() {
        let entry = subject.found(&format!("n{number}@example.com")).await;
        assert_eq!(subject.bind(&entry, password).await, Ok(BindOutcome::Bound), "{name}");
        assert_eq!(subject.bind(&entry, "wrong").await, Ok(WRONG), "{name}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_at_its_dn() {
    let Some(slapd) = Slapd::start(&people_of(&NAMES)) else { return };
    let subject = Subject::open(&slapd, |_, ldap| {
        ldap.user_dn = at_dn();
        ldap.user_filter = "(objectClass=inetOrgPerson)".to_owned();
    });
    for (number, (name, password)) in NAMES.iter().enumerate().filter(|(_, (name, _))| can_be_typed(name)) {
        let entry = subject.found(name).await;
        assert_eq!(entry.upn, Some(format!("n{number}@example.com")), "{name}");
        assert_eq!(subject.bind(&entry, password).await, Ok(BindOutcome::Bound), "{name}");
    }
    for nobody in ["nobody", "alice,ou=people", "*", "alice\\00", "a\0", "x+y", "\u{fffd}"] {
        assert!(matches!(subject.resolve(nobody).await, Ok(Resolution::Nobody)), "{nobody:?}");
    }
    assert_eq!(subject.operations("search", "error"), 0, "that a name is nobody's is no error");
    let other = Subject::open(&slapd, |_, ldap| {
        ldap.user_dn = at_dn();
        ldap.user_filter = "(mail=*)".to_owned();
    });
    assert_eq!(other.found("ALICE").await.upn.as_deref(), Some("alice@example.com"));
    assert!(matches!(other.resolve("bob").await, Ok(Resolution::Nobody)), "he has no mail");
}

#[tokio::test]
async fn users_bind_at_once_and_read_their_own_entry() {
    let Some(slapd) = Slapd::start(&people_of(&NAMES)) else { return };
    let subject = unseen(&slapd, "(objectClass=*)");
    for (number, (name, password)) in NAMES.iter().enumerate().filter(|(_, (name, _))| can_be_typed(name)) {
        let before = subject.found(name).await;
        assert_eq!(subject.bind(&before, "wrong").await, Ok(WRONG), "{name}");
        let Ok(BindOutcome::BoundAs(entry)) = subject.bind(&before, password).await else { panic!("{name}") };
        assert_eq!((&entry.id, &entry.upn), (&before.id, &Some(format!("n{number}@example.com"))), "{name}");
    }
    let spelt = subject.found("alice").await;
    for other in ["ALICE", "EXAMPLE\\alice", "alice@strip.example", " Alice "] {
        assert_eq!(subject.found(other).await.id, spelt.id, "{other}");
    }
    let Ok(BindOutcome::BoundAs(alice)) = subject.bind(&spelt, "wonderland").await else { panic!("not bound") };
    assert_eq!((&*alice.bind_name, alice.groups.len()), ("uid=Alice,ou=people,dc=example,dc=com", 1));
    assert_eq!(alice.immutable_id.as_deref(), Some("MDEyMzQ1Njc4OWFiY2RlZg=="));
    for nobody in ["nobody", "alice,ou=people", "*", "x+y", "\u{fffd}"] {
        let entry = subject.found(nobody).await;
        let Ok(BindOutcome::Refused(refusal)) = subject.bind(&entry, "wonderland").await else { panic!("{nobody}") };
        assert!(refusal.counts(), "{nobody}: {refusal:?}");
    }
    assert!(matches!(subject.resolve("ali\0ce").await, Ok(Resolution::Nobody)));
    assert_eq!(subject.bind(&spelt, "").await, Ok(WRONG));
    assert_eq!((subject.operations("search", "success"), subject.operations("connect", "success")), (0, 1));
    assert!(matches!(subject.directory.standing(&spelt, Timestamp::from_unix_millis(0)), Standing::Unknown(_)));
}

#[tokio::test]
async fn whoever_is_bound_unseen_must_be_what_the_filter_finds() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = unseen(&slapd, "(&(uid={name})(mail=*))");
    let (alice, bob) = (subject.found("alice").await, subject.found("bob").await);
    assert!(matches!(subject.bind(&alice, "wonderland").await, Ok(BindOutcome::BoundAs(_))));
    let refused = Ok(BindOutcome::Refused(BindRefusal::NoEntry));
    assert_eq!(subject.bind(&bob, "builder").await, refused);
    assert_eq!(subject.bind(&bob, "guess").await, Ok(WRONG), "the password first");
}

#[tokio::test]
async fn an_entry_is_bound_as_its_attributes_say_or_not_at_all() {
    let Some(slapd) = Slapd::start(&people_of(&NAMES)) else { return };
    let subject = Subject::open(&slapd, |_, ldap| ldap.bind_as = places("uid={uid},ou=people,dc=example,dc=com"));
    let typed = NAMES.iter().enumerate().map(|(number, (_, password))| (format!("n{number}@example.com"), *password));
    for (name, password) in typed.chain([("alice".to_owned(), "wonderland")]) {
        let entry = subject.found(&name).await;
        assert_eq!(subject.bind(&entry, password).await, Ok(BindOutcome::Bound), "{name}");
    }
    let two_uids = subject.found("odd").await;
    let incomplete = |attribute: &str| Ok(BindOutcome::Refused(BindRefusal::Incomplete(attribute.to_owned())));
    assert_eq!(subject.bind(&two_uids, "pässwörd").await, incomplete("uid"));
    let upn = Subject::open(&slapd, |_, ldap| ldap.bind_as = places("{userPrincipalName}"));
    assert_eq!(upn.bind(&*upn.found("odd").await, "pässwörd").await, incomplete("userPrincipalName"));
    assert_eq!(upn.operations("bind", "success") + upn.operations("bind", "refused"), 0);
    // OpenLDAP knows no such names: it is the configuration, and nobody's password.
    outage(upn.bind(&*upn.found("alice").await, "wonderland")).await;
}

#[tokio::test]
async fn a_filter_leaves_out_whoever_is_locked_or_disabled() {
    let Some(slapd) = Slapd::start(&format!(
        "{PEOPLE}\ndn: uid=wso2,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: testUser\nuid: wso2\n\
         cn: x\nsn: x\nuserPassword: x\naccountLocked: TRUE\n\ndn: uid=oam,ou=people,dc=example,dc=com\n\
         objectClass: inetOrgPerson\nobjectClass: testUser\nuid: oam\ncn: x\nsn: x\nuserPassword: x\norclIsEnabled: DISABLED\n"
    )) else {
        return;
    };
    for (filter, left_out) in [
        ("(&(objectClass=inetOrgPerson)(uid={name})(!(accountLocked=TRUE)))", "wso2"),
        ("(&(uid={name})(|(!(orclIsEnabled=*))(orclIsEnabled=ENABLED)))", "oam"),
    ] {
        let subject = Subject::open(&slapd, |_, ldap| ldap.user_filter = filter.to_owned());
        for name in ["alice", "wso2", "oam"] {
            let found = matches!(subject.resolve(name).await, Ok(Resolution::Found(_)));
            assert_eq!(found, name != left_out, "{filter} {name}");
        }
    }
}

#[tokio::test]
async fn a_right_password_whose_entry_cannot_be_read_in_time_was_not_counted() {
    for (act, says) in [(Act::Silence, "timeout"), (Act::Close, "connection lost")] {
        let script = Script::run([bind_result(0, ""), act]).await;
        let subject = Subject::at(&script.url, |_, ldap| {
            ldap.bind_dn.clear();
            ldap.user_dn = at_dn();
        });
        let alice = subject.found("alice").await;
        let error = subject.directory.bind(&alice, &Password::new("wonderland")).await.unwrap_err();
        assert!(matches!(error, BindError::NotTried(_)) && error.to_string().contains(says), "{error}");
        assert_eq!((script.requests(), subject.connections("idle")), (2, 0), "nor is the connection used again");
    }
}
