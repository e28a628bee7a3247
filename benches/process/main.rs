//! What requests cost the server: CPU time of the `fedfront run` process for each, TLS kept alive, everything on, access
//! lines and audit records in files. Each is held against what cannot be had for less, in rounds that take turns: tokens
//! against raw RSA-2048 signatures, forwarding and documents against nginx on the same certificate, shared state against none. What
//! the directory is asked, and what connections that do nothing cost in memory.
//!
//! `cargo bench --bench process -- tokens` (or `shared`, `binds`, `forwarding`, `idle`) measures only that; `-- earlier /path/to/fedfront`
//! measures tokens against those of that build, `-- names` the memory that ten million users take.

mod binds;
mod client;
mod cpu;
mod earlier;
mod forwarding;
mod idle;
mod messages;
mod names;
mod nginx;
mod server;
mod shared;
#[expect(dead_code, clippy::disallowed_methods, reason = "it is the tests', who need more of it")]
#[path = "../../tests/directory/slapd.rs"]
mod slapd;
mod tokens;

/// Rounds of each kind; one more before them warms up connections, caches and memory.
const ROUNDS: usize = 21;
/// Connections, each with one request at a time.
const CLIENTS: usize = 16;

fn main() {
    let wanted = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let parts: [(&str, fn()); 5] = [
        ("tokens", tokens::measure),
        ("shared", shared::measure),
        ("binds", binds::measure),
        ("forwarding", forwarding::measure),
        ("idle", idle::measure),
    ];
    for (name, measure) in parts {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            measure();
            println!();
        }
    }
    match wanted.as_deref() {
        Some("earlier") => earlier::measure(),
        Some("names") => names::measure(),
        _ => (),
    }
}
