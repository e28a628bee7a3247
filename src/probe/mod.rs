//! `fedfront probe`: signs a user in as Microsoft's clients and Exchange Online do, at this fedfront or any other server, and
//! says what Entra would have against what comes back.
//!
//! A password is sent once in each step that signs in, over TLS that is trusted, to the one server that was named, and no
//! more once it was refused, or may have been: a mistyped one counts as one failure.

mod compare;
mod expected;
mod finding;
mod json;
mod judge;
mod password;
mod report;
mod request;
mod server;
mod show;
mod step;
mod steps;
mod text;
mod tls;
mod withheld;

pub use compare::{Comparison, Contrast};
pub use expected::{Expected, Issuer};
pub use finding::{Finding, Weight};
pub use json::json;
pub use password::password;
pub use report::{Plan, Probed, Report};
pub use server::Server;
pub use show::said;
pub use step::{Exchange, Failure, FailureKind, Said, Step, StepName, Verdict};
pub use text::text;

use crate::answers::{Answer, Credential, Issued};
use crate::entra::SignInProtocol;
use crate::model::Clock;
use crate::runtime::SystemClock;
use crate::wstrust::TrustVersion;
use finding::Findings;
use steps::{ECP_PATHS, MEX_PATHS, SignIn};

/// Probes a server, and the other one after it, if there is one to compare with.
pub async fn run(server: &Server, other: Option<&Server>, plan: &Plan<'_>) -> Report {
    let first = probe(server, plan, None).await;
    let Some(other) = other else { return Report::of(plan, first, None) };
    let withheld = withheld::elsewhere(&first.steps).map(|why| {
        let (there, here) = (&server.origin, &other.origin);
        format!("{why} at {there}: it is not sent here, where it may count on the same account. If you are sure of it, probe this \
                 server by itself: --url {here}")
    });
    // The paths that were given are those of the first.
    let second = probe(other, &Plan { mex_path: None, ecp_path: None, ..*plan }, withheld.clone()).await;
    let comparison = Comparison::of(&first, second, withheld);
    Report::of(plan, first, Some(comparison))
}

/// Takes every step at one server; `withheld` is why no password is sent.
pub async fn probe(server: &Server, plan: &Plan<'_>, withheld: Option<String>) -> Probed {
    let mut probing = Probing { server, plan, withheld, steps: Vec::new(), findings: Vec::new() };
    probing.go().await;
    probing.ended()
}

struct Probing<'a> {
    server: &'a Server,
    plan: &'a Plan<'a>,
    withheld: Option<String>,
    steps: Vec<Step>,
    findings: Vec<Finding>,
}

impl Probing<'_> {
    async fn go(&mut self) {
        let mut findings = Findings::of(StepName::Tls);
        let step = tls::tls(self.server, SystemClock.now(), &mut findings).await;
        let trusted = step.is_fine();
        self.take(step, findings);
        if !trusted {
            let rest = StepName::ALL.into_iter().filter(|name| *name != StepName::Tls);
            self.steps.extend(rest.map(|name| Step::skipped(name, "without TLS that is trusted nothing is sent")));
            return;
        }
        let mut findings = Findings::of(StepName::Mex);
        let step = steps::mex(self.server, &self.mex_paths(), self.tenants_mex(), &mut findings).await;
        self.take(step, findings);
        for version in TrustVersion::ALL {
            let mut findings = Findings::of(StepName::of(version));
            let step = self.trust(version, &mut findings).await;
            self.take(step, findings);
        }
        let mut findings = Findings::of(StepName::Ecp);
        let step = self.ecp(&mut findings).await;
        self.take(step, findings);
    }

    async fn trust(&self, version: TrustVersion, findings: &mut Findings) -> Step {
        let name = StepName::of(version);
        if let Some(why) = &self.withheld {
            return Step::skipped(name, why);
        }
        match self.trust_address(version) {
            Some(to) => steps::trust(&self.sign_in(), version, &to, findings).await,
            None => Step::skipped(name, "MEX names no address for a password in this version"),
        }
    }

    async fn ecp(&self, findings: &mut Findings) -> Step {
        if let Some(why) = &self.withheld {
            return Step::skipped(StepName::Ecp, why);
        }
        let path = match self.ecp_path() {
            Some(path) => Some(path),
            None => steps::find_ecp(self.server, &self.plan.expected.party).await,
        };
        let Some(path) = path else {
            let what = format!("no endpoint asks for a password at {}", ECP_PATHS.join(", "));
            if self.plan.expected.protocol() == Some(SignInProtocol::Saml) {
                let help = "name its path in --ecp-path; in fedfront, endpoints.ecp";
                return Step::failed(StepName::Ecp, None, Failure::new(FailureKind::NotThere, what, help));
            }
            return Step::skipped(StepName::Ecp, format!("{what}; --ecp-path names another"));
        };
        steps::ecp(&self.sign_in(), &path, findings).await
    }

    fn sign_in(&self) -> SignIn<'_> {
        let Plan { user, password, expected, .. } = self.plan;
        SignIn { server: self.server, user, password, expected }
    }

    /// Keeps a step, what was found in it, and whether it is the last with a password.
    fn take(&mut self, step: Step, mut findings: Findings) {
        let answered = |step: &Step| step.answer().and_then(issued).is_some();
        let before = self.steps.iter().find(|before| answered(before)).and_then(|before| issued(before.answer()?));
        if let Some((before, now)) = before.zip(step.answer().and_then(issued)) {
            judge::both(before, now, self.plan.expected, &mut findings);
        }
        self.findings.extend(findings.found);
        self.steps.push(step);
        if self.withheld.is_none() {
            self.withheld = withheld::here(&self.steps).map(str::to_owned);
        }
    }

    fn mex_paths(&self) -> Vec<String> {
        if let Some(given) = &self.plan.mex_path {
            return vec![given.clone()];
        }
        // Where the tenant's is wrong, the rest can be compared all the same.
        let mut paths: Vec<String> = self.tenants_mex().map(str::to_owned).into_iter().collect();
        let usual = MEX_PATHS
            .iter()
            .filter(|path| !paths.iter().any(|first| self.server.here(first) == self.server.here(path)));
        let usual: Vec<String> = usual.map(|path| (*path).to_owned()).collect();
        paths.extend(usual);
        paths
    }

    /// Where the tenant says that MEX is, if nobody named another place.
    fn tenants_mex(&self) -> Option<&str> {
        let Plan { expected, mex_path, .. } = self.plan;
        let counts = mex_path.is_none() && expected.protocol() != Some(SignInProtocol::Saml);
        expected.tenant.as_ref().filter(|_| counts)?.metadata_exchange_uri.as_deref()
    }

    fn ecp_path(&self) -> Option<String> {
        self.plan.ecp_path.clone().or_else(|| self.tenants_active(SignInProtocol::Saml))
    }

    /// Where Microsoft's libraries would go; else wherever MEX has a password taken; without MEX, where the tenant says.
    fn trust_address(&self, version: TrustVersion) -> Option<String> {
        let mex = self.steps.iter().find_map(|step| match &step.said {
            Said::Mex(mex) => Some(mex),
            Said::Nothing | Said::Answer(_) => None,
        });
        if let Some(mex) = mex {
            let takes = |endpoint: &&crate::answers::Endpoint| {
                endpoint.credential == Credential::UserName && endpoint.version == version
            };
            let endpoint = mex.for_password(version).or_else(|| mex.endpoints.iter().find(takes));
            return endpoint.map(|endpoint| endpoint.address.clone());
        }
        let address = self.tenants_active(SignInProtocol::WsFed)?;
        ((version == TrustVersion::V13) == address.contains("/trust/13/")).then_some(address)
    }

    /// Where the tenant sends passwords, if it signs in by this protocol.
    fn tenants_active(&self, protocol: SignInProtocol) -> Option<String> {
        let expected = &self.plan.expected;
        let address = expected.tenant.as_ref()?.active_sign_in_uri.clone();
        address.filter(|_| expected.protocol() == Some(protocol))
    }

    /// Where no MEX is needed, none is missing.
    fn ended(mut self) -> Probed {
        let ecp = self.steps.iter().any(|step| step.name == StepName::Ecp && step.is_fine());
        let needed = self.plan.mex_path.is_some() || self.plan.expected.protocol() == Some(SignInProtocol::WsFed);
        if ecp && !needed {
            for step in self.steps.iter_mut().filter(|step| step.failed_by(FailureKind::NotThere)) {
                if step.name == StepName::Mex {
                    step.verdict = Verdict::Skipped(
                        "nothing at the usual paths: WS-Trust is not offered here, and ECP is; --mex-path names another"
                            .to_owned(),
                    );
                }
            }
        }
        Probed { origin: self.server.origin.clone(), steps: self.steps, findings: self.findings }
    }
}

fn issued(answer: &Answer) -> Option<&Issued> {
    match answer {
        Answer::Issued(issued) => Some(issued),
        Answer::Refused(_) | Answer::Fault(_) => None,
    }
}
