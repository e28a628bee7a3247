//! The request line as it came, which Pingora does not show: it percent-encodes what may not stand in one.

/// Watches the bytes of a connection's headers for the line that a request begins with.
#[derive(Debug, Default)]
pub(super) struct RequestLine {
    progress: Progress,
    spaces: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Nothing has come.
    #[default]
    Before,
    Within,
    /// It is over.
    Behind,
}

impl RequestLine {
    /// Reads on. False once there is something in the line that may not be: a control character, or another number of
    /// spaces than two (RFC 9112 3).
    pub fn read(&mut self, bytes: &[u8]) -> bool {
        let mut sound = true;
        for byte in bytes {
            match (&self.progress, byte) {
                (Progress::Behind, _) => break,
                (Progress::Before, b'\r' | b'\n') => {}
                (_, b'\n') => {
                    sound &= self.spaces == 2;
                    self.progress = Progress::Behind;
                }
                (_, byte) => {
                    self.spaces += u32::from(*byte == b' ');
                    sound &= *byte == b'\r' || !byte.is_ascii_control();
                    self.progress = Progress::Within;
                }
            }
        }
        sound
    }

    /// Whether any of it has come.
    pub fn has_begun(&self) -> bool {
        self.progress != Progress::Before
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.progress == Progress::Behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_pingora_would_encode() {
        for (text, expected) in [
            ("GET /a HTTP/1.1\r\nX: a b c\r\n\r\n", true),
            ("\r\n\r\nGET /a HTTP/1.1\r\n\r\n", true),
            ("GET /\u{e9} HTTP/1.1\r\n", true),
            ("GET /a b HTTP/1.1\r\n", false),
            ("GET  /a HTTP/1.1\r\n", false),
            ("GET /a\tb HTTP/1.1\r\n", false),
            ("GET /a\u{7f} HTTP/1.1\r\n", false),
        ] {
            assert_eq!(RequestLine::default().read(text.as_bytes()), expected, "{text}");
            let mut line = RequestLine::default();
            let bytewise = text.bytes().all(|byte| line.read(&[byte]));
            assert_eq!(bytewise, expected, "{text}, byte by byte");
        }
    }
}
