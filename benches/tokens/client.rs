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

impl Client {
    pub fn connect(port: u16, authority: &Path) -> Self {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_ca_file(authority).unwrap();
        let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { tls: connector.build().connect("localhost", tcp).unwrap(), answer: vec![0; 64 * 1024] }
    }

    /// Sends a whole request.
    pub fn send(&mut self, request: &[u8]) {
        self.tls.write_all(request).unwrap();
    }

    /// Reads the whole answer, which must have an assertion in it.
    pub fn receive(&mut self) {
        let mut filled = 0;
        loop {
            let read = self.tls.read(&mut self.answer[filled..]).unwrap();
            assert_ne!(read, 0, "the server closed the connection");
            filled += read;
            if is_whole(&self.answer[..filled]) {
                break;
            }
        }
        let answer = String::from_utf8_lossy(&self.answer[..filled]);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(":Assertion "), "{answer}");
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    answer.len() >= end + 4 + length.expect("an answer without Content-Length")
}
