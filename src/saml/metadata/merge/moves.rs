//! Which addresses of the identity provider are found at `public_url` instead. It compares a Destination with its own, so that
//! nothing moves unless it is told.

use std::fmt;

/// An address of the identity provider's, or all that begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// `scheme://host:port`, lower case, the scheme's own port written out.
    origin: String,
    /// The path; empty for all of them.
    path: String,
}

/// The addresses that move, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Which.
    pub from: Vec<Move>,
    /// `https://host[:port]`.
    pub to: String,
}

impl Move {
    /// Reads an `http` or `https` URL without query and fragment, such as `https://wso2.internal:9443` or
    /// `https://wso2.internal:9443/samlsso`.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, path) = split(text)?;
        (!path.contains(['?', '#'])).then(|| Self { origin, path: path.trim_end_matches('/').to_owned() })
    }

    /// Whether an address is this one, or below it.
    fn is_of(&self, origin: &str, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.as_str());
        self.origin == origin && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl Moves {
    /// What was to move, and is none of these addresses.
    pub fn unused(&self, locations: &[&str]) -> Vec<String> {
        let found: Vec<(String, &str)> = locations.iter().filter_map(|location| split(location.trim())).collect();
        let is_used = |from: &&Move| found.iter().any(|(origin, path)| from.is_of(origin, path));
        self.from.iter().filter(|from| !is_used(from)).map(ToString::to_string).collect()
    }

    /// The address at which it is found from outside: of one that moves, scheme, host and port are replaced.
    pub fn moved(&self, location: &str) -> String {
        match split(location) {
            Some((origin, path)) if self.from.iter().any(|from| from.is_of(&origin, path)) => {
                format!("{}{path}", self.to)
            }
            _ => location.to_owned(),
        }
    }
}

/// The origin, in one form, and what is behind it.
fn split(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, if port.is_empty() { default } else { port.parse().ok()? }),
        _ => (authority, default),
    };
    let fits = !host.is_empty() && !host.contains('@');
    fits.then(|| (format!("{scheme}://{}:{port}", host.to_ascii_lowercase()), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_told() {
        let from = ["https://wso2.internal:9443", "https://IDP.example.com/samlsso/", "http://[::1]:8080/a"];
        let moves = Moves {
            from: from.iter().map(|text| Move::parse(text).unwrap()).collect(),
            to: "https://sts.example.com".to_owned(),
        };
        for (location, expected) in [
            ("https://wso2.internal:9443/samlsso?a=b", "https://sts.example.com/samlsso?a=b"),
            ("https://WSO2.internal:9443", "https://sts.example.com"),
            ("https://wso2.internal:9444/samlsso", "https://wso2.internal:9444/samlsso"),
            ("http://wso2.internal:9443/samlsso", "http://wso2.internal:9443/samlsso"),
            ("https://wso2.internal.evil.example:9443/", "https://wso2.internal.evil.example:9443/"),
            ("https://wso2.internal:9443@evil.example/", "https://wso2.internal:9443@evil.example/"),
            ("https://idp.example.com:443/samlsso", "https://sts.example.com/samlsso"),
            ("https://idp.example.com/samlsso/x", "https://sts.example.com/samlsso/x"),
            ("https://idp.example.com/samlssoX", "https://idp.example.com/samlssoX"),
            ("https://idp.example.com/Samlsso", "https://idp.example.com/Samlsso"),
            ("http://[::1]:8080/a", "https://sts.example.com/a"),
            ("urn:x", "urn:x"),
        ] {
            assert_eq!(moves.moved(location), expected);
        }
        for text in
            ["", "/samlsso", "ftp://x", "https://", "https://x:port", "https://x/?a", "https://x/#a", "https://u@x"]
        {
            assert_eq!(Move::parse(text), None, "{text}");
        }
        assert_eq!(Moves::default().moved("https://x/y"), "https://x/y");
        let unused = moves.unused(&["https://wso2.internal:9443/samlsso", "https://idp.example.com/other", "urn:x"]);
        assert_eq!(unused, ["https://idp.example.com:443/samlsso", "http://[::1]:8080/a"]);
    }
}
