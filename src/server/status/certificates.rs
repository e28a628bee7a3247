//! Certificates, and how long they last.

use openssl::x509::X509Ref;

use crate::admin::report::{Certificate, Level, Purpose};
use crate::keys::{Condition, Inspection};
use crate::model::Timestamp;
use crate::server::certificates::Certificates;
use crate::server::snapshot::Snapshot;

/// Those of TLS, then those of signing: the present one, the next, those before.
pub(super) fn certificates(tls: &Certificates, snapshot: &Snapshot, now: Timestamp) -> Vec<Certificate> {
    let mut all: Vec<Certificate> = Vec::new();
    for (address, reception) in tls.each() {
        let leaves = reception.tls.iter().flat_map(|served| served.leaves());
        for (leaf, names) in leaves {
            let mut one = certificate(leaf, Purpose::Tls, address.to_string(), now);
            one.names = names.clone();
            match all.iter_mut().find(|other| other.sha256 == one.sha256) {
                Some(same) => same.slot = format!("{}, {}", same.slot, one.slot),
                None => all.push(one),
            }
        }
    }
    let keys = &snapshot.context().signing_keys;
    let signing =
        |certificate: &X509Ref, slot: &str| self::certificate(certificate, Purpose::Signing, slot.to_owned(), now);
    let current = keys.at(now);
    all.push(signing(current.certificate(), "current"));
    let next = keys.next(now).map(|next| next.key.certificate());
    all.extend(next.map(|next| signing(next, "next")));
    let others = keys.others(now).filter(|other| Some(*other) != next && *other != current.certificate());
    all.extend(others.map(|other| signing(other, "previous")));
    all
}

fn certificate(certificate: &X509Ref, purpose: Purpose, slot: String, now: Timestamp) -> Certificate {
    let found = Inspection::of(certificate, now);
    let (level, says) = judged(&found, purpose, &slot);
    let Inspection { description, key, starts, days_left, .. } = found;
    Certificate {
        purpose,
        slot,
        names: Vec::new(),
        subject: description.subject,
        key,
        sha256: description.sha256,
        starts: starts.map(|at| at.to_string()),
        ends: description.ends.map(|at| at.to_string()),
        days_left,
        level,
        says,
    }
}

fn judged(found: &Inspection, purpose: Purpose, slot: &str) -> (Level, String) {
    let days = found.days_left.unwrap_or_default();
    let remedy = match purpose {
        Purpose::Tls => "renew it",
        Purpose::Signing => "renew it, and register the new one with every relying party",
    };
    match found.condition {
        _ if slot == "previous" => (Level::Ok, "No longer signs; what it signed still counts.".to_owned()),
        Condition::Fine => (Level::Ok, format!("Ends in {}.", of_days(days))),
        Condition::EndsSoon if days == 0 => (Level::Warning, format!("Ends today: {remedy}.")),
        Condition::EndsSoon => (Level::Warning, format!("Ends in {}: {remedy}.", of_days(days))),
        Condition::Ended => (Level::Failed, format!("Has ended: {remedy}.")),
        // It may be early for a purpose.
        Condition::NotYet if slot == "next" => (Level::Ok, "Is not valid yet.".to_owned()),
        Condition::NotYet => (Level::Failed, "Is not valid yet: set the clock, or wait with it.".to_owned()),
        Condition::Damaged => {
            (Level::Warning, "Its time cannot be read: write the file again from its source.".to_owned())
        }
    }
}

fn of_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
