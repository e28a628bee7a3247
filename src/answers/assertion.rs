//! An assertion of either version, as it is written.

use super::message::{Unreadable, instant, said};
use super::signature::Signature;
use crate::dsig::XENC;
use crate::model::{Timestamp, claim_uri};
use crate::saml::{SamlVersion, saml_id, saml_issuer};
use crate::xml::{Document, Element};
use openssl::x509::X509;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// What an answer brings.
#[derive(Clone, Debug)]
pub enum Carried {
    /// An assertion that can be read.
    Plain(Box<Assertion>),
    /// One that only its relying party can read.
    Encrypted {
        /// The algorithm of its content.
        algorithm: Option<String>,
    },
}

/// An assertion. What is absent, or no instant where one must be, is `None`.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// Which SAML it is.
    pub version: SamlVersion,
    /// The prefix of its name: MSAL for Go looks for `saml`.
    pub prefix: String,
    /// Its ID.
    pub id: Option<String>,
    /// Who made it.
    pub issuer: Option<String>,
    /// When it was made.
    pub issue_instant: Option<Timestamp>,
    /// From when it is good.
    pub not_before: Option<Timestamp>,
    /// Until when, exclusive.
    pub not_on_or_after: Option<Timestamp>,
    /// For whom.
    pub audiences: Vec<String>,
    /// What else must hold for it to be good, by the names of the elements.
    pub conditions: Vec<String>,
    /// Whom it is about.
    pub name: Option<Name>,
    /// How whoever presents it shows that they are the subject.
    pub confirmations: Vec<Confirmation>,
    /// What else is said of the subject.
    pub attributes: Vec<Attribute>,
    /// SAML 1.1's AuthenticationMethod or SAML 2.0's AuthnContextClassRef.
    pub authentication_method: Option<String>,
    /// When the subject signed in.
    pub authentication_instant: Option<Timestamp>,
    /// Its signature. If it holds, everything here was signed.
    pub signature: Option<Signature>,
}

/// The subject's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub value: String,
    /// Its format's URI.
    pub format: Option<String>,
}

/// One way to be taken for the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Its URI.
    pub method: String,
    /// To which address only.
    pub recipient: Option<String>,
    /// In answer to which request only.
    pub in_response_to: Option<String>,
    /// Until when, exclusive.
    pub not_on_or_after: Option<Timestamp>,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its claim URI: in SAML 1.1 namespace and name.
    pub name: String,
    /// Its values, those that are text.
    pub values: Vec<String>,
}

impl Carried {
    /// The one assertion below `parent`.
    pub(super) fn within(document: &Document, parent: &Element, known: &[X509]) -> Result<Self, Unreadable> {
        let mut plain = parent.elements().filter(|child| SamlVersion::of(child).is_some());
        let encrypted = parent.descendants().find(|element| element.is(XENC.uri, "EncryptedData"));
        match (plain.next(), plain.next(), encrypted) {
            (Some(_), Some(_), _) => Err(Unreadable::Form("an answer with more than one assertion")),
            (Some(assertion), ..) => Ok(Self::Plain(Box::new(Assertion::read(document, assertion, known)))),
            (None, _, Some(data)) => {
                let method = data.child(XENC.uri, "EncryptionMethod");
                let algorithm = method.and_then(|method| method.attribute("Algorithm")).map(str::to_owned);
                Ok(Self::Encrypted { algorithm })
            }
            (None, _, None) => Err(Unreadable::Form("an answer without an assertion")),
        }
    }
}

impl Assertion {
    fn read(document: &Document, element: &Element, known: &[X509]) -> Self {
        let version = SamlVersion::of(element).unwrap_or(SamlVersion::V20);
        let signature = Signature::of(document, element, version.id_attribute(), known);
        let (signature, verified) = signature.map_or((None, None), |(signature, signed)| (Some(signature), signed));
        // Where the signature holds, what was signed: nobody sees anything else.
        let root = verified.as_ref().map_or(element, |verified| &verified.document().root);
        let reader = Reader { root, version };
        let conditions = reader.child("Conditions");
        let statement = reader.statement();
        let method = match version {
            SamlVersion::V11 => of(statement, "AuthenticationMethod").map(str::to_owned),
            SamlVersion::V20 => said(root.descendants().find(|element| reader.is(element, "AuthnContextClassRef"))),
        };
        let signed_in = match version {
            SamlVersion::V11 => "AuthenticationInstant",
            SamlVersion::V20 => "AuthnInstant",
        };
        Self {
            version,
            prefix: element.name.prefix.to_string(),
            id: saml_id(root).map(str::to_owned),
            issuer: saml_issuer(root).map(str::to_owned),
            issue_instant: instant(root.attribute("IssueInstant")),
            not_before: instant(of(conditions, "NotBefore")),
            not_on_or_after: instant(of(conditions, "NotOnOrAfter")),
            audiences: reader.audiences(conditions),
            conditions: reader.other_conditions(conditions),
            name: reader.name(),
            confirmations: reader.confirmations(),
            attributes: reader.attributes(),
            authentication_method: method,
            authentication_instant: instant(of(statement, signed_in)),
            signature,
        }
    }

    /// How long it is good.
    pub fn lifetime(&self) -> Option<Duration> {
        Some(self.not_on_or_after?.since(self.not_before?))
    }

    /// The values of an attribute, by its claim URI.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name == name)
            .flat_map(|attribute| &attribute.values)
            .map(String::as_str)
    }
}

/// An attribute of an element that may not be there.
fn of<'e>(element: Option<&'e Element>, name: &str) -> Option<&'e str> {
    element.and_then(|element| element.attribute(name))
}

struct Reader<'d> {
    root: &'d Element,
    version: SamlVersion,
}

impl<'d> Reader<'d> {
    fn is(&self, element: &Element, local: &str) -> bool {
        element.is(self.version.namespace(), local)
    }

    fn child(&self, local: &str) -> Option<&'d Element> {
        self.root.child(self.version.namespace(), local)
    }

    fn statement(&self) -> Option<&'d Element> {
        match self.version {
            SamlVersion::V11 => self.child("AuthenticationStatement"),
            SamlVersion::V20 => self.child("AuthnStatement"),
        }
    }

    /// SAML 1.1 has one in each statement, and all must be the same.
    fn subject(&self) -> Option<&'d Element> {
        self.root.descendants().find(|element| self.is(element, "Subject"))
    }

    fn audiences(&self, conditions: Option<&Element>) -> Vec<String> {
        let audience = |element: &&Element| self.is(element, "Audience");
        conditions.into_iter().flat_map(Element::descendants).filter(audience).filter_map(|e| said(Some(e))).collect()
    }

    fn other_conditions(&self, conditions: Option<&Element>) -> Vec<String> {
        let names = conditions.into_iter().flat_map(Element::elements).map(|condition| condition.name.local.clone());
        names.filter(|name| !name.starts_with("AudienceRestriction")).collect()
    }

    fn name(&self) -> Option<Name> {
        let local = match self.version {
            SamlVersion::V11 => "NameIdentifier",
            SamlVersion::V20 => "NameID",
        };
        let name = self.subject()?.child(self.version.namespace(), local)?;
        let value = name.text().unwrap_or_default().to_owned();
        Some(Name { value, format: name.attribute("Format").map(str::to_owned) })
    }

    fn confirmations(&self) -> Vec<Confirmation> {
        let subject = self.subject();
        let each = subject.into_iter().flat_map(Element::elements).filter(|e| self.is(e, "SubjectConfirmation"));
        match self.version {
            SamlVersion::V11 => {
                let methods = each.flat_map(Element::elements).filter(|e| self.is(e, "ConfirmationMethod"));
                methods.filter_map(|method| said(Some(method))).map(Confirmation::by).collect()
            }
            SamlVersion::V20 => each.map(|element| self.confirmation(element)).collect(),
        }
    }

    fn confirmation(&self, element: &Element) -> Confirmation {
        let data = element.child(self.version.namespace(), "SubjectConfirmationData");
        let text = |name: &str| data.and_then(|data| data.attribute(name));
        Confirmation {
            recipient: text("Recipient").map(str::to_owned),
            in_response_to: text("InResponseTo").map(str::to_owned),
            not_on_or_after: instant(text("NotOnOrAfter")),
            ..Confirmation::by(element.attribute("Method").unwrap_or_default().to_owned())
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut read: Vec<Attribute> = Vec::new();
        let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
        let statements = self.root.elements().filter(|element| self.is(element, "AttributeStatement"));
        for element in statements.flat_map(Element::elements).filter(|element| self.is(element, "Attribute")) {
            let name = match self.version {
                SamlVersion::V11 => claim_uri(
                    element.attribute("AttributeNamespace"),
                    element.attribute("AttributeName").unwrap_or_default(),
                ),
                SamlVersion::V20 => element.attribute("Name").unwrap_or_default().into(),
            };
            let values = element.elements().filter_map(Element::text).map(str::to_owned);
            match places.get(&name).and_then(|place| read.get_mut(*place)) {
                Some(before) => before.values.extend(values),
                None => {
                    read.push(Attribute { name: name.clone().into_owned(), values: values.collect() });
                    places.insert(name, read.len() - 1);
                }
            }
        }
        read
    }
}

impl Confirmation {
    fn by(method: String) -> Self {
        Self { method, recipient: None, in_response_to: None, not_on_or_after: None }
    }
}
