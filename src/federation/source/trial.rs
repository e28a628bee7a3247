//! Asking a source once, for an operator who wants to know whether it works.

use super::contents::Contents;
use super::mdq::{Mdq, NOBODY};
use super::{Kind, Source};
use crate::federation::{Fault, Objection};
use crate::model::Timestamp;
use crate::saml::metadata::ServiceProvider;

/// Entities that a query service is asked for at most.
const MOST_ASKED: usize = 10;

/// What came of asking a source.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What there is.
    pub found: Vec<String>,
    /// What is likely not meant.
    pub doubts: Vec<Objection>,
    /// What cannot be had, or is not believed.
    pub failures: Vec<Objection>,
}

impl Source {
    /// Asks the source once, whatever is known of it, and keeps nothing of the answer on disk. `wanted` are the entities that
    /// the configuration names.
    ///
    /// # Errors
    /// There is nothing that is believed; why.
    pub async fn try_out(&self, wanted: &[String]) -> Result<Trial, Objection> {
        match &self.kind {
            Kind::Held(held) => Ok(describe(&*held.try_out().await?, wanted, held.works().clock.now())),
            Kind::Mdq(mdq) => query(mdq, wanted).await,
        }
    }
}

fn describe(contents: &Contents, wanted: &[String], now: Timestamp) -> Trial {
    let (all, ecp) = (contents.present(now).count(), contents.present(now).filter(|one| one.supports_ecp()).count());
    let end = ending(contents.valid_until);
    let mut doubts = contents.told(now);
    if ecp == 0 {
        doubts.push(Objection::new(Fault::NoEcp, "none of its service providers has an endpoint for ECP"));
    }
    for entity_id in wanted {
        let found = contents.providers().find(|provider| provider.entity_id == *entity_id);
        doubts.extend(judged(entity_id, found.map(|found| &**found), now).err());
    }
    let found = vec![format!("{all} service providers, {ecp} of them with ECP; {end}")];
    Trial { found, doubts, ..Trial::default() }
}

async fn query(mdq: &Mdq, wanted: &[String]) -> Result<Trial, Objection> {
    let mut trial = Trial::default();
    if wanted.is_empty() {
        mdq.try_out(NOBODY).await?;
        trial.found.push("it answers; whether it is believed shows with the first entity".to_owned());
    }
    for entity_id in wanted.iter().take(MOST_ASKED) {
        match mdq.try_out(entity_id).await {
            Ok(found) => match judged(entity_id, found.as_deref(), mdq.works().clock.now()) {
                Ok(said) => trial.found.push(said),
                Err(doubt) => trial.doubts.push(doubt),
            },
            // The others would wait as long for nothing.
            Err(why) if why.fault == Fault::Unreachable => {
                trial.failures.push(why);
                return Ok(trial);
            }
            Err(why) => trial.failures.push(why.of(entity_id)),
        }
    }
    if let Some(more) = wanted.len().checked_sub(MOST_ASKED).filter(|more| *more > 0) {
        trial.found.push(format!("{more} more that relying_parties name are not asked for"));
    }
    Ok(trial)
}

/// What there is of an entity that a relying party names, or why nobody can sign in there.
fn judged(entity_id: &str, found: Option<&ServiceProvider>, now: Timestamp) -> Result<String, Objection> {
    let Some(provider) = found else {
        return Err(Objection::new(Fault::Absent, format!("{entity_id} is no service provider that it has")));
    };
    match provider.valid_until {
        _ if !provider.supports_ecp() => {
            Err(Objection::new(Fault::NoEcp, format!("{entity_id} has no endpoint for ECP (PAOS)")))
        }
        Some(until) if until <= now => {
            Err(Objection::new(Fault::EndedEntity, format!("{entity_id} has ended, by its validUntil {until}")))
        }
        until => Ok(format!("{entity_id} is there, with ECP (PAOS), {}", ending(until))),
    }
}

fn ending(valid_until: Option<Timestamp>) -> String {
    valid_until.map_or_else(|| "without an end".to_owned(), |until| format!("valid until {until}"))
}
