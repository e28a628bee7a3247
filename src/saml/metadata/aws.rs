//! Amazon Web Services as a service provider.

use super::{Acs, ServiceProvider};
use crate::saml::names::{BINDING_PAOS, BINDING_POST};

impl ServiceProvider {
    /// AWS, as its metadata (<https://signin.aws.amazon.com/static/saml-metadata.xml>) describes it, by the entityID of the
    /// partition. That lists no consumer service for ECP: clients such as awscli-login and saml2aws ask in its name, and hand
    /// what they get to `AssumeRoleWithSAML`, which takes what its browsers' address would.
    pub fn aws(entity_id: &str) -> Self {
        let location = match entity_id {
            "urn:amazon:webservices:govcloud" => "https://signin.amazonaws-us-gov.com/saml",
            "urn:amazon:webservices:cn-north-1" => "https://signin.amazonaws.cn/saml",
            _ => "https://signin.aws.amazon.com/saml",
        };
        let acs = |index, binding: &str, is_default| Acs {
            index: Some(index),
            binding: binding.to_owned(),
            location: location.to_owned(),
            is_default,
        };
        Self {
            assertion_consumer_services: vec![acs(1, BINDING_POST, Some(true)), acs(2, BINDING_PAOS, None)],
            name_id_formats: Vec::new(),
            ..Self::office365(entity_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::names::AWS;

    #[test]
    fn each_partition_is_answered_where_its_browsers_are() {
        for (entity_id, host) in [
            (AWS, "signin.aws.amazon.com"),
            ("urn:amazon:webservices:govcloud", "signin.amazonaws-us-gov.com"),
            ("urn:amazon:webservices:cn-north-1", "signin.amazonaws.cn"),
        ] {
            let provider = ServiceProvider::aws(entity_id);
            assert!(provider.supports_ecp() && provider.takes("urn:any") && provider.entity_id == entity_id);
            let address = format!("https://{host}/saml");
            assert!(provider.assertion_consumer_services.iter().all(|acs| acs.location == address));
        }
    }
}
