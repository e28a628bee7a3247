//! The other end of the admin socket, for `fedfront drain`, `reload`, `promote`, `upgrade`, `cache`, `guard` and `log`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::{NoUpgrade, Outcome, Upgraded};

const TIMEOUT: Duration = Duration::from_secs(5);
/// As long as the other end may take to read everything again, a device to sign, or a directory to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a process may answer that has handed over.
const TRIES: usize = 3;
/// What an answer has at most: that of `/guard` has some 300 bytes an entry.
const ANSWER: u64 = 16 * 1024 * 1024;

/// Tells the process that listens at `socket` to become a lame duck. Returns as soon as it is one.
///
/// # Errors
/// No process answers there, or not with 200; the message names the socket.
pub fn drain(socket: &Path) -> io::Result<()> {
    let answer = call(socket, "POST", "/drain", "", TIMEOUT).map_err(|error| named(socket, error))?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(unexpected(socket, &answer)) }
}

/// Has the process that listens at `socket` read everything again. Returns what it found, when it has.
///
/// # Errors
/// No process answers there, or it ends already; the message names the socket.
pub fn reload(socket: &Path) -> io::Result<Outcome> {
    ask(socket, "POST", "/reload", "")
}

/// Has the process that listens at `socket` sign with the next key. Returns what came of it.
///
/// # Errors
/// No process answers there, or it ends already; the message names the socket.
pub fn promote(socket: &Path) -> io::Result<Outcome> {
    ask(socket, "POST", "/promote", "")
}

/// Has another process take the place of the one that listens at `socket`, within so many seconds. Returns what came of it.
///
/// # Errors
/// No process answers there, or it ends already; the message names the socket.
pub fn upgrade(socket: &Path, within: u64) -> io::Result<Upgraded> {
    let path = format!("/upgrade?within={within}");
    let (status, body) = asked(socket, "POST", &path, "")?;
    match status {
        200 => Ok(Ok(body)),
        422 => Ok(Err(NoUpgrade::Configuration(body))),
        409 => Ok(Err(NoUpgrade::Other(body))),
        _ => Err(named(socket, io::Error::other(format!("answered {status}: {}", body.trim_end().escape_debug())))),
    }
}

/// Has the process that listens at `socket` forget remembered binds: a user's, or all. Returns how many it forgot.
///
/// # Errors
/// No process answers there, or it ends already; the message names the socket.
pub fn flush(socket: &Path, user: Option<&str>) -> io::Result<Outcome> {
    ask(socket, "POST", "/cache/flush", &whom(user))
}

/// Has the process that listens at `socket` tell which entries have failures that count, of how many at `most`.
///
/// # Errors
/// As for [`flush`].
pub fn failures(socket: &Path, most: usize, json: bool) -> io::Result<Outcome> {
    ask(socket, "GET", &format!("/guard?limit={most}{}", if json { "&json" } else { "" }), "")
}

/// Has the process that listens at `socket` tell what failures a user has.
///
/// # Errors
/// As for [`flush`].
pub fn failures_of(socket: &Path, user: &str, json: bool) -> io::Result<Outcome> {
    ask(socket, "POST", if json { "/guard/show?json" } else { "/guard/show" }, &whom(Some(user)))
}

/// Has the process that listens at `socket` forget failures: a user's, or all. Returns whose.
///
/// # Errors
/// As for [`flush`].
pub fn unlock(socket: &Path, user: Option<&str>) -> io::Result<Outcome> {
    ask(socket, "POST", "/guard/unlock", &whom(user))
}

/// Has the process that listens at `socket` tell what it logs.
///
/// # Errors
/// As for [`flush`].
pub fn log_level(socket: &Path) -> io::Result<Outcome> {
    ask(socket, "GET", "/log", "")
}

/// Has the process that listens at `socket` log more or less for a while.
///
/// # Errors
/// As for [`flush`].
pub fn set_log_level(socket: &Path, level: &str, during: Duration) -> io::Result<Outcome> {
    ask(socket, "POST", "/log/level", &json!({ "level": level, "seconds": during.as_secs() }).to_string())
}

fn whom(user: Option<&str>) -> String {
    user.map_or_else(|| json!({ "all": true }), |user| json!({ "user": user })).to_string()
}

fn ask(socket: &Path, method: &str, path: &str, body: &str) -> io::Result<Outcome> {
    let answer = call(socket, method, path, body, PATIENCE).map_err(|error| named(socket, error))?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(Ok(body))
    } else if answer.starts_with("HTTP/1.1 422 ") {
        Ok(Err(body))
    } else {
        Err(unexpected(socket, &answer))
    }
}

/// The status of an answer, and what it says.
fn asked(socket: &Path, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let answer = call(socket, method, path, body, PATIENCE).map_err(|error| named(socket, error))?;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| unexpected(socket, &answer))?;
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

fn named(socket: &Path, error: io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ": no fedfront runs with this admin.socket: it does not run, or was started with another"
        }
        _ => "",
    };
    io::Error::new(error.kind(), format!("{}: {error}{hint}", socket.display()))
}

fn unexpected(socket: &Path, answer: &str) -> io::Error {
    let line = answer.lines().next().unwrap_or_default();
    named(socket, io::Error::other(format!("answered `{}`", line.escape_debug())))
}

/// Asks, and again where a process answers that has handed over meanwhile: the socket leads to the one that serves.
fn call(socket: &Path, method: &str, path: &str, body: &str, patience: Duration) -> io::Result<String> {
    let mut answer = call_once(socket, method, path, body, patience)?;
    for _ in 1..TRIES {
        if !answer.starts_with("HTTP/1.1 421 ") {
            break;
        }
        answer = call_once(socket, method, path, body, patience)?;
    }
    Ok(answer)
}

fn call_once(socket: &Path, method: &str, path: &str, body: &str, patience: Duration) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: fedfront\r\nConnection: close\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_socket_that_nobody_listens_at_is_told_in_words() {
        let error = drain(Path::new("/nowhere/fedfront.sock")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/fedfront.sock: ") && error.contains("it does not run, or was"), "{error}");
    }

    #[test]
    fn a_command_for_a_process_that_had_just_handed_over_was_lost() {
        let path = std::env::temp_dir().join(format!("fedfront-client-again-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            for status in ["421 Misdirected Request", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let length = stream.read(&mut [0; 1024]).unwrap();
                assert!(length > 0);
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            }
        });
        drain(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        server.join().unwrap();
    }

    #[test]
    fn another_answer_than_200_is_an_error() {
        let path = std::env::temp_dir().join(format!("fedfront-client-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        let error = drain(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(server.join().unwrap().starts_with("POST /drain HTTP/1.1\r\n"));
        assert!(error.to_string().contains("404"), "{error}");
    }
}
