//! The PROXY protocol, versions 1 and 2 (haproxy.org, `doc/proxy-protocol.txt`): what a balancer that passes bytes on
//! says about the client before the client's first byte.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A header of version 1 is a line of at most this, its end included.
const LONGEST_LINE: usize = 107;
/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses and extensions of version 2: the certificate's name among them is the longest that balancers send.
const LONGEST_REST: usize = 4096;

/// Reads the header, and nothing that follows it: that is TLS. The address that it names; `None` where it names none
/// that is a TCP client's (a balancer's own health request, a Unix socket).
///
/// # Errors
/// `ConnectionAborted` where nothing was said at all; what is no header, or ends before its end; what the socket says.
pub(super) async fn read(tcp: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut header = Vec::new();
    let mut room = [0; 256];
    loop {
        let peeked = match tcp.peek(&mut room).await {
            Ok(0) | Err(_) if header.is_empty() => return Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            peeked => peeked?,
        };
        let known = header.len();
        header.extend_from_slice(room.get(..peeked).unwrap_or_default());
        let parsed = parse(&header);
        let end = match parsed {
            Parsed::Whole { length, .. } => length,
            Parsed::Beginning => header.len(),
            Parsed::Malformed => return Err(io::ErrorKind::InvalidData.into()),
        };
        // What was peeked at is there, so this does not wait.
        tcp.read_exact(header.get_mut(known..end).unwrap_or_default()).await?;
        if let Parsed::Whole { client, .. } = parsed {
            return Ok(client);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parsed {
    /// All of this belongs to a header that goes on.
    Beginning,
    /// So many bytes are one.
    Whole {
        length: usize,
        client: Option<SocketAddr>,
    },
    Malformed,
}

fn parse(bytes: &[u8]) -> Parsed {
    let begins = |whole: &[u8]| whole.starts_with(bytes) || bytes.starts_with(whole);
    if begins(&SIGNATURE) {
        binary(bytes)
    } else if begins(b"PROXY ") {
        line(bytes)
    } else {
        Parsed::Malformed
    }
}

fn line(bytes: &[u8]) -> Parsed {
    let window = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LONGEST_LINE { Parsed::Beginning } else { Parsed::Malformed };
    };
    let text = window.get(..end).and_then(|line| std::str::from_utf8(line.strip_suffix(b"\r")?).ok());
    match text.and_then(client_of) {
        Some(client) => Parsed::Whole { length: end + 1, client },
        None => Parsed::Malformed,
    }
}

/// Whom a line of version 1 names; the outer `None` is a line that is none.
fn client_of(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let address = |word: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (client, _) = (address(words.next()?)?, address(words.next()?)?);
    let (from, _) = (port(words.next()?)?, port(words.next()?)?);
    words.next().is_none().then_some(Some(SocketAddr::new(client, from)))
}

/// Digits alone: what is read from text may have a sign.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

fn binary(bytes: &[u8]) -> Parsed {
    let [_, _, _, _, _, _, _, _, _, _, _, _, command, family, high, low, rest @ ..] = bytes else {
        return Parsed::Beginning;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // LOCAL or PROXY, for a family and a transport that exist.
    if !matches!(command, 0x20 | 0x21) || family >> 4 > 3 || family & 0xf > 2 || length > LONGEST_REST {
        return Parsed::Malformed;
    }
    let Some(rest) = rest.get(..length) else { return Parsed::Beginning };
    let client = match (command, family >> 4) {
        (0x21, 1) => inet(rest),
        (0x21, 2) => inet6(rest),
        // A Unix socket has no address that is worth anything here.
        _ => Some(None),
    };
    match client {
        Some(client) => Parsed::Whole { length: 16 + length, client },
        None => Parsed::Malformed,
    }
}

/// Source and destination addresses and ports.
fn inet(rest: &[u8]) -> Option<Option<SocketAddr>> {
    let (client, rest) = rest.split_first_chunk::<4>()?;
    let (ports, _) = rest.get(4..)?.split_first_chunk::<4>()?;
    Some(Some(SocketAddr::new(Ipv4Addr::from(*client).into(), first(*ports))))
}

fn inet6(rest: &[u8]) -> Option<Option<SocketAddr>> {
    let (client, rest) = rest.split_first_chunk::<16>()?;
    let (ports, _) = rest.get(16..)?.split_first_chunk::<4>()?;
    Some(Some(SocketAddr::new(Ipv6Addr::from(*client).into(), first(*ports))))
}

fn first([high, low, ..]: [u8; 4]) -> u16 {
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const INET: &[u8] = b"\xc6\x33\x64\x07\x0a\x00\x00\x01\x12\x67\x20\xfb";
    const INET6: &[u8] =
        b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\x20\xfb";

    fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    /// Headers, and whom they name.
    fn headers() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let extended = [INET, b"\x04\0\x03abc\x20\0\x05\x01\0\0\0\0"].concat();
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(LONGEST_LINE - 16));
        vec![
            (b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 8443\r\n".to_vec(), Some("198.51.100.7:4711")),
            (b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n".to_vec(), Some("255.255.255.255:65535")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 8443\r\n".to_vec(), Some("[2001:db8::7]:4711")),
            (b"PROXY TCP6 ::ffff:198.51.100.7 ::1 1 2\r\n".to_vec(), Some("[::ffff:198.51.100.7]:1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ff:ff ff:ff 65535 65535\r\n".to_vec(), None),
            (longest.into_bytes(), None),
            (version2(0x21, 0x11, INET), Some("198.51.100.7:4711")),
            (version2(0x21, 0x12, INET), Some("198.51.100.7:4711")),
            (version2(0x21, 0x21, INET6), Some("[2001:db8::7]:4711")),
            (version2(0x21, 0x11, &extended), Some("198.51.100.7:4711")),
            (version2(0x21, 0x31, &[b'x'; 216]), None),
            (version2(0x21, 0x00, b""), None),
            (version2(0x20, 0x00, b""), None),
            (version2(0x20, 0x11, INET), None),
            (version2(0x21, 0x00, &[0; LONGEST_REST]), None),
        ]
    }

    #[test]
    fn reads_what_a_balancer_says_and_not_a_byte_more() {
        for (header, client) in headers() {
            let client = client.map(|client| client.parse().unwrap());
            let whole = Parsed::Whole { length: header.len(), client };
            assert_eq!(parse(&header), whole, "{}", header.escape_ascii());
            let followed = [header.as_slice(), b"\x16\x03\x01\n\r\n"].concat();
            assert_eq!(parse(&followed), whole, "{}", header.escape_ascii());
            for end in 0..header.len() {
                assert_eq!(parse(&header[..end]), Parsed::Beginning, "{} to {end}", header.escape_ascii());
            }
        }
    }

    #[test]
    fn takes_nothing_else() {
        let malformed: [&[u8]; 26] = [
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"PROXY\r\n",
            b"PROXY \r\n",
            b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
            b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY TCP4 1.2.3.4\xff 1.2.3.4 1 2\r\n",
            &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; LONGEST_LINE]].concat(),
            &version2(0x11, 0x11, INET),
            &version2(0x22, 0x11, INET),
            &version2(0x21, 0x41, INET),
            &version2(0x21, 0x13, INET),
            &version2(0x21, 0x11, &INET[1..]),
            &version2(0x21, 0x21, &INET6[1..]),
        ];
        for bytes in malformed {
            assert_eq!(parse(bytes), Parsed::Malformed, "{}", bytes.escape_ascii());
        }
        let long = [SIGNATURE.as_slice(), b"\x21\x11\x10\x01"].concat();
        assert_eq!(parse(&long), Parsed::Malformed, "more than {LONGEST_REST} bytes");
    }

    #[tokio::test]
    async fn leaves_the_next_byte_in_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (header, client) in headers() {
            for piece in [1, header.len(), header.len() + 3] {
                let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
                let (mut tcp, _) = listener.accept().await.unwrap();
                let sent = [header.as_slice(), b"TLS"].concat();
                let sending = async {
                    for piece in sent.chunks(piece) {
                        peer.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let (named, ()) = tokio::join!(read(&mut tcp), sending);
                assert_eq!(named.unwrap(), client.map(|client| client.parse().unwrap()));
                let mut next = [0; 3];
                tcp.read_exact(&mut next).await.unwrap();
                assert_eq!(&next, b"TLS");
            }
        }
    }

    #[tokio::test]
    async fn a_header_that_ends_early_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut tcp, _) = listener.accept().await.unwrap();
        peer.write_all(b"PROXY TCP4 198.51").await.unwrap();
        drop(peer);
        assert_eq!(read(&mut tcp).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        drop(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (mut tcp, _) = listener.accept().await.unwrap();
        assert_eq!(read(&mut tcp).await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
