//! The status of whole configurations.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::admin::report::{Level, Report, Shadow};
use crate::handler::ForwardedStanding;
use crate::runtime::Phase;
use crate::server::tests::Installation;

async fn told(installation: &Installation, replacements: &[(&str, &str)]) -> Value {
    let running = installation.start_with(replacements);
    let facts = running.teller().facts();
    let now = running.teller().process.clock.now();
    serde_json::from_slice(&Report::new(facts, Phase::Serving, true, 0, now).json()).unwrap()
}

fn part<'a>(status: &'a Value, kind: &str) -> &'a Value {
    status["parts"].as_array().unwrap().iter().find(|part| part["kind"] == kind).unwrap()
}

#[tokio::test]
async fn a_fresh_process_works_and_tells_of_each_part() {
    let installation = Installation::new();
    let status = told(&installation, &[]).await;
    assert_eq!(status["headline"], "Everything works", "{status:#}");
    for (kind, level, says) in [
        ("listeners", "ok", "connections are open"),
        ("upstream", "", ""),
        ("directory", "ok", "Users in a file."),
        ("signing", "ok", "Signs tokens."),
        ("state", "ok", "This process keeps its own."),
        ("metadata", "ok", "Published here, valid until "),
        ("configuration", "ok", "Read at "),
        ("audit", "ok", "Every record was written."),
    ] {
        let part = part(&status, kind);
        // Whether a server behind has been asked yet is a matter of time.
        assert!(part["level"] == level || level.is_empty(), "{part}");
        assert!(part["says"].as_str().unwrap().contains(says), "{part}");
    }
    let certificates = status["certificates"].as_array().unwrap();
    let purposes: Vec<_> = certificates.iter().map(|one| (&one["purpose"], &one["days_left"])).collect();
    assert_eq!(purposes, [(&"tls".into(), &364.into()), (&"signing".into(), &364.into())]);
    let party = &status["relying_parties"][0];
    assert_eq!((&party["name"], &party["signature"]), (&"office365".into(), &"rsa-sha256".into()));
    let mex = &status["endpoints"][0];
    assert_eq!((&mex["key"], &mex["addresses"][0]), (&"mex".into(), &"https://localhost/mex".into()));
}

#[tokio::test]
async fn a_certificate_that_ends_is_told_before_and_after() {
    let installation = Installation::new();
    let key = crate::server::tests::elliptic();
    installation.write_pair("server", &key, 12);
    let status = told(&installation, &[]).await;
    assert_eq!((&status["level"], &status["problems"][0]["section"]), (&"warning".into(), &"certificates".into()));
    assert_eq!(status["certificates"][0]["says"], "Ends in 11 days: renew it.");
    installation.write_pair("server", &key, 0);
    let status = told(&installation, &[]).await;
    assert_eq!((&status["level"], &status["headline"]), (&"failed".into(), &"One thing does not work".into()));
}

/// All that an operator writes and that is nobody else's business: names of accounts, groups and files, networks, passwords.
#[tokio::test]
async fn nothing_secret_is_told() {
    let installation = Installation::new();
    installation.write("secret-file", "secret-password\n");
    let directory = "directory: { ldap: { urls: [ldap://127.0.0.1:9], bind_dn: \"cn=secret-account,dc=secret-dn\", \
                     bind_password_file: secret-file, base_dn: \"dc=secret-dn\", \
                     user_filter: \"(secret-attribute={name})\" } }";
    let parties = "relying_parties: [{ name: office365, preset: office365, required_group: secret-group, \
                   access: [{ allow: { networks: [192.0.2.0/24] } }, { deny: everybody }] }, \
                   { name: other, applies_to: [\"https://secret-party.example/\"] }]\n\
                   guard: { forwarders: [198.51.100.0/24] }\n\
                   trusted_proxies: [203.0.113.0/24]\n\
                   state: { url: 'redis://127.0.0.1:9', username: secret-user, password_file: secret-file }";
    let status = told(
        &installation,
        &[
            ("directory: { file: { path: users.yaml } }", directory),
            ("relying_parties: [{ name: office365, preset: office365 }]", parties),
        ],
    )
    .await;
    let text = status.to_string();
    for hidden in ["secret", "alice", "192.0.2", "198.51.100", "203.0.113", ".yaml", ".key", ".crt", ".json"] {
        let found = text.find(hidden).map(|at| text.get(at.saturating_sub(60)..at + 20));
        assert_eq!(found, None, "{hidden}");
    }
    assert_eq!(part(&status, "directory")["members"][0]["name"], "ldap://127.0.0.1:9");
}

#[tokio::test]
async fn what_is_read_again_and_wrong_is_told_until_it_is_mended() {
    let installation = Installation::new();
    let running = installation.start_with(&[]);
    let level = || part_level(&running.teller().facts(), "Configuration");
    assert_eq!(level(), Level::Ok);
    installation.configure(&[("mode: own", "mode: another")]);
    running.reload().await.unwrap_err();
    assert_eq!(level(), Level::Warning);
    installation.configure(&[("threads: 1", "threads: 2")]);
    running.reload().await.unwrap();
    let facts = running.teller().facts();
    let part = facts.parts.iter().find(|part| part.name == "Configuration").unwrap();
    assert!(part.says.ends_with(" Waits for a restart: limits.threads."), "{}", part.says);
}

fn part_level(facts: &Facts, name: &str) -> Level {
    facts.parts.iter().find(|part| part.name == name).unwrap().level
}

#[tokio::test]
async fn an_endpoint_in_shadow_has_its_counts() {
    let installation = Installation::new();
    let shadowed = "endpoints: { mex: [/mex], sts: shadow, ecp: forward }";
    let running = installation.start_with(&[("endpoints: { mex: [/mex] }", shadowed)]);
    let teller = running.teller();
    for (result, count) in [("same", 5), ("different", 2), ("not_compared", 3), ("failed", 1)] {
        teller.process.metrics.shadow.comparisons.with_label_values(&["sts", result]).inc_by(count);
    }
    let endpoints = teller.facts().endpoints;
    let of = |key| endpoints.iter().find(|endpoint| endpoint.key == key).map(|one| (one.own, one.shadow));
    assert_eq!(of("mex"), Some((true, None)));
    assert_eq!(of("ecp"), Some((false, None)));
    assert_eq!(of("sts"), Some((false, Some(Shadow { compared: 7, different: 2, not_compared: 4 }))));
}

#[test]
fn metadata_that_the_identity_provider_does_not_have_are_no_warning() {
    for (held, absent, of, level, says) in [
        (0, 0, 0, Level::Ok, "The identity provider's, forwarded."),
        (0, 1, 1, Level::Ok, "The identity provider has none there (status 404): requests are forwarded."),
        (1, 0, 1, Level::Ok, "The identity provider's, kept here, valid."),
        (1, 1, 2, Level::Ok, "The identity provider's, kept here, valid."),
        (0, 0, 1, Level::Warning, "0 of 1 documents are kept here. The log says why; where it has none, write"),
        (1, 0, 2, Level::Warning, "1 of 2 documents are kept here."),
        (0, 1, 2, Level::Warning, "endpoints.metadata: forward."),
    ] {
        let (found, said) = parts::forwarded(Some(ForwardedStanding { held, absent, of }), ", valid");
        assert_eq!(found, level, "{held} {absent} {of}");
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn a_process_that_drains_says_so() {
    let installation = Installation::new();
    let running = installation.start_with(&[]);
    let teller = running.teller();
    teller.lifecycle.announce();
    assert_eq!(part_level(&teller.facts(), "Listeners"), Level::Ok, "it accepts still");
    let ends = teller.lifecycle.clone();
    tokio::spawn(async move { ends.interrupt().await });
    tokio::time::timeout(Duration::from_secs(5), teller.lifecycle.draining()).await.unwrap();
    assert_eq!(part_level(&teller.facts(), "Listeners"), Level::Warning);
}
