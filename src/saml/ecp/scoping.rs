//! Which identity providers an SP will have (`saml-core-2.0-os`, 3.4.1.2). How often a request may be passed on is no matter:
//! nobody else is asked.

use super::request::{malformed, only, text_attribute};
use crate::model::Refusal;
use crate::saml::names::SAML20_PROTOCOL;
use crate::xml::Element;

/// A `samlp:Scoping`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scoping {
    /// The entityIDs of `IDPList`; empty: any. What `GetComplete` would have to be fetched for is not in it: a stranger's
    /// address is not asked.
    pub identity_providers: Vec<String>,
}

impl Scoping {
    /// Reads a `samlp:Scoping`.
    pub(super) fn parse(scoping: &Element) -> Result<Self, Refusal> {
        if let Some(count) = scoping.attribute("ProxyCount") {
            let digits = count.trim().strip_prefix('+').unwrap_or(count.trim());
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(malformed("ProxyCount is no number"));
            }
        }
        let Some(list) = only(scoping, SAML20_PROTOCOL, "IDPList")? else { return Ok(Self::default()) };
        let entries = list.children_named(SAML20_PROTOCOL, "IDPEntry").map(|entry| text_attribute(entry, "ProviderID"));
        let identity_providers = entries.collect::<Option<Vec<_>>>().filter(|listed| !listed.is_empty());
        let identity_providers = identity_providers.ok_or_else(|| malformed("an IDPList that does not say whom"))?;
        Ok(Self { identity_providers })
    }

    /// Whether it is an identity provider that `is_us` knows that is asked.
    pub fn admits(&self, is_us: impl Fn(&str) -> bool) -> bool {
        self.identity_providers.is_empty() || self.identity_providers.iter().any(|listed| is_us(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, parse};

    #[test]
    fn an_sp_may_say_whom_it_will_have() {
        let read = |attributes: &str, inside: &str| {
            let xml = ["<Scoping xmlns='", SAML20_PROTOCOL, "' ", attributes, ">", inside, "</Scoping>"].concat();
            let scoping = Scoping::parse(&parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root).ok();
            scoping.map(|scoping| scoping.admits(|listed| listed == "urn:idp"))
        };
        for (attributes, inside, admitted) in [
            ("", "", Some(true)),
            ("ProxyCount='0'", "<RequesterID>urn:x</RequesterID>", Some(true)),
            ("ProxyCount=' 2 '", "", Some(true)),
            ("ProxyCount='-1'", "", None),
            ("ProxyCount=''", "", None),
            ("", "<IDPList><IDPEntry ProviderID='urn:idp' Name='x'/></IDPList>", Some(true)),
            ("", "<IDPList><IDPEntry ProviderID='urn:x'/><IDPEntry ProviderID=' urn:idp '/></IDPList>", Some(true)),
            ("", "<IDPList><IDPEntry ProviderID='urn:x'/></IDPList>", Some(false)),
            ("", "<IDPList><IDPEntry ProviderID='urn:x'/><GetComplete>https://x</GetComplete></IDPList>", Some(false)),
            ("", "<IDPList/>", None),
            ("", "<IDPList><IDPEntry Name='x'/></IDPList>", None),
            ("", "<IDPList><IDPEntry ProviderID='urn:idp'/></IDPList><IDPList/>", None),
        ] {
            assert_eq!(read(attributes, inside), admitted, "{attributes} {inside}");
        }
    }
}
