//! What ten million users do to memory: half of them are guessed at, half sign in, from addresses all over. In this process,
//! against a directory that has everybody.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use fedfront::config;
use fedfront::directory::{BindError, BindOutcome, BindRefusal, Directory, Resolution, Standing};
use fedfront::model::{Attributes, Entry, EntryId, Origin, Password, Timestamp, Unavailable, Username};
use fedfront::runtime::SystemClock;
use fedfront::sign_in::{Memory, SignIn, SignInRequest};
use fedfront::telemetry::Metrics;

use crate::server::Server;

const NAMES: u32 = 10_000_000;
/// Between two lines.
const STEP: u32 = 1_000_000;

/// Has an entry of every name; one whose number is odd has the password.
struct Everybody;

pub fn measure() {
    let made = Server::start("names", str::to_owned);
    let config =
        config::load(&made.file("proxy.yaml"), &|_| None).map_err(|_| "the demonstration's configuration").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let metrics = Arc::new(Metrics::new().unwrap());
        let memory = Arc::new(Memory::new(&config.config.guard, &metrics, None).unwrap());
        let clock = Arc::new(SystemClock);
        let sign_in = Arc::new(SignIn::new(&config.config, Arc::new(Everybody), memory, clock, metrics));
        let before = resident();
        println!("Memory of what sign-ins leave behind: half of them guesses, each of another user");
        println!("{:>12} {:>10}", "users", "MiB");
        for first in (0..NAMES).step_by(STEP as usize) {
            let halves = [first, first + STEP / 2].map(|from| tokio::spawn(ask(sign_in.clone(), from)));
            for half in halves {
                half.await.unwrap();
            }
            sign_in.observe().await;
            println!("{:>12} {:>10.1}", first + STEP, (resident() - before) / 1024.0);
        }
    });
}

async fn ask(sign_in: Arc<SignIn>, from: u32) {
    for number in from..from + STEP / 2 {
        let address = IpAddr::V4(Ipv4Addr::from(0x0b00_0000 + number.wrapping_mul(257)));
        let request = SignInRequest {
            name: Username::new(format!("user{number}@example.com")),
            password: Password::new("pass-word-1"),
            origin: Origin { clients: vec![address], application: None },
            fresh: false,
        };
        assert_eq!(sign_in.sign_in(&request).await.is_ok(), number % 2 == 1, "{number}");
    }
}

/// Resident memory of this process, KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[async_trait]
impl Directory for Everybody {
    fn name(&self) -> &str {
        "everybody"
    }

    async fn resolve(&self, name: &Username) -> Result<Resolution, Unavailable> {
        let dn: Arc<str> = format!("cn={},ou=people,dc=example,dc=com", name.folded()).into();
        Ok(Resolution::Found(Arc::new(Entry {
            id: EntryId { directory: "everybody".into(), entry: dn.clone() },
            bind_name: dn,
            upn: Some(name.folded().to_string()),
            immutable_id: None,
            groups: Vec::new(),
            attributes: Attributes::default(),
            own_count: None,
        })))
    }

    async fn bind(&self, entry: &Entry, _: &Password) -> Result<BindOutcome, BindError> {
        let odd = entry.bind_name.split('@').next().is_some_and(|name| name.ends_with(['1', '3', '5', '7', '9']));
        Ok(if odd { BindOutcome::Bound } else { BindOutcome::Refused(BindRefusal::InvalidCredentials) })
    }

    fn standing(&self, _: &Entry, _: Timestamp) -> Standing {
        Standing::Good
    }

    async fn decoy(&self, _: Option<&Entry>, _: &Password) -> Result<(), Unavailable> {
        Ok(())
    }
}
