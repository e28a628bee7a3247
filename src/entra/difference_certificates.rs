//! The certificates that a tenant has, against those that sign. Entra takes a token that either of its two verifies.

use std::time::Duration;

use super::certificate::Certificate;
use super::difference::{Consequence, Difference};
use super::domain::Domain;
use super::powershell::update;
use super::tenant::Tenant;
use crate::model::{Timestamp, is_misleading};

const SIGNING: &str = "signingCertificate";
const NEXT: &str = "nextSigningCertificate";
/// In so little time the next one should be there.
const SOON: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn certificates(ours: &Domain, theirs: &Tenant, now: Timestamp) -> Vec<Difference> {
    let found = Found {
        ours,
        theirs,
        signing: Slot::read(&theirs.signing_certificate),
        next: Slot::read(&theirs.next_signing_certificate),
    };
    [found.registered(), found.will_be_registered(), found.ending(now), found.stranger(SIGNING), found.stranger(NEXT)]
        .into_iter()
        .flatten()
        .collect()
}

/// What one of the tenant's two settings holds.
enum Slot {
    Empty,
    Unreadable(String),
    Holds(Box<Certificate>),
}

impl Slot {
    fn read(text: &Option<String>) -> Self {
        match text.as_deref().map(|text| (text, Certificate::read(text))) {
            None => Self::Empty,
            Some((_, Ok(certificate))) => Self::Holds(Box::new(certificate)),
            Some((text, Err(error))) => {
                let start: String = text.chars().filter(|c| !is_misleading(*c)).take(24).collect();
                Self::Unreadable(format!("{start}…, which {error}"))
            }
        }
    }

    fn holds(&self, certificate: &Certificate) -> bool {
        matches!(self, Self::Holds(held) if **held == *certificate)
    }

    fn described(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Unreadable(text) => Some(text.clone()),
            Self::Holds(certificate) => Some(certificate.described()),
        }
    }
}

struct Found<'a> {
    ours: &'a Domain,
    theirs: &'a Tenant,
    signing: Slot,
    next: Slot,
}

impl Found<'_> {
    fn slot(&self, setting: &str) -> &Slot {
        if setting == SIGNING { &self.signing } else { &self.next }
    }

    fn has(&self, certificate: &Certificate) -> bool {
        self.signing.holds(certificate) || self.next.holds(certificate)
    }

    fn difference(
        &self,
        setting: &'static str,
        ours: Option<&Certificate>,
        consequence: Consequence,
        follows: impl Into<String>,
        settings: &[(&str, &str)],
    ) -> Difference {
        let (domain, id) = (&self.ours.name, self.theirs.id.as_deref());
        Difference {
            setting,
            ours: ours.map(Certificate::described),
            theirs: self.slot(setting).described(),
            consequence,
            follows: follows.into(),
            command: (!settings.is_empty()).then(|| update(domain, id, settings)),
        }
    }

    /// The certificate that signs.
    fn registered(&self) -> Option<Difference> {
        let ours = &self.ours.signing;
        if self.signing.holds(ours) {
            return None;
        }
        let (current, next) = (ours.base64(), self.ours.next.as_ref().map(Certificate::base64));
        let mut settings = vec![(SIGNING, current.as_str())];
        settings.extend(next.as_deref().map(|next| (NEXT, next)));
        if self.next.holds(ours) {
            let follows = "The certificate that signs stands as the next one. Entra takes it there, too, until another takes \
                           that place.";
            return Some(self.difference(SIGNING, Some(ours), Consequence::Note, follows, &settings));
        }
        let follows = match self.signing {
            Slot::Unreadable(_) => {
                "What stands there is no certificate, so that no token of fedfront's is taken (AADSTS50008, AADSTS500081). It is one line \
                 of base64, of the DER."
            }
            _ => {
                "No token of fedfront's is taken: Entra has neither as current nor as next certificate the one that signs \
                 (AADSTS50008, or AADSTS500081 with SAML)."
            }
        };
        Some(self.difference(SIGNING, Some(ours), Consequence::Fails, follows, &settings))
    }

    /// The certificate that will sign.
    fn will_be_registered(&self) -> Option<Difference> {
        let next = self.ours.next.as_ref().filter(|next| !self.has(next))?;
        // Where the one that signs is not there either, that says it all.
        if !self.has(&self.ours.signing) {
            return None;
        }
        let (signing, base64) = (self.ours.signing.base64(), next.base64());
        let mut settings = vec![(NEXT, base64.as_str())];
        if !self.signing.holds(&self.ours.signing) {
            settings.insert(0, (SIGNING, signing.as_str()));
        }
        let follows = "From when issuer.signing.next signs, no token of fedfront's is taken: Entra does not have its certificate.";
        Some(self.difference(NEXT, Some(next), Consequence::WillFail, follows, &settings))
    }

    /// The certificate that signs, near its end or after it.
    fn ending(&self, now: Timestamp) -> Option<Difference> {
        let signing = &self.ours.signing;
        let what = "name another key in issuer.signing.next, give its certificate to Entra as nextSigningCertificate, and have it \
                    sign by fedfront promote";
        let (consequence, follows) = if signing.ends <= now {
            (
                Consequence::Fails,
                format!(
                    "The certificate that signs ended at {}: Entra takes no token of it. To mend it, {what}.",
                    signing.ends
                ),
            )
        } else if signing.ends.since(now) < SOON {
            let days = signing.ends.since(now).as_secs() / 86_400;
            (
                Consequence::WillFail,
                format!(
                    "The certificate that signs ends at {}, in {days} days; from then on Entra takes no token of it. In time, {what}.",
                    signing.ends
                ),
            )
        } else {
            return None;
        };
        Some(self.difference(SIGNING, Some(signing), consequence, follows, &[]))
    }

    /// A certificate that nobody here knows, beside one that is known.
    fn stranger(&self, setting: &'static str) -> Option<Difference> {
        let Slot::Holds(held) = self.slot(setting) else { return None };
        let known = [Some(&self.ours.signing), self.ours.next.as_ref()].into_iter().flatten().chain(&self.ours.known);
        if known.into_iter().any(|known| *known == **held) || !self.has(&self.ours.signing) {
            return None;
        }
        let ours = if setting == SIGNING { Some(&self.ours.signing) } else { self.ours.next.as_ref() };
        // That the one that signs stands elsewhere, or the next nowhere, is told already, with the same command.
        if setting == SIGNING || ours.is_some() {
            return Some(self.difference(setting, ours, Consequence::Note, STRANGER, &[]));
        }
        let base64 = self.ours.signing.base64();
        Some(self.difference(setting, None, Consequence::Note, STRANGER, &[(NEXT, &base64)]))
    }
}

const STRANGER: &str = "Neither fedfront nor its configuration knows this certificate, and whoever has its key can sign in as every \
                        user of the domain. If it is the identity provider's, list it in metadata.idp_certificates; if it is \
                        nobody's, put another in its place.";
