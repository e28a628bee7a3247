//! What an Office 365 token costs with state shared through Redis, over one without, in rounds that take turns.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::cpu::{self, Comparison};
use crate::earlier::{Running, compare};
use crate::server::Server;

const REDIS: &str = "/usr/bin/redis-server";

/// Ends with the value.
struct Redis(Child);

#[expect(clippy::disallowed_methods, reason = "it waits for a server by looking again")]
pub fn measure() {
    if !Path::new(REDIS).exists() {
        return println!("{REDIS} is not installed: what shared state costs is not measured");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).unwrap();
    let mut redis = Command::new(REDIS);
    redis.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(port.to_string()).arg("--dir").arg(folder);
    let _redis = Redis(redis.stdout(Stdio::null()).spawn().unwrap());
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    let state = |configuration: &str| format!("{configuration}state: {{ url: \"redis://127.0.0.1:{port}\" }}\n");
    let mut with = Running::start(Server::start("shared", state));
    let mut without = Running::start(Server::start("alone", str::to_owned));
    let mut comparison = Comparison::new("WS-Trust token", 1.10, 1.05);
    compare(&mut with, &mut without, &mut comparison);
    cpu::print_head("CPU time with shared state, over none");
    comparison.print_reference("state of its own");
    comparison.print();
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
