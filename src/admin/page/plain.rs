//! The state for whoever has no script: what is wrong, the health of each part, certificates, addresses, what Entra is told.

use crate::admin::report::{Certificate, Domain, Endpoint, Member, Party, Report, Shadow};
use crate::xml::{UNQUALIFIED, Writer};

/// As what stands in the page's `noscript`.
pub(super) fn plain(report: &Report) -> String {
    let mut page = Html(Writer::with_capacity(16 * 1024));
    let (facts, summary) = (&report.facts, &report.summary);
    page.open("main", &[("class", "plain"), ("id", "main")]);
    page.leaf("h1", &format!("fedfront {}", report.version));
    let (phase, up) = (report.phase, report.uptime_seconds);
    let state = format!("{}. As of {}: {phase}, up for {up} s.", summary.headline, report.time);
    page.leaf("p", &state);
    page.leaf("p", "This is the state when the page was loaded: without JavaScript, load it again to see the next.");
    let problems = summary.problems.iter();
    let rows = problems.map(|one| [one.level.word().to_owned(), one.what.clone(), one.says.clone()]);
    page.table("What needs attention", ["State", "What", "Details"], rows.collect());
    let parts = facts.parts.iter().flat_map(|part| {
        let whole = [part.name.clone(), part.level.word().to_owned(), part.says.clone()];
        let member =
            |one: &Member| [format!("{}: {}", part.name, one.name), one.level.word().to_owned(), one.says.clone()];
        std::iter::once(whole).chain(part.members.iter().map(member)).collect::<Vec<_>>()
    });
    page.table("Health", ["Part", "State", "Details"], parts.collect());
    let row = |one: &Certificate| {
        let ends = one.ends.clone().unwrap_or_default();
        let days = one.days_left.map(|days| days.to_string()).unwrap_or_default();
        let purpose = format!("{:?} {}", one.purpose, one.slot);
        [purpose, one.subject.clone(), ends, days, one.says.clone(), one.sha256.clone()]
    };
    let headings = ["For", "Subject", "Ends", "Days left", "State", "SHA-256"];
    page.table("Certificates", headings, facts.certificates.iter().map(row).collect());
    let row = |one: &Endpoint| [one.key.to_owned(), answered_by(one), one.addresses.join(" ")];
    page.table("Endpoints", ["Endpoint", "Answered by", "Addresses"], facts.endpoints.iter().map(row).collect());
    let row = |one: &Party| {
        let issuer = one.issuer.clone().unwrap_or_else(|| "by domain".to_owned());
        [one.name.clone(), one.protocols.join(", "), issuer, one.signature.to_owned()]
    };
    let headings = ["Name", "Protocols", "Issuer", "Signature"];
    page.table("Relying parties", headings, facts.relying_parties.iter().map(row).collect());
    let rows = facts.entra.iter().flat_map(settings);
    page.table("Connect Entra", ["Domain", "Setting", "Value"], rows.collect());
    page.0.finish()
}

fn answered_by(endpoint: &Endpoint) -> String {
    match (endpoint.own, endpoint.shadow) {
        (true, _) => "fedfront".to_owned(),
        (false, None) => "the identity provider".to_owned(),
        (false, Some(Shadow { compared, different, not_compared })) => format!(
            "the identity provider, and compared (shadow); since the start {compared} compared, {different} of them \
             different, {not_compared} not compared"
        ),
    }
}

fn settings(domain: &Domain) -> Vec<[String; 3]> {
    let Ok(serde_json::Value::Object(federation)) = serde_json::to_value(&domain.federation) else { return Vec::new() };
    let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    federation.into_iter().map(|(name, value)| [domain.domain.clone(), name, text(value)]).collect()
}

struct Html(Writer);

impl Html {
    fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.0.start(&UNQUALIFIED, name, attributes);
    }

    fn leaf(&mut self, name: &'static str, text: &str) {
        self.0.leaf(&UNQUALIFIED, name, text);
    }

    /// With a heading; nothing where there is no row.
    fn table<const N: usize>(&mut self, heading: &str, headings: [&str; N], rows: Vec<[String; N]>) {
        if rows.is_empty() {
            return;
        }
        self.leaf("h2", heading);
        self.open("table", &[]);
        self.open("thead", &[]);
        self.open("tr", &[]);
        headings.iter().for_each(|heading| self.leaf("th", heading));
        self.0.end();
        self.0.end();
        self.open("tbody", &[]);
        for row in rows {
            self.open("tr", &[]);
            row.iter().for_each(|cell| self.leaf("td", cell));
            self.0.end();
        }
        self.0.end();
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::report::Level;
    use crate::admin::report::tests::{facts, report};
    use crate::runtime::Phase;

    #[test]
    fn health_and_certificates_are_told_and_markup_is_text() {
        let mut facts = facts();
        let part = facts.parts.first_mut().unwrap();
        (part.level, part.name) = (Level::Failed, "</noscript><script>alert(1)</script>".to_owned());
        let plain = plain(&report(facts, Phase::Serving, true));
        assert!(!plain.contains("<script") && !plain.contains("</noscript"), "{plain}");
        for told in ["One thing does not work", "Not working", "&lt;/noscript", "sts.example.com", "AA:BB", "issuerUri"]
        {
            assert!(plain.contains(told), "{told} in {plain}");
        }
    }

    #[test]
    fn an_endpoint_in_shadow_is_told_apart_from_one_that_is_forwarded() {
        let plain = plain(&report(facts(), Phase::Serving, true));
        let told = "the identity provider, and compared (shadow); since the start 1204 compared, 3 of them different, \
                    17 not compared";
        assert!(plain.contains(told), "{plain}");
    }
}
