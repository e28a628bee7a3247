//! A client that costs little: one connection, one request at a time, no more of HTTP than the answers need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream};

/// A kept-alive TLS connection.
pub struct Client {
    tls: SslStream<TcpStream>,
    answer: Vec<u8>,
}

/// A whole answer.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Client {
    pub fn connect(port: u16, authority: &Path) -> Self {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_ca_file(authority).unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { tls: connector.build().connect("localhost", tcp).unwrap(), answer: vec![0; 64 * 1024] }
    }

    fn send(&mut self, request: &[u8]) {
        self.tls.write_all(request).unwrap();
    }

    fn receive(&mut self) -> Answer<'_> {
        let mut filled = 0;
        loop {
            let read = self.tls.read(&mut self.answer[filled..]).unwrap();
            assert_ne!(read, 0, "the server closed the connection");
            filled += read;
            if let Some((status, body)) = whole(&self.answer[..filled]) {
                return Answer { status, body: &self.answer[body..filled] };
            }
        }
    }
}

/// Sends `times` requests, as many at once as there are clients. One thread takes the answers in turn, so that it is not
/// woken for each: on loopback, waking a client is the server's work.
pub fn ask(
    clients: &mut [Client],
    times: usize,
    request: impl Fn(usize) -> Vec<u8>,
    expected: impl Fn(&Answer<'_>) -> bool,
) {
    let count = clients.len();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&request(number));
    }
    for number in count..times + count {
        let client = &mut clients[number % count];
        let answer = client.receive();
        assert!(expected(&answer), "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        if number < times {
            client.send(&request(number));
        }
    }
}

/// The status and where the body begins, if all of it is there.
fn whole(answer: &[u8]) -> Option<(u16, usize)> {
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..body]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status line");
    (answer.len() >= body + length.expect("an answer without Content-Length")).then_some((status, body))
}
