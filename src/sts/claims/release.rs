//! Which service providers may have an attribute: by what their metadata says that they are, and that they need.

use crate::model::{AttributeRelease, ReleasedTo, is_claim};
use crate::saml::metadata::ServiceProvider;
use crate::saml::names::{ENTITY_CATEGORY, PAIRWISE_ID, SUBJECT_ID, SUBJECT_ID_REQ};

/// Whether the rules give `attribute` to that service provider. Over WS-Trust there is none, and nothing that says what it is.
pub fn may_have(attribute: &AttributeRelease, provider: Option<&ServiceProvider>) -> bool {
    let fits = |provider: &ServiceProvider| attribute.released_to.iter().any(|to| fits(to, attribute, provider));
    attribute.released_to.is_empty() || provider.is_some_and(fits)
}

fn fits(to: &ReleasedTo, attribute: &AttributeRelease, provider: &ServiceProvider) -> bool {
    let is_of = |category: &String| provider.entity_attribute(ENTITY_CATEGORY).any(|own| own.trim() == category);
    to.category.as_ref().is_none_or(is_of) && (!to.requested || requests(provider, attribute))
}

/// Of the two subject identifiers an SP asks for one, and whoever takes any is given the one that tells less
/// (`saml-subject-id-attr-v1.0-cs01`, 4).
fn requests(provider: &ServiceProvider, attribute: &AttributeRelease) -> bool {
    let wanted = match (&attribute.namespace, attribute.name.as_str()) {
        (None, SUBJECT_ID) => ["subject-id"].as_slice(),
        (None, PAIRWISE_ID) => &["pairwise-id", "any"],
        _ => &[],
    };
    let mut said = provider.entity_attribute(SUBJECT_ID_REQ).map(str::trim).peekable();
    if !wanted.is_empty() && said.peek().is_some() {
        return said.any(|value| wanted.contains(&value));
    }
    let is_it = |name: &str| is_claim(attribute.namespace.as_deref(), &attribute.name, name.trim());
    provider.requested_attributes.iter().any(|requested| is_it(&requested.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ValueRule;
    use crate::saml::metadata::{EntityAttribute, RequestedAttribute};

    const R_AND_S: &str = "http://refeds.org/category/research-and-scholarship";
    const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";

    fn attribute(name: &str, released_to: &[(Option<&str>, bool)]) -> AttributeRelease {
        let to = |(category, requested): &(Option<&str>, bool)| ReleasedTo {
            category: category.map(str::to_owned),
            requested: *requested,
        };
        AttributeRelease {
            name: name.to_owned(),
            namespace: None,
            name_format: None,
            friendly_name: None,
            rule: ValueRule::attribute("mail"),
            required: false,
            released_to: released_to.iter().map(to).collect(),
        }
    }

    fn provider(said: &[(&str, &str)], requested: &[&str]) -> ServiceProvider {
        let said = said
            .iter()
            .map(|(name, value)| EntityAttribute { name: (*name).to_owned(), values: vec![(*value).to_owned()] });
        let requested = requested.iter().map(|name| RequestedAttribute { name: (*name).to_owned(), required: false });
        ServiceProvider {
            entity_attributes: said.collect(),
            requested_attributes: requested.collect(),
            ..ServiceProvider::office365("urn:sp")
        }
    }

    #[test]
    fn an_attribute_goes_to_whom_a_rule_names() {
        let (nobody, asks) = (provider(&[], &[]), provider(&[], &[MAIL]));
        let (researchers, both) = (
            provider(&[(ENTITY_CATEGORY, R_AND_S)], &[]),
            provider(&[(ENTITY_CATEGORY, "urn:other"), (ENTITY_CATEGORY, R_AND_S)], &[MAIL]),
        );
        let other = provider(&[("urn:not-a-category", R_AND_S)], &["urn:oid:2.5.4.4"]);
        let providers = [&nobody, &asks, &researchers, &both, &other];
        for (rules, expected) in [
            (&[][..], [true, true, true, true, true]),
            (&[(Some(R_AND_S), false)], [false, false, true, true, false]),
            (&[(None, true)], [false, true, false, true, false]),
            (&[(Some(R_AND_S), true)], [false, false, false, true, false]),
            (&[(Some(R_AND_S), false), (None, true)], [false, true, true, true, false]),
        ] {
            let attribute = attribute(MAIL, rules);
            assert_eq!(providers.map(|provider| may_have(&attribute, Some(provider))), expected, "{rules:?}");
            assert_eq!(may_have(&attribute, None), rules.is_empty());
        }
    }

    #[test]
    fn of_the_subject_identifiers_one_is_asked_for() {
        let ids = [SUBJECT_ID, PAIRWISE_ID].map(|name| attribute(name, &[(None, true)]));
        for (said, requested, expected) in [
            (Some("subject-id"), vec![], [true, false]),
            (Some("pairwise-id"), vec![], [false, true]),
            (Some("any"), vec![], [false, true]),
            (Some("none"), vec![SUBJECT_ID, PAIRWISE_ID], [false, false]),
            (Some("pairwise-id"), vec![SUBJECT_ID], [false, true]),
            (None, vec![SUBJECT_ID], [true, false]),
            (None, vec![], [false, false]),
        ] {
            let said: Vec<_> = said.into_iter().map(|value| (SUBJECT_ID_REQ, value)).collect();
            let provider = provider(&said, &requested);
            assert_eq!([0, 1].map(|at: usize| may_have(&ids[at], Some(&provider))), expected, "{said:?} {requested:?}");
        }
    }
}
