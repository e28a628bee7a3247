//! As much of DER as certificates' names need (X.690, 10): definite lengths in the fewest octets, tags of one octet.

/// One value: its identifier octet and its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub tag: u8,
    pub contents: &'a [u8],
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0C;
pub(super) const SEQUENCE: u8 = 0x30;

/// The value at the beginning, and what follows it.
pub(super) fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // All five bits set: the tag goes on in further octets.
    if tag & 0x1F == 0x1F {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7F => (usize::from(length), rest),
        // As many octets of length follow; more than four would be more than any certificate.
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
            let value = octets
                .iter()
                .try_fold(0usize, |value, octet| value.checked_mul(256).map(|shifted| shifted | usize::from(*octet)))?;
            if octets.first() == Some(&0) || value < 0x80 {
                return None;
            }
            (value, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((Value { tag, contents }, rest))
}

/// The one value that the bytes are, if it has this tag.
pub(super) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    match first(bytes)? {
        (value, []) if value.tag == tag => Some(value.contents),
        _ => None,
    }
}

/// The values that the bytes are made of, one after the other; `None` if anything in them is none.
pub(super) fn all(mut bytes: &[u8]) -> Option<Vec<Value<'_>>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, rest) = first(bytes)?;
        values.push(value);
        bytes = rest;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_length_has_one_form() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(first(&long).map(|(value, rest)| (value.contents.len(), rest.len())), Some((0x80, 0)));
        assert_eq!(first(&[0x0C, 1, b'a', 9]), Some((Value { tag: 0x0C, contents: b"a" }, &[9][..])));
        for broken in [
            &[][..],
            &[0x04],
            &[0x04, 1],
            &[0x04, 0x80, 0, 0],
            &[0x04, 0x81, 1, 0],
            &[0x04, 0x82, 0, 0x80],
            &[0x04, 0x85, 1, 0, 0, 0, 0],
            &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x04, 0xFF],
            &[0x1F, 1, 0],
            &[0x3F, 0x81, 0],
        ] {
            assert_eq!(first(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn what_follows_the_only_value_is_refused() {
        assert_eq!(only(&[4, 1, 7], 4), Some(&[7][..]));
        assert_eq!(only(&[4, 1, 7, 0], 4), None);
        assert_eq!(only(&[4, 1, 7], 12), None);
        assert_eq!(all(&[4, 1, 7, 12, 0]).map(|values| values.len()), Some(2));
        assert_eq!(all(&[4, 1, 7, 12]), None);
        assert_eq!(all(&[]).map(|values| values.len()), Some(0));
    }
}
