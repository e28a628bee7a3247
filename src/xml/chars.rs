//! Which characters XML 1.0 allows where.

/// Whether a character may stand in an XML 1.0 document (production 2, `Char`).
pub(super) const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// Whether the text can be written in an XML document at all: NUL and most control characters cannot, however escaped.
pub fn is_xml_text(text: &str) -> bool {
    // Only control characters and the two non-characters of the first plane are left out; both are rare, so look for
    // their bytes before decoding anything.
    let sure = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r') || byte >= 0x20 && byte != 0xEF;
    every_byte(text, sure) || text.chars().all(is_xml_char)
}

/// Whether every byte is of a kind. Without a branch for each, so that the processor looks at many at once.
pub(super) fn every_byte(text: &str, kind: impl Fn(u8) -> bool) -> bool {
    text.as_bytes().chunks(64).all(|chunk| chunk.iter().fold(true, |all, byte| all & kind(*byte)))
}

/// Whether the text is an `NCName` (Namespaces in XML 1.0, production 4).
pub fn is_nc_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(|c| is_name_start(c) || is_name_rest(c))
}

/// Whether a character is XML white space (production 3, `S`).
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

const fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

const fn is_name_rest(c: char) -> bool {
    matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_names() {
        assert!(is_xml_text("a\tb\r\n é \u{10FFFF}"));
        assert!(!is_xml_text("\0") && !is_xml_text("\u{1b}") && !is_xml_text("\u{FFFE}"));
        assert!(is_xml_text("\u{FFFD}\u{7f}") && !is_xml_text(&("a".repeat(64) + "\u{b}")));
        assert!(is_nc_name("Assertion") && is_nc_name("_1") && is_nc_name("é.b-c"));
        assert!(!is_nc_name("") && !is_nc_name("1a") && !is_nc_name("a:b") && !is_nc_name("a b") && !is_nc_name("-a"));
    }
}
