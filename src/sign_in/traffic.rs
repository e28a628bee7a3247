//! What comes of all sign-ins together: failures by network, and of how many names.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use crate::config::{GuardConfig, SprayConfig};
use crate::guard::{Networks, Sliding, Spray, SprayPolicy, network_of};
use crate::model::Timestamp;
use crate::telemetry::{AuditPlace, SprayRecord};

/// How long failures of networks count where none is refused for them, and only sprays are told.
const USUAL_WINDOW: Duration = Duration::from_secs(600);
/// How many networks are told of a spray.
const BUSIEST: usize = 5;

/// Failures of this process, whomever they concern.
#[derive(Default)]
pub(super) struct Traffic(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    networks: Networks,
    spray: Spray,
}

impl Traffic {
    /// A sign-in by that name failed, `from` there.
    pub(super) fn failed(&self, guard: &GuardConfig, name: u64, from: &[IpAddr], now: Timestamp) {
        self.with(|Inside { networks, spray }| {
            let mut counted: Vec<IpNet> = from.iter().map(|client| network_of(*client)).collect();
            counted.sort_unstable();
            counted.dedup();
            counted.into_iter().for_each(|network| networks.count(network, window(guard), now));
            if let Some(policy) = guard.spray.as_ref().map(policy) {
                spray.failed(name, &policy, now);
            }
        });
    }

    /// Somebody signed in by that name.
    pub(super) fn succeeded(&self, guard: &GuardConfig, name: u64, now: Timestamp) {
        if let Some(policy) = guard.spray.as_ref().map(policy) {
            self.with(|inside| inside.spray.succeeded(name, &policy, now));
        }
    }

    /// Whether too many failed where all these clients are. Nobody is held to what came from loopback or from those in
    /// `shared`, behind whom others are, nor without an address.
    pub(super) fn is_over(&self, guard: &GuardConfig, clients: &[IpAddr], shared: &[IpNet], now: Timestamp) -> bool {
        let Some(budget) = guard.networks else { return false };
        let of_many = |client: &IpAddr| {
            let client = client.to_canonical();
            client.is_loopback() || shared.iter().any(|network| network.contains(&client))
        };
        let own = !clients.is_empty() && !clients.iter().any(of_many);
        own && self.with(|inside| {
            let failures = |client: &IpAddr| inside.networks.failures(&network_of(*client), budget.window, now);
            clients.iter().all(|client| failures(client) >= budget.failures)
        })
    }

    /// What is to be told, if a spray has begun or ended.
    pub(super) fn turn(&self, guard: &GuardConfig, now: Timestamp) -> Option<SprayRecord> {
        self.with(|Inside { networks, spray }| {
            let report = spray.turn(guard.spray.as_ref().map(policy).as_ref(), now)?;
            Some(SprayRecord {
                time: now,
                begun: report.begun,
                failed: report.failed,
                succeeded: report.succeeded,
                window: guard.spray.map_or(Duration::ZERO, |spray| spray.window),
                networks: networks.busiest(BUSIEST, window(guard), now),
            })
        })
    }

    /// How much longer a refusal takes who is there.
    pub(super) fn slow_down(&self, guard: &GuardConfig, place: Option<AuditPlace>) -> Duration {
        let slow_down = guard.spray.map_or(Duration::ZERO, |spray| spray.slow_down);
        let slow =
            !slow_down.is_zero() && place != Some(AuditPlace::Familiar) && self.with(|inside| inside.spray.is_active());
        if slow { slow_down } else { Duration::ZERO }
    }

    /// What is counted by network, for another process to go on with.
    pub(super) fn networks(&self) -> Vec<(IpNet, Sliding)> {
        self.with(|inside| inside.networks.all().collect())
    }

    /// Goes on with what another process counted of a network.
    pub(super) fn take_over(&self, network: IpNet, counted: Sliding) {
        self.with(|inside| inside.networks.take_over(network, counted));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn window(guard: &GuardConfig) -> Duration {
    guard.networks.map_or(USUAL_WINDOW, |budget| budget.window)
}

fn policy(spray: &SprayConfig) -> SprayPolicy {
    SprayPolicy { names: spray.names, window: spray.window }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkBudget;
    use crate::sign_in::tests::guard;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn a_network_over_its_budget_is_one_that_all_clients_are_in_and_that_nobody_shares() {
        let guard = GuardConfig { networks: Some(NetworkBudget { failures: 3, window: USUAL_WINDOW }), ..guard() };
        let traffic = Traffic::default();
        let clients = |text: &str| -> Vec<IpAddr> { text.split_whitespace().map(|one| one.parse().unwrap()).collect() };
        for host in 1..4 {
            let from = clients(&format!("192.0.2.{host} 192.0.2.77 10.0.0.1 127.0.0.1"));
            traffic.failed(&guard, host, &from, at(0));
        }
        let shared = ["10.0.0.0/8".parse().unwrap()];
        for (from, expected) in [
            ("192.0.2.200", true),
            ("::ffff:192.0.2.200", true),
            ("198.51.100.1", false),
            ("192.0.2.1 198.51.100.1", false),
            ("10.0.0.1", false),
            ("192.0.2.1 10.0.0.1", false),
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(traffic.is_over(&guard, &clients(from), &shared, at(1)), expected, "{from}");
        }
        assert!(!traffic.is_over(&guard, &clients("192.0.2.1"), &shared, at(601)), "it slides");
        let off = GuardConfig { networks: None, ..guard };
        assert!(!traffic.is_over(&off, &clients("192.0.2.1"), &shared, at(1)));
    }

    #[test]
    fn while_a_spray_lasts_refusals_of_strangers_take_longer() {
        let slow_down = Duration::from_secs(2);
        let spray = SprayConfig { names: 10, window: Duration::from_secs(600), slow_down };
        let guard = GuardConfig { spray: Some(spray), ..guard() };
        let traffic = Traffic::default();
        for name in 0..11 {
            assert_eq!(traffic.turn(&guard, at(0)), None);
            assert!(traffic.slow_down(&guard, None).is_zero());
            traffic.failed(&guard, name, &["192.0.2.1".parse().unwrap()], at(0));
        }
        let told = traffic.turn(&guard, at(1)).unwrap();
        assert_eq!((told.begun, told.failed, told.networks), (true, 11, vec![("192.0.2.0/24".parse().unwrap(), 11)]));
        for (place, expected) in
            [(None, slow_down), (Some(AuditPlace::Unknown), slow_down), (Some(AuditPlace::Familiar), Duration::ZERO)]
        {
            assert_eq!(traffic.slow_down(&guard, place), expected);
        }
        assert!(!traffic.turn(&guard, at(700)).unwrap().begun);
        assert!(traffic.slow_down(&guard, None).is_zero());
    }

    /// Ten million names from as many networks take no more room than there is.
    #[test]
    fn however_many_names_and_networks_fail_memory_is_bounded() {
        let (guard, traffic) = (guard(), Traffic::default());
        for number in 0..200_000u32 {
            let client = IpAddr::from((number << 8).to_be_bytes());
            traffic.failed(&guard, u64::from(number), &[client], at(0));
            traffic.succeeded(&guard, u64::from(number), at(0));
        }
        let (networks, names) = traffic.with(|inside| (inside.networks.len(), inside.spray.len()));
        assert!(networks <= crate::guard::NETWORKS_MAX && names <= 2 * crate::guard::NAMES_MAX, "{networks} {names}");
    }
}
