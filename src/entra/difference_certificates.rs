//! The certificates that a tenant has, against those that sign. Entra takes a token that either of its two verifies: the
//! identity provider may sign browsers' tokens by the other one, so that no command has that go unsaid.

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

/// Who may sign by what a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Signer {
    /// Nobody else: it is empty, no certificate, or one of those that sign here.
    NobodyElse,
    /// Perhaps the identity provider: nobody knows it, or it was ours.
    Perhaps,
    /// The identity provider, as `metadata.idp_certificates` has it.
    Idp,
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

    fn signer(&self, setting: &str) -> Signer {
        let Slot::Holds(held) = self.slot(setting) else { return Signer::NobodyElse };
        if **held == self.ours.signing || self.ours.next.as_ref() == Some(&**held) {
            Signer::NobodyElse
        } else if self.ours.idp.contains(held) {
            Signer::Idp
        } else {
            Signer::Perhaps
        }
    }

    fn difference(
        &self,
        setting: &'static str,
        ours: Option<&Certificate>,
        consequence: Consequence,
        follows: impl Into<String>,
        settings: &[(&str, String)],
    ) -> Difference {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (domain, id) = (&self.ours.name, self.theirs.id.as_deref());
        Difference {
            setting,
            ours: ours.map(Certificate::described),
            theirs: self.slot(setting).described(),
            consequence,
            follows: follows.into(),
            command: (!settings.is_empty()).then(|| update(domain, id, &settings)),
        }
    }

    /// Those that sign here, each in its place.
    fn both(&self) -> Vec<(&'static str, String)> {
        let next = self.ours.next.as_ref().map(|next| (NEXT, next.base64()));
        [(SIGNING, self.ours.signing.base64())].into_iter().chain(next).collect()
    }

    /// The certificate that signs.
    fn registered(&self) -> Option<Difference> {
        let ours = &self.ours.signing;
        if self.signing.holds(ours) {
            return None;
        }
        if self.next.holds(ours) {
            // What stands in its place is let be if somebody may sign by it: Entra takes tokens of both.
            let (settings, goes) = match self.signer(SIGNING) {
                Signer::Idp => return None,
                Signer::Perhaps if self.is_known(SIGNING) => (self.both(), GOES),
                Signer::Perhaps => (Vec::new(), ""),
                Signer::NobodyElse => (self.both(), ""),
            };
            let follows = "The certificate that signs stands as the next one. Entra takes it there, too, until another takes \
                           that place.";
            return Some(self.difference(
                SIGNING,
                Some(ours),
                Consequence::Note,
                format!("{follows}{goes}"),
                &settings,
            ));
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
        let (settings, beside) = self.added();
        Some(self.difference(SIGNING, Some(ours), Consequence::Fails, format!("{follows}{beside}"), &settings))
    }

    /// What to set where the certificate that signs is nowhere, and what is to be known of what stands there.
    fn added(&self) -> (Vec<(&'static str, String)>, String) {
        let (current, next) = (self.signer(SIGNING), self.signer(NEXT));
        // It takes the place of which less is known; of two alike, the next one's.
        let (place, goes, other, stays) =
            if current < next { (SIGNING, current, NEXT, next) } else { (NEXT, next, SIGNING, current) };
        let mut said = match (goes, stays) {
            (_, Signer::NobodyElse) => return (self.both(), String::new()),
            (Signer::Idp, _) => {
                return (Vec::new(), FULL.to_owned());
            }
            (_, Signer::Idp) => {
                format!(" The identity provider's certificate stays as {other}: Entra takes tokens of both.")
            }
            (_, Signer::Perhaps) => {
                format!("{PERHAPS} Else the command leaves {other} as it is, and Entra takes tokens of both.")
            }
        };
        if goes == Signer::Perhaps {
            said.push_str(&format!(
                " What stands as {place} goes: if the identity provider signs by that one, list it in \
                 metadata.idp_certificates before, and the command leaves it."
            ));
        }
        (vec![(place, self.ours.signing.base64())], said)
    }

    /// The certificate that will sign.
    fn will_be_registered(&self) -> Option<Difference> {
        let next = self.ours.next.as_ref().filter(|next| !self.has(next))?;
        // Where the one that signs is not there either, that says it all.
        if !self.has(&self.ours.signing) {
            return None;
        }
        let signs_as_current = self.signing.holds(&self.ours.signing);
        let settings = if signs_as_current { vec![(NEXT, next.base64())] } else { self.both() };
        let (settings, beside) = match self.signer(if signs_as_current { NEXT } else { SIGNING }) {
            Signer::NobodyElse => (settings, ""),
            Signer::Perhaps => (settings, GOES),
            Signer::Idp => (Vec::new(), NO_PLACE),
        };
        let follows = format!(
            "From when issuer.signing.next signs, no token of fedfront's is taken: Entra does not have its certificate.{beside}"
        );
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
        let is_strange = matches!(self.slot(setting), Slot::Holds(_)) && !self.is_known(setting);
        if !is_strange || !self.has(&self.ours.signing) {
            return None;
        }
        let ours = if setting == SIGNING { Some(&self.ours.signing) } else { self.ours.next.as_ref() };
        // That the one that signs stands elsewhere, or the next nowhere, is told already.
        if setting == SIGNING || ours.is_some() {
            return Some(self.difference(setting, ours, Consequence::Note, STRANGER, &[]));
        }
        Some(self.difference(setting, None, Consequence::Note, STRANGER, &[(NEXT, self.ours.signing.base64())]))
    }

    /// Whether a setting holds a certificate of ours or the identity provider's, now, soon or before.
    fn is_known(&self, setting: &str) -> bool {
        let Domain { signing, next, idp, known, .. } = self.ours;
        let mut all = [Some(signing), next.as_ref()].into_iter().flatten().chain(idp).chain(known);
        all.any(|known| self.slot(setting).holds(known))
    }
}

const PERHAPS: &str = " If the identity provider behind signs browsers' tokens by a certificate that stands there, best have fedfront sign \
                       by the same key: name it in issuer.signing, and Entra needs no other.";
const FULL: &str = " There is no command for it: both that stand there are the identity provider's (metadata.idp_certificates), which \
                    signs browsers' tokens by one of them. Have fedfront sign by the same key (issuer.signing), or remove the one \
                    from that list by which it does not sign.";
const GOES: &str = " The command has another certificate go: if the identity provider signs browsers' tokens by that one, have it sign by \
                    fedfront's key first.";
const NO_PLACE: &str = " There is no command for it: beside fedfront's stands the identity provider's (metadata.idp_certificates), by which \
                        it signs browsers' tokens, and Entra holds two. Before you promote, have it sign by fedfront's key, and \
                        remove its certificate from that list.";
const STRANGER: &str = "Neither fedfront nor its configuration knows this certificate, and whoever has its key can sign in as every \
                        user of the domain. If it is the identity provider's, which signs browsers' tokens by it, leave it, and list \
                        it in metadata.idp_certificates; if it is nobody's, put another in its place.";
