//! `fedfront entra`: what a tenant is told of a domain, and what it has.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{USAGE, complain, refuse, report, say};
use crate::entra::{
    Certificate, Consequence, Difference, Domain, MfaBehavior, PromptLoginBehavior, SignInProtocol, Tenant,
    certificate_lines, differences, explained, script, tenants, unknown,
};
use crate::model::{Clock, is_misleading};
use crate::runtime::SystemClock;
use crate::server::{self, TenantOptions, TenantProblem, TenantSettings};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Entra {
    #[command(subcommand)]
    command: Option<EntraCommand>,
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    wanted: Wanted,
    /// How it is written: text, for people; graph, the body of Microsoft Graph's POST /domains/{id}/federationConfiguration;
    /// powershell, a script; certificate, the one that signs and on the next line the one that will, each as one line of base64.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The file to write it to. Absent: standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Subcommand)]
enum EntraCommand {
    /// Compare with what the tenant has: each difference, what follows from it, and the command that mends it. Exit code 1 if a
    /// sign-in would fail.
    Diff(Diff),
}

#[derive(clap::Args)]
struct Diff {
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

/// What a configuration does not say.
#[derive(clap::Args)]
struct Wanted {
    /// A domain of the tenant's; several, each by an option of its own. Absent: every domain of issuer.domains.
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// How browsers sign in; passwords come by WS-Trust or ECP accordingly. Absent: ws-fed, but saml where fedfront answers ECP
    /// and no STS; and in a comparison, what the tenant has.
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,
    /// Where browsers sign in: the identity provider's address. Absent: as metadata.idp, or metadata.passive or
    /// metadata.sso_post, has it.
    #[arg(long, value_name = "URL", value_parser = https)]
    passive: Option<String>,
    /// Where browsers sign out. Absent: as metadata.idp, or metadata.passive or metadata.slo_redirect, has it.
    #[arg(long, value_name = "URL", value_parser = https)]
    sign_out: Option<String>,
    /// The identity provider's name, for people. Absent: the domain, and an earlier one is left as it is.
    #[arg(long, value_name = "NAME", value_parser = one_line)]
    display_name: Option<String>,
    /// Who asks for a second factor (federatedIdpMfaBehavior). Absent: left as the tenant has it.
    #[arg(long, value_name = "BEHAVIOR", value_enum)]
    mfa: Option<MfaBehavior>,
    /// What becomes of prompt=login (promptLoginBehavior). Absent: left as the tenant has it.
    #[arg(long, value_name = "BEHAVIOR", value_enum)]
    prompt_login: Option<PromptLoginBehavior>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Graph,
    Powershell,
    Certificate,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    WsFed,
    Saml,
}

impl From<Protocol> for SignInProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::WsFed => Self::WsFed,
            Protocol::Saml => Self::Saml,
        }
    }
}

// In Graph's words, so that what is typed is what is sent.
impl ValueEnum for MfaBehavior {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.label()))
    }
}

impl ValueEnum for PromptLoginBehavior {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.label()))
    }
}

impl Entra {
    pub(super) fn run(self) -> ExitCode {
        match (self.command, self.config) {
            (Some(EntraCommand::Diff(diff)), _) => diff.run(),
            (None, Some(file)) => match settings(&file, self.wanted.options()) {
                Ok(settings) => told(&file, &settings, self.format, self.out.as_deref()),
                Err(exit) => exit,
            },
            // clap has seen to it that there is one.
            (None, None) => usage("give the configuration by -c FILE"),
        }
    }
}

/// Writes the settings. Without an address that Entra needs it is no success.
fn told(file: &Path, settings: &TenantSettings, format: Format, out: Option<&Path>) -> ExitCode {
    report(file, &settings.warnings);
    let lacks = missing(settings);
    let text = match (format, settings.domains.as_slice()) {
        (Format::Text, domains) => explained(domains),
        (Format::Certificate, [domain, ..]) => certificate_lines(domain),
        (Format::Graph | Format::Powershell, _) if !lacks.is_empty() => String::new(),
        (Format::Powershell, domains) => script(domains),
        (_, [domain]) => domain.federation.graph(&domain.name),
        (_, domains) => {
            let names: Vec<&str> = domains.iter().map(|domain| domain.name.as_str()).collect();
            return usage(&format!("graph is the body of one request: give --domain, one of {}", names.join(", ")));
        }
    };
    if !text.is_empty() {
        let written = match out {
            Some(out) => std::fs::write(out, text).map_err(|error| format!("{}: {error}", out.display())),
            None => {
                say(&text);
                Ok(())
            }
        };
        if let Err(problem) = written {
            complain(&format!("fedfront: cannot write {problem}"));
            return ExitCode::FAILURE;
        }
    }
    if lacks.is_empty() || format == Format::Certificate {
        return ExitCode::SUCCESS;
    }
    for setting in lacks {
        complain(&format!("fedfront: {setting} is not known\n  help: {}", unknown(setting, settings.protocol)));
    }
    ExitCode::FAILURE
}

fn missing(settings: &TenantSettings) -> Vec<&'static str> {
    settings.domains.first().map(Domain::lacks).unwrap_or_default()
}

fn settings(file: &Path, options: TenantOptions) -> Result<TenantSettings, ExitCode> {
    let prepared = server::prepare(file).map_err(|diagnostics| refuse(file, &diagnostics))?;
    server::tenant_settings(&prepared, &options).map_err(|problem| match problem {
        TenantProblem::Usage(message) => usage(&message),
        TenantProblem::Configuration(diagnostics) => refuse(file, &diagnostics),
    })
}

impl Wanted {
    fn options(self) -> TenantOptions {
        TenantOptions {
            domains: self.domain,
            protocol: self.protocol.map(SignInProtocol::from),
            passive: self.passive,
            sign_out: self.sign_out,
            display_name: self.display_name,
            mfa: self.mfa,
            prompt_login: self.prompt_login,
        }
    }
}

impl Diff {
    fn run(self) -> ExitCode {
        let name = if is_stdin(&self.file) { "standard input".to_owned() } else { self.file.display().to_string() };
        let tenants = match read(&self.file)
            .map_err(|error| error.to_string())
            .and_then(|bytes| tenants(&bytes).map_err(|error| error.to_string()))
        {
            Ok(tenants) => tenants,
            Err(error) => {
                let help = "give what Microsoft Graph answers to GET /domains/{id}/federationConfiguration, or what \
                            Get-MgDomainFederationConfiguration -DomainId DOMAIN | ConvertTo-Json prints";
                return usage(&format!("{name}: {}\n  help: {help}", shown(&error)));
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
        let or_nothing = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), shown);
        for (what, value) in [
            ("fedfront", or_nothing(&difference.ours)),
            ("tenant", or_nothing(&difference.theirs)),
            (difference.consequence.label(), difference.follows.clone()),
        ] {
            text.push_str(&format!("  {what:<9}  {value}\n"));
        }
        if let Some(command) = &difference.command {
            text.push_str(&format!("  mend       {}\n", shown(command)));
        }
    }
    for setting in domain.lacks() {
        text.push_str(&format!("\n{setting} was not compared: {}\n", unknown(setting, protocol)));
    }
    text.push('\n');
    for (setting, certificate) in held(tenant) {
        text.push_str(&format!("{setting}: {}\n", certificate.described()));
    }
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

/// What came from elsewhere, for a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if is_misleading(c) { '\u{fffd}' } else { c }).collect()
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

fn https(text: &str) -> Result<String, String> {
    let uri: Option<http::Uri> = text.parse().ok();
    let whole =
        uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()));
    if whole && !text.contains('#') { Ok(text.to_owned()) } else { Err("write a whole https URL".to_owned()) }
}

fn one_line(text: &str) -> Result<String, String> {
    let bad = text.trim().is_empty() || text.chars().any(is_misleading);
    if bad { Err("write a name on one line".to_owned()) } else { Ok(text.to_owned()) }
}

fn usage(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(USAGE)
}
