//! Reading the directory's own lockout policy, which the guard has to stay below.

use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use ldap3::Scope;
use tokio::time::timeout;

use super::connect::Connection;
use super::entry::RawEntry;
use super::failure::Failure;
use super::result;
use crate::config::LdapConfig;
use crate::directory::{Lockout, LockoutPolicy};
use crate::model::{AttributeValue, Attributes};

/// The domain's own (MS-ADA1): threshold, window and duration.
const DOMAIN: [&str; 3] = ["lockoutThreshold", "lockOutObservationWindow", "lockoutDuration"];
/// A fine-grained one (MS-ADA2).
const FINE_GRAINED: [&str; 3] = ["msDS-LockoutThreshold", "msDS-LockoutObservationWindow", "msDS-LockoutDuration"];
/// draft-behera-ldap-password-policy-10, 5.2.
const PPOLICY: [&str; 4] = ["pwdLockout", "pwdMaxFailure", "pwdFailureCountInterval", "pwdLockoutDuration"];
/// By which a server says that it has such policies (ibid., 6).
const PPOLICY_CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Reads it by what the server's root says that it is.
pub(super) async fn read(config: &LdapConfig, connection: &mut Connection) -> Result<Lockout, Failure> {
    // Without a service account nobody has bound, and it may be that all the same everything can be read.
    let who = if config.bind_dn.is_empty() { "an anonymous client" } else { "bind_dn" };
    let mut reader = Reader { connection, within: config.operation_timeout, who };
    let wanted = ["defaultNamingContext", "namingContexts", "supportedControl"];
    let root = reader.search("", Scope::Base, "(objectClass=*)", &wanted).await?.pop();
    let root = root.map(RawEntry::into_attributes).unwrap_or_default();
    match text(&root, "defaultNamingContext") {
        Some(domain) => active_directory(&mut reader, domain).await,
        None => password_policies(&mut reader, &config.base_dn, &root).await,
    }
}

/// Whether the server's root says so.
pub(super) async fn is_active_directory(config: &LdapConfig, connection: &mut Connection) -> Result<bool, Failure> {
    let mut reader = Reader { connection, within: config.operation_timeout, who: "" };
    let root = reader.search("", Scope::Base, "(objectClass=*)", &["defaultNamingContext"]).await?.pop();
    let root = root.map(RawEntry::into_attributes).unwrap_or_default();
    Ok(text(&root, "defaultNamingContext").is_some())
}

async fn active_directory(reader: &mut Reader<'_>, domain: &str) -> Result<Lockout, Failure> {
    let found = reader.search(domain, Scope::Base, "(objectClass=*)", &DOMAIN).await?;
    let Some(of_domain) = found.into_iter().find_map(|entry| of_active_directory(entry, DOMAIN)) else {
        let who = reader.who;
        let unseen = format!("{who} may not read the lockoutThreshold of {domain}, if it is in this server at all");
        return Ok(Lockout { policies: Vec::new(), unseen: Some(unseen), silent: false });
    };
    let container = format!("CN=Password Settings Container,CN=System,{domain}");
    let found =
        reader.search(&container, Scope::OneLevel, "(objectClass=msDS-PasswordSettings)", &FINE_GRAINED).await?;
    let fine_grained: Vec<_> = found.into_iter().filter_map(|entry| of_active_directory(entry, FINE_GRAINED)).collect();
    // Usually only administrators see them: that there are none cannot be told apart.
    let unseen = fine_grained.is_empty().then(|| {
        let who = reader.who;
        format!(
            "there may be fine-grained password policies, of which {who} sees none, as usually only administrators do"
        )
    });
    let policies = [vec![of_domain], fine_grained].concat();
    Ok(Lockout { policies, unseen, silent: false })
}

async fn password_policies(reader: &mut Reader<'_>, base_dn: &str, root: &Attributes) -> Result<Lockout, Failure> {
    let contexts = root.all("namingContexts").iter().filter_map(AttributeValue::as_text);
    let mut policies: Vec<LockoutPolicy> = Vec::new();
    for base in contexts.chain([base_dn]) {
        for entry in reader.search(base, Scope::Subtree, "(objectClass=pwdPolicy)", &PPOLICY).await? {
            if policies.iter().all(|known| !known.name.eq_ignore_ascii_case(&entry.dn)) {
                policies.push(of_password_policy(entry));
            }
        }
    }
    let mut controls = root.all("supportedControl").iter().filter_map(AttributeValue::as_text);
    let has_policies = controls.any(|control| control == PPOLICY_CONTROL);
    let unseen = policies.is_empty().then(|| none_seen(has_policies, reader.who));
    let silent = has_policies || !policies.is_empty();
    Ok(Lockout { policies, unseen, silent })
}

fn none_seen(has_policies: bool, who: &str) -> String {
    match has_policies {
        true => format!("the server has password policies, and {who} may read none"),
        false => format!("the server shows no password policy that {who} may read"),
    }
}

/// Threshold, window and duration from attributes of these names; `None` where they may not be read.
fn of_active_directory(entry: RawEntry, [threshold, window, duration]: [&str; 3]) -> Option<LockoutPolicy> {
    let name = entry.dn.clone();
    let attributes = entry.into_attributes();
    Some(LockoutPolicy {
        name,
        threshold: NonZeroU32::new(text(&attributes, threshold)?.parse().ok()?),
        window: text(&attributes, window).and_then(interval),
        duration: text(&attributes, duration).and_then(interval),
    })
}

/// An interval of Active Directory's: negative, in tenths of a microsecond; 0 and the least are for ever.
fn interval(text: &str) -> Option<Duration> {
    let ticks: i64 = text.parse().ok()?;
    let length = ticks.checked_neg().and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0)?;
    Some(Duration::from_micros(length / 10))
}

/// What is absent or 0 does not lock, does not forget, or does not unlock.
fn of_password_policy(entry: RawEntry) -> LockoutPolicy {
    let name = entry.dn.clone();
    let attributes = entry.into_attributes();
    let [locks, failures, interval, duration] = PPOLICY.map(|name| text(&attributes, name));
    let seconds = |value: Option<&str>| value?.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let locks = locks.is_some_and(|locks| locks.eq_ignore_ascii_case("true"));
    LockoutPolicy {
        name,
        threshold: failures.filter(|_| locks).and_then(|failures| failures.parse().ok()),
        window: seconds(interval),
        duration: seconds(duration),
    }
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.first(name).and_then(AttributeValue::as_text)
}

struct Reader<'c> {
    connection: &'c mut Connection,
    within: Duration,
    /// Who reads, as an operator would call them.
    who: &'static str,
}

impl Reader<'_> {
    /// What is found; nothing where it is not there or may not be seen.
    async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        names: &[&str],
    ) -> Result<Vec<RawEntry>, Failure> {
        let search = self.connection.ldap.search(base, scope, filter, names);
        // ldap3 panics on malformed answers.
        let answer = timeout(self.within, AssertUnwindSafe(search).catch_unwind()).await;
        let answer = answer.map_err(|_| Failure::timeout())?.map_err(|_| Failure::malformed())??;
        match answer.1.rc {
            result::SUCCESS | result::SIZE_LIMIT_EXCEEDED => {
                Ok(answer.0.into_iter().filter_map(RawEntry::read_any).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(number: u64) -> Option<Duration> {
        Some(Duration::from_secs(60 * number))
    }

    fn entry(values: &[(&str, &str)]) -> RawEntry {
        RawEntry::of("cn=x", values)
    }

    fn policy(threshold: u32, window: Option<Duration>, duration: Option<Duration>) -> LockoutPolicy {
        LockoutPolicy { name: "cn=x".to_owned(), threshold: threshold.try_into().ok(), window, duration }
    }

    #[test]
    fn active_directory_counts_in_tenths_of_a_microsecond_backwards() {
        for (values, expected) in [
            (
                &[
                    ("lockoutThreshold", "5"),
                    ("lockOutObservationWindow", "-18000000000"),
                    ("lockoutDuration", "-600000000"),
                ][..],
                Some(policy(5, minutes(30), minutes(1))),
            ),
            (&[("LOCKOUTTHRESHOLD", "5"), ("lockoutDuration", "-9223372036854775808")], Some(policy(5, None, None))),
            (&[("lockoutThreshold", "0"), ("lockOutObservationWindow", "0")], Some(policy(0, None, None))),
            (&[("lockoutThreshold", "-1")], None),
            (&[("lockoutDuration", "-18000000000")], None),
            (&[], None),
        ] {
            assert_eq!(of_active_directory(entry(values), DOMAIN), expected, "{values:?}");
        }
        let strict = entry(&[("msDS-LockoutThreshold", "2"), ("lockoutThreshold", "5")]);
        assert_eq!(of_active_directory(strict, FINE_GRAINED), Some(policy(2, None, None)));
    }

    #[test]
    fn a_password_policy_locks_only_where_it_says_so() {
        let five = ("pwdMaxFailure", "5");
        for (values, expected) in [
            (
                &[("pwdLockout", "TRUE"), five, ("pwdFailureCountInterval", "1800"), ("pwdLockoutDuration", "60")][..],
                policy(5, minutes(30), minutes(1)),
            ),
            (&[("pwdLockout", "TRUE"), five, ("pwdFailureCountInterval", "0")], policy(5, None, None)),
            (&[("pwdLockout", "TRUE")], policy(0, None, None)),
            (&[("pwdLockout", "TRUE"), ("pwdMaxFailure", "0")], policy(0, None, None)),
            (&[("pwdLockout", "FALSE"), five], policy(0, None, None)),
            (&[five], policy(0, None, None)),
        ] {
            assert_eq!(of_password_policy(entry(values)), expected, "{values:?}");
        }
    }
}
