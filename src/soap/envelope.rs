//! Bytes to envelope, and the start of every answer's envelope.

use super::addressing::{Addressing, AddressingVersion};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::xml::{Document, Element, Limits, Node, Ns, Writer, boolean, parse};

/// Which SOAP a message speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapVersion {
    /// 1.1.
    V11,
    /// 1.2.
    V12,
}

static SOAP11: Ns = Ns { prefix: "s", uri: "http://schemas.xmlsoap.org/soap/envelope/" };
static SOAP12: Ns = Ns { prefix: "s", uri: "http://www.w3.org/2003/05/soap-envelope" };

impl SoapVersion {
    /// Its namespace.
    pub fn ns(self) -> &'static Ns {
        match self {
            Self::V11 => &SOAP11,
            Self::V12 => &SOAP12,
        }
    }

    /// The Content-Type of an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V11 => "text/xml; charset=utf-8",
            Self::V12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// The version to answer in when a request could not be read: what its Content-Type claims.
    pub fn claimed_by(content_type: Option<&str>) -> Self {
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("text/xml") { Self::V11 } else { Self::V12 }
    }

    /// Opens an answer: envelope and header, `wsa:Action` and `wsa:RelatesTo` where the request had addressing. What is
    /// written next is in the header.
    pub fn open(self, w: &mut Writer, addressing: Option<&Addressing>, action: &str) {
        let ns = self.ns();
        let declare: Vec<&'static Ns> = addressing.map(|addressing| addressing.version.ns()).into_iter().collect();
        w.start_with(ns, "Envelope", &declare, Vec::new());
        w.start(ns, "Header", &[]);
        if let Some(addressing) = addressing {
            let wsa = addressing.version.ns();
            w.start_with(wsa, "Action", &[], vec![(Some(ns), "mustUnderstand", "1")]);
            w.text(action);
            w.end();
            if let Some(id) = &addressing.message_id {
                w.leaf(wsa, "RelatesTo", id);
            }
        }
    }

    /// From the header to the body.
    pub fn body(self, w: &mut Writer) {
        w.end();
        w.start(self.ns(), "Body", &[]);
    }
}

/// A SOAP message.
#[derive(Debug)]
pub struct Envelope {
    /// By its namespace.
    pub version: SoapVersion,
    /// Addressing, if it has any.
    pub addressing: Option<Addressing>,
    document: Document,
}

impl Envelope {
    /// Reads an envelope. `understood` says which header blocks we act on; a block that demands to be understood and is
    /// not is refused.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`] for what is no envelope, [`RefusalKind::Version`] for one of another SOAP,
    /// [`RefusalKind::MustUnderstand`].
    pub fn parse(bytes: &[u8], limits: &Limits, understood: fn(&Element) -> bool) -> Result<Self, Refusal> {
        let document = parse(bytes, limits).map_err(|error| malformed(error.to_string()))?;
        let root = &document.root;
        if root.name.local != "Envelope" {
            return Err(malformed("no SOAP envelope"));
        }
        let version =
            [SoapVersion::V11, SoapVersion::V12].into_iter().find(|version| version.ns().uri == &*root.name.namespace);
        let version = version.ok_or_else(|| Refusal::new(RefusalKind::Version, "an envelope of no SOAP we know"))?;
        let ns = version.ns().uri;
        let parts: Vec<&Element> = root.elements().collect();
        let header = match parts.as_slice() {
            [body] if body.is(ns, "Body") => None,
            [header, body] if header.is(ns, "Header") && body.is(ns, "Body") => Some(*header),
            _ => return Err(malformed("an envelope that is not an optional Header and a Body")),
        };
        if let Some(header) = header {
            check_must_understand(header, version, understood)?;
        }
        let addressing = header.map(Addressing::read).transpose()?.flatten();
        Ok(Self { version, addressing, document })
    }

    /// What can be told of a message that [`Envelope::parse`] refuses, so that its fault can be in its own version and
    /// relate to it.
    pub fn peek(bytes: &[u8], limits: &Limits) -> Option<(SoapVersion, Option<Addressing>)> {
        let document = parse(bytes, limits).ok()?;
        let uri = &*document.root.name.namespace;
        let version = [SoapVersion::V11, SoapVersion::V12].into_iter().find(|version| version.ns().uri == uri)?;
        let header = document.root.child(uri, "Header");
        Some((version, header.and_then(|header| Addressing::read(header).ok().flatten())))
    }

    /// The header element, if there is one.
    pub fn header(&self) -> Option<&Element> {
        self.document.root.child(self.version.ns().uri, "Header")
    }

    /// The one element in the body.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn content(&self) -> Result<&Element, Refusal> {
        let mut elements = self.body_elements();
        match (elements.next(), elements.next()) {
            (Some(content), None) => Ok(content),
            _ => Err(malformed("a Body without exactly one element")),
        }
    }

    /// Whether the body has no element.
    pub fn is_empty(&self) -> bool {
        self.body_elements().next().is_none()
    }

    /// The whole document, for verifying signatures in it.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The body.
    pub fn body(&self) -> Option<&Element> {
        self.document.root.child(self.version.ns().uri, "Body")
    }

    fn body_elements(&self) -> impl Iterator<Item = &Element> {
        self.body().into_iter().flat_map(|body| &body.children).filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }
}

/// The header blocks that a WS-Trust or MEX request may demand to be understood.
pub fn understood_by_wstrust(block: &Element) -> bool {
    let name = block.name.local.as_str();
    let addressing = AddressingVersion::of(&block.name.namespace).is_some();
    let ours = ["Action", "To", "MessageID", "messageID", "ReplyTo", "FaultTo", "From", "RelatesTo"];
    (addressing && ours.contains(&name)) || block.is(super::WSSE.uri, "Security")
}

fn check_must_understand(
    header: &Element,
    version: SoapVersion,
    understood: fn(&Element) -> bool,
) -> Result<(), Refusal> {
    let ns = version.ns().uri;
    for block in header.elements() {
        let demanded = block.attribute_ns(ns, "mustUnderstand").and_then(boolean) == Some(true);
        if demanded && is_for_us(block, version) && !understood(block) {
            let (name, namespace) = (quoted(&block.name.local), quoted(&block.name.namespace));
            let reason = format!("the header {name} of {namespace} must be understood");
            return Err(Refusal::new(RefusalKind::MustUnderstand, reason));
        }
    }
    Ok(())
}

/// Whether a header block is addressed to us, who are the next and the last to receive it (SOAP 1.1 4.2.2, 1.2 2.2).
pub(super) fn is_for_us(block: &Element, version: SoapVersion) -> bool {
    match version {
        SoapVersion::V11 => matches!(
            block.attribute_ns(SOAP11.uri, "actor"),
            None | Some("" | "http://schemas.xmlsoap.org/soap/actor/next")
        ),
        SoapVersion::V12 => matches!(
            block.attribute_ns(SOAP12.uri, "role"),
            None | Some(
                "" | "http://www.w3.org/2003/05/soap-envelope/role/next"
                    | "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver"
            )
        ),
    }
}

fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Malformed, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits::message(65536);

    fn envelope(header: &str, body: &str) -> String {
        format!(
            "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'>{header}<e:Body>{body}</e:Body></e:Envelope>"
        )
    }

    fn kind(xml: &str) -> RefusalKind {
        Envelope::parse(xml.as_bytes(), &LIMITS, understood_by_wstrust).map(|_| ()).expect_err(xml).kind
    }

    #[test]
    fn reads_addressing_whatever_the_case_of_message_id() {
        for (name, wsa) in [
            ("MessageID", "http://www.w3.org/2005/08/addressing"),
            ("messageID", "http://www.w3.org/2005/08/addressing"),
            ("MessageID", "http://schemas.xmlsoap.org/ws/2004/08/addressing"),
        ] {
            let header = format!("<e:Header><w:{name} xmlns:w='{wsa}'>1303795308</w:{name}></e:Header>");
            let parsed = Envelope::parse(envelope(&header, "<x/>").as_bytes(), &LIMITS, understood_by_wstrust).unwrap();
            let addressing = parsed.addressing.unwrap();
            assert_eq!((addressing.message_id.as_deref(), addressing.version.ns().uri), (Some("1303795308"), wsa));
        }
    }

    #[test]
    fn refuses_what_it_must_understand_and_does_not() {
        let block = |attributes: &str| envelope(&format!("<e:Header><x {attributes}/></e:Header>"), "<y/>");
        assert_eq!(kind(&block("e:mustUnderstand='1'")), RefusalKind::MustUnderstand);
        assert_eq!(
            kind(&block("e:mustUnderstand='true' e:role='http://www.w3.org/2003/05/soap-envelope/role/next'")),
            RefusalKind::MustUnderstand
        );
        for passed in ["", "e:mustUnderstand='0'", "e:mustUnderstand='1' e:role='urn:someone-else'"] {
            assert!(Envelope::parse(block(passed).as_bytes(), &LIMITS, understood_by_wstrust).is_ok(), "{passed}");
        }
    }

    #[test]
    fn refuses_what_is_no_envelope() {
        assert_eq!(kind("<a/>"), RefusalKind::Malformed);
        assert_eq!(kind("<Envelope xmlns='urn:soap13'/>"), RefusalKind::Version);
        assert_eq!(kind(&envelope("<e:Body/>", "")), RefusalKind::Malformed);
        let two = envelope("", "<a/><b/>");
        let two = Envelope::parse(two.as_bytes(), &LIMITS, understood_by_wstrust).unwrap();
        assert!(two.content().is_err());
    }

    #[test]
    fn debug_says_nothing_of_the_content() {
        let xml = envelope("<e:Header><canary canary='canary'/></e:Header>", "<canary canary='canary'>canary</canary>");
        let envelope = Envelope::parse(xml.as_bytes(), &LIMITS, understood_by_wstrust).unwrap();
        let shown = format!("{envelope:?} {:?} {:?}", envelope.document(), envelope.content());
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn refuses_to_answer_elsewhere() {
        let header = "<e:Header><w:ReplyTo xmlns:w='http://www.w3.org/2005/08/addressing'><w:Address>https://evil.example\
                      </w:Address></w:ReplyTo></e:Header>";
        assert_eq!(kind(&envelope(header, "<x/>")), RefusalKind::Malformed);
    }
}
