//! Everything in one word, and what there is to do.

use serde::Serialize;

use super::{Certificate, Facts, Level, Part, Purpose};

/// The worst of all that there is, and each thing that is not as it should be, the worst first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::admin) struct Summary {
    /// How the whole is.
    pub level: Level,
    /// In a few words.
    pub headline: String,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::admin) struct Problem {
    /// How bad.
    pub level: Level,
    /// What it is about.
    pub what: String,
    /// What is to be said of it.
    pub says: String,
    /// Which section of the page has more: `health`, `certificates`, `parties`, `activity`.
    pub section: &'static str,
}

impl Summary {
    pub fn of(facts: &Facts, phase: &str) -> Self {
        let parts = facts.parts.iter().filter_map(of_part);
        let certificates = facts.certificates.iter().filter_map(of_certificate);
        let spray = facts.guard.spraying.then(|| Problem {
            level: Level::Warning,
            what: "Password spraying".to_owned(),
            says: "Many names fail at once. The audit log says from where.".to_owned(),
            section: "activity",
        });
        let mut problems: Vec<Problem> = parts.chain(certificates).chain(spray).collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
        let failed = problems.iter().filter(|problem| problem.level == Level::Failed).count();
        let (level, headline) = match (phase, failed, problems.len()) {
            ("starting", ..) => (Level::Unknown, "Starting".to_owned()),
            ("draining", ..) => (Level::Warning, "Draining: balancers send new requests elsewhere".to_owned()),
            (_, 0, 0) => (Level::Ok, "Everything works".to_owned()),
            (_, 0, 1) => (Level::Warning, "Everything works; one thing needs attention".to_owned()),
            (_, 0, many) => (Level::Warning, format!("Everything works; {many} things need attention")),
            (_, 1, _) => (Level::Failed, "One thing does not work".to_owned()),
            (_, many, _) => (Level::Failed, format!("{many} things do not work")),
        };
        Self { level, headline, problems }
    }
}

fn of_part(part: &Part) -> Option<Problem> {
    let (level, what, says) = (part.level, part.name.clone(), part.says.clone());
    (level >= Level::Warning).then_some(Problem { level, what, says, section: "health" })
}

fn of_certificate(certificate: &Certificate) -> Option<Problem> {
    let Certificate { level, purpose, slot, says, .. } = certificate;
    let what = match purpose {
        Purpose::Tls => format!("TLS certificate {}", certificate.subject),
        Purpose::Signing => format!("Signing certificate ({slot})"),
    };
    (*level >= Level::Warning).then(|| Problem { level: *level, what, says: says.clone(), section: "certificates" })
}
