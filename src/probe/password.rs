//! Where a password comes from: a file, standard input, or somebody who types it unseen.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::model::Password;

/// The password, without the end of its line. Empty ones are refused: a directory could take them for nobody's.
///
/// # Errors
/// What cannot be read, in one sentence.
pub fn password(file: Option<&Path>) -> Result<Password, String> {
    let mut line = match file {
        Some(file) => read(file)?,
        None => ask()?,
    };
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    if line.is_empty() {
        return Err("the password is empty".to_owned());
    }
    Ok(Password::new(line.as_str()))
}

fn read(file: &Path) -> Result<Zeroizing<String>, String> {
    std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| format!("{}: {error}", file.display()))
}

fn ask() -> Result<Zeroizing<String>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("no password from standard input: {error}");
    let stdin = std::io::stdin();
    let mut line = Zeroizing::new(String::with_capacity(1024));
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut line).map_err(|error| failed(&error))?;
        return Ok(line);
    }
    let mut stderr = std::io::stderr();
    let unseen = Unseen::begin().map_err(|error| failed(&error))?;
    // To standard error: what goes to standard output may be JSON.
    let _ = write!(stderr, "Password: ").and_then(|()| stderr.flush());
    let read = stdin.lock().read_line(&mut line);
    drop(unseen);
    let _ = writeln!(stderr);
    read.map_err(|error| failed(&error))?;
    Ok(line)
}

/// As long as it lives the terminal does not show what is typed.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> nix::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(std::io::stdin(), SetArg::TCSAFLUSH, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Nobody could be told.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}
