//! What the directory is asked, and what that costs: LDAP binds and CPU time for each sign-in, remembered and not, over a
//! slapd with many users.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::CLIENTS;
use crate::client::{Client, ask};
use crate::messages::token_request_of;
use crate::server::Server;
use crate::slapd::Slapd;
use crate::tokens::has_assertion;

const USERS: usize = 200;
/// How often each of them signs in.
const TIMES: usize = 10;
const PASSWORD: &str = "pass-word-1";

pub fn measure() {
    let Some(slapd) = Slapd::start(&people()) else { return };
    println!("Sign-ins of {USERS} users, {TIMES} times each, {CLIENTS} at once, over LDAP");
    println!("{:<34} {:>8} {:>14} {:>12}", "", "binds", "binds/sign-in", "CPU µs");
    for (name, folder, cache) in
        [("remembered for 60 s", "remembered", ""), ("cache.bind: off", "bound", "cache: { bind: off }\n")]
    {
        let (binds, spent) = sign_in(&slapd, folder, cache);
        let times = (USERS * TIMES) as f64;
        let each = spent.as_secs_f64() * 1e6 / times;
        println!("{name:<34} {binds:>8} {:>14.3} {each:>12.1}", binds as f64 / times);
    }
}

/// The binds of all sign-ins, and their CPU time.
fn sign_in(slapd: &Slapd, folder: &str, cache: &str) -> (u64, Duration) {
    let server = Server::start(folder, |configuration| with_ldap(configuration, slapd) + cache);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.port(), server.authority())).collect();
    let binds = || user_binds(&server);
    let (before, start) = (binds(), server.spent());
    // Neighbours in time are one user, as when several of a user's programs start.
    let request = |number: usize| token_request_of(&format!("user{}@example.com", number / TIMES), PASSWORD);
    ask(&mut clients, USERS * TIMES, request, has_assertion);
    (binds() - before, server.spent() - start)
}

/// The demonstration's configuration, with slapd's users in the place of its own.
fn with_ldap(configuration: &str, slapd: &Slapd) -> String {
    let password = slapd.path("service-password");
    fs::write(&password, "service-password").unwrap();
    let ldap = format!(
        "  ldap:\n    urls: [\"ldaps://127.0.0.1:{}\"]\n    ca_file: {}\n    bind_dn: cn=service,dc=example,dc=com\n    \
         bind_password_file: {}\n    base_dn: dc=example,dc=com\n    user_filter: \"(userPrincipalName={{name}})\"\n",
        slapd.tls_port,
        slapd.path("ca.pem").display(),
        password.display()
    );
    configuration
        .replace("  file: { path: users.yaml }\n", &ldap)
        .replace("    required_group: O365-Users\n", "")
        .replace("admin: { ", "admin: { socket: admin.sock, ")
}

fn people() -> String {
    let mut ldif = "dn: dc=example,dc=com\nobjectClass: domain\ndc: example\n\ndn: cn=service,dc=example,dc=com\n\
                    objectClass: person\ncn: service\nsn: service\nuserPassword: service-password\n"
        .to_owned();
    for number in 0..USERS {
        let guid = STANDARD.encode(format!("{number:016}"));
        write!(
            ldif,
            "\ndn: cn=user{number},dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: testUser\n\
             cn: user{number}\nsn: user\nuserPrincipalName: user{number}@example.com\nobjectGUID:: {guid}\n\
             userPassword: {PASSWORD}\n"
        )
        .unwrap();
    }
    ldif
}

/// The binds of users so far, as its metrics have them.
fn user_binds(server: &Server) -> u64 {
    let mut socket = UnixStream::connect(server.file("admin.sock")).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: fedfront\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let binds = answer.lines().filter(|line| line.starts_with("fedfront_ldap_operations_total{op=\"bind\""));
    binds.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
