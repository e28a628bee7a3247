//! Who is found, and who may bind.

use fedfront::config::NestedGroups;
use fedfront::directory::{BindOutcome, Resolution};
use fedfront::model::{Entry, Password};

use super::slapd::Slapd;
use super::subject::{PEOPLE, Subject, WRONG, outage};

#[tokio::test]
async fn a_password_is_checked_over_every_transport() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    for (scheme, port, start_tls) in
        [("ldap", slapd.plain_port, false), ("ldap", slapd.plain_port, true), ("ldaps", slapd.tls_port, false)]
    {
        let subject = Subject::open(&slapd, |_, ldap| {
            ldap.urls = vec![format!("{scheme}://127.0.0.1:{port}")];
            ldap.start_tls = start_tls;
        });
        let (alice, odd) = (subject.found("alice").await, subject.found("odd").await);
        for (entry, password, outcome) in [
            (&alice, "wonderland", BindOutcome::Bound),
            (&alice, "Wonderland", WRONG),
            (&odd, "pässwörd", BindOutcome::Bound),
            (&alice, "wonderland", BindOutcome::Bound),
            (&alice, "", WRONG),
        ] {
            assert_eq!(subject.bind(entry, password).await, Ok(outcome), "{scheme} {start_tls} {password}");
        }
        // One connection did all the binds, and the empty password never left.
        assert_eq!((subject.operations("bind", "success"), subject.operations("bind", "refused")), (3, 1));
        assert_eq!((subject.operations("search", "success"), subject.operations("connect", "success")), (2, 2));
        assert_eq!((subject.connections("idle"), subject.connections("busy")), (2, 0));
    }
}

#[tokio::test]
async fn a_server_that_is_not_the_one_meant_is_an_outage() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let alice = Subject::open(&slapd, |_, _| ()).found("alice").await;
    let (tls, plain) = (slapd.tls_port, slapd.plain_port);
    for (url, ca, start_tls, password, says) in [
        (
            format!("ldaps://127.0.0.1:{tls}"),
            Some("other-ca.pem"),
            false,
            "service-password",
            "certificate verify failed",
        ),
        (format!("ldaps://127.0.0.1:{tls}"), None, false, "service-password", "certificate verify failed"),
        (format!("ldaps://localhost:{tls}"), Some("ca.pem"), false, "service-password", "certificate verify failed"),
        (
            format!("ldap://127.0.0.1:{plain}"),
            Some("other-ca.pem"),
            true,
            "service-password",
            "certificate verify failed",
        ),
        (format!("ldaps://127.0.0.1:{plain}"), Some("ca.pem"), false, "service-password", "does not speak TLS there"),
        (format!("ldap://127.0.0.1:{tls}"), Some("ca.pem"), false, "service-password", ""),
        (format!("ldaps://127.0.0.1:{tls}"), Some("ca.pem"), false, "wrong", "service account"),
        ("ldaps://host.invalid".to_owned(), Some("ca.pem"), false, "service-password", "host name"),
    ] {
        let subject = Subject::open(&slapd, |_, ldap| {
            ldap.urls = vec![url.clone()];
            ldap.start_tls = start_tls;
            ldap.ca_file = ca.map(|ca| slapd.path(ca));
            ldap.bind_password = Password::new(password);
        });
        let reason = outage(subject.resolve("alice")).await;
        assert!(reason.contains(says) && reason.contains(&url), "{url}: {reason}");
        if password != "wrong" {
            outage(subject.bind(&alice, "wonderland")).await;
        }
    }
}

#[tokio::test]
async fn a_name_finds_one_entry_or_none() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let alice = Some("uid=alice,ou=people,dc=example,dc=com");
    let odd = Some("uid=odd,ou=people,dc=example,dc=com");
    for (name, found) in [
        ("alice", alice),
        (" ALICE ", alice),
        ("EXAMPLE\\alice", alice),
        ("EXAMPLE/alice", alice),
        ("Alice@Example.com", alice),
        ("alice@strip.example", alice),
        ("alice@other.example", None),
        ("ODD", odd),
        ("EXAMPLE\\w*e(i)r\\d", odd),
        ("*", None),
        ("a*", None),
        ("alice)(uid=*", None),
        ("ali\0ce", None),
        ("alice\0", None),
        ("älice", None),
        ("", None),
        ("twin", Some("ambiguous")),
    ] {
        let answer = match subject.resolve(name).await.unwrap() {
            Resolution::Found(entry) => Some(entry.id.entry.to_string()),
            Resolution::FoundDespite(..) | Resolution::NobodyDespite(_) => panic!("there is no other"),
            Resolution::Nobody => None,
            Resolution::Ambiguous(names) => {
                let twins =
                    |name: &String| name.starts_with("cn=twin") && name.ends_with(",ou=people,dc=example,dc=com");
                assert!(names.len() == 2 && names.iter().all(twins), "{names:?}");
                Some("ambiguous".to_owned())
            }
        };
        assert_eq!(answer.as_deref(), found, "{name:?}");
    }
    let nowhere = Subject::open(&slapd, |_, ldap| ldap.base_dn = "dc=example,dc=org".to_owned());
    assert!(outage(nowhere.resolve("alice")).await.contains("search refused with result"));
}

#[tokio::test]
async fn an_entry_has_its_attributes() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let alice = subject.found("alice").await;
    assert_eq!(alice.upn.as_deref(), Some("alice@example.com"));
    assert_eq!(alice.immutable_id.as_deref(), Some("MDEyMzQ1Njc4OWFiY2RlZg=="), "octets that could be text");
    assert_eq!(alice.attributes.first("mail").and_then(|mail| mail.as_text()), Some("alice@example.com"));
    assert!(alice.attributes.first("sn").is_none(), "nobody asked for it");
    assert_eq!(subject.found("bob").await.immutable_id.as_deref(), Some("//79AAECAwQFBgcICQoLDA=="));
    let by_text = Subject::open(&slapd, |config, _| {
        config.attributes.immutable_id = vec!["uid".to_owned()];
    });
    assert_eq!(by_text.found("alice").await.immutable_id.as_deref(), Some("Alice"));
    let usual = Subject::open(&slapd, |config, _| {
        config.attributes.immutable_id = ["mS-DS-ConsistencyGuid", "objectGUID"].map(str::to_owned).to_vec();
    });
    for (name, anchor) in [("alice", "MDEyMzQ1Njc4OWFiY2RlZg=="), ("bob", "YmNkZWZnaGlqa2xtbm9wcQ==")] {
        assert_eq!(usual.found(name).await.immutable_id.as_deref(), Some(anchor), "{name}");
    }
}

#[tokio::test]
async fn groups_are_listed_found_and_followed() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let filter = Some("(&(objectClass=groupOfNames)(member={dn}))".to_owned());
    for (filter, nested, expected) in [
        (None, NestedGroups::No, &["listed"][..]),
        (filter.clone(), NestedGroups::No, &["listed", "direct"]),
        (filter, NestedGroups::ByFilter, &["listed", "direct", "above-listed", "outer", "circle"]),
    ] {
        let subject = Subject::open(&slapd, |_, ldap| {
            ldap.group_filter = filter;
            ldap.nested_groups = nested;
            ldap.group_base_dn = Some("ou=groups,dc=example,dc=com".to_owned());
        });
        let mut groups = subject.with_groups("alice").await.groups.clone();
        let mut expected: Vec<_> = expected.iter().map(|cn| format!("cn={cn},ou=groups,dc=example,dc=com")).collect();
        groups.sort();
        expected.sort();
        assert_eq!(groups, expected, "nested: {nested:?}");
    }
}

#[tokio::test]
async fn an_entry_without_a_password_is_refused() {
    let Some(slapd) = Slapd::start(PEOPLE) else { return };
    let subject = Subject::open(&slapd, |_, _| ());
    let entry = subject.found("nopassword").await;
    assert!(matches!(subject.bind(&entry, "x").await, Ok(BindOutcome::Refused(_))));
    assert_eq!(subject.bind(&entry, "").await, Ok(WRONG));
    let nameless = Entry { bind_name: "".into(), ..(*entry).clone() };
    assert_eq!(subject.bind(&nameless, "x").await, Ok(WRONG), "would be an anonymous bind");
}
