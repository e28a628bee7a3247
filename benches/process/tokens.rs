//! A WS-Trust token and an ECP response over the one thing in them that cannot be had for less, a raw signature.

use std::thread;
use std::time::Duration;

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use crate::client::{Answer, Client, ask};
use crate::cpu::{self, Comparison};
use crate::messages::{ecp_request, token_request};
use crate::server::Server;
use crate::{CLIENTS, ROUNDS};

/// Requests of each kind in a round, and raw signatures after each kind.
pub const REQUESTS: usize = 512;

pub fn measure() {
    let server = Server::start("tokens", str::to_owned);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.port(), server.authority())).collect();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut token = Comparison::new("WS-Trust token", 1.25, 1.10);
    let mut ecp = Comparison::new("ECP response", 1.25, 1.15);
    for round in 0..=ROUNDS {
        // The server is idle while raw signatures are made, so whatever a request leaves to be done later is counted too.
        let start = server.spent();
        ask(&mut clients, REQUESTS, |_| token_request(), has_assertion);
        let raw = signatures(&key);
        let between = server.spent();
        ask(&mut clients, REQUESTS, |number| ecp_request(round * REQUESTS + number), has_assertion);
        let raw = (raw + signatures(&key)) / 2;
        let end = server.spent();
        if round > 0 {
            token.add(between - start, raw, REQUESTS);
            ecp.add(end - between, raw, REQUESTS);
        }
    }
    cpu::print_head("CPU time, over a raw signature");
    token.print_reference("raw RSA-2048 signature");
    token.print();
    ecp.print();
}

pub fn has_assertion(answer: &Answer<'_>) -> bool {
    answer.status == 200 && String::from_utf8_lossy(answer.body).contains(":Assertion ")
}

/// Makes a round of signatures on as many threads as the server signs on.
fn signatures(key: &PKey<Private>) -> Duration {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let times = REQUESTS / threads;
    let spent: Duration = thread::scope(|scope| {
        let loops: Vec<_> = (0..threads).map(|_| scope.spawn(|| cpu::of_thread(|| sign(key, times)))).collect();
        loops.into_iter().map(|signing| signing.join().unwrap()).sum()
    });
    spent.mul_f64(REQUESTS as f64 / (times * threads) as f64)
}

fn sign(key: &PKey<Private>, times: usize) {
    for number in 0..times {
        let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
        std::hint::black_box(signer.sign_oneshot_to_vec(&number.to_be_bytes()).unwrap());
    }
}
