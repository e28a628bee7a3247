//! A report as tests want it, and what comes of one.

use super::*;
use crate::admin::recent::{Activity, Course, Sum};
use crate::entra::SignInProtocol;

pub fn part(kind: Kind, level: Level, says: &str) -> Part {
    Part { kind, name: format!("{kind:?}"), level, says: says.to_owned(), members: Vec::new() }
}

pub fn certificate(purpose: Purpose, level: Level) -> Certificate {
    Certificate {
        purpose,
        slot: "current".to_owned(),
        names: vec!["sts.example.com".to_owned()],
        subject: "sts.example.com".to_owned(),
        key: "RSA, 2048 bits".to_owned(),
        sha256: "AA:BB".to_owned(),
        starts: None,
        ends: Some("2027-01-01T00:00:00.000Z".to_owned()),
        days_left: Some(12),
        level,
        says: "Ends in 12 days.".to_owned(),
    }
}

pub fn facts() -> Facts {
    Facts {
        public_url: "https://sts.example.com".to_owned(),
        parts: vec![part(Kind::Listeners, Level::Ok, "1 address")],
        certificates: vec![certificate(Purpose::Tls, Level::Ok), certificate(Purpose::Signing, Level::Ok)],
        endpoints: vec![
            Endpoint { key: "mex", own: true, shadow: None, addresses: vec!["https://sts.example.com/mex".to_owned()] },
            Endpoint {
                key: "sts",
                own: false,
                shadow: Some(Shadow { compared: 1204, different: 3, not_compared: 17 }),
                addresses: Vec::new(),
            },
        ],
        relying_parties: vec![Party {
            name: "office365".to_owned(),
            protocols: vec!["ws_trust"],
            endpoints: vec!["mex", "sts"],
            issuer: None,
            signature: "rsa-sha256",
            weak_signature: false,
        }],
        entra: vec![Domain {
            domain: "example.com".to_owned(),
            federation: Federation {
                preferred_authentication_protocol: SignInProtocol::WsFed,
                issuer_uri: "http://example.com/adfs/services/trust/".to_owned(),
                display_name: None,
                passive_sign_in_uri: Some("https://sts.example.com/passivests".to_owned()),
                active_sign_in_uri: Some("https://sts.example.com/adfs/services/trust/2005/usernamemixed".to_owned()),
                sign_out_uri: Some("https://sts.example.com/passivests".to_owned()),
                metadata_exchange_uri: Some("https://sts.example.com/adfs/services/trust/mex".to_owned()),
                signing_certificate: "MIIC</script><!--".to_owned(),
                next_signing_certificate: None,
                federated_idp_mfa_behavior: None,
                prompt_login_behavior: None,
            },
        }],
        activity: Activity {
            since: "2026-01-01T00:00:00.000Z".to_owned(),
            hour: Course { start: "2026-01-01T00:00:00.000Z".to_owned(), total: Sum::default(), ..Course::default() },
            day: Course::default(),
        },
        guard: Guard::default(),
    }
}

pub fn report(facts: Facts, phase: Phase, ready: bool) -> Report {
    Report::new(facts, phase, ready, 7, Timestamp::from_unix_millis(0))
}

#[test]
fn the_whole_is_as_well_as_the_worst_of_it() {
    let part = |level| part(Kind::Directory, level, "says");
    for (parts, certificate_level, spraying, level, headline, problems) in [
        (vec![], Level::Ok, false, Level::Ok, "Everything works", 0),
        (vec![part(Level::Unknown)], Level::Ok, false, Level::Ok, "Everything works", 0),
        (vec![], Level::Warning, false, Level::Warning, "Everything works; one thing needs attention", 1),
        (vec![], Level::Warning, true, Level::Warning, "Everything works; 2 things need attention", 2),
        (vec![part(Level::Failed)], Level::Warning, false, Level::Failed, "One thing does not work", 2),
        (vec![part(Level::Failed)], Level::Failed, true, Level::Failed, "2 things do not work", 3),
    ] {
        let mut facts = facts();
        facts.parts = parts;
        facts.certificates = vec![certificate(Purpose::Signing, certificate_level)];
        facts.guard.spraying = spraying;
        let Summary { level: found, headline: said, problems: all } = report(facts, Phase::Serving, true).summary;
        assert_eq!((found, said.as_str(), all.len()), (level, headline, problems));
        assert!(all.is_sorted_by(|one, two| one.level >= two.level), "the worst first");
    }
}

#[test]
fn phases_have_words_and_come_first() {
    let mut down = facts();
    down.parts = vec![part(Kind::Directory, Level::Failed, "down")];
    for (phase, ready, word, level) in [
        (Phase::Serving, false, "starting", Level::Unknown),
        (Phase::Serving, true, "ready", Level::Failed),
        (Phase::LameDuck, true, "draining", Level::Warning),
        (Phase::Draining, false, "draining", Level::Warning),
    ] {
        let report = report(down.clone(), phase, ready);
        assert_eq!((report.phase, report.summary.level), (word, level));
        assert_eq!(report.summary.problems.len(), 1, "what fails is told all the same");
    }
}

#[test]
fn every_key_is_documented() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/docs/status.md")).unwrap();
    let mut facts = facts();
    facts.guard.spraying = true;
    let part = facts.parts.first_mut().unwrap();
    part.members.push(Member { name: "a".to_owned(), level: Level::Ok, says: "b".to_owned() });
    let json: serde_json::Value = serde_json::from_slice(&report(facts, Phase::Serving, true).json()).unwrap();
    let mut keys = Vec::new();
    gather(&json, &mut keys);
    assert!(keys.len() > 60, "{keys:?}");
    let missing: Vec<_> = keys.iter().filter(|key| !document.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "deploy/docs/status.md lacks {missing:?}");
}

fn gather(value: &serde_json::Value, keys: &mut Vec<String>) {
    match value {
        // Microsoft documents these.
        serde_json::Value::Object(fields) if fields.contains_key("issuerUri") => {}
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            keys.push(key.clone());
            gather(value, keys);
        }),
        serde_json::Value::Array(all) => all.iter().for_each(|value| gather(value, keys)),
        _ => {}
    }
}
