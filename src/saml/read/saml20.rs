//! What an assertion of SAML 2.0 says (`saml-core-2.0-os`, 2.3 to 2.7).

use super::super::assertion::AttributeOut;
use super::super::names::NAMEID_ENTITY;
use super::conditions::conditions;
use super::{
    AuthenticationStatement, ReadError, ReceivedAssertion, ReceivedName, SamlVersion, attribute_values, confirmation,
    form, instant, required, required_instant,
};
use crate::xml::Element;

const VERSION: SamlVersion = SamlVersion::V20;

pub(super) fn read(root: &Element) -> Result<ReceivedAssertion, ReadError> {
    if root.attribute("Version") != Some("2.0") {
        return Err(form("another version than 2.0"));
    }
    let mut attributes = Vec::new();
    for child in root.elements() {
        if &*child.name.namespace != VERSION.namespace() {
            return Err(form("an element that is not understood"));
        }
        match child.name.local.as_str() {
            "Issuer" | "Subject" | "Conditions" | "Advice" | "AuthnStatement" | "AuthzDecisionStatement" => {}
            "AttributeStatement" => read_attributes(child, &mut attributes)?,
            _ => return Err(form("a statement that is not understood")),
        }
    }
    let subject = root.only_child(VERSION.namespace(), "Subject")?.ok_or(ReadError::Form("no subject"))?;
    let confirmations = subject.children_named(VERSION.namespace(), "SubjectConfirmation");
    let authentication = root.only_child(VERSION.namespace(), "AuthnStatement")?;
    Ok(ReceivedAssertion {
        version: VERSION,
        id: required(root, "ID", "no ID")?.to_owned(),
        issuer: issuer(root)?.to_owned(),
        issue_instant: required_instant(root, "IssueInstant")?,
        conditions: conditions(root, VERSION)?,
        name_identifier: name_identifier(subject)?,
        confirmations: confirmations.map(confirmation::saml20).collect::<Result<_, _>>()?,
        attributes,
        authentication: authentication.map(read_authentication).transpose()?,
    })
}

/// The one `Issuer`: an entity's name (SAML 2.0 Core 2.2.5).
pub(super) fn issuer(assertion: &Element) -> Result<&str, ReadError> {
    let issuer = assertion.only_child(VERSION.namespace(), "Issuer")?.ok_or(ReadError::Form("no issuer"))?;
    if issuer.attribute("Format").is_some_and(|format| format != NAMEID_ENTITY) {
        return Err(form("an issuer that is no entity"));
    }
    issuer.text().filter(|text| !text.is_empty()).ok_or(ReadError::Form("an issuer that is no text"))
}

fn name_identifier(subject: &Element) -> Result<Option<ReceivedName>, ReadError> {
    let namespace = VERSION.namespace();
    for other in ["BaseID", "EncryptedID"] {
        if subject.child(namespace, other).is_some() {
            return Err(form("a subject that is encrypted or no NameID"));
        }
    }
    let Some(name) = subject.only_child(namespace, "NameID")? else { return Ok(None) };
    let value = name.text().filter(|text| !text.trim().is_empty());
    let value = value.ok_or(ReadError::Form("a name identifier that is no text"))?.to_owned();
    Ok(Some(ReceivedName { value, format: name.attribute("Format").map(str::to_owned) }))
}

fn read_authentication(statement: &Element) -> Result<AuthenticationStatement, ReadError> {
    let namespace = VERSION.namespace();
    let context = statement.only_child(namespace, "AuthnContext")?;
    let class = match context {
        Some(context) => context.only_child(namespace, "AuthnContextClassRef")?,
        None => None,
    };
    Ok(AuthenticationStatement {
        method: class.and_then(Element::trimmed_text).map(str::to_owned),
        instant: required_instant(statement, "AuthnInstant")?,
        session_not_on_or_after: instant(statement, "SessionNotOnOrAfter")?,
    })
}

fn read_attributes(statement: &Element, attributes: &mut Vec<AttributeOut>) -> Result<(), ReadError> {
    for attribute in statement.elements() {
        // An EncryptedAttribute, for somebody else's key.
        if !attribute.is(VERSION.namespace(), "Attribute") {
            return Err(form("an attribute that is encrypted"));
        }
        let name = required(attribute, "Name", "an attribute without a name")?;
        if let Some(values) = attribute_values(attribute, VERSION.namespace()) {
            attributes.push(AttributeOut {
                name: name.to_owned(),
                namespace: None,
                name_format: attribute.attribute("NameFormat").map(str::to_owned),
                friendly_name: attribute.attribute("FriendlyName").map(str::to_owned),
                values,
            });
        }
    }
    Ok(())
}
