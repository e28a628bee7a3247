//! What a connection costs that is kept alive and does nothing: memory of the process, TLS 1.3 included; what the kernel
//! holds for its socket is not in it.

use std::time::Duration;

use crate::client::{Client, ask};
use crate::server::Server;

const CONNECTIONS: usize = 5000;
/// Opened before and kept, so that what the first ones cost once is not counted.
const BEFORE: usize = 250;
/// KiB.
const GATE: f64 = 48.0;
const GOAL: f64 = 32.0;

pub fn measure() {
    let open_files = fedfront::runtime::raise_open_files().unwrap();
    if open_files < 5 * CONNECTIONS as u64 / 2 + 1000 {
        println!("idle connections are not measured: no more than {open_files} files may be open");
        return;
    }
    let server = Server::start("idle", |configuration| {
        format!("{configuration}limits: {{ threads: 2, keep_alive: 1h, connections: {} }}\n", CONNECTIONS + BEFORE)
    });
    // Each asks once, as a browser does before it idles.
    let open = |count| -> Vec<Client> {
        (0..count)
            .map(|_| {
                let mut client = Client::connect(server.port(), server.authority());
                let mex = b"GET /mex HTTP/1.1\r\nHost: localhost\r\n\r\n";
                ask(std::slice::from_mut(&mut client), 1, |_| mex.to_vec(), |answer| answer.status == 200);
                client
            })
            .collect()
    };
    let first = open(BEFORE);
    let before = settled(&server);
    let clients = open(CONNECTIONS);
    let after = settled(&server);
    assert!(clients.len() + first.len() == CONNECTIONS + BEFORE);

    let each = (after as f64 - before as f64) / 1024.0 / CONNECTIONS as f64;
    println!("{:<32} {:>8}  {:>6} {:>6}", "memory", "KiB", "gate", "goal");
    println!("{:<32} {each:>8.1}  {GATE:>6.0} {GOAL:>6.0}", format!("idle TLS connection ({CONNECTIONS})"));
    println!("{:<32} {:>8.0}", "the whole process with them", after as f64 / 1024.0);
}

/// Resident memory in bytes, once the allocator has given back what it will.
#[expect(clippy::disallowed_methods, reason = "no worker runs here")]
fn settled(server: &Server) -> u64 {
    let mut last = server.memory();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = server.memory();
        if now.abs_diff(last) < 64 * 1024 {
            return now;
        }
        last = now;
    }
}
