//! What an assertion of SAML 1.1 says (`oasis-sstc-saml-core-1.1`).

use super::super::assertion::AttributeOut;
use super::conditions::conditions;
use super::{
    AuthenticationStatement, ReadError, ReceivedAssertion, ReceivedName, SamlVersion, SubjectConfirmation,
    attribute_values, confirmation, form, required, required_instant,
};
use crate::xml::{Canonicalization, Element, canonicalize};

const VERSION: SamlVersion = SamlVersion::V11;

pub(super) fn read(root: &Element) -> Result<ReceivedAssertion, ReadError> {
    if root.attribute("MajorVersion") != Some("1") || root.attribute("MinorVersion") != Some("1") {
        return Err(form("another version than 1.1"));
    }
    let mut statements = Statements::default();
    for child in root.elements() {
        if &*child.name.namespace != VERSION.namespace() {
            return Err(form("an element that is not understood"));
        }
        match child.name.local.as_str() {
            "Conditions" | "Advice" => {}
            "AuthenticationStatement" => statements.authentication(child)?,
            "AttributeStatement" => statements.attributes(child)?,
            "AuthorizationDecisionStatement" => statements.subject(child)?,
            _ => return Err(form("a statement that is not understood")),
        }
    }
    let subject = statements.subject.ok_or(ReadError::Form("no subject"))?;
    let (name_identifier, confirmations) = read_subject(subject)?;
    Ok(ReceivedAssertion {
        version: VERSION,
        id: required(root, "AssertionID", "no ID")?.to_owned(),
        issuer: required(root, "Issuer", "no issuer")?.to_owned(),
        issue_instant: required_instant(root, "IssueInstant")?,
        conditions: conditions(root, VERSION)?,
        name_identifier,
        confirmations,
        attributes: statements.attributes,
        authentication: statements.authentication,
    })
}

#[derive(Default)]
struct Statements<'d> {
    subject: Option<&'d Element>,
    attributes: Vec<AttributeOut>,
    authentication: Option<AuthenticationStatement>,
}

impl<'d> Statements<'d> {
    /// Every statement has a subject of its own; who the assertion is about must not depend on which one is read.
    fn subject(&mut self, statement: &'d Element) -> Result<(), ReadError> {
        let subject = statement.only_child(VERSION.namespace(), "Subject")?;
        let subject = subject.ok_or(ReadError::Form("a statement without a subject"))?;
        let canonical = |element| canonicalize(element, &Canonicalization::default());
        match self.subject {
            Some(first) if canonical(first) != canonical(subject) => Err(form("two subjects")),
            _ => {
                self.subject = Some(subject);
                Ok(())
            }
        }
    }

    fn authentication(&mut self, statement: &'d Element) -> Result<(), ReadError> {
        self.subject(statement)?;
        let read = AuthenticationStatement {
            method: statement.attribute("AuthenticationMethod").map(str::to_owned),
            instant: required_instant(statement, "AuthenticationInstant")?,
            session_not_on_or_after: None,
        };
        match self.authentication.replace(read) {
            Some(_) => Err(form("two authentication statements")),
            None => Ok(()),
        }
    }

    fn attributes(&mut self, statement: &'d Element) -> Result<(), ReadError> {
        self.subject(statement)?;
        for attribute in statement.children_named(VERSION.namespace(), "Attribute") {
            let name = required(attribute, "AttributeName", "an attribute without a name")?;
            let namespace = required(attribute, "AttributeNamespace", "an attribute without a namespace")?;
            if let Some(values) = attribute_values(attribute, VERSION.namespace()) {
                self.attributes.push(AttributeOut::of_saml11(name, namespace, values));
            }
        }
        Ok(())
    }
}

fn read_subject(subject: &Element) -> Result<(Option<ReceivedName>, Vec<SubjectConfirmation>), ReadError> {
    let namespace = VERSION.namespace();
    let name = |element: &Element| {
        let value = element.text().filter(|text| !text.trim().is_empty());
        let value = value.ok_or(ReadError::Form("a name identifier that is no text"))?.to_owned();
        Ok::<_, ReadError>(ReceivedName { value, format: element.attribute("Format").map(str::to_owned) })
    };
    let name = subject.only_child(namespace, "NameIdentifier")?.map(name).transpose()?;
    let confirmation = subject.only_child(namespace, "SubjectConfirmation")?;
    let confirmations = confirmation.map(confirmation::saml11).transpose()?.unwrap_or_default();
    Ok((name, confirmations))
}
