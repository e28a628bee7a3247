//! The frames of HTTP/2 (RFC 9113 4), as far as the edge must know of them: which one is only begun.

const HEAD: usize = 9;
const PREFACE: u32 = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Follows the bytes of one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The head of the frame, and of a GOAWAY its error code.
    begun: [u8; HEAD + 8],
    known: usize,
    /// Bytes to pass over.
    rest: u32,
    in_data: bool,
    in_headers: bool,
    goaway: bool,
    count: u64,
}

/// What the other side has to send before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    Nothing,
    /// The rest of a frame, or of a request's headers.
    Rest,
    /// The rest of a frame of a body.
    Body,
}

impl Frames {
    /// What a client sends: a preface, then frames.
    pub fn of_client() -> Self {
        Self { rest: PREFACE, ..Self::default() }
    }

    /// Reads on.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let passed = bytes.len().min(self.rest as usize);
                self.rest -= u32::try_from(passed).unwrap_or(self.rest);
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let [byte, following @ ..] = bytes else { return };
            bytes = following;
            if let Some(room) = self.begun.get_mut(self.known) {
                *room = *byte;
            }
            self.known += 1;
            self.known_so_far();
        }
    }

    /// What is owed.
    pub fn owed(&self) -> Owed {
        match (self.known, self.rest) {
            (0, 0) if !self.in_headers => Owed::Nothing,
            (0, 1..) if self.in_data => Owed::Body,
            _ => Owed::Rest,
        }
    }

    /// The frame of a body that has begun and is not over, by its number; 0 is none.
    pub fn body(&self) -> u64 {
        if self.owed() == Owed::Body { self.count } else { 0 }
    }

    /// Whether a GOAWAY that names an error was among them.
    pub fn gave_up(&self) -> bool {
        self.goaway
    }

    fn known_so_far(&mut self) {
        let [a, b, c, kind, flags, _, _, _, _, _, _, _, _, code @ ..] = self.begun;
        let length = u32::from_be_bytes([0, a, b, c]);
        let wanted = if kind == GOAWAY { self.begun.len() } else { HEAD };
        if self.known < HEAD || (self.known < wanted && length >= 8) {
            return;
        }
        if kind == GOAWAY && length >= 8 {
            self.goaway |= code != [0; 4];
            self.rest = length - 8;
        } else {
            self.rest = length;
        }
        self.in_data = kind == DATA;
        self.count += 1;
        if matches!(kind, HEADERS | PUSH_PROMISE | CONTINUATION) {
            self.in_headers = flags & END_HEADERS == 0;
        }
        self.known = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn client(frames: &[Vec<u8>]) -> Vec<u8> {
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frames.concat()].concat()
    }

    #[test]
    fn knows_what_is_only_begun() {
        let whole = frame(HEADERS, END_HEADERS, b"headers");
        let open = frame(HEADERS, 0, b"headers");
        let data = frame(DATA, 0, b"body");
        for (bytes, owed) in [
            (client(&[]), Owed::Nothing),
            (client(&[])[..23].to_vec(), Owed::Rest),
            (client(&[whole.clone(), whole.clone()]), Owed::Nothing),
            (client(&[whole[..8].to_vec()]), Owed::Rest),
            (client(&[whole[..9].to_vec()]), Owed::Rest),
            (client(&[whole[..15].to_vec()]), Owed::Rest),
            (client(&[whole.clone(), open.clone()]), Owed::Rest),
            (client(&[open.clone(), frame(CONTINUATION, 0, b"more")]), Owed::Rest),
            (client(&[open, frame(CONTINUATION, END_HEADERS, b"more")]), Owed::Nothing),
            (client(&[whole.clone(), data.clone()]), Owed::Nothing),
            (client(&[whole.clone(), data[..8].to_vec()]), Owed::Rest),
            (client(&[whole.clone(), data[..9].to_vec()]), Owed::Body),
            (client(&[whole.clone(), data[..12].to_vec()]), Owed::Body),
            (client(&[whole, frame(DATA, 0, b""), frame(4, 0, b"")]), Owed::Nothing),
        ] {
            let mut frames = Frames::of_client();
            frames.read(&bytes);
            assert_eq!(frames.owed(), owed, "{}", bytes.escape_ascii());
            assert_eq!(frames.body(), if owed == Owed::Body { 2 } else { 0 }, "{}", bytes.escape_ascii());
            let mut bytewise = Frames::of_client();
            bytes.iter().for_each(|byte| bytewise.read(std::slice::from_ref(byte)));
            assert_eq!(bytewise.owed(), owed, "{}, byte by byte", bytes.escape_ascii());
        }
    }

    #[test]
    fn knows_who_gives_up() {
        for (payload, expected) in [
            (b"\0\0\0\x01\0\0\0\x01".as_slice(), true),
            (b"\0\0\0\x01\0\0\0\x0bwhy", true),
            (b"\0\0\0\x01\0\0\0\0", false),
            (b"\0\0\0\x01\0\0\0\0why", false),
            (b"\0\0\0", false),
        ] {
            let mut frames = Frames::default();
            frames.read(&[frame(4, 0, b"123456"), frame(GOAWAY, 0, payload), frame(DATA, 0, b"x")].concat());
            assert_eq!(frames.gave_up(), expected, "{}", payload.escape_ascii());
            assert_eq!(frames.owed(), Owed::Nothing, "{}", payload.escape_ascii());
        }
    }
}
