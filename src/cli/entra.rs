//! `fedfront entra`: what a tenant is told of a domain.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::entra_diff::Diff;
use super::{USAGE, complain, refuse, report, say};
use crate::entra::{
    Domain, MfaBehavior, PromptLoginBehavior, SignInProtocol, certificate_lines, explained, script, unknown,
};
use crate::model::is_misleading;
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
    /// powershell, a script; certificate, the one that signs and on the next line the one beside it, if any, each as one line of base64.
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

/// What a configuration does not say.
#[derive(clap::Args)]
pub(super) struct Wanted {
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

pub(super) fn settings(file: &Path, options: TenantOptions) -> Result<TenantSettings, ExitCode> {
    let prepared = server::prepare(file).map_err(|diagnostics| refuse(file, &diagnostics))?;
    server::tenant_settings(&prepared, &options).map_err(|problem| match problem {
        TenantProblem::Usage(message) => usage(&message),
        TenantProblem::Configuration(diagnostics) => refuse(file, &diagnostics),
    })
}

impl Wanted {
    pub(super) fn options(self) -> TenantOptions {
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

pub(super) fn usage(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(USAGE)
}
