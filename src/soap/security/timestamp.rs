//! When a message was made and when it ends (WSS SOAP Message Security 1.0, 10).

use super::{one, security};
use crate::model::{MAX_AGE, MAX_SKEW, Refusal, RefusalKind, Timestamp};
use crate::soap::WSU;
use crate::xml::Element;

/// When a message was made and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityTimestamp {
    /// `wsu:Created`.
    pub created: Timestamp,
    /// `wsu:Expires`.
    pub expires: Option<Timestamp>,
}

impl SecurityTimestamp {
    pub(super) fn read(element: &Element) -> Result<Self, Refusal> {
        let time = |name| one(element, WSU.uri, name).and_then(|found| found.map(read_time).transpose());
        let created = time("Created")?
            .ok_or_else(|| security("a Timestamp without Created").telling("The wsu:Timestamp needs a wsu:Created."))?;
        Ok(Self { created, expires: time("Expires")? })
    }

    /// Compares it, and when a token in the message was made, with our clock; `ended` is the kind of refusal for what is over.
    pub(super) fn check(self, token: Option<Timestamp>, now: Timestamp, ended: RefusalKind) -> Result<(), Refusal> {
        let clock = |kind, what: &str| Refusal::new(kind, format!("{what}; our clock says {now}"));
        for created in [Some(self.created), token].into_iter().flatten() {
            if created > now.plus(MAX_SKEW) {
                return Err(clock(RefusalKind::Clock, &format!("created in the future, at {created}")));
            }
            if created < now.minus(MAX_AGE + MAX_SKEW) {
                return Err(clock(ended, &format!("created too long ago, at {created}")));
            }
        }
        match self.expires {
            Some(expires) if expires <= self.created => Err(clock(RefusalKind::Clock, "it ends before it begins")),
            Some(expires) if expires < now.minus(MAX_SKEW) => Err(clock(ended, &format!("ended at {expires}"))),
            _ => Ok(()),
        }
    }
}

pub(super) fn read_time(element: &Element) -> Result<Timestamp, Refusal> {
    let name = &element.name.local;
    let text = element.trimmed_text().ok_or_else(|| security(&format!("{name} is not text")))?;
    Timestamp::parse(text).map_err(|error| security(&format!("{name} is {error}")))
}
