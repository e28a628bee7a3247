//! What a server behind may take a path for.
//!
//! Servers disagree on how often a path is percent-decoded, on what ends it, and on whether `..`, `//`, `\` and `;` mean
//! something. Every combination that some server uses is one reading; taking too many only costs a refusal of a path that
//! nobody sends.

/// Percent-decoding more often than this is done by nobody.
const DECODINGS: usize = 5;

/// A path that needs interpretation and is longer than this, or deeper, is nobody's; reading it would be work that costs
/// its sender nothing.
const LONGEST: usize = 4096;
const DEEPEST: usize = 128;

/// Segments in lower case.
pub(super) type Reading = [Vec<u8>];

/// All readings of `path`, or `None` if it is encoded too many times, or too long, to say.
pub(super) fn readings(path: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut readings = Vec::new();
    if is_plain(path) {
        readings.push(segments(path));
        return Some(readings);
    }
    if path.len() > LONGEST {
        return None;
    }
    let mut current = fold(path);
    for _ in 0..=DECODINGS {
        if current.iter().filter(|byte| **byte == b'/').count() > DEEPEST {
            return None;
        }
        for view in cuts(&current) {
            let raw: Vec<Vec<u8>> = view.split(|byte| *byte == b'/').map(segment).collect();
            let dense: Vec<Vec<u8>> =
                raw.iter().filter(|each| !each.is_empty() && each.as_slice() != b".").cloned().collect();
            if dense.iter().any(|each| each == b"..") {
                readings.push(resolve(dense.iter()));
                readings.push(resolve(raw.iter().filter(|each| each.as_slice() != b".")));
            }
            readings.push(dense);
        }
        let decoded = fold(&decode(&current));
        if decoded == current {
            return Some(readings);
        }
        current = decoded;
    }
    None
}

/// Whether there is only one way to read it, as there is for nearly every request.
fn is_plain(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
        && path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_~.!$&'()*,=:@".contains(byte))
        && !path.windows(2).any(|pair| pair == b"/.")
}

fn segments(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|each| !each.is_empty()).map(<[u8]>::to_ascii_lowercase).collect()
}

/// The path as it is, and as it is for servers that end it at NUL, at `?` or `#`, or at the first `;`.
fn cuts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = [b'\0', b'?', b'#', b';'].into_iter().filter_map(|end| path.iter().position(|byte| *byte == end));
    std::iter::once(path.len()).chain(ends).filter_map(|end| path.get(..end))
}

/// One segment without its parameters (RFC 3986 3.3), control characters, and white space around it (`+` is white space to
/// some). A fragment or query that a server may cut is cut in [`cuts`].
fn segment(raw: &[u8]) -> Vec<u8> {
    let name = raw.split(|byte| *byte == b';').next().unwrap_or_default();
    let visible: Vec<u8> = name
        .iter()
        .filter(|byte| !byte.is_ascii_control())
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    visible.trim_ascii().to_vec()
}

/// Removes dot segments (RFC 3986 5.2.4); `..` at the root stays there.
fn resolve<'a>(segments: impl Iterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for segment in segments {
        if segment == b".." {
            out.pop();
        } else {
            out.push(segment.clone());
        }
    }
    out.retain(|segment| !segment.is_empty());
    out
}

/// Undoes one percent-encoding, IIS's `%uHHHH` included. What is no encoding stays.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [b'u' | b'U', a, b, c, d, behind @ ..]) => match hex(&[*a, *b, *c, *d]).and_then(char::from_u32) {
                Some(character) => {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = behind;
                }
                None => out.push(b'%'),
            },
            (b'%', [a, b, behind @ ..]) => match hex(&[*a, *b]).and_then(|byte| u8::try_from(byte).ok()) {
                Some(byte) => {
                    out.push(byte);
                    rest = behind;
                }
                None => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

/// Lower case, `/` for `\`, and ASCII for what some decoders take for it.
fn fold(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        let (ascii, behind) = lookalike(rest).unwrap_or((*first, tail));
        out.push(if ascii == b'\\' { b'/' } else { ascii.to_ascii_lowercase() });
        rest = behind;
    }
    out
}

/// The ASCII character that the next bytes are to a lenient decoder: overlong UTF-8 (CVE-2008-2938), fullwidth forms
/// (best-fit mappings), and letters that Java's `equalsIgnoreCase` takes for ASCII ones.
fn lookalike(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let low = |byte: u8| byte & 0x3f;
    let (value, rest) = match bytes {
        [0xc5, 0xbf, rest @ ..] => (b's', rest),
        [0xe2, 0x84, 0xaa, rest @ ..] => (b'k', rest),
        [0xc4, 0xb0 | 0xb1, rest @ ..] => (b'i', rest),
        // U+2215, U+2044 and U+29F8 are slashes, U+2216 and U+29F5 backslashes, U+2024 is a dot.
        [0xe2, 0x88, 0x95 | 0x96, rest @ ..] | [0xe2, 0x81, 0x84, rest @ ..] | [0xe2, 0xa7, 0xb5 | 0xb8, rest @ ..] => {
            (b'/', rest)
        }
        [0xe2, 0x80, 0xa4, rest @ ..] => (b'.', rest),
        [0xef, 0xbc, low @ 0x81..=0xbf, rest @ ..] => (low - 0x60, rest),
        [0xef, 0xbd, low @ 0x80..=0x9e, rest @ ..] => (low - 0x20, rest),
        [lead @ (0xc0 | 0xc1), second, rest @ ..] => (((lead & 1) << 6) | low(*second), rest),
        [0xe0, second @ (0x80 | 0x81), third, rest @ ..] => (((second & 1) << 6) | low(*third), rest),
        [0xf0, 0x80, third @ (0x80 | 0x81), fourth, rest @ ..] => (((third & 1) << 6) | low(*fourth), rest),
        _ => return None,
    };
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_decoders_take_for_ascii() {
        for (bytes, expected) in [
            (&b"\xc0\xaf"[..], &b"/"[..]),
            (b"\xc0\xae\xe0\x80\xae\xf0\x80\x80\xae", b"..."),
            (b"\xef\xbc\x8f\xef\xbd\x93", b"/s"),
            (b"\xc5\xbfervi\xe2\x84\xaa", b"servik"),
            (b"\\A", b"/a"),
            ("é".as_bytes(), "é".as_bytes()),
        ] {
            assert_eq!(fold(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn gives_up_where_nobody_would_decode() {
        assert!(readings(b"/%2525252525252525252561").is_none());
        assert!(readings(b"/%2561").is_some());
        assert!(readings(b"/100%").is_some());
        assert!(readings("/x".repeat(4000).as_bytes()).is_some());
        assert!(readings("/%78".repeat(200).as_bytes()).is_none());
        assert!(readings(format!("/%78{}", "x".repeat(5000)).as_bytes()).is_none());
    }
}
