//! What a token costs the server, everything on, beside the one thing in it that cannot be had for less: a raw RSA-2048
//! signature. CPU time of the `fedfront run` process for each request, TLS kept alive, the sign-in remembered; rounds of
//! tokens, ECP responses and raw signatures take turns, so that all three see the same machine.

mod client;
mod messages;
mod server;

use std::thread;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use client::Client;
use messages::{ecp_request, token_request};
use server::Server;

const ROUNDS: usize = 21;
/// Requests of each kind in a round, and raw signatures after each kind.
const REQUESTS: usize = 512;
/// Connections, each with one request at a time.
const CLIENTS: usize = 16;

fn main() {
    let server = Server::start();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.port(), server.authority())).collect();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let spent = || seconds(clock_getcpuclockid(Pid::from_raw(server.id())).unwrap());
    let mut rounds = Vec::new();
    // The first round warms up: connections, the remembered sign-in, memory.
    for round in 0..=ROUNDS {
        // The server is idle while raw signatures are made, so whatever a request leaves to be done later is counted too.
        let start = spent();
        ask(&mut clients, |_| token_request());
        let mut raw = signatures(&key);
        let between = spent();
        ask(&mut clients, |number| ecp_request(round * REQUESTS + number));
        raw += signatures(&key);
        let each = 1e6 / REQUESTS as f64;
        let ended = spent();
        rounds.push(Round { raw: raw * each / 2.0, token: (between - start) * each, ecp: (ended - between) * each });
    }
    rounds.remove(0);
    report(&rounds);
}

/// Microseconds of CPU time.
struct Round {
    raw: f64,
    token: f64,
    ecp: f64,
}

/// Sends a round of requests, as many at once as there are connections. One thread takes the answers in turn, so that it
/// is not woken for each: on loopback, waking a client is the server's work.
fn ask(clients: &mut [Client], request: impl Fn(usize) -> Vec<u8>) {
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&request(number));
    }
    let count = clients.len();
    for number in count..REQUESTS + count {
        let Some(client) = clients.get_mut(number % count) else { return };
        client.receive();
        if number < REQUESTS {
            client.send(&request(number));
        }
    }
}

/// Makes a round of signatures on as many threads as the server signs on; the CPU time in seconds.
fn signatures(key: &PKey<Private>) -> f64 {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let loops: Vec<_> = (0..threads).map(|_| scope.spawn(|| sign(key, REQUESTS / threads))).collect();
        loops.into_iter().map(|signing| signing.join().unwrap()).sum::<f64>()
            * (REQUESTS as f64 / (REQUESTS / threads * threads) as f64)
    })
}

fn sign(key: &PKey<Private>, times: usize) -> f64 {
    let start = seconds(ClockId::CLOCK_THREAD_CPUTIME_ID);
    for number in 0..times {
        let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
        std::hint::black_box(signer.sign_oneshot_to_vec(&number.to_be_bytes()).unwrap());
    }
    seconds(ClockId::CLOCK_THREAD_CPUTIME_ID) - start
}

fn seconds(clock: ClockId) -> f64 {
    let now = clock.now().unwrap();
    now.tv_sec() as f64 + now.tv_nsec() as f64 / 1e9
}

fn report(rounds: &[Round]) {
    println!("CPU time, medians of {ROUNDS} rounds of {REQUESTS}; times a raw signature, quartiles in brackets");
    println!("{:<24} {:>8}  {:<22} {:>6} {:>6}", "", "µs", "times", "gate", "goal");
    println!("{:<24} {:>8.1}", "raw RSA-2048 signature", quartiles(rounds, |round| round.raw)[1]);
    let line = |what, goal, of: fn(&Round) -> f64| {
        let [low, middle, high] = quartiles(rounds, |round| of(round) / round.raw);
        let times = format!("{middle:.3} ({low:.3}..{high:.3})");
        println!("{what:<24} {:>8.1}  {times:<22} {:>6.2} {goal:>6.2}", quartiles(rounds, of)[1], 1.25);
    };
    line("WS-Trust token", 1.10, |round| round.token);
    line("ECP response", 1.15, |round| round.ecp);
}

fn quartiles(rounds: &[Round], of: impl Fn(&Round) -> f64) -> [f64; 3] {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}
