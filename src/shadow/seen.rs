//! What somebody answered, ours or the identity provider's, read as far as it is compared.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use openssl::x509::X509;

use super::compare::Why;
use super::described::Described;
use crate::answers::{self, Answer, Mex};
use crate::model::Endpoint;

/// Bytes of an answer whose coding is undone.
const LONGEST: u64 = 4 * 1024 * 1024;

/// An answer.
pub(super) struct Side {
    pub status: StatusCode,
    /// Its media type, lower case.
    pub media: String,
    pub seen: Seen,
}

/// What is in it.
pub(super) enum Seen {
    /// A token, a refusal or a fault.
    Answer(Box<Answer>),
    /// The endpoints of WS-Trust.
    Mex(Mex),
    /// Metadata.
    Described(Described),
    /// A request for credentials.
    Challenge,
    /// Nothing of the protocol.
    Other,
}

impl Side {
    /// Reads an answer; `known` are keys that may have signed it.
    ///
    /// # Errors
    /// If it is in a coding that we do not undo.
    pub fn read(
        endpoint: Endpoint,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        known: &[X509],
    ) -> Result<Self, Why> {
        let body = decoded(headers, body)?;
        let seen = match endpoint {
            _ if status == StatusCode::UNAUTHORIZED => Seen::Challenge,
            Endpoint::Sts => answers::token(&body, known).map_or(Seen::Other, |answer| Seen::Answer(Box::new(answer))),
            Endpoint::Ecp => answers::ecp(&body, known).map_or(Seen::Other, |answer| Seen::Answer(Box::new(answer))),
            Endpoint::Mex => match answers::mex(&body) {
                Ok(mex) => Seen::Mex(mex),
                // A fault of SOAP is read as one.
                Err(_) => answers::token(&body, known).map_or(Seen::Other, |answer| Seen::Answer(Box::new(answer))),
            },
            Endpoint::Metadata | Endpoint::FederationMetadata => {
                Described::read(&body, endpoint).map_or(Seen::Other, Seen::Described)
            }
            Endpoint::Certificate => Seen::Other,
        };
        Ok(Self { status, media: media(headers), seen })
    }

    /// Whether it has a token in it.
    pub fn is_token(&self) -> bool {
        matches!(&self.seen, Seen::Answer(answer) if matches!(**answer, Answer::Issued(_)))
    }

    /// What it is, for people.
    pub fn what(&self) -> String {
        match &self.seen {
            Seen::Answer(answer) => match &**answer {
                Answer::Issued(_) => "a token".to_owned(),
                Answer::Refused(status) => format!("a Response without a token, {}", status.what()),
                Answer::Fault(fault) => format!("the fault {}", fault.what()),
            },
            Seen::Mex(_) => "the endpoints of WS-Trust".to_owned(),
            Seen::Described(_) => "metadata".to_owned(),
            Seen::Challenge => "HTTP 401".to_owned(),
            Seen::Other if self.media.is_empty() => format!("HTTP {}", self.status.as_u16()),
            Seen::Other => format!("HTTP {} with {}", self.status.as_u16(), self.media),
        }
    }
}

/// The media type without its parameters.
fn media(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body without its content coding.
fn decoded(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Why> {
    let codings = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings = codings.flat_map(|value| value.split(',')).map(|coding| coding.trim().to_ascii_lowercase());
    let codings: Vec<String> = codings.filter(|coding| !coding.is_empty() && coding != "identity").collect();
    match codings.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(body.to_vec()),
        ["gzip" | "x-gzip"] => undone(MultiGzDecoder::new(body)),
        ["deflate"] => undone(ZlibDecoder::new(body)),
        _ => Err(Why::Coding),
    }
}

fn undone(coded: impl Read) -> Result<Vec<u8>, Why> {
    let mut whole = Vec::new();
    coded.take(LONGEST + 1).read_to_end(&mut whole).map_err(|_| Why::Coding)?;
    if whole.len() as u64 > LONGEST { Err(Why::TooLarge) } else { Ok(whole) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn headers(coding: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !coding.is_empty() {
            headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
        }
        headers
    }

    #[test]
    fn codings_are_undone_within_bounds() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"answer").unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"answer").unwrap();
        let zlib = zlib.finish().unwrap();
        for (coding, body, expected) in [
            ("", &b"answer"[..], Ok(&b"answer"[..])),
            ("identity", b"answer", Ok(b"answer")),
            ("gzip", &gzip, Ok(b"answer")),
            ("X-GZIP", &gzip, Ok(b"answer")),
            ("deflate", &zlib, Ok(b"answer")),
            ("br", b"answer", Err(Why::Coding)),
            ("gzip, gzip", &gzip, Err(Why::Coding)),
            ("gzip", b"answer", Err(Why::Coding)),
            ("gzip", &gzip[..gzip.len() - 4], Err(Why::Coding)),
        ] {
            assert_eq!(decoded(&headers(coding), body).as_deref(), expected.as_ref().map(|body| *body), "{coding}");
        }
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![0; LONGEST as usize + 1]).unwrap();
        assert_eq!(decoded(&headers("gzip"), &bomb.finish().unwrap()), Err(Why::TooLarge));
    }
}
