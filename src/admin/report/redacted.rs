//! What is left of a text that everybody may read.

/// The text without what a URL in it may hold besides scheme, host and path: whom to sign in as, their password, a query, a
/// fragment.
pub fn redacted(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | ',' | ';');
        // An IPv6 address has brackets of its own.
        let authority =
            after.find(|c: char| ends(c) && c != ']' || matches!(c, '/' | '?' | '#')).unwrap_or(after.len());
        let (authority, behind) = after.split_at(authority);
        out.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        let (url, behind) = behind.split_at(behind.find(ends).unwrap_or(behind.len()));
        out.push_str(url.split(['?', '#']).next().unwrap_or_default());
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_scheme_host_and_path_alone() {
        for (text, expected) in [
            ("no address", "no address"),
            ("https://sts.example.com/mex", "https://sts.example.com/mex"),
            ("https://user:pass@md.example.org/x?token=1#f: 401", "https://md.example.org/x 401"),
            ("https://user:p@ss@md.example.org/x", "https://md.example.org/x"),
            ("GET https://a:b@c, then ldaps://d:e@[::1]:636; end", "GET https://c, then ldaps://[::1]:636; end"),
            ("(https://a@b/c?d) \"https://e:f@g\"", "(https://b/c) \"https://g\""),
            ("rediss://:secret@redis:6379", "rediss://redis:6379"),
            ("https://host?secret", "https://host"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }
}
