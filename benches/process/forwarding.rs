//! A forwarded request, and the documents that are served from memory, over what nginx takes for them: the same
//! certificate, the same page behind, an access log, one thread each.

use std::fs;
use std::path::Path;

use crate::client::{Answer, Client, ask};
use crate::cpu::{self, Comparison};
use crate::nginx::{Nginx, Tls};
use crate::server::Server;
use crate::{CLIENTS, ROUNDS};

const REQUESTS: usize = 4096;
const PAGE: &str = "/page.html";
/// A page as a sign-in page is: some KiB.
const PAGE_BYTES: usize = 2048;

pub fn measure() {
    if !Nginx::is_installed() {
        println!("forwarding is not measured: nginx is not installed");
        return;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forwarding");
    let site = dir.join("site");
    fs::create_dir_all(&site).unwrap();
    fs::write(site.join(&PAGE[1..]), "x".repeat(PAGE_BYTES)).unwrap();
    let origin = Nginx::origin(&dir.join("origin"), &site);
    let server = Server::start("forwarding", |configuration| one_thread(configuration, origin.port()));
    let tls = Tls { certificate: &server.file("server.crt"), key: &server.file("server.key") };
    let nginx = Nginx::proxy(&dir.join("proxy"), &origin, &site, &tls);

    let connect = |port| -> Vec<Client> { (0..CLIENTS).map(|_| Client::connect(port, server.authority())).collect() };
    let (mut ours, mut theirs) = (connect(server.port()), connect(nginx.port()));
    for (name, path) in [("mex", "/mex"), ("metadata", "/oamfed/idp/metadata")] {
        ask(&mut ours, CLIENTS, |_| get(path), |answer| fs::write(site.join(name), answer.body).is_ok());
    }

    let kinds = [
        ("forwarded request", PAGE, PAGE, 1.5, 1.0),
        ("MEX", "/mex", "/static/mex", 1.5, 1.1),
        ("SAML metadata", "/oamfed/idp/metadata", "/static/metadata", 1.5, 1.1),
    ];
    let mut comparisons = kinds.map(|(what, _, _, gate, goal)| Comparison::new(what, gate, goal));
    for round in 0..=ROUNDS {
        for (comparison, (_, path, at_nginx, _, _)) in comparisons.iter_mut().zip(kinds) {
            let (start, start_nginx) = (server.spent(), nginx.spent());
            ask(&mut ours, REQUESTS, |_| get(path), is_fine);
            ask(&mut theirs, REQUESTS, |_| get(at_nginx), is_fine);
            if round > 0 {
                comparison.add(server.spent() - start, nginx.spent() - start_nginx, REQUESTS);
            }
        }
    }
    cpu::print_head("CPU time, over nginx's for the same");
    for comparison in comparisons {
        comparison.print_reference("nginx");
        comparison.print();
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
}

fn is_fine(answer: &Answer<'_>) -> bool {
    answer.status == 200 && !answer.body.is_empty()
}

/// In front of the page, on one worker thread as nginx is.
fn one_thread(configuration: &str, origin: u16) -> String {
    let mut lines: Vec<String> = configuration.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.trim_start().starts_with("servers:") {
            *line = format!("  servers: [\"http://127.0.0.1:{origin}\"]");
        }
    }
    lines.join("\n") + "\nlimits: { threads: 1 }\n"
}
