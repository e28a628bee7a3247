//! The examples of Exclusive XML Canonicalization 1.0 and of Canonical XML 1.0, as far as our parser takes them (no DTD, no
//! processing instruction), and what the interoperability tests of the former are about. bergshamra has to say the same.

use crate::documents::Case;
use crate::{bergshamra, ours};

/// What is canonicalised, and what comes out.
struct Example {
    /// Where it is from, or what it is about.
    name: &'static str,
    xml: &'static str,
    /// The element, counted in document order from 0.
    apex: usize,
    /// InclusiveNamespaces PrefixList.
    prefixes: &'static [&'static str],
    without_comments: &'static str,
    with_comments: &'static str,
}

#[test]
fn examples_of_the_specifications() {
    for example in EXAMPLES {
        for (with_comments, expected) in [(false, example.without_comments), (true, example.with_comments)] {
            let case = Case {
                prolog: String::new(),
                element: example.xml.to_owned(),
                epilog: String::new(),
                id: String::new(),
                apex: example.apex,
                without: None,
                with_comments,
                prefixes: example.prefixes.to_vec(),
            };
            let text = |canonical| String::from_utf8(canonical).unwrap();
            assert_eq!(text(ours::canonical(&case)), expected, "{}", example.name);
            assert_eq!(text(bergshamra::canonical(&case)), expected, "{}, bergshamra", example.name);
        }
    }
}

const fn same(
    name: &'static str,
    xml: &'static str,
    apex: usize,
    prefixes: &'static [&'static str],
    expected: &'static str,
) -> Example {
    Example { name, xml, apex, prefixes, without_comments: expected, with_comments: expected }
}

const IN_LOCAL: &str = "<n0:local xmlns:n0='foo:bar' xmlns:n3='ftp://example.org'><n1:elem2 xmlns:n1='http://example.net' xml:lang='en'>\
     <n3:stuff xmlns:n3='ftp://example.org'/></n1:elem2></n0:local>";
const IN_PDU: &str = "<n2:pdu xmlns:n1='http://example.com' xmlns:n2='http://foo.example' xml:lang='fr' xml:space='preserve'>\
     <n1:elem2 xmlns:n1='http://example.net' xml:lang='en'><n3:stuff xmlns:n3='ftp://example.org'/></n1:elem2></n2:pdu>";
const ELEM2: &str = "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff>\
     </n1:elem2>";
/// Prefixes that only the list, only an attribute, or nothing at all uses.
const LISTED: &str = "<foo:Root xmlns:foo='urn:foo' xmlns:bar='urn:bar' xmlns:baz='urn:baz' xmlns='urn:default'><!-- one -->\
     <foo:Something><bar:Nothing><foo:Inner bar:a='' xmlns:baz='urn:other'/><!-- two --></bar:Nothing></foo:Something></foo:Root>";

const EXAMPLES: [Example; 15] = [
    same("exclusive 2.2: in its first envelope", IN_LOCAL, 1, &[], ELEM2),
    same("exclusive 2.2: in another envelope", IN_PDU, 1, &[], ELEM2),
    same(
        "exclusive 2.2: a listed prefix from the first envelope",
        IN_LOCAL,
        1,
        &["n0", "n3"],
        "<n1:elem2 xmlns:n0=\"foo:bar\" xmlns:n1=\"http://example.net\" xmlns:n3=\"ftp://example.org\" xml:lang=\"en\"><n3:stuff></n3:stuff>\
         </n1:elem2>",
    ),
    same(
        "exclusive 2.2: a listed prefix that the envelope means otherwise",
        IN_PDU,
        1,
        &["n1", "n2"],
        "<n1:elem2 xmlns:n1=\"http://example.net\" xmlns:n2=\"http://foo.example\" xml:lang=\"en\"><n3:stuff \
         xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>",
    ),
    Example {
        name: "interoperability: no list",
        xml: LISTED,
        apex: 0,
        prefixes: &[],
        without_comments: "<foo:Root xmlns:foo=\"urn:foo\"><foo:Something><bar:Nothing xmlns:bar=\"urn:bar\"><foo:Inner bar:a=\"\">\
             </foo:Inner></bar:Nothing></foo:Something></foo:Root>",
        with_comments: "<foo:Root xmlns:foo=\"urn:foo\"><!-- one --><foo:Something><bar:Nothing xmlns:bar=\"urn:bar\"><foo:Inner \
             bar:a=\"\"></foo:Inner><!-- two --></bar:Nothing></foo:Something></foo:Root>",
    },
    Example {
        name: "interoperability: a prefix and the default listed",
        xml: LISTED,
        apex: 0,
        prefixes: &["bar", "#default"],
        without_comments: "<foo:Root xmlns=\"urn:default\" xmlns:bar=\"urn:bar\" xmlns:foo=\"urn:foo\"><foo:Something><bar:Nothing>\
             <foo:Inner bar:a=\"\"></foo:Inner></bar:Nothing></foo:Something></foo:Root>",
        with_comments: "<foo:Root xmlns=\"urn:default\" xmlns:bar=\"urn:bar\" xmlns:foo=\"urn:foo\"><!-- one --><foo:Something>\
             <bar:Nothing><foo:Inner bar:a=\"\"></foo:Inner><!-- two --></bar:Nothing></foo:Something></foo:Root>",
    },
    Example {
        name: "interoperability: a listed prefix from above, declared anew below",
        xml: LISTED,
        apex: 2,
        prefixes: &["baz"],
        without_comments: "<bar:Nothing xmlns:bar=\"urn:bar\" xmlns:baz=\"urn:baz\"><foo:Inner xmlns:baz=\"urn:other\" \
             xmlns:foo=\"urn:foo\" bar:a=\"\"></foo:Inner></bar:Nothing>",
        with_comments: "<bar:Nothing xmlns:bar=\"urn:bar\" xmlns:baz=\"urn:baz\"><foo:Inner xmlns:baz=\"urn:other\" \
             xmlns:foo=\"urn:foo\" bar:a=\"\"></foo:Inner><!-- two --></bar:Nothing>",
    },
    same(
        "interoperability: the default listed, declared away, declared again",
        "<a:r xmlns:a='urn:a' xmlns='urn:d'><a:b xmlns=''><c/><a:d xmlns='urn:d'/></a:b></a:r>",
        0,
        &["#default"],
        "<a:r xmlns=\"urn:d\" xmlns:a=\"urn:a\"><a:b xmlns=\"\"><c></c><a:d xmlns=\"urn:d\"></a:d></a:b></a:r>",
    ),
    same(
        "interoperability: the same default on siblings that do not see each other's",
        "<r><a xmlns='urn:d'><b/></a><a xmlns='urn:d'/><p:c xmlns:p='urn:p' xmlns='urn:d'><b/><b xmlns=''/></p:c></r>",
        0,
        &[],
        "<r><a xmlns=\"urn:d\"><b></b></a><a xmlns=\"urn:d\"></a><p:c xmlns:p=\"urn:p\"><b xmlns=\"urn:d\"></b><b></b></p:c></r>",
    ),
    Example {
        name: "canonical 3.1: comments in the document element",
        xml: "<doc>Hello, world!<!-- Comment 1 --></doc>",
        apex: 0,
        prefixes: &[],
        without_comments: "<doc>Hello, world!</doc>",
        with_comments: "<doc>Hello, world!<!-- Comment 1 --></doc>",
    },
    same(
        "canonical 3.2: white space",
        "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n      <clean>   </clean>\n      B\n \
         </mixed>\n</doc>",
        0,
        &[],
        "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n      <clean>   </clean>\n      B\n \
         </mixed>\n</doc>",
    ),
    same(
        "canonical 3.3: start and end tags",
        "<doc><e1   /><e2   ></e2><e3   name = \"elem3\"   id=\"elem3\"   /><e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" \
         attr=\"I'm\" xmlns:b=\"http://www.ietf.org\" xmlns:a=\"http://www.w3.org\" xmlns=\"http://example.org\"/><e6 xmlns=\"\" \
         xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\" xmlns:a=\"http://www.w3.org\"><e9 xmlns=\"\" \
         xmlns:a=\"http://www.ietf.org\" attr=\"default\"/></e8></e7></e6></doc>",
        0,
        &[],
        "<doc><e1></e1><e2></e2><e3 id=\"elem3\" name=\"elem3\"></e3><e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" \
         xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5><e6><e7 \
         xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9 attr=\"default\"></e9></e8></e7></e6></doc>",
    ),
    same(
        "canonical 3.4: characters",
        "<doc><text>First line&#x0d;&#10;Second line</text><value>&#x32;</value><compute><![CDATA[value>\"0\" && value<\"10\" \
         ?\"valid\":\"error\"]]></compute><compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid</compute>\
         <norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/></doc>",
        0,
        &[],
        "<doc><text>First line&#xD;\nSecond line</text><value>2</value><compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" \
         ?\"valid\":\"error\"</compute><compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; \
         ?&quot;valid&quot;:&quot;error&quot;\">valid</compute><norm attr=\" '    &#xD;&#xA;&#x9;   ' \"></norm></doc>",
    ),
    same("canonical 3.6: UTF-8", "<doc>&#169;</doc>", 0, &[], "<doc>\u{a9}</doc>"),
    // libxml2 does not escape here, so that this is not in the documents made at random.
    same(
        "canonical 2.3: a namespace is escaped as an attribute is",
        "<p:doc xmlns:p='urn:a?b=&quot;1&quot;&amp;c=&lt;'/>",
        0,
        &[],
        "<p:doc xmlns:p=\"urn:a?b=&quot;1&quot;&amp;c=&lt;\"></p:doc>",
    ),
];
