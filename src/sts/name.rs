//! Which of the name identifiers that a party can have a request gets.

use crate::model::NameIdentifierRule;
use crate::saml::ecp::NameIdPolicy;
use crate::saml::metadata::ServiceProvider;

/// The one of the format that the request's NameIDPolicy names, and no other. Where it names none: the first that the service
/// provider takes by its metadata, or the first of all. `None`: the policy cannot be met (`InvalidNameIDPolicy`).
pub fn choose_name<'r>(
    rules: &'r [NameIdentifierRule],
    policy: Option<&NameIdPolicy>,
    provider: &ServiceProvider,
) -> Option<&'r NameIdentifierRule> {
    match policy.and_then(NameIdPolicy::format_named) {
        Some(format) => rules.iter().find(|rule| rule.format() == format),
        None => rules.iter().find(|rule| provider.takes(rule.format())).or(rules.first()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::names::{NAMEID_PERSISTENT, NAMEID_TRANSIENT, NAMEID_UNSPECIFIED, NAMEID_UNSPECIFIED_20};

    const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

    #[test]
    fn a_policy_is_met_and_metadata_chooses_among_the_rest() {
        let email = NameIdentifierRule::Attribute { name: "mail".to_owned(), format: EMAIL.to_owned() };
        let persistent = NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() };
        let all = [NameIdentifierRule::Transient, email, persistent];
        for (asked, taken, expected) in [
            (None, vec![], Some(NAMEID_TRANSIENT)),
            (None, vec![NAMEID_PERSISTENT, EMAIL], Some(EMAIL)),
            (None, vec![NAMEID_UNSPECIFIED, NAMEID_PERSISTENT], Some(NAMEID_TRANSIENT)),
            (None, vec!["urn:kerberos"], Some(NAMEID_TRANSIENT)),
            (Some(NAMEID_UNSPECIFIED), vec![NAMEID_PERSISTENT], Some(NAMEID_PERSISTENT)),
            (Some(NAMEID_UNSPECIFIED_20), vec![NAMEID_PERSISTENT], Some(NAMEID_PERSISTENT)),
            (Some(EMAIL), vec![NAMEID_PERSISTENT], Some(EMAIL)),
            (Some(NAMEID_TRANSIENT), vec![], Some(NAMEID_TRANSIENT)),
            (Some("urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"), vec![], None),
            (Some("urn:kerberos"), vec!["urn:kerberos"], None),
        ] {
            let policy = NameIdPolicy { format: asked.map(str::to_owned), sp_name_qualifier: None };
            let name_id_formats = taken.iter().map(|format| (*format).to_owned()).collect();
            let provider = ServiceProvider { name_id_formats, ..ServiceProvider::office365("urn:sp") };
            let chosen = choose_name(&all, Some(&policy), &provider).map(NameIdentifierRule::format);
            assert_eq!(chosen, expected, "{asked:?} {taken:?}");
            if asked.is_none() {
                assert_eq!(choose_name(&all, None, &provider).map(NameIdentifierRule::format), expected);
            }
        }
    }
}
