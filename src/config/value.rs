//! Single values: how they are typed and what they mean. Each error completes "is …" or "must …" about the value.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::Timestamp;

/// `250ms`, `60s`, `30m`, `1h`, `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}

/// The duration in the largest unit that leaves nothing over.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        .into_iter()
        .find(|(_, unit)| millis.is_multiple_of(*unit))
        .map_or_else(|| format!("{millis}ms"), |(name, unit)| format!("{}{name}", millis / unit))
}

/// `2027-01-31T06:00:00Z`, or with another zone. Without one it could be anybody's morning.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let zoned = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
    Timestamp::parse(text).ok().filter(|_| zoned)
}

/// `0.1`: a number from 0 to 1, written with digits and at most one point.
pub(super) fn ratio(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|ratio| plain && (0.0..=1.0).contains(ratio))
}

/// `64KiB`, `1MiB`, or a number of bytes.
pub(super) fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok()
}

/// The size in the largest unit that leaves nothing over.
pub(super) fn format_size(bytes: usize) -> String {
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit))
        .map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

/// `10.0.0.0/8`, or one address.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The scheme, host and port of a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// `https`
    pub scheme: String,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// If the URL has one.
    pub port: Option<u16>,
}

/// A URL that names a server and nothing on it: no user, path, query or fragment; a `/` at the end is let pass.
pub(super) fn origin(text: &str) -> Option<Origin> {
    if text.contains(['#', '@', '?']) {
        return None;
    }
    let uri: http::Uri = text.parse().ok()?;
    let bracketed = uri.host().filter(|host| !host.is_empty())?;
    // The crate leaves out a port that it cannot read.
    let port = match uri.authority()?.as_str().strip_prefix(bracketed)?.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    let host = bracketed.trim_start_matches('[').trim_end_matches(']').to_owned();
    let bare = matches!(uri.path(), "" | "/");
    bare.then(|| Origin { scheme: uri.scheme_str().unwrap_or_default().to_owned(), host, port })
}

/// Whether a host is this machine whatever the network: what goes there crosses no wire.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Replaces `${NAME}` by what `env` says, and `$$` by one `$`; any other `$` stands for itself.
pub(super) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (name, after) = after.split_once('}').ok_or("`${` is never closed")?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(format!("`${{{name}}}` is not the name of an environment variable"));
            }
            let value = env(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
            expanded.push_str(&value);
            rest = after;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_round_trip() {
        for (text, millis) in [("250ms", 250), ("60s", 60_000), ("90s", 90_000), ("1h", 3_600_000), ("0s", 0)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for (written, canonical) in [("60s", "1m"), ("90s", "90s"), ("1500ms", "1500ms"), ("48h", "2d"), ("0ms", "0s")]
        {
            assert_eq!(duration(written).map(format_duration).as_deref(), Some(canonical), "{written}");
        }
        for (written, canonical) in [("65536", "64KiB"), ("1000B", "1000"), ("2048KiB", "2MiB"), ("0", "0")] {
            assert_eq!(size(written).map(format_size).as_deref(), Some(canonical), "{written}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "1 s", "99999999999999999h", "1S"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "KiB", "1KB", "-1", "99999999999999999999", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn origins_name_a_server_and_nothing_else() {
        let origin_of = |text| origin(text).map(|o| (o.scheme, o.host, o.port));
        let some = |scheme: &str, host: &str, port| Some((scheme.to_owned(), host.to_owned(), port));
        assert_eq!(origin_of("https://sts.example.com"), some("https", "sts.example.com", None));
        assert_eq!(origin_of("http://[::1]:8080/"), some("http", "::1", Some(8080)));
        assert_eq!(origin_of("ldaps://dc1"), some("ldaps", "dc1", None));
        for text in [
            "",
            "/",
            "https://",
            "https://h/x",
            "https://h?x",
            "https://h#x",
            "https://u@h",
            "https://h:",
            "https://h:99999",
        ] {
            assert_eq!(origin(text), None, "{text}");
        }
    }

    #[test]
    fn instants_name_their_zone() {
        let millis = Some(1_801_375_200_000);
        for text in ["2027-01-31T06:00:00Z", "2027-01-31T08:00:00+02:00", "2027-01-31T06:00:00.000Z"] {
            assert_eq!(instant(text).map(Timestamp::unix_millis), millis, "{text}");
        }
        for text in ["", "2027-01-31", "2027-01-31T06:00:00", "2027-02-30T06:00:00Z", "tomorrow", "1801375200"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn networks_may_be_one_address() {
        assert_eq!(network("10.0.0.1").map(|n| n.to_string()).as_deref(), Some("10.0.0.1/32"));
        assert_eq!(network("fd00::/8").map(|n| n.to_string()).as_deref(), Some("fd00::/8"));
        assert_eq!(network("10.0.0.0/33"), None);
    }

    #[test]
    fn expands_variables() {
        let env = |name: &str| (name == "A").then(|| "${B}x".to_owned());
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("<${A}>", Ok("<${B}x>")),
            ("$${A} $$ $x $", Ok("${A} $ $x $")),
            ("${B}", Err("the environment variable B is not set")),
            ("${A", Err("`${` is never closed")),
            ("${}", Err("`${}` is not the name of an environment variable")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
