//! Groups and other long answers: pages, ranges, what Active Directory computes, and what is remembered.

use fedfront::config::{GroupCache, NestedGroups};
use fedfront::directory::Resolution;

use super::faults::{Act, Script, found, result, tlv};
use super::slapd::Slapd;
use super::subject::{PEOPLE, Subject, outage};

/// More than OpenLDAP gives without pages.
const MANY: usize = 1201;

#[tokio::test]
async fn groups_come_page_by_page_and_are_searched_once() {
    let group = |number| {
        format!(
            "\ndn: cn=g{number},ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: g{number}\n\
             member: uid=bob,ou=people,dc=example,dc=com\n"
        )
    };
    let people = PEOPLE.to_owned() + &(0..MANY).map(group).collect::<String>();
    let limits = "limits dn.exact=\"cn=service,dc=example,dc=com\" size=500 size.prtotal=unlimited\n";
    let Some(slapd) = Slapd::start_with(&people, limits) else { return };
    for (cached, searches) in [(true, 1), (false, 3)] {
        let subject = Subject::open(&slapd, |_, ldap| {
            ldap.group_filter = Some("(member={dn})".to_owned());
            ldap.group_base_dn = Some("ou=groups,dc=example,dc=com".to_owned());
            ldap.nested_groups = NestedGroups::No;
            if !cached {
                ldap.group_cache = GroupCache { ttl: None, capacity: 0 };
            }
        });
        let bob = subject.found("bob").await;
        for _ in 0..3 {
            assert_eq!(subject.directory.with_groups(bob.clone()).await.unwrap().groups.len(), MANY);
        }
        assert_eq!(subject.operations("search", "success"), 1 + searches);
        // Another's are not his.
        assert_eq!(subject.with_groups("alice").await.groups.len(), 2);
        let counted = |result| subject.metrics.cache_requests.with_label_values(&["groups", result]).get();
        assert_eq!((counted("hit"), counted("miss")), if cached { (2, 2) } else { (0, 0) });
    }
}

/// A SearchResultEntry with one attribute of some values.
fn entry(dn: &str, name: &str, values: &[&[u8]]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| tlv(4, value)).collect();
    let attribute = tlv(0x30, &[tlv(4, name.as_bytes()), tlv(0x31, &values)].concat());
    tlv(0x64, &[tlv(4, dn.as_bytes()), tlv(0x30, &attribute)].concat())
}

fn done() -> Vec<u8> {
    result(0x65, 0, "")
}

/// A SearchResultDone with the cookie of the next page (RFC 2696).
fn page_end(cookie: &[u8]) -> Vec<u8> {
    let value = tlv(0x30, &[&[2, 1, 0], &*tlv(4, cookie)].concat());
    let control = tlv(0x30, &[tlv(4, b"1.2.840.113556.1.4.319"), tlv(4, &value)].concat());
    [done(), tlv(0xa0, &control)].concat()
}

fn subject(script: &Script, nested: NestedGroups) -> Subject {
    Subject::at(&script.url, |config, ldap| {
        ldap.bind_dn.clear();
        ldap.nested_groups = nested;
        config.attributes.groups = "memberOf".to_owned();
    })
}

#[tokio::test]
async fn the_rest_of_a_long_attribute_is_fetched() {
    let script = Script::run([
        Act::Answer(vec![entry("CN=Alice", "memberOf;range=0-1", &[b"CN=A", b"CN=B"]), done()]),
        Act::Answer(vec![entry("CN=Alice", "memberOf;Range=2-3", &[b"CN=C", b"CN=D"]), done()]),
        Act::Answer(vec![entry("CN=Alice", "memberOf;range=4-*", &[b"CN=E"]), done()]),
    ])
    .await;
    let alice = subject(&script, NestedGroups::No).found("alice").await;
    assert_eq!(alice.groups, ["CN=A", "CN=B", "CN=C", "CN=D", "CN=E"]);
    let request = script.last_request.lock().unwrap();
    assert!(request.windows(18).any(|window| window == b"memberOf;range=4-*"), "asked for the third part");
}

#[tokio::test]
async fn a_long_attribute_that_is_not_given_whole_is_an_outage() {
    let begin = || entry("CN=Alice", "memberOf;range=0-1", &[b"CN=A", b"CN=B"]);
    for rest in [vec![done()], vec![begin(), done()], vec![entry("CN=Alice", "mail", &[b"x"]), done()]] {
        let script = Script::run([Act::Answer(vec![begin(), done()]), Act::Answer(rest)]).await;
        outage(subject(&script, NestedGroups::No).resolve("alice")).await;
    }
}

#[tokio::test]
async fn pages_end_with_an_empty_cookie_or_where_the_server_knows_none() {
    let alice = || Act::Answer(vec![entry("CN=Alice", "cn", &[b"x"]), done()]);
    let page = |name: &str, end: Vec<u8>| Act::Answer(vec![found(name, "cn", "x"), end]);
    for (acts, groups) in [
        (vec![alice(), page("CN=A", page_end(b"1")), page("CN=B", page_end(b"2")), page("CN=C", page_end(b""))], 3),
        (vec![alice(), page("CN=A", done())], 1),
    ] {
        let requests = acts.len();
        let script = Script::run(acts).await;
        let subject = subject(&script, NestedGroups::MatchingRule);
        assert_eq!(subject.with_groups("alice").await.groups.len(), groups);
        assert_eq!(script.requests(), requests);
    }
}

#[tokio::test]
async fn token_groups_are_named_once() {
    let (one, two, far): (&[u8], &[u8], &[u8]) = (b"\x01\x05(one)", b"\x01\x05\xfftwo*", b"\x01\x05far");
    let user = |name: &str| Act::Answer(vec![found(name, "memberOf", "CN=one"), done()]);
    let tokens = || Act::Answer(vec![entry("CN=x", "tokenGroups", &[one, two, far]), done()]);
    let names = vec![entry("CN=One", "objectSid", &[one]), entry("CN=Two", "objectSid", &[two]), done()];
    let script = Script::run([user("CN=Alice"), tokens(), Act::Answer(names), user("CN=Bob"), tokens()]).await;
    let subject = subject(&script, NestedGroups::TokenGroups);
    assert_eq!(subject.with_groups("alice").await.groups, ["CN=one", "CN=Two"], "the listed one is not told twice");
    let names = script.last_request.lock().unwrap().clone();
    assert!(names.windows(far.len()).any(|window| window == far) && names.windows(two.len()).any(|w| w == two));
    assert_eq!(subject.with_groups("bob").await.groups, ["CN=one", "CN=Two"]);
    assert_eq!(script.requests(), 5, "the SIDs were named before, even that of another domain");
}

#[tokio::test]
async fn token_groups_that_may_not_be_read_are_an_outage() {
    let user = Act::Answer(vec![found("CN=Alice", "memberOf", "CN=one"), done()]);
    let script = Script::run([user, Act::Answer(vec![entry("CN=Alice", "cn", &[b"x"]), done()])]).await;
    let subject = subject(&script, NestedGroups::TokenGroups);
    let alice = subject.found("alice").await;
    assert!(outage(subject.directory.with_groups(alice)).await.contains("tokenGroups"));
}

#[tokio::test]
async fn entries_with_a_referral_for_the_rest_are_entries() {
    let referral = || result(0x65, 10, "");
    let script = Script::run([
        Act::Answer(vec![found("CN=Alice", "cn", "x"), referral()]),
        Act::Answer(vec![found("CN=A", "cn", "x"), found("CN=B", "cn", "x"), referral()]),
        Act::Answer(vec![referral()]),
    ])
    .await;
    let subject = subject(&script, NestedGroups::No);
    subject.found("alice").await;
    assert!(matches!(subject.resolve("alice").await, Ok(Resolution::Ambiguous(names)) if names.len() == 2));
    assert!(outage(subject.resolve("alice")).await.contains("another server"));
}
