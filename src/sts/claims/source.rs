//! Where values are taken from: the user's entry, the configuration, the sign-in.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Known;
use super::sign_in::sign_in_value;
use crate::model::{AttributeValue, DirectoryAttribute, ValueSource};
use crate::sts::group::Memberships;
use crate::sts::pairwise::pairwise;

/// A value as its source has it.
pub(super) enum Raw<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Octets.
    Octets(Cow<'a, [u8]>),
}

impl<'a> Raw<'a> {
    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Octets(octets) => octets,
        }
    }

    /// As text; octets as base64.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Octets(octets) => Cow::Owned(STANDARD.encode(octets)),
        }
    }
}

/// Hands every value of a source to `found`, in order.
pub(super) fn each<'a>(source: &'a ValueSource, known: &Known<'a>, found: &mut dyn FnMut(Raw<'a>)) {
    match source {
        ValueSource::Attribute(attribute) => all(attribute, known, found),
        ValueSource::FirstOf(attributes) => {
            if let Some(attribute) = attributes.iter().find(|attribute| first(attribute, known).is_some()) {
                all(attribute, known, &mut |value| {
                    if !value.bytes().is_empty() {
                        found(value);
                    }
                });
            }
        }
        ValueSource::Constant(values) => values.iter().for_each(|value| found(Raw::Text(value.into()))),
        ValueSource::Template(template) => {
            let text = template.fill(|attribute| first(attribute, known).map(Raw::text));
            text.into_iter().for_each(|text| found(Raw::Text(text.into())));
        }
        ValueSource::Roles(roles) => {
            let groups = Memberships::of(&known.entry.groups);
            let held = roles.iter().filter(|(group, _)| groups.has(group));
            held.for_each(|(_, role)| found(Raw::Text(role.into())));
        }
        ValueSource::Pairwise(rule) => {
            let value = first(&rule.source, known);
            let name =
                value.and_then(|value| pairwise(rule.algorithm, &rule.salt, known.service_provider, value.bytes()));
            name.into_iter().for_each(|name| found(Raw::Octets(name.into())));
        }
        ValueSource::SignIn(value) => {
            sign_in_value(value, known).into_iter().for_each(|value| found(Raw::Text(value)));
        }
    }
}

/// Every value of an attribute.
fn all<'a>(attribute: &'a DirectoryAttribute, known: &Known<'a>, found: &mut dyn FnMut(Raw<'a>)) {
    let entry = known.entry;
    match attribute {
        DirectoryAttribute::Upn => entry.upn.iter().for_each(|text| found(Raw::Text(text.into()))),
        DirectoryAttribute::ImmutableId => entry.immutable_id.iter().for_each(|text| found(Raw::Text(text.into()))),
        DirectoryAttribute::Groups => entry.groups.iter().for_each(|text| found(Raw::Text(text.into()))),
        DirectoryAttribute::Named(name) => entry.attributes.all(name).iter().for_each(|value| {
            found(match value {
                AttributeValue::Text(text) => Raw::Text(text.into()),
                AttributeValue::Binary(octets) => Raw::Octets(octets.into()),
            });
        }),
    }
}

/// The first value of an attribute that is not empty.
pub(super) fn first<'a>(attribute: &'a DirectoryAttribute, known: &Known<'a>) -> Option<Raw<'a>> {
    let mut first = None;
    all(attribute, known, &mut |value| {
        if first.is_none() && !value.bytes().is_empty() {
            first = Some(value);
        }
    });
    first
}
