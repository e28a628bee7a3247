//! The devices of the keys that sign.

use super::report::Report;
use crate::model::Clock;
use crate::runtime::SystemClock;
use crate::server::Prepared;
use crate::server::rollover::slots;

/// Tells of the devices that did not sign when the keys were read; of the others reading them has told.
pub(super) fn look(prepared: &Prepared, report: &mut Report<'_>) {
    for (section, key) in slots(&prepared.signing_keys, SystemClock.now()) {
        if let Some(why) = key.outage() {
            report.failed(section, why.to_string(), "see that the HSM, and whatever leads to it, is up");
        }
    }
}
