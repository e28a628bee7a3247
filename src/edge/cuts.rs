//! What the log is told of connections that are cut before HTTP: enough to find a balancer or a client that is set up wrongly,
//! and not a line for each connection that a stranger opens.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::certificates::RefusedCertificate;
use crate::model::quoted;

/// Lines of one reason are at least this far apart.
const PAUSE: Duration = Duration::from_secs(60);

/// The reasons, for all listeners together.
#[derive(Default)]
pub(super) struct Cuts {
    strangers: Seldom,
    without_header: Seldom,
    certificates: Seldom,
}

impl Cuts {
    /// A peer that is not in `trusted_proxies`, where connections begin with a PROXY protocol header.
    pub fn stranger(&self, peer: IpAddr) {
        if let Some(untold) = self.strangers.again(Instant::now()) {
            warn!(untold, "a connection was cut: {peer} is not in trusted_proxies");
        }
    }

    /// A trusted peer that sent no such header, or not in time.
    pub fn without_header(&self, peer: IpAddr) {
        if let Some(untold) = self.without_header.again(Instant::now()) {
            warn!(untold, "a connection was cut: no PROXY protocol header from {peer}");
        }
    }

    /// A client whose certificate is not believed.
    pub fn certificate(&self, peer: SocketAddr, refused: &RefusedCertificate) {
        if let Some(untold) = self.certificates.again(Instant::now()) {
            let RefusedCertificate { subject, reason } = refused;
            info!(untold, "a client's certificate was refused: {reason}; of {}, from {peer}", quoted(subject));
        }
    }
}

/// When it was last told of, and how many came since.
#[derive(Default)]
struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// It happens again. How many times it did untold, if it is to be told now.
    fn again(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, untold) = &mut *state;
        if told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
            *untold += 1;
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_then_one_a_minute_with_their_number() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        for (after, told) in
            [(0, Some(0)), (1, None), (59, None), (60, Some(2)), (61, None), (500, Some(1)), (560, Some(0))]
        {
            assert_eq!(seldom.again(start + Duration::from_secs(after)), told, "{after}");
        }
    }
}
