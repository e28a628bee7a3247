//! What the parser takes, and what it refuses.

use super::*;

const LIMITS: Limits = Limits { bytes: 4096, depth: 8, attributes: 4, namespaces: 4, nodes: 64 };

/// In one piece or in many, it is the same.
fn parse(xml: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    crate::xml::pieces::tests::as_in_pieces(xml, limits)
}

fn refused(xml: &str) -> ParseError {
    parse(xml.as_bytes(), &LIMITS).map(|_| ()).expect_err(xml)
}

#[test]
fn reads_names_texts_and_references() {
    let xml = "<?xml version='1.0' encoding='UTF-8'?><a xmlns='urn:a' xmlns:b='urn:b' b:x='1&#10;2\n3'>\r\n&lt;<![CDATA[<&]]>\
               <b:c/>t</a>";
    let root = parse(xml.as_bytes(), &LIMITS).unwrap().root;
    assert!(root.is("urn:a", "a"));
    assert_eq!(root.attribute_ns("urn:b", "x"), Some("1\n2 3"));
    assert!(matches!(&root.children[0], Node::Text(text) if **text == "\n<<&"));
    assert!(root.child("urn:b", "c").is_some());
    assert_eq!(root.text(), None);
}

#[test]
fn refuses_what_is_not_well_formed() {
    for xml in [
        "",
        " ",
        "a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b=1/>",
        "<a b='<'/>",
        "<a>]]></a>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<1a/>",
        "<a:b:c xmlns:a='urn:a'/>",
        "<a>&#0;</a>",
        "<a>&#xFFFE;</a>",
        "<a>&#+65;</a>",
        "<a>&amp</a>",
        "<a>\u{1}</a>",
        "<a xmlns:b=''/>",
        "<a><!-- -- --></a>",
        "<a xmlns:x='urn:1' xmlns:y='urn:1' x:b='1' y:b='2'/>",
        "<a xmlns='urn:a' xmlns='urn:b'/>",
        "<xmlns:a/>",
        "<a xmlns:xml='urn:a'/>",
        "<a/>&#32;",
        "<a/><![CDATA[ ]]>",
        "<a/><?xml version='1.0'?>",
    ] {
        assert!(matches!(refused(xml), ParseError::Malformed { .. }), "{xml}: {:?}", refused(xml));
    }
}

#[test]
fn says_where_it_is_malformed() {
    for (xml, what, at) in [
        ("<a>12</b>", "an end tag that is not the open element's", 5),
        ("<a><b c=1/></a>", "an attribute that XML does not allow", 3),
        ("<a>1&2</a>", "a reference without an end", 4),
    ] {
        assert_eq!(refused(xml), ParseError::Malformed { what, at });
    }
}

#[test]
fn refuses_what_is_never_accepted() {
    for xml in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<?x y?><a/>",
        "<a>&e;</a>",
        "<a xmlns='1'/>",
        "<a xmlns:b='../x'/>",
        "<?xml version='1.1'?><a/>",
        "<a ID='1'><b Id='1'/></a>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        "<?xml version='1.0' encoding='utf-16'?><a/>",
    ] {
        assert!(matches!(refused(xml), ParseError::Forbidden(_)), "{xml}: {:?}", refused(xml));
    }
    assert!(matches!(parse(b"<a>\xE9</a>", &LIMITS), Err(ParseError::Forbidden(_))));
    assert!(parse(b"\xFF\xFE<\0a\0/\0>\0", &LIMITS).is_err());
}

#[test]
fn refuses_what_is_too_large() {
    let attributes: String = (0..5).map(|i| format!(" a{i}='{i}'")).collect();
    let namespaces: String = (0..5).map(|i| format!(" xmlns:a{i}='urn:{i}'")).collect();
    for (xml, limit) in [
        (format!("<a>{}</a>", "x".repeat(5000)), "bytes"),
        ("<a>".repeat(9), "depth"),
        (format!("<a{attributes}/>"), "attributes"),
        (format!("<a{namespaces}/>"), "namespaces"),
        (format!("<a>{}</a>", "<b/>".repeat(64)), "nodes"),
        (format!("<a xmlns='urn:{}'/>", "x".repeat(512)), "namespace"),
    ] {
        assert_eq!(refused(&xml), ParseError::TooLarge(limit));
    }
}

#[test]
fn namespaces_in_scope_are_few_however_deep_they_are_declared() {
    let nested = |depth: usize| {
        let level = |at: usize| (0..32).map(|i| format!(" xmlns:a{at}b{i}='urn:{i}'")).collect::<String>();
        let open: String = (0..depth).map(|at| format!("<a{}>", level(at))).collect();
        format!("{open}{}", "</a>".repeat(depth))
    };
    let limits = Limits::message(65536);
    let parsed = |xml: String| parse(xml.as_bytes(), &limits).map(|_| ());
    assert_eq!(parsed(nested(8)), Ok(()));
    assert_eq!(parsed(nested(9)), Err(ParseError::TooLarge("namespaces in scope")));
    let siblings = nested(8);
    assert_eq!(parsed(["<r>", &siblings, &siblings, "</r>"].concat()), Ok(()));
}

#[test]
fn a_comment_does_not_join_the_texts_around_it() {
    let root = parse(b"<a>alice<!-- -->@evil</a>", &LIMITS).unwrap().root;
    assert_eq!(root.text(), None);
}
