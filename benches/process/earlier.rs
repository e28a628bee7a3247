//! What an Office 365 token costs against another build of fedfront, in rounds that take turns: whether it has become
//! dearer. The argument after `earlier` names the other binary.

use std::path::Path;

use crate::client::{Client, ask};
use crate::cpu::{self, Comparison};
use crate::messages::token_request;
use crate::server::Server;
use crate::tokens::{REQUESTS, has_assertion};
use crate::{CLIENTS, ROUNDS};

pub fn measure() {
    let earlier = std::env::args_os().nth(2).expect("after `earlier`, the other build's binary");
    let mut now = Running::start(Server::start("now", str::to_owned));
    let mut then = Running::start(Server::start_binary(Path::new(&earlier), "earlier", str::to_owned));
    let mut comparison = Comparison::new("WS-Trust token", 1.0, 1.0);
    compare(&mut now, &mut then, &mut comparison);
    cpu::print_head("CPU time, over the earlier build");
    comparison.print_reference("earlier build");
    comparison.print();
}

/// Rounds of tokens at the one, over as many at the other.
pub fn compare(now: &mut Running, then: &mut Running, comparison: &mut Comparison) {
    for round in 0..=ROUNDS {
        // Who begins takes turns, too.
        let (cost, reference) = if round % 2 == 0 {
            let cost = now.round();
            (cost, then.round())
        } else {
            let reference = then.round();
            (now.round(), reference)
        };
        if round > 0 {
            comparison.add(cost, reference, REQUESTS);
        }
    }
}

/// A server and its clients.
pub struct Running {
    server: Server,
    clients: Vec<Client>,
}

impl Running {
    pub fn start(server: Server) -> Self {
        let clients = (0..CLIENTS).map(|_| Client::connect(server.port(), server.authority())).collect();
        Self { server, clients }
    }

    fn round(&mut self) -> std::time::Duration {
        let start = self.server.spent();
        ask(&mut self.clients, REQUESTS, |_| token_request(), has_assertion);
        self.server.spent() - start
    }
}
