//! The address of one entity's document (draft-young-md-query-saml).

use std::fmt::Write;

/// As long as an entityID may be (`saml-metadata-2.0-os`, 2.2.1).
const LONGEST: usize = 1024;

/// The URL of an entity's document below `base`, which ends in `/`; `None` for what is no entityID: it is not asked for.
///
/// An entityID is a URI, so that it has a scheme; its whole is one segment of the path, with all percent-encoded that could
/// mean something there. Thus `..`, `{sha1}…` and another server's address lead nowhere but to `base`.
pub(super) fn query_url(base: &str, entity_id: &str) -> Option<String> {
    if !is_entity_id(entity_id) {
        return None;
    }
    let mut url = String::with_capacity(base.len() + 9 + entity_id.len() * 2);
    url.push_str(base);
    url.push_str("entities/");
    for byte in entity_id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => drop(write!(url, "%{byte:02X}")),
        }
    }
    Some(url)
}

/// Whether it could be one: a URI (RFC 3986), of printable ASCII, with a scheme and something behind it.
fn is_entity_id(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut letters = scheme.bytes();
    text.len() <= LONGEST
        && !rest.is_empty()
        && letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_id_is_one_segment_of_the_path() {
        let base = "https://mdq.example.org/";
        for (entity_id, expected) in [
            ("https://sp.example/shibboleth", Some("https%3A%2F%2Fsp.example%2Fshibboleth")),
            ("urn:federation:MicrosoftOnline", Some("urn%3Afederation%3AMicrosoftOnline")),
            ("http://sp/a?b=c&d#e%2F", Some("http%3A%2F%2Fsp%2Fa%3Fb%3Dc%26d%23e%252F")),
            ("x:..", Some("x%3A..")),
            ("x:/../../admin", Some("x%3A%2F..%2F..%2Fadmin")),
            ("x:\\\\host\\share", Some("x%3A%5C%5Chost%5Cshare")),
            ("http://user@169.254.169.254:80/latest", Some("http%3A%2F%2Fuser%40169.254.169.254%3A80%2Flatest")),
            ("", None),
            (".", None),
            ("..", None),
            ("../x:y", None),
            ("//host/x:y", None),
            ("{sha1}11d72e8cf351eb6c75c721e838f469677ab41bdb", None),
            ("urn", None),
            (":x", None),
            ("x:", None),
            ("1x:y", None),
            ("x:y z", None),
            ("x:y\r\nHost: z", None),
            ("x:y\0", None),
            ("x:ü", None),
        ] {
            let url = query_url(base, entity_id);
            assert_eq!(url, expected.map(|segment| format!("{base}entities/{segment}")), "{entity_id:?}");
            if let Some(url) = url {
                let parsed = reqwest::Url::parse(&url).unwrap();
                assert_eq!(parsed.as_str(), url, "as it is sent");
                assert_eq!((parsed.host_str(), parsed.path_segments().unwrap().count()), (Some("mdq.example.org"), 2));
            }
        }
        assert!(query_url(base, &format!("x:{}", "y".repeat(LONGEST - 2))).is_some());
        assert!(query_url(base, &format!("x:{}", "y".repeat(LONGEST - 1))).is_none());
    }
}
