//! One service provider for a sample user: which relying party it is, by its own metadata or by a source's, and what it would
//! be told over ECP.

use std::net::Ipv4Addr;

use super::claims::{self, shown};
use super::report::Report;
use super::user::Adapter;
use crate::model::{ClientAddress, Clock as _, Entry};
use crate::runtime::SystemClock;
use crate::server::Prepared;

/// Which service provider.
pub(super) struct Asked<'a> {
    pub entity_id: &'a str,
    /// Whether sources may be asked over the network.
    pub online: bool,
    pub adapter: Adapter,
}

/// Looks it up as a request's Issuer would be, and evaluates the rules of its relying party.
pub(super) async fn evaluate(
    prepared: &Prepared,
    asked: &Asked<'_>,
    entry: &Entry,
    step: &str,
    report: &mut Report<'_>,
) {
    let Asked { entity_id, online, adapter } = *asked;
    let step = format!("{step}, service provider {}", shown(entity_id));
    let parties = &prepared.parties;
    if !parties.has_own(entity_id) {
        for source in prepared.sources.iter() {
            source.rehearse(entity_id, online).await;
        }
    }
    let now = SystemClock.now();
    let found = match parties.named(entity_id, ClientAddress(Ipv4Addr::LOCALHOST.into()), now).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let why = parties.why_none(entity_id, now);
            let help = "see the spelling, its metadata, and the metadata_source, entity_id and entity_categories of relying_parties";
            return report.failed(&step, format!("nobody can sign in there: {why}"), help);
        }
        Err(unavailable) => {
            let help = if online { "see what is said of the source above" } else { "ask the source, too: --online" };
            return report.failed(&step, format!("cannot be looked up: {unavailable}"), help);
        }
    };
    let until = found.provider.valid_until.map_or_else(String::new, |until| format!(", valid until {until}"));
    let from = found
        .source
        .map_or_else(|| "metadata of its own".to_owned(), |source| format!("metadata source {}", source.name()));
    report.fine(&step, format!("relying party {}, by {from}{until}", found.party.name));
    if let Some(why) = found.why_not_encrypted() {
        let help = "have an RSA key to encrypt for added to its metadata, or set ecp.encrypt of its relying party";
        report.failed(&step, format!("nobody can sign in there: {why}"), help);
    }
    claims::evaluate_one(prepared, adapter, entry, &found, &step, report);
}
