//! Where one HTTP/1 request ends and the next one begins, which Pingora does not tell: it is told nothing of this. What is
//! framed in a way that allows two readings is refused elsewhere, so that one reading is enough here.

use crate::edge::request_line::RequestLine;

/// Follows the bytes that come on a connection.
#[derive(Debug, Default)]
pub(super) struct Messages {
    whole: u64,
    garbled: Option<u64>,
    line: RequestLine,
    length: u64,
    chunked: bool,
    within: Within,
}

/// What the next byte belongs to.
#[derive(Debug, Default)]
enum Within {
    #[default]
    Line,
    Field(Field),
    /// So many bytes of a body are left.
    Body(u64),
    /// The line before a chunk; the size so far.
    Size(u64),
    /// The rest of that line.
    Extension(u64),
    /// So many bytes of a chunk and its end are left.
    Chunk(u64),
    /// Behind the last chunk; whether the line is empty so far.
    Trailer(bool),
    /// What came is no chunk.
    Lost,
}

/// The line of a header.
#[derive(Debug, Default)]
struct Field {
    /// Bytes of its name.
    at: usize,
    name: Name,
    in_value: bool,
}

/// What the name may still turn out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Any,
    Length,
    Coding,
    Other,
}

impl Name {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Length => b"content-length",
            Self::Coding => b"transfer-encoding",
            Self::Any | Self::Other => b"",
        }
    }
}

impl Messages {
    /// Reads on.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.garbled.is_none() {
            if let Within::Body(left) | Within::Chunk(left) = &mut self.within {
                let passed = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= passed as u64;
                bytes = bytes.get(passed..).unwrap_or_default();
            } else if let [byte, rest @ ..] = bytes {
                self.byte(*byte);
                bytes = rest;
            }
            match self.within {
                Within::Body(0) => self.end(),
                Within::Chunk(0) => self.within = Within::Size(0),
                _ => {}
            }
        }
    }

    /// How many requests have come, to their ends.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// The first request, counted from 0, whose line is none, or is not surely one.
    pub fn garbled(&self) -> Option<u64> {
        self.garbled
    }

    /// Whether the next byte begins a request.
    pub fn is_between(&self) -> bool {
        matches!(self.within, Within::Line) && !self.line.has_begun()
    }

    fn byte(&mut self, byte: u8) {
        match &mut self.within {
            Within::Line => {
                if !self.line.read(&[byte]) {
                    self.garbled = Some(self.whole);
                } else if self.line.is_over() {
                    self.within = Within::Field(Field::default());
                }
            }
            Within::Field(field) => match byte {
                b'\n' if field.at == 0 => self.body(),
                b'\n' => *field = Field::default(),
                b'\r' => {}
                byte if field.in_value => match (field.name, byte) {
                    (Name::Length, b'0'..=b'9') => {
                        self.length = self.length.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                    }
                    (Name::Coding, _) => self.chunked = true,
                    _ => {}
                },
                byte => field.named(byte),
            },
            Within::Size(size) => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if *size <= u64::MAX >> 8 => *size = *size << 4 | u64::from(digit),
                (None, b'\n') => self.chunk(),
                (None, b'\r') => {}
                (None, b';' | b' ' | b'\t') => self.within = Within::Extension(*size),
                _ => self.lose(),
            },
            Within::Extension(_) if byte == b'\n' => self.chunk(),
            Within::Trailer(true) if byte == b'\n' => self.end(),
            Within::Trailer(empty) => *empty = byte == b'\n' || (*empty && byte == b'\r'),
            Within::Extension(_) | Within::Body(_) | Within::Chunk(_) | Within::Lost => {}
        }
    }

    /// The headers are over.
    fn body(&mut self) {
        self.within = if self.chunked { Within::Size(0) } else { Within::Body(self.length) };
    }

    /// The line before a chunk is over.
    fn chunk(&mut self) {
        let (Within::Size(size) | Within::Extension(size)) = self.within else { return };
        self.within = if size == 0 { Within::Trailer(true) } else { Within::Chunk(size + 2) };
    }

    /// Whatever comes after this one, nobody knows where it begins.
    fn lose(&mut self) {
        self.garbled = Some(self.whole + 1);
        self.within = Within::Lost;
    }

    fn end(&mut self) {
        *self = Self { whole: self.whole + 1, garbled: self.garbled, ..Self::default() };
    }
}

impl Field {
    fn named(&mut self, byte: u8) {
        if byte == b':' {
            self.in_value = true;
            if self.name.text().len() != self.at {
                self.name = Name::Other;
            }
        } else {
            let expected = match (self.name, byte) {
                (Name::Any, b'c' | b'C') => Name::Length,
                (Name::Any, b't' | b'T') => Name::Coding,
                (Name::Any, _) => Name::Other,
                (name, byte) if name.text().get(self.at) == Some(&byte.to_ascii_lowercase()) => name,
                _ => Name::Other,
            };
            self.name = expected;
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const BAD: &str = "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n";

    fn post(headers: &str, body: &str) -> String {
        format!("POST /a HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
    }

    #[test]
    fn knows_where_requests_begin() {
        let five = post("content-LENGTH:\t05 \r\n", "a b c");
        let chunked =
            post("TRANSFER-encoding: chunked\r\n", "2;x=\"1\"\r\na \r\n1A\r\nGET / HTTP/1.1 2 3 4 5 6 7\r\n0\r\n\r\n");
        let trailers = post("Transfer-Encoding: chunked\r\n", "0\r\nX: 1\r\nContent-Length: 7\r\n\r\n");
        let others = post("Content-Lengths: 5\r\nX-Content-Length: 5\r\nX: Content-Length: 5\r\nContent-: 1\r\n", "");
        let none = post("Content-Length: 0\r\n", "");
        for (whole, requests) in [
            (0, vec![]),
            (1, vec![GET]),
            (2, vec![GET, "\r\n\r\n", GET]),
            (2, vec![&five, GET]),
            (2, vec![&chunked, GET]),
            (2, vec![&trailers, GET]),
            (2, vec![&others, GET]),
            (3, vec![&none, &chunked, &five]),
        ] {
            let text = requests.concat();
            for bad in ["", BAD] {
                let bytes = [text.as_bytes(), bad.as_bytes()].concat();
                let (mut messages, mut bytewise) = (Messages::default(), Messages::default());
                messages.read(&bytes);
                bytes.iter().for_each(|byte| bytewise.read(std::slice::from_ref(byte)));
                for messages in [messages, bytewise] {
                    assert_eq!(messages.whole(), whole, "{text}");
                    assert_eq!(messages.garbled(), (!bad.is_empty()).then_some(whole), "{text}");
                    assert_eq!(messages.is_between(), bad.is_empty(), "{text}");
                }
            }
        }
    }

    #[test]
    fn knows_what_is_not_over() {
        let half = post("Content-Length: 5\r\n", "1234");
        let chunk = post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n");
        for text in ["G", "GET /a HTTP/1.1\r\nHost: a\r\n", &half, &chunk, &format!("{chunk}0\r\n")] {
            let mut messages = Messages::default();
            messages.read(text.as_bytes());
            assert_eq!((messages.whole(), messages.garbled(), messages.is_between()), (0, None, false), "{text}");
        }
    }

    #[test]
    fn takes_nothing_for_a_request_behind_what_is_no_chunk() {
        for body in ["x\r\n", "-1\r\n", "fffffffffffffffff\r\n"] {
            let mut messages = Messages::default();
            messages.read(post("Transfer-Encoding: chunked\r\n", body).as_bytes());
            assert_eq!((messages.garbled(), messages.is_between()), (Some(1), false), "{body}");
        }
    }
}
