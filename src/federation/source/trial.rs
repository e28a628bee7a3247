//! Asking a source once, for an operator who wants to know whether it works.

use super::contents::Contents;
use super::mdq::{Mdq, NOBODY};
use super::{Kind, Source};

/// What came of asking a source.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What there is.
    pub found: String,
    /// What is likely not meant.
    pub doubts: Vec<String>,
}

impl Source {
    /// Asks the source once, whatever is known of it, and keeps nothing of the answer. `wanted` are the entities that the
    /// configuration names.
    ///
    /// # Errors
    /// There is nothing that is believed; why.
    pub async fn try_out(&self, wanted: &[String]) -> Result<Trial, String> {
        match &self.kind {
            Kind::Held(held) => Ok(describe(&held.try_out().await?, wanted)),
            Kind::Mdq(mdq) => query(mdq, wanted).await,
        }
    }
}

fn describe(contents: &Contents, wanted: &[String]) -> Trial {
    let ecp = contents.providers().filter(|provider| provider.supports_ecp()).count();
    let end = contents.valid_until.map_or_else(|| "without an end".to_owned(), |until| format!("valid until {until}"));
    let mut doubts = contents.notes.clone();
    let all = contents.len();
    if ecp == 0 {
        doubts.push("none of its service providers has an endpoint for ECP".to_owned());
    }
    for entity_id in wanted {
        match contents.providers().find(|provider| provider.entity_id == *entity_id) {
            None => doubts.push(format!("{entity_id} is not in it")),
            Some(provider) if !provider.supports_ecp() => doubts.push(format!("{entity_id} has no endpoint for ECP")),
            Some(_) => {}
        }
    }
    Trial { found: format!("{all} service providers, {ecp} of them with ECP; {end}"), doubts }
}

async fn query(mdq: &Mdq, wanted: &[String]) -> Result<Trial, String> {
    let mut trial = Trial { found: "it answers".to_owned(), doubts: Vec::new() };
    if wanted.is_empty() {
        mdq.try_out(NOBODY).await?;
        trial.found += "; whether it is believed shows with the first entity";
    }
    for entity_id in wanted {
        match mdq.try_out(entity_id).await? {
            None => trial.doubts.push(format!("{entity_id} is no service provider that it knows")),
            Some(provider) if !provider.supports_ecp() => {
                trial.doubts.push(format!("{entity_id} has no endpoint for ECP"));
            }
            Some(_) => trial.found += &format!("; {entity_id} is a service provider with ECP"),
        }
    }
    Ok(trial)
}
