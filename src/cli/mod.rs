//! The command line: words in, exit code out.

mod entra;
mod entra_diff;
mod log;
mod man;
mod probe;
mod running;
mod users;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use self::entra::Entra;
use self::log::LogCommand;
use self::probe::Probe;
use self::users::{CacheCommand, GuardCommand};
use crate::config::{self, Diagnostic, Severity};
use crate::runtime::refuse_core_dumps;
use crate::server::StartError;
use crate::{demo, server};

/// Usage (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// Configuration (`EX_CONFIG`).
const CONFIG: u8 = 78;

/// Answers WS-Trust, MEX and SAML ECP in front of an identity provider that cannot be changed.
#[derive(Parser)]
#[command(name = "fedfront", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve.
    Run(ConfigFile),
    /// Check a configuration as the start would: every error at once, with line and remedy. Exit code 78 if there is one.
    Check(Check),
    /// Try everything on this machine: a directory, an identity provider and certificates made for it.
    Demo(Demo),
    /// Sign a user in, at this fedfront or any other server, step by step, and say what Entra would refuse and why.
    Probe(Box<Probe>),
    /// What may be configured, and what is.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What Entra is to be told of a domain whose users sign in here: addresses, issuer and certificates, by WS-Federation or by
    /// SAML. It asks no network. Exit code 1 if an address that Entra needs is not known.
    Entra(Box<Entra>),
    /// Have a running fedfront read its configuration, certificates and keys again, and say what it found. Exit code 78 if
    /// anything is wrong: then all stays as it was.
    Reload(ConfigFile),
    /// Have a running fedfront sign with issuer.signing.next from now on. Exit code 1 if it does not. Each replica is told; a
    /// time in issuer.signing.next.from tells them all.
    Promote(ConfigFile),
    /// Have a new process take the place of a running fedfront, without a lost connection: by the program that is installed now,
    /// and with all that waits for a restart. Exit code 78 if the configuration is wrong, 1 if it does not start: then the old
    /// one serves on.
    Upgrade(Upgrade),
    /// Tell a running fedfront to leave the balancer: readyz says no, keep-alive ends, serving goes on.
    Drain(ConfigFile),
    /// What a running fedfront remembers of sign-ins.
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Whom a running fedfront has locked out, or is about to.
    #[command(subcommand)]
    Guard(GuardCommand),
    /// What a running fedfront logs.
    #[command(subcommand)]
    Log(LogCommand),
    /// Print what a shell needs to complete commands and options.
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// Print the man page.
    Man {
        /// The folder to write it to, as fedfront.1; it is made where it is not there. Absent: standard output.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Print the version.
    Version,
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(clap::Args)]
struct Upgrade {
    #[command(flatten)]
    file: ConfigFile,
    /// How long the new process may take to serve; then it is ended, and the old one serves on.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=50))]
    within: u64,
}

#[derive(clap::Args)]
struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Also try what needs the network: each directory server, the identity provider, its metadata, the syslog server, the
    /// collector of traces. Exit code 1 if a step failed.
    #[arg(long)]
    online: bool,
    /// A user to look up, as they type their name, and what every rule of every relying party makes of them, those of
    /// delegation and renewal too; no password is needed. Exit code 1 if they are not found or may not sign in (disabled), or
    /// if no relying party would let them in and no rule names them as an asker; that some relying parties would not is a
    /// warning.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A service provider by its entityID, of a relying party's own metadata or of a metadata source: what it would be told of
    /// the user over ECP, or why nobody can sign in there. Without --online a source is not asked: what it has in files counts,
    /// or the last good copy in cache.folder. Exit code 1 if nobody can sign in there, or the user cannot.
    #[arg(long, value_name = "ENTITYID", requires = "user")]
    service_provider: Option<String>,
    /// Where the identity provider's SAML metadata is: a path on it, a URL or a file. Absent: where WSO2 and OAM have it.
    #[arg(long, value_name = "PLACE", requires = "online")]
    idp_metadata: Option<String>,
}

#[derive(clap::Args)]
struct Demo {
    /// Where its files go.
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// Where it serves HTTPS; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    https: SocketAddr,
    /// Where metrics and health are; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464")]
    admin: SocketAddr,
    /// End after the sign-ins: exit code 0 if all worked.
    #[arg(long)]
    exit: bool,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the file that documents every key with its default.
    Default,
    /// Print the JSON Schema of the file, for editors.
    Schema,
    /// Print the reference of every key, as Markdown.
    Reference,
    /// Print what a file means: every default filled in, no secrets.
    Dump(ConfigFile),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    // By itself OpenSSL takes its tables apart at exit, under threads that still verify or sign. The crate sees to it that it
    // does not, if the first call is through it: its digests and random bits are not.
    openssl::init();
    // Before any secret is read. Whoever serves is told if the system refuses; see `server::run`.
    let _ = refuse_core_dumps();
    match Cli::try_parse() {
        Ok(cli) => cli.command.run(),
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // There is nobody to tell if standard output is closed.
            let _ = error.print();
            if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
        }
    }
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Self::Run(file) => run(&file.config),
            Self::Check(check) => check.run(),
            Self::Demo(demo) => succeeded(demo::run(&demo::Options {
                dir: demo.dir,
                https: demo.https,
                admin: demo.admin,
                exit: demo.exit,
            })),
            Self::Probe(probe) => probe.run(),
            Self::Config(ConfigCommand::Default) => say(config::DEFAULT_FILE),
            Self::Config(ConfigCommand::Schema) => say(&config::schema()),
            Self::Config(ConfigCommand::Reference) => say(&config::reference()),
            Self::Config(ConfigCommand::Dump(file)) => match config::load(&file.config, &server::environment) {
                Ok(loaded) => say(&config::dump(&loaded.config)),
                Err(diagnostics) => refuse(&file.config, &diagnostics),
            },
            Self::Reload(file) => running::reload(&file.config),
            Self::Promote(file) => running::promote(&file.config),
            Self::Upgrade(upgrade) => running::upgrade(&upgrade.file.config, upgrade.within),
            Self::Drain(file) => running::drain(&file.config),
            Self::Cache(command) => command.run(),
            Self::Guard(command) => command.run(),
            Self::Log(command) => command.run(),
            Self::Entra(entra) => entra.run(),
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "fedfront", &mut script);
                say(&String::from_utf8_lossy(&script))
            }
            Self::Man { dir } => {
                succeeded(print_man(dir.as_deref()).map_err(|error| format!("cannot write the man page: {error}")))
            }
            Self::Version => say(&format!("fedfront {}\n", env!("CARGO_PKG_VERSION"))),
        }
    }
}

impl Check {
    fn run(self) -> ExitCode {
        let file = &self.file.config;
        let prepared = match server::prepare(file) {
            Ok(prepared) => prepared,
            Err(diagnostics) => return refuse(file, &diagnostics),
        };
        report(file, &prepared.warnings);
        let offline = say(&format!("{}: {}\n", file.display(), fine(prepared.warnings.len())));
        let mut tell = |line: &str| {
            say(&format!("{line}\n"));
        };
        let what = if self.online { "online" } else { "user" };
        let service_provider = self.service_provider;
        let user = self.user.map(|name| server::Sample { name, service_provider });
        let tried = match (self.online, user) {
            (false, None) => return offline,
            (false, Some(user)) => server::check_user(&prepared, &user, &mut tell),
            (true, user) => {
                server::check_online(&prepared, &server::Online { user, metadata: self.idp_metadata }, &mut tell)
            }
        };
        match tried {
            Ok(server::Tally { failures: 0, warnings }) => {
                say(&format!("{}: {what}: {}\n", file.display(), fine(warnings)))
            }
            Ok(server::Tally { failures, .. }) => {
                say(&format!("{}: {what}: {failures} failed\n", file.display()));
                ExitCode::FAILURE
            }
            Err(problem) => succeeded(Err(problem)),
        }
    }
}

fn print_man(dir: Option<&Path>) -> std::io::Result<()> {
    let page = man::page(Cli::command())?;
    match dir {
        Some(dir) => man::write(&page, dir),
        None => {
            say(&String::from_utf8_lossy(&page));
            Ok(())
        }
    }
}

fn run(file: &Path) -> ExitCode {
    let inheritance = match server::Inheritance::take() {
        Ok(inheritance) => inheritance,
        Err(error) => return succeeded(Err(error.to_string())),
    };
    match server::prepare(file) {
        Ok(prepared) => {
            if !prepared.logs_warnings() {
                report(file, &prepared.warnings);
            }
            match server::run(prepared, inheritance) {
                Err(StartError::Configuration(diagnostic)) => refuse(file, &[*diagnostic]),
                ended => succeeded(ended.map_err(|error| error.to_string())),
            }
        }
        Err(diagnostics) => {
            inheritance.refuse(file, &diagnostics);
            refuse(file, &diagnostics)
        }
    }
}

fn refuse(file: &Path, diagnostics: &[Diagnostic]) -> ExitCode {
    report(file, diagnostics);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    complain(&format!("{}: {errors} {}", file.display(), if errors == 1 { "error" } else { "errors" }));
    ExitCode::from(CONFIG)
}

fn fine(warnings: usize) -> String {
    match warnings {
        0 => "fine".to_owned(),
        1 => "fine, with 1 warning".to_owned(),
        many => format!("fine, with {many} warnings"),
    }
}

fn report(file: &Path, diagnostics: &[Diagnostic]) {
    diagnostics.iter().for_each(|diagnostic| complain(&diagnostic.render(file)));
}

fn succeeded(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            complain(&format!("fedfront: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// To standard output; a pipe that closes early is no failure of ours.
fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
