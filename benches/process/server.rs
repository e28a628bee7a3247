//! The real thing: `fedfront run`, on a configuration that `fedfront demo` made.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cpu;

const FEDFRONT: &str = env!("CARGO_BIN_EXE_fedfront");
const ANY_PORT: &str = "127.0.0.1:0";

/// A running server; dropping it ends it.
pub struct Server {
    child: Child,
    port: u16,
    dir: PathBuf,
    authority: PathBuf,
}

impl Server {
    /// Starts one on a free port, with the access lines and the audit records in files under `name`, and the configuration
    /// changed by `edit`.
    pub fn start(name: &str, edit: impl Fn(&str) -> String) -> Self {
        Self::start_binary(Path::new(FEDFRONT), name, edit)
    }

    /// The same for any build of fedfront.
    pub fn start_binary(fedfront: &Path, name: &str, edit: impl Fn(&str) -> String) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let anywhere = ["--exit", "--https", ANY_PORT, "--admin", ANY_PORT];
        let made =
            Command::new(fedfront).args(["demo", "--dir"]).arg(&dir).args(anywhere).stdout(Stdio::null()).status();
        assert!(made.unwrap().success(), "fedfront demo");
        let file = dir.join("proxy.yaml");
        fs::write(&file, edit(&on_any_port(&fs::read_to_string(&file).unwrap()))).unwrap();

        let log = File::create(dir.join("log")).unwrap();
        let run = Command::new(fedfront).args(["run", "-c"]).arg(&file).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = run.unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| line.unwrap().strip_prefix("ready https://localhost:")?.parse().ok());
        Self { child, port: port.expect("fedfront run does not start"), authority: dir.join("ca.pem"), dir }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of the authority that signed its certificate.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// One of the files that its configuration names.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Resident memory, bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// CPU time so far.
    pub fn spent(&self) -> Duration {
        cpu::of_process(self.child.id().try_into().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, of which the requests tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration with every address on a port that is free, and a log as in production.
fn on_any_port(configuration: &str) -> String {
    let port_zero = |line: &str| match line.split_once("address: \"") {
        Some((before, rest)) => {
            let after = rest.split_once('"').map_or("", |(_, after)| after);
            format!("{before}address: \"{ANY_PORT}\"{after}")
        }
        None => line.replace("format: text, ", ""),
    };
    configuration.lines().map(|line| port_zero(line) + "\n").collect()
}
