//! Assertion consumer services: where answers go, and the choice of one for a request.

use super::ServiceProvider;
use crate::model::{Refusal, RefusalKind, quoted};
use crate::saml::ecp::{AcsRequest, AuthnRequest};
use crate::saml::names::{BINDING_PAOS, BINDING_SAMLEC};

/// An assertion consumer service, as metadata lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acs {
    /// `index`; `None` where it is missing or no number.
    pub index: Option<u16>,
    /// `Binding`.
    pub binding: String,
    /// `Location`: an absolute `http` or `https` URL.
    pub location: String,
    /// `isDefault`; `None` where it is not said.
    pub is_default: Option<bool>,
}

impl Acs {
    /// Whether an ECP client delivers there.
    fn serves_ecp(&self) -> bool {
        [BINDING_PAOS, BINDING_SAMLEC].contains(&self.binding.as_str())
    }
}

impl ServiceProvider {
    /// Whether there is an assertion consumer service for ECP.
    pub fn supports_ecp(&self) -> bool {
        self.assertion_consumer_services.iter().any(Acs::serves_ecp)
    }

    /// The assertion consumer service for a request: of those for ECP, the one asked for by index, or by exact URL and
    /// binding; where nothing is asked for, the default by `saml-metadata-2.0-os`, 2.2.3. What is not in the metadata is
    /// never answered at, signed or not.
    ///
    /// # Errors
    /// [`RefusalKind::Unsupported`] if the metadata has none that fits.
    pub fn choose_acs(&self, request: &AuthnRequest) -> Result<&Acs, Refusal> {
        let mut candidates = self.assertion_consumer_services.iter().filter(|acs| acs.serves_ecp());
        let (chosen, asked) = match &request.acs {
            AcsRequest::Index(index) => {
                (candidates.find(|acs| acs.index == Some(*index)), format!("with index {index}"))
            }
            AcsRequest::ByValue { url: None, binding: None } => (default_of(candidates), "at all".to_owned()),
            AcsRequest::ByValue { url, binding } => {
                let fits = |acs: &&Acs| {
                    url.as_ref().is_none_or(|url| *url == acs.location)
                        && binding.as_ref().is_none_or(|binding| *binding == acs.binding)
                };
                let quote = |value: &Option<String>| value.as_deref().map_or("any".to_owned(), quoted);
                let asked = format!("with URL {} and binding {}", quote(url), quote(binding));
                (default_of(candidates.filter(fits)), asked)
            }
        };
        chosen.ok_or_else(|| {
            let reason = format!("{} has no assertion consumer service for ECP {asked}", quoted(&self.entity_id));
            Refusal::new(RefusalKind::Unsupported, reason)
        })
    }
}

/// The one that says it is the default, else the first that does not say it is not, else the first.
fn default_of<'a>(candidates: impl Iterator<Item = &'a Acs>) -> Option<&'a Acs> {
    let rank = |acs: &&Acs| match acs.is_default {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    candidates.min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::saml::names::{BINDING_POST, MICROSOFT_ONLINE};

    fn asking(acs: AcsRequest) -> AuthnRequest {
        AuthnRequest {
            id: "_1".to_owned(),
            issue_instant: Timestamp::from_unix_millis(0),
            issuer: MICROSOFT_ONLINE.to_owned(),
            destination: None,
            acs,
            name_id_policy: None,
            force_authn: false,
            requested_authn_context: None,
            subject: None,
            conditions: None,
            scoping: None,
            channel_bindings: Vec::new(),
            signed: false,
        }
    }

    fn by_value(url: Option<&str>, binding: Option<&str>) -> AcsRequest {
        AcsRequest::ByValue { url: url.map(str::to_owned), binding: binding.map(str::to_owned) }
    }

    fn acs(index: u16, binding: &str, location: &str, is_default: Option<bool>) -> Acs {
        Acs { index: Some(index), binding: binding.to_owned(), location: location.to_owned(), is_default }
    }

    #[test]
    fn office365_is_answered_at_login_srf_by_paos() {
        let sp = ServiceProvider::office365(MICROSOFT_ONLINE);
        let srf = "https://login.microsoftonline.com/login.srf";
        for (asked, expected) in [
            (AcsRequest::Index(2), Some(2)),
            (by_value(None, None), Some(2)),
            (by_value(Some(srf), None), Some(2)),
            (by_value(Some(srf), Some(BINDING_PAOS)), Some(2)),
            (by_value(None, Some(BINDING_PAOS)), Some(2)),
            (AcsRequest::Index(0), None),
            (AcsRequest::Index(3), None),
            (by_value(Some(srf), Some(BINDING_POST)), None),
            (by_value(Some("https://login.microsoftonline.com/login.srf/"), None), None),
            (by_value(Some("https://LOGIN.microsoftonline.com/login.srf"), None), None),
            (by_value(Some("https://evil.example/login.srf"), Some(BINDING_PAOS)), None),
        ] {
            let request = asking(asked);
            let chosen = sp.choose_acs(&request);
            assert_eq!(chosen.as_ref().ok().and_then(|acs| acs.index), expected, "{:?}", request.acs);
            assert!(chosen.is_ok() || chosen.is_err_and(|refusal| refusal.kind == RefusalKind::Unsupported));
        }
    }

    #[test]
    fn the_default_is_the_specifications() {
        let paos = |index, is_default| acs(index, BINDING_PAOS, "https://sp.example.org/ECP", is_default);
        let post = acs(9, BINDING_POST, "https://sp.example.org/POST", Some(true));
        for (services, expected) in [
            (vec![post.clone(), paos(1, None), paos(2, Some(true))], Some(2)),
            (vec![post.clone(), paos(1, Some(false)), paos(2, None), paos(3, None)], Some(2)),
            (vec![post.clone(), paos(1, Some(false)), paos(2, Some(false))], Some(1)),
            (vec![post], None),
            (vec![], None),
        ] {
            let sp = ServiceProvider {
                assertion_consumer_services: services,
                ..ServiceProvider::office365(MICROSOFT_ONLINE)
            };
            let request = asking(by_value(None, None));
            assert_eq!(sp.choose_acs(&request).ok().and_then(|acs| acs.index), expected);
            assert_eq!(sp.supports_ecp(), expected.is_some());
        }
    }

    #[test]
    fn the_reason_stays_on_one_line() {
        let request = asking(by_value(Some(&"https://x/\r\nforged: 1".repeat(99)), None));
        let refusal = ServiceProvider::office365(MICROSOFT_ONLINE).choose_acs(&request).unwrap_err();
        assert!(!refusal.reason.contains('\n') && refusal.reason.len() < 600);
    }
}
