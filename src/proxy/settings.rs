//! What the proxy needs of the configuration, prepared once and swapped on reload.

use std::sync::Arc;

use http::HeaderValue;
use ipnet::IpNet;

use super::headers::Removals;
use super::health;
use super::route::Routes;
use super::upstream::{ServerBehind, Servers};
use crate::config::{Config, Limits, UpstreamHealth};
use crate::handler::{CertificateIds, ForwardedDocuments};
use crate::keys::{self, KeyError};
use crate::model::Endpoint;
use crate::shadow::Shadow;
use crate::traces::Traces;

/// One configuration's view of the proxy. A request keeps the one that it began with.
pub struct ProxySettings {
    pub(super) routes: Routes,
    pub(super) limits: Limits,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) removals: Removals,
    /// Of those, the ones by which servers know who asks.
    pub(super) vouchers: Removals,
    /// Spellings that some servers take for the headers that we set.
    pub(super) lookalikes: Removals,
    pub(super) set_headers: Vec<(String, HeaderValue)>,
    pub(super) strip_basic: Vec<String>,
    pub(super) relocation: Option<Relocation>,
    pub(super) servers: Arc<Servers>,
    pub(super) documents: Option<ForwardedDocuments>,
    /// By which our certificates are asked for.
    pub(super) certificate_ids: CertificateIds,
    /// Compares our answers with the identity provider's.
    pub(super) shadow: Option<Arc<Shadow>>,
    pub(super) traces: Option<Traces>,
    health: Option<UpstreamHealth>,
}

/// Moves `Location` headers from the servers to us.
pub(super) struct Relocation {
    /// Host and port.
    pub servers: Vec<(String, u16)>,
    pub public_url: String,
}

impl ProxySettings {
    /// Prepares everything; reads `upstream.tls.ca_file`.
    ///
    /// # Errors
    /// A file that holds no certificates.
    pub fn new(config: &Config) -> Result<Self, KeyError> {
        let upstream = &config.upstream;
        let relocation = upstream.rewrite_location.then(|| Relocation {
            servers: upstream.servers.iter().map(|server| (server.host.to_ascii_lowercase(), server.port)).collect(),
            public_url: config.public_url.clone(),
        });
        let authorities = upstream.tls.ca_file.as_deref().map(keys::authorities).transpose()?;
        Ok(Self {
            routes: Routes::new(&config.endpoints),
            limits: config.limits,
            trusted_proxies: config.trusted_proxies.clone(),
            removals: Removals::of_untrusted(&upstream.remove_headers),
            vouchers: Removals::new(upstream.remove_headers.iter().map(String::as_str)),
            lookalikes: Removals::new(upstream.set_headers.iter().map(|(name, _)| name.as_str())),
            set_headers: upstream.set_headers.clone(),
            strip_basic: upstream.strip_basic_authorization.clone(),
            relocation,
            servers: Arc::new(Servers::new(upstream, authorities)),
            health: upstream.health.clone(),
            documents: None,
            certificate_ids: CertificateIds::default(),
            shadow: None,
            traces: None,
        })
    }

    /// The same, with documents of the identity provider that need not be asked for.
    #[must_use]
    pub fn with_documents(self, documents: ForwardedDocuments) -> Self {
        Self { documents: Some(documents), ..self }
    }

    /// The same, that leaves certificates with other ids than these to the identity provider.
    #[must_use]
    pub fn with_certificate_ids(self, certificate_ids: CertificateIds) -> Self {
        Self { certificate_ids, ..self }
    }

    /// The same, of which that compares our answers with the identity provider's.
    #[must_use]
    pub fn with_shadow(self, shadow: Option<Arc<Shadow>>) -> Self {
        Self { shadow, ..self }
    }

    /// The same, whose requests are traced.
    #[must_use]
    pub fn with_traces(self, traces: Option<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// What traces them.
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// Those documents.
    pub fn documents(&self) -> Option<&ForwardedDocuments> {
        self.documents.as_ref()
    }

    /// How each server behind is, by its name.
    pub fn servers(&self) -> Vec<(String, ServerBehind)> {
        self.servers.states()
    }

    /// Takes over what `earlier` settings have learnt about servers that are in both.
    pub fn learn_from(&self, earlier: &Self) {
        self.servers.learn_from(&earlier.servers, self.health.is_some());
    }

    /// Asks the servers how they are, without end; ends at once where no health requests are configured.
    pub fn watch_health(&self) -> impl Future<Output = ()> + Send + 'static {
        let (servers, health) = (Arc::clone(&self.servers), self.health.clone());
        async move {
            if let Some(health) = health {
                health::watch(&servers, &health).await;
            }
        }
    }

    /// The largest body that an endpoint takes, in bytes.
    pub(super) fn body_limit(&self, endpoint: Endpoint) -> usize {
        self.limits.body_of(endpoint)
    }
}

impl Relocation {
    /// Where to instead, if `location` is an absolute URL of a server.
    pub fn moved(&self, location: &str) -> Option<String> {
        let uri: http::Uri = location.parse().ok()?;
        let default = if uri.scheme()? == &http::uri::Scheme::HTTPS { 443 } else { 80 };
        // `host` keeps the brackets of an IPv6 address.
        let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let server = (host, uri.port_u16().unwrap_or(default));
        let behind = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let fragment = location.split_once('#').map(|(_, fragment)| format!("#{fragment}")).unwrap_or_default();
        self.servers.contains(&server).then(|| format!("{}{behind}{fragment}", self.public_url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_locations_of_servers_only() {
        let relocation = Relocation {
            servers: vec![("wso2.internal".into(), 9443), ("wso2.internal".into(), 80), ("::1".into(), 9443)],
            public_url: "https://sts.example.com".into(),
        };
        for (location, expected) in [
            ("https://wso2.internal:9443/x?y=1", Some("https://sts.example.com/x?y=1")),
            ("https://WSO2.internal:9443/x#frag", Some("https://sts.example.com/x#frag")),
            ("https://wso2.internal/x", None),
            ("https://wso2.internal:8443/x", None),
            ("http://wso2.internal", Some("https://sts.example.com/")),
            ("https://[::1]:9443/x", Some("https://sts.example.com/x")),
            ("/x", None),
            ("https://elsewhere.example/x", None),
            ("//wso2.internal/x", None),
        ] {
            assert_eq!(relocation.moved(location).as_deref(), expected, "{location}");
        }
    }
}
