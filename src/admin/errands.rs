//! `/cache`, `/guard` and `/log`: what is wanted of what is remembered of users, and of the log. Who it is about is in the body, where no log of requests
//! has it; so that showing one user is a POST, too.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;

use super::asked::{Asked, Errand, ask};
use super::routes::{Answer, Status, not_allowed, text};

/// What a body has at most: a name and what is around it.
pub(super) const BODY: usize = 16 * 1024;

/// Of how many entries failures are told where nobody says.
const MOST: usize = 100;
/// And at most, of whatever somebody says.
const MOST_EVER: usize = 10_000;

/// Whom it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    user: Option<String>,
    /// So that nobody forgets everybody's by leaving a name out.
    #[serde(default)]
    all: bool,
}

/// What is to be logged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    level: String,
    seconds: u64,
}

/// What was raised to find something out is not to fill a disk.
const LONGEST_LEVEL: u64 = 24 * 60 * 60;

/// Whether a path is one of these.
pub(super) fn are_at(path: &str) -> bool {
    matches!(path, "/cache/flush" | "/guard" | "/guard/show" | "/guard/unlock" | "/log" | "/log/level")
}

/// Does it, or says why it cannot be meant.
pub(super) async fn answer(method: &Method, path: &str, query: &str, body: &[u8], status: &Status) -> Answer {
    match errand(method, path, query, body) {
        Ok(errand) => ask(status, |told| Asked::Errand(errand, told)).await,
        Err(Unmeant::Method(allowed)) => not_allowed(allowed),
        Err(Unmeant::Words(why)) => text(StatusCode::BAD_REQUEST, why),
    }
}

/// Why a request is no errand.
#[derive(Debug, PartialEq, Eq)]
enum Unmeant {
    /// Its method; which it should be.
    Method(&'static str),
    /// What it says.
    Words(&'static str),
}

fn errand(method: &Method, path: &str, query: &str, body: &[u8]) -> Result<Errand, Unmeant> {
    let reads = matches!(path, "/guard" | "/log");
    if reads && *method != Method::GET {
        return Err(Unmeant::Method("GET"));
    }
    if !reads && *method != Method::POST {
        return Err(Unmeant::Method("POST"));
    }
    let parameter = |name: &str| {
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let json = parameter("json").is_some();
    if path == "/log" {
        return Ok(Errand::LogLevel);
    }
    if path == "/log/level" {
        let wanted: Option<Level> = serde_json::from_slice(body).ok();
        let wanted = wanted.filter(|wanted| (1..=LONGEST_LEVEL).contains(&wanted.seconds));
        let Level { level, seconds } =
            wanted.ok_or(Unmeant::Words("the body is {\"level\": \"debug\", \"seconds\": 600}, in JSON\n"))?;
        return Ok(Errand::SetLogLevel { level, during: Duration::from_secs(seconds) });
    }
    if reads {
        let most = parameter("limit").map_or(Ok(MOST), str::parse);
        let most = most.ok().filter(|most| (1..=MOST_EVER).contains(most));
        let most = most.ok_or(Unmeant::Words("limit is a number from 1 to 10000\n"))?;
        return Ok(Errand::Failures { most, json });
    }
    let user = match serde_json::from_slice(body) {
        Ok(Whom { user: Some(user), all: false }) if !user.trim().is_empty() => Some(user),
        Ok(Whom { user: None, all: true }) => None,
        _ => return Err(Unmeant::Words("the body is {\"user\": \"NAME\"} or {\"all\": true}, in JSON\n")),
    };
    match (path, user) {
        ("/cache/flush", user) => Ok(Errand::Flush { user }),
        ("/guard/show", Some(user)) => Ok(Errand::FailuresOf { user, json }),
        ("/guard/show", None) => Err(Unmeant::Words("/guard shows all of them\n")),
        (_, user) => Ok(Errand::Unlock { user }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, target: &str, body: &str) -> Result<Errand, u16> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        assert!(are_at(path), "{path}");
        errand(&method, path, query, body.as_bytes()).map_err(|why| match why {
            Unmeant::Method(_) => 405,
            Unmeant::Words(_) => 400,
        })
    }

    #[test]
    fn whom_an_errand_is_about_is_in_its_body_and_never_left_out() {
        const ALICE: &str = r#"{"user": "alice"}"#;
        let user = || "alice".to_owned();
        let debug = |seconds| Errand::SetLogLevel { level: "debug".to_owned(), during: Duration::from_secs(seconds) };
        for (method, target, body, expected) in [
            (Method::POST, "/cache/flush", ALICE, Ok(Errand::Flush { user: Some(user()) })),
            (Method::POST, "/cache/flush", r#"{"all": true}"#, Ok(Errand::Flush { user: None })),
            (Method::POST, "/cache/flush", "", Err(400)),
            (Method::POST, "/cache/flush", "{}", Err(400)),
            (Method::POST, "/cache/flush", r#"{"user": " "}"#, Err(400)),
            (Method::POST, "/cache/flush", r#"{"user": "alice", "all": true}"#, Err(400)),
            (Method::POST, "/cache/flush", r#"{"users": "alice", "all": true}"#, Err(400)),
            (Method::POST, "/cache/flush?user=alice", "{}", Err(400)),
            (Method::GET, "/cache/flush", ALICE, Err(405)),
            (Method::GET, "/guard", "", Ok(Errand::Failures { most: MOST, json: false })),
            (Method::GET, "/guard?limit=7&json", "", Ok(Errand::Failures { most: 7, json: true })),
            (Method::GET, "/guard?limit=0", "", Err(400)),
            (Method::GET, "/guard?limit=10001", "", Err(400)),
            (Method::GET, "/guard?limit=many", "", Err(400)),
            (Method::POST, "/guard", "", Err(405)),
            (Method::POST, "/guard/show?json", ALICE, Ok(Errand::FailuresOf { user: user(), json: true })),
            (Method::POST, "/guard/show", r#"{"all": true}"#, Err(400)),
            (Method::GET, "/guard/show", ALICE, Err(405)),
            (Method::POST, "/guard/unlock", ALICE, Ok(Errand::Unlock { user: Some(user()) })),
            (Method::POST, "/guard/unlock", r#"{"all": true}"#, Ok(Errand::Unlock { user: None })),
            (Method::POST, "/guard/unlock", r#"{"all": false}"#, Err(400)),
            (Method::GET, "/log", "", Ok(Errand::LogLevel)),
            (Method::POST, "/log/level", r#"{"level": "debug", "seconds": 600}"#, Ok(debug(600))),
            (Method::POST, "/log/level", r#"{"level": "debug", "seconds": 86401}"#, Err(400)),
            (Method::POST, "/log/level", r#"{"level": "debug", "seconds": 0}"#, Err(400)),
            (Method::POST, "/log/level", r#"{"level": "debug"}"#, Err(400)),
            (Method::GET, "/log/level", "", Err(405)),
        ] {
            assert_eq!(read(method, target, body), expected, "{target} {body}");
        }
    }
}
