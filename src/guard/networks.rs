//! Failed sign-ins by network, over a time that slides.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::keep_most;
use crate::model::Timestamp;

/// How many networks are counted; of more, those with the fewest failures are forgotten. Some 4 MB.
pub const NETWORKS_MAX: usize = 50_000;

/// The network that an address is in, as failures are counted: of 24 bits, or of IPv6 of 56, which is what a site gets.
pub fn network_of(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    IpNet::new(address, if address.is_ipv4() { 24 } else { 56 }).map_or(IpNet::from(address), |network| network.trunc())
}

/// Failures by network.
pub struct Networks {
    most: usize,
    by_network: HashMap<IpNet, Sliding>,
}

/// A count in this stretch of time, as long as the window, and in the one before. What of the latter still lies within the
/// window is taken for spread evenly over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sliding {
    began: Timestamp,
    now: u32,
    before: u32,
}

impl Default for Networks {
    fn default() -> Self {
        Self::with_room_for(NETWORKS_MAX)
    }
}

impl Networks {
    fn with_room_for(most: usize) -> Self {
        Self { most, by_network: HashMap::new() }
    }

    /// Counts a failure.
    pub fn count(&mut self, network: IpNet, window: Duration, now: Timestamp) {
        if self.by_network.len() >= self.most && !self.by_network.contains_key(&network) {
            self.by_network.retain(|_, sliding| sliding.within(window, now) > 0);
            keep_most(&mut self.by_network, self.most - self.most / 4, |sliding| Some(sliding.within(window, now)));
        }
        let sliding = self.by_network.entry(network).or_insert(Sliding { began: now, now: 0, before: 0 });
        sliding.slide(window, now);
        sliding.now = sliding.now.saturating_add(1);
    }

    /// Those within the window.
    pub fn failures(&self, network: &IpNet, window: Duration, now: Timestamp) -> u32 {
        self.by_network.get(network).map_or(0, |sliding| sliding.within(window, now))
    }

    /// The networks that most of them came from, with how many each.
    pub fn busiest(&self, number: usize, window: Duration, now: Timestamp) -> Vec<(IpNet, u32)> {
        let failures = |(network, sliding): (&IpNet, &Sliding)| (*network, sliding.within(window, now));
        let mut all: Vec<_> = self.by_network.iter().map(failures).filter(|(_, failures)| *failures > 0).collect();
        all.sort_unstable_by_key(|(network, failures)| (u32::MAX - failures, *network));
        all.truncate(number);
        all
    }

    /// What is counted of each, for another process to go on with.
    pub fn all(&self) -> impl Iterator<Item = (IpNet, Sliding)> {
        self.by_network.iter().map(|(network, sliding)| (*network, *sliding))
    }

    /// Goes on with what another process counted of one, while there is room.
    pub fn take_over(&mut self, network: IpNet, counted: Sliding) {
        if self.by_network.len() < self.most {
            self.by_network.insert(network, counted);
        }
    }

    /// How many networks are counted.
    pub fn len(&self) -> usize {
        self.by_network.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_network.is_empty()
    }
}

impl Sliding {
    fn slide(&mut self, window: Duration, now: Timestamp) {
        // A clock that was set back holds nobody for longer.
        self.began = self.began.min(now);
        let elapsed = now.since(self.began);
        if elapsed >= window * 2 {
            *self = Self { began: now, now: 0, before: 0 };
        } else if elapsed >= window {
            *self = Self { began: self.began.plus(window), now: 0, before: self.now };
        }
    }

    fn within(&self, window: Duration, now: Timestamp) -> u32 {
        let mut slid = *self;
        slid.slide(window, now);
        let left = window.saturating_sub(now.since(slid.began)).as_millis();
        let before = u128::from(slid.before) * left / window.as_millis().max(1);
        slid.now.saturating_add(u32::try_from(before).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn network(text: &str) -> IpNet {
        network_of(text.parse().unwrap())
    }

    #[test]
    fn a_site_is_one_network() {
        for (address, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.0/24"),
            ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ] {
            assert_eq!(network(address).to_string(), expected);
        }
    }

    #[test]
    fn failures_slide_out_of_the_window() {
        let mut networks = Networks::default();
        for second in 0..600 {
            networks.count(network("192.0.2.1"), WINDOW, at(second));
        }
        for (second, expected) in [(599, 600), (600, 600), (900, 300), (1199, 1), (1200, 0), (99_999, 0), (0, 600)] {
            assert_eq!(networks.failures(&network("192.0.2.9"), WINDOW, at(second)), expected, "{second}");
        }
        assert_eq!(networks.failures(&network("198.51.100.1"), WINDOW, at(0)), 0);
    }

    #[test]
    fn another_process_goes_on_with_what_was_counted() {
        let (mut networks, mut next) = (Networks::default(), Networks::with_room_for(1));
        networks.count(network("192.0.2.1"), WINDOW, at(0));
        networks.count(network("192.0.2.1"), WINDOW, at(700));
        for (network, counted) in networks.all() {
            next.take_over(network, counted);
        }
        next.take_over(network("198.51.100.1"), networks.by_network[&network("192.0.2.1")]);
        for second in [700, 800, 1300, 2000] {
            let failures = |networks: &Networks| networks.failures(&network("192.0.2.1"), WINDOW, at(second));
            assert_eq!(failures(&next), failures(&networks), "{second}");
        }
        assert_eq!(next.len(), 1);
    }

    #[test]
    fn a_clock_set_back_holds_nobody_for_longer() {
        let mut networks = Networks::default();
        networks.count(network("192.0.2.1"), WINDOW, at(1_000_000));
        networks.count(network("192.0.2.1"), WINDOW, at(0));
        assert_eq!(networks.failures(&network("192.0.2.1"), WINDOW, at(0)), 2);
        assert_eq!(networks.failures(&network("192.0.2.1"), WINDOW, at(1200)), 0);
    }

    #[test]
    fn of_too_many_networks_those_with_the_fewest_failures_are_forgotten() {
        let mut networks = Networks::with_room_for(1000);
        for _ in 0..5 {
            networks.count(network("192.0.2.1"), WINDOW, at(0));
        }
        for number in 0..10_000u32 {
            networks.count(network_of(IpAddr::from((number << 8).to_be_bytes())), WINDOW, at(0));
            assert!(networks.len() <= 1000 && !networks.is_empty());
        }
        assert_eq!(networks.busiest(1, WINDOW, at(1)), [(network("192.0.2.1"), 5)]);
        assert_eq!(networks.busiest(3, WINDOW, at(5000)), []);
    }
}
