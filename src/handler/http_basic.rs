//! HTTP Basic credentials (RFC 7617), in the encodings that clients really use.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::model::{Password, Username};

/// Padding is left out by some.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The name and password of the first Basic credentials among the Authorization headers; others, such as Negotiate, are
/// passed over. `None` if there are none that can be read.
///
/// UTF-8 where the bytes are, else Latin-1, which python-requests sends: one reading, never both tried, since each try
/// could count against the user.
pub(super) fn credentials(headers: &HeaderMap) -> Option<(Username, Password)> {
    let encoded = headers.get_all(AUTHORIZATION).into_iter().find_map(|value| {
        let (scheme, rest) = value.to_str().ok()?.trim_start().split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then(|| rest.trim())
    })?;
    // Room for all of it at once, and for Latin-1 as UTF-8: what grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; encoded.len()]);
    let decoded = STANDARD.decode_slice(encoded, &mut bytes).or_else(|_| LENIENT.decode_slice(encoded, &mut bytes));
    let bytes = bytes.get(..decoded.ok()?)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    match std::str::from_utf8(bytes) {
        Ok(utf8) => text.push_str(utf8),
        Err(_) => text.extend(bytes.iter().map(|byte| char::from(*byte))),
    }
    let (name, password) = text.split_once(':')?;
    Some((Username::new(name.trim()), Password::new(password)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        credentials(&headers).map(|(name, password)| (name.as_str().to_owned(), password.expose().to_owned()))
    }

    #[test]
    fn utf8_else_latin1_split_at_the_first_colon() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read(&["Basic YTpiOmM="]), pair("a", "b:c"));
        assert_eq!(read(&["basic  YTpiOmM"]), pair("a", "b:c"));
        assert_eq!(read(&["Negotiate abc", "BASIC YTpiOmM="]), pair("a", "b:c"));
        assert_eq!(read(&[&format!("Basic {}", STANDARD.encode("a:pä"))]), pair("a", "pä"));
        assert_eq!(read(&[&format!("Basic {}", STANDARD.encode(b"a:p\xE4"))]), pair("a", "pä"));
        for broken in ["Basic", "Basic !!!", "Basic YWJj", "Bearer YTpi"] {
            assert_eq!(read(&[broken]), None, "{broken}");
        }
    }
}
