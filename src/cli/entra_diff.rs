//! `fedfront entra diff`: what a tenant has, against what it is to be told.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::entra::{Wanted, settings, usage};
use super::say;
use crate::entra::{
    CONNECT, Certificate, Consequence, Difference, Domain, MODULE, SignInProtocol, Tenant, differences, tenants,
    unknown,
};
use crate::model::{Clock, plain};
use crate::runtime::SystemClock;

#[derive(clap::Args)]
pub(super) struct Diff {
    /// What the tenant has, as JSON: a domain's federationConfiguration from Microsoft Graph, or what
    /// Get-MgDomainFederationConfiguration -DomainId DOMAIN | ConvertTo-Json prints. - is standard input.
    file: PathBuf,
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    wanted: Wanted,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(super) fn run(self) -> ExitCode {
        let name = if is_stdin(&self.file) { "standard input".to_owned() } else { self.file.display().to_string() };
        let tenants = match read(&self.file)
            .map_err(|error| error.to_string())
            .and_then(|bytes| tenants(&bytes).map_err(|error| error.to_string()))
        {
            Ok(tenants) => tenants,
            Err(error) => {
                let help = "give what Microsoft Graph answers to GET /domains/{id}/federationConfiguration, or what \
                            Get-MgDomainFederationConfiguration -DomainId DOMAIN | ConvertTo-Json prints";
                return usage(&format!("{name}: {}\n  help: {help}", plain(&error)));
            }
        };
        let mut options = self.wanted.options();
        options.protocol = options.protocol.or_else(|| protocol_of(&tenants));
        let settings = match settings(&self.config, options) {
            Ok(settings) => settings,
            Err(exit) => return exit,
        };
        match pair(&settings.domains, &tenants) {
            Ok((domain, tenant)) => compared(domain, tenant, self.json),
            Err(problem) => usage(&format!("{name}: {problem}")),
        }
    }
}

/// The protocol that the tenant has, to compare with that.
fn protocol_of(tenants: &[Tenant]) -> Option<SignInProtocol> {
    let said = tenants.first()?.preferred_authentication_protocol.as_deref()?;
    SignInProtocol::ALL.into_iter().find(|protocol| protocol.label().eq_ignore_ascii_case(said))
}

/// The domain that is meant and what the tenant has of it. Graph's object does not name the domain: where several may be
/// meant, the issuer tells.
fn pair<'s>(domains: &'s [Domain], tenants: &'s [Tenant]) -> Result<(&'s Domain, Option<&'s Tenant>), String> {
    let by_issuer = || {
        domains
            .iter()
            .flat_map(|domain| tenants.iter().map(move |tenant| (domain, tenant)))
            .find(|(domain, tenant)| tenant.issuer_uri.as_deref() == Some(&domain.federation.issuer_uri))
    };
    match (domains, tenants) {
        ([domain], []) => Ok((domain, None)),
        ([domain], [tenant]) => Ok((domain, Some(tenant))),
        _ => match by_issuer() {
            Some((domain, tenant)) => Ok((domain, Some(tenant))),
            None => {
                let names: Vec<&str> = domains.iter().map(|domain| domain.name.as_str()).collect();
                Err(format!(
                    "does not say which domain it is of, and its issuer is of none: give --domain, one of {}, and the \
                             federation of that domain alone",
                    names.join(", ")
                ))
            }
        },
    }
}

/// Prints the differences; 1 if a sign-in would fail.
fn compared(domain: &Domain, tenant: Option<&Tenant>, as_json: bool) -> ExitCode {
    let found = tenant.map(|tenant| differences(domain, tenant, SystemClock.now()));
    let fails = found.as_ref().is_none_or(|found| found.iter().any(|one| one.consequence == Consequence::Fails));
    let text = if as_json {
        as_value(domain, tenant, found.as_deref(), fails)
    } else {
        as_text(domain, tenant, found.as_deref(), fails)
    };
    say(&text);
    if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn as_value(domain: &Domain, tenant: Option<&Tenant>, found: Option<&[Difference]>, fails: bool) -> String {
    let differences: Vec<Value> = found.unwrap_or_default().iter().map(Difference::json).collect();
    let held = held(tenant).into_iter().map(|(setting, certificate)| (setting.to_owned(), certificate.json()));
    let value = json!({
        "domain": domain.name,
        "protocol": domain.federation.preferred_authentication_protocol.label(),
        "federated": tenant.is_some(),
        "sign_in_fails": fails,
        "not_compared": domain.lacks(),
        "certificates": {
            "signing": domain.signing.json(),
            "next": domain.next.as_ref().map(Certificate::json),
            "tenant": held.collect::<serde_json::Map<_, _>>(),
        },
        "differences": differences,
    });
    format!("{value:#}\n")
}

fn as_text(domain: &Domain, tenant: Option<&Tenant>, found: Option<&[Difference]>, fails: bool) -> String {
    let protocol = domain.federation.preferred_authentication_protocol;
    let mut text = format!("{}: {}\n", domain.name, protocol.name());
    let Some(found) = found else {
        let name = &domain.name;
        text.push_str(&format!(
            "\nThe domain is not federated: Entra checks its passwords itself. fedfront entra --format powershell --domain {name} \
             makes the script that federates it.\n"
        ));
        return text;
    };
    for difference in found {
        text.push_str(&format!("\n{}\n", difference.setting));
        let or_nothing = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), plain);
        for (what, value) in [
            ("fedfront", or_nothing(&difference.ours)),
            ("tenant", or_nothing(&difference.theirs)),
            (difference.consequence.label(), difference.follows.clone()),
        ] {
            text.push_str(&format!("  {what:<9}  {value}\n"));
        }
        if let Some(command) = &difference.command {
            text.push_str(&format!("  mend       {}\n", plain(command)));
        }
    }
    for setting in domain.lacks() {
        text.push_str(&format!("\n{setting} was not compared: {}\n", unknown(setting, protocol)));
    }
    if found.iter().any(|difference| difference.command.is_some()) {
        text.push_str(&format!(
            "\nTo mend it: PowerShell with the module {MODULE}, and before the commands\n  {CONNECT}\n"
        ));
    }
    let held = held(tenant);
    if !held.is_empty() {
        text.push_str("\nThe tenant has:\n");
    }
    for (setting, certificate) in held {
        text.push_str(&format!("  {setting}: {}\n", certificate.described()));
    }
    text.push('\n');
    let verdict = match (fails, found.len()) {
        (true, _) => "A sign-in would fail.",
        (false, 0) => "Nothing differs.",
        (false, _) => "No sign-in would fail now.",
    };
    text.push_str(&format!("{verdict}\n"));
    text
}

/// The certificates that the tenant has, as far as they are some.
fn held(tenant: Option<&Tenant>) -> Vec<(&'static str, Certificate)> {
    let Some(tenant) = tenant else { return Vec::new() };
    let settings = [
        ("signingCertificate", &tenant.signing_certificate),
        ("nextSigningCertificate", &tenant.next_signing_certificate),
    ];
    let read =
        |(setting, text): (&'static str, &Option<String>)| Some((setting, Certificate::read(text.as_deref()?).ok()?));
    settings.into_iter().filter_map(read).collect()
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// What Graph answers is a few kilobytes.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 16 * 1024 * 1024;
    let mut bytes = Vec::new();
    if is_stdin(file) {
        io::stdin().lock().take(MOST).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(MOST).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
