//! The man page: one for all commands, from what the parser knows, and from what it does not: exit codes, files, signals.

use std::io;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// What the parser does not know: headings, and under each what is told of with a sentence.
const MORE: [(&str, &[(&str, &str)]); 5] = [
    (
        "EXIT STATUS",
        &[
            ("0", "It went well. Warnings are no failure."),
            (
                "1",
                "It failed: a server that cannot serve, a step of a check, a difference by which a sign-in would fail.",
            ),
            ("64", "The command line is wrong."),
            ("78", "The configuration is wrong; every error is on standard error, with line and remedy."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGHUP",
                "fedfront run reads its configuration again, with every certificate, key, users file and metadata that it \
                 names. If anything is wrong, all stays as it was, and the log says what is. The audit file is opened again.",
            ),
            ("SIGUSR1", "The audit file is opened again, for log rotation, and nothing else."),
            (
                "SIGUSR2",
                "A new process takes its place, of the program that is installed now, as fedfront upgrade has it done. What came \
                 of it is in the log; if the new one does not serve, the old one serves on.",
            ),
            (
                "SIGTERM",
                "It ends without a lost request: limits.lame_duck, in which readyz says no, then limits.drain at most for what is \
                 being answered. A second one ends it at once.",
            ),
            ("SIGINT", "The same without the lame duck."),
        ],
    ),
    (
        "FILES",
        &[
            (
                "proxy.yaml",
                "The configuration, by -c. fedfront config default prints one that explains every key. Paths in it are \
                 relative to it. It is read again by itself, as is every file that it names, unless admin.watch_files is false.",
            ),
            (
                "admin.socket",
                "A Unix socket by which reload, promote, upgrade, drain, cache, guard and log reach a running fedfront; its \
                 owner's alone.",
            ),
            (
                "telemetry.audit_file",
                "One JSON object for each sign-in and decision; standard output if there is none, or syslog by \
                 telemetry.audit_syslog.",
            ),
            ("cache.folder", "What a restart finds again: last good copies of metadata, a promotion."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("any", "${NAME} in a value of the configuration is that variable, which must be set."),
            ("NOTIFY_SOCKET", "Where systemd is told that the start, a reload or the end has come."),
            (
                "LISTEN_FDS, LISTEN_PID",
                "Sockets that systemd holds (fedfront.socket): those at an address of listen are taken.",
            ),
        ],
    ),
    (
        "EXAMPLES",
        &[
            ("fedfront demo", "Shows a whole installation on this machine."),
            ("fedfront check -c proxy.yaml --online --user alice@example.com", "Tries everything but a password."),
            ("fedfront entra -c proxy.yaml --domain example.com", "What Entra is to be told."),
            ("fedfront run -c proxy.yaml", "Serves."),
        ],
    ),
];

/// The page, as roff.
pub(super) fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command;
    command.build();
    let mut page = Vec::new();
    Man::new(command.clone()).manual("fedfront").render_title(&mut page)?;
    let mut roff = Roff::new();
    let about = sentence(command.get_about());
    roff.control("SH", ["NAME"]).text([roman(format!("fedfront - {}", about.trim_end_matches('.')))]);
    roff.control("SH", ["SYNOPSIS"]).text([
        bold("fedfront"),
        roman(" "),
        italic("COMMAND"),
        roman(" ["),
        italic("OPTION"),
        roman("]..."),
    ]);
    roff.control("SH", ["DESCRIPTION"]).text([roman(
        "fedfront stands in front of an identity provider that cannot be changed, such as WSO2 Identity Server or Oracle Access \
         Manager, and answers for it what Office 365 and other active clients ask: WS-Trust metadata (MEX), WS-Trust tokens and SAML \
         ECP. It forwards everything else. One binary, one file of configuration.",
    )]);
    roff.control("SH", ["COMMANDS"]);
    for one in leaves(&command, "fedfront") {
        of_command(&mut roff, &one.0, one.1);
    }
    for (heading, told) in MORE {
        roff.control("SH", [heading]);
        for (what, sentence) in told {
            roff.control("TP", []).text([bold(*what)]).text([roman(*sentence)]);
        }
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Writes the page, to a folder or to standard output.
pub(super) fn write(page: &[u8], folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("fedfront.1"), page)
}

/// Every command that does something, with its whole name, in the order of the help.
fn leaves<'c>(command: &'c Command, name: &str) -> Vec<(String, &'c Command)> {
    let mut found = Vec::new();
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
        let name = format!("{name} {}", inner.get_name());
        if !inner.is_subcommand_required_set() {
            found.push((name.clone(), inner));
        }
        found.extend(leaves(inner, &name));
    }
    found
}

fn of_command(roff: &mut Roff, name: &str, command: &Command) {
    let arguments = || {
        command.get_arguments().filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
    };
    let mut usage = vec![bold(name)];
    for arg in arguments() {
        usage.push(roman(" "));
        if !arg.is_required_set() {
            usage.push(roman("["));
        }
        usage.extend(spelt(arg, true));
        if !arg.is_required_set() {
            usage.push(roman("]"));
        }
    }
    roff.control("SS", [name]).text(usage);
    roff.control("PP", []).text([roman(sentence(command.get_about()))]);
    for arg in arguments() {
        let mut told = sentence(arg.get_help());
        let possible: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        if arg.get_action().takes_values() && !possible.is_empty() {
            told.push_str(&format!(" One of {}.", possible.join(", ")));
        }
        if let [default] = arg.get_default_values()
            && arg.get_action().takes_values()
        {
            told.push_str(&format!(" Default: {}.", default.to_string_lossy()));
        }
        roff.control("TP", []).text(spelt(arg, false)).text([roman(told)]);
    }
}

/// An option with its value, or a value that stands by itself; in a synopsis by one of its spellings.
fn spelt(arg: &Arg, briefly: bool) -> Vec<Inline> {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.first().map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    let mut spellings: Vec<String> = Vec::new();
    spellings.extend(arg.get_short().map(|short| format!("-{short}")));
    spellings.extend(arg.get_long().map(|long| format!("--{long}")));
    if briefly {
        spellings.truncate(1);
    }
    if spellings.is_empty() {
        return vec![italic(value)];
    }
    let mut inlines = vec![bold(spellings.join(", "))];
    if arg.get_action().takes_values() {
        inlines.extend([roman(" "), italic(value)]);
    }
    inlines
}

/// What the help says, with the full stop that the parser takes away.
fn sentence(help: Option<&StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    if text.is_empty() || text.ends_with('.') { text } else { format!("{text}.") }
}
