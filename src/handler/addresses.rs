//! The absolute addresses of our endpoints: from `public_url`, never from a Host header.

use http::Uri;

use crate::config::{Config, EndpointConfig, Listen};
use crate::entra::{self, SignInProtocol};
use crate::model::Endpoint;
use crate::wstrust::mex::{self, Credential, Port};
use crate::wstrust::{TrustVersion, wsdl};

/// The absolute addresses of an endpoint; none if it is left to the identity provider.
fn addresses(config: &Config, endpoint: Endpoint) -> Vec<String> {
    paths(config, endpoint).iter().map(|path| format!("{}{path}", config.public_url)).collect()
}

fn paths(config: &Config, endpoint: Endpoint) -> &[String] {
    config.endpoints.get(&endpoint).and_then(EndpointConfig::paths).unwrap_or_default()
}

/// What the STS takes besides a user name and a password.
pub(super) struct Offers<'a> {
    /// A certificate whose key signs the message.
    pub(super) certificate_message: bool,
    /// A certificate shown in the TLS handshake: the listener that asks for it.
    pub(super) certificate_transport: Option<&'a Listen>,
    /// Another issuer's token.
    pub(super) issued_token: bool,
}

impl<'a> Offers<'a> {
    /// What a configuration offers.
    pub(super) fn of(config: &'a Config) -> Self {
        let certificates = config.certificates.is_some();
        Self {
            certificate_message: certificates,
            certificate_transport: listeners_with_certificates(config).find(|_| certificates),
            issued_token: config.issued_tokens.is_some(),
        }
    }

    fn has(&self, credential: Credential) -> bool {
        match credential {
            Credential::UserName => true,
            Credential::Certificate => self.certificate_message,
            Credential::CertificateTransport => self.certificate_transport.is_some(),
            Credential::IssuedToken => self.issued_token,
        }
    }
}

/// The addresses that the MEX document names: one for each credential and version of WS-Trust.
pub(super) fn mex_addresses(config: &Config, offers: &Offers<'_>) -> mex::Addresses {
    let sts = paths(config, Endpoint::Sts);
    let offered = Credential::ALL.into_iter().filter(|credential| offers.has(*credential));
    let each = offered.flat_map(|credential| [TrustVersion::V200502, TrustVersion::V13].map(|each| (credential, each)));
    let port = |(credential, version)| {
        let path = sts_path(sts, credential, version);
        let origin = match (credential, offers.certificate_transport) {
            (Credential::CertificateTransport, Some(listener)) => listener_origin(&config.public_url, listener),
            _ => config.public_url.clone(),
        };
        Port { credential, version, address: format!("{origin}{path}") }
    };
    let ports = each.map(port).collect();
    let mex = addresses(config, Endpoint::Mex);
    let mex = mex.iter().find(|address| address.ends_with("/trust/mex")).or(mex.first()).cloned().unwrap_or_default();
    mex::Addresses { mex, ports }
}

/// The addresses that WS-Federation's metadata names.
pub(super) struct FederationAddresses {
    /// The STS, where it takes a user name and a password.
    pub(super) sts: String,
    /// Its description, unless the identity provider answers that.
    pub(super) mex: Option<String>,
}

/// Those of a configuration.
pub(super) fn federation_addresses(config: &Config) -> FederationAddresses {
    let sts = sts_path(paths(config, Endpoint::Sts), Credential::UserName, TrustVersion::V13);
    let mex = mex_addresses(config, &Offers::of(config)).mex;
    FederationAddresses { sts: format!("{}{sts}", config.public_url), mex: Some(mex).filter(|mex| !mex.is_empty()) }
}

/// Where users of a domain of Entra's sign in: browsers at the identity provider, passwords here. The STS is told by the
/// address that MEX names for WS-Trust 2005/02, as AD FS is.
pub fn sign_in_addresses(config: &Config, protocol: SignInProtocol) -> entra::Addresses {
    let others = |all: Vec<String>, told: &Option<String>| {
        all.into_iter().filter(|address| Some(address) != told.as_ref()).collect()
    };
    let published = &config.published;
    match protocol {
        SignInProtocol::WsFed => {
            let sts = paths(config, Endpoint::Sts);
            let path = || sts_path(sts, Credential::UserName, TrustVersion::V200502);
            let active = (!sts.is_empty()).then(|| format!("{}{}", config.public_url, path()));
            let metadata = federation_addresses(config).mex;
            entra::Addresses {
                // Entra itself says wa=wsignout1.0.
                passive: published.passive.clone(),
                sign_out: published.passive.clone(),
                also_active: others(addresses(config, Endpoint::Sts), &active),
                active,
                also_metadata: others(addresses(config, Endpoint::Mex), &metadata),
                metadata,
            }
        }
        SignInProtocol::Saml => {
            let mut ecp = addresses(config, Endpoint::Ecp).into_iter();
            entra::Addresses {
                passive: published.sso.clone(),
                sign_out: published.slo.clone(),
                active: ecp.next(),
                also_active: ecp.collect(),
                ..entra::Addresses::default()
            }
        }
    }
}

/// The path for a credential in a version. Clients that fall back without MEX tell the versions apart by AD FS's paths, so
/// those are taken where they are configured; a message is understood at every other.
fn sts_path(sts: &[String], credential: Credential, version: TrustVersion) -> String {
    let marker = match version {
        TrustVersion::V13 => "/trust/13/",
        TrustVersion::V200502 => "/trust/2005/",
    };
    let named = |path: &&String, credential: Credential| path.ends_with(&format!("{marker}{}", credential.path()));
    let of_another = |path: &&String| Credential::ALL.into_iter().any(|other| named(path, other));
    let exactly = sts.iter().find(|path| named(path, credential));
    let username = || sts.iter().find(|path| named(path, Credential::UserName));
    let marked = || sts.iter().find(|path| path.contains(marker) && !of_another(path));
    let path = exactly.or_else(username).or_else(marked).or(sts.first());
    path.cloned().unwrap_or_else(|| format!("/adfs/services{marker}{}", credential.path()))
}

/// The listeners whose clients all show a certificate.
fn listeners_with_certificates(config: &Config) -> impl Iterator<Item = &Listen> {
    let asks = |listener: &&Listen| listener.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    config.listen.iter().filter(asks)
}

/// Where clients find a listener: where it says, or at the host of `public_url`, on the port that it listens on.
fn listener_origin(public_url: &str, listener: &Listen) -> String {
    listener.public_url.clone().unwrap_or_else(|| {
        let url: Option<Uri> = public_url.parse().ok();
        let host = url.as_ref().and_then(Uri::host).unwrap_or_default();
        match listener.address.port() {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    })
}

/// The addresses that the description of the STS names: those that WSO2 has for each version of SOAP, where they are
/// configured, and the STS itself.
pub(super) fn wsdl_addresses(config: &Config) -> wsdl::Addresses {
    let sts = addresses(config, Endpoint::Sts);
    let plain = sts.iter().find(|address| !address.contains(".wso2carbon-sts") && !address.contains("/trust/"));
    let plain = plain.or(sts.first()).cloned().unwrap_or_default();
    let port = |suffix: &str| sts.iter().find(|address| address.ends_with(suffix)).unwrap_or(&plain).clone();
    wsdl::Addresses { soap11: port("HttpsSoap11Endpoint"), soap12: port("HttpsSoap12Endpoint"), sts: plain }
}

/// The addresses that a SAML request may name as its Destination.
pub fn ecp_addresses(config: &Config) -> Vec<String> {
    addresses(config, Endpoint::Ecp)
}

/// The addresses that a token may name as its audience, which is then we.
pub fn token_audiences(config: &Config) -> Vec<String> {
    addresses(config, Endpoint::Sts)
}

/// The addresses that a signed `wsa:To` may name, [`normalized`].
pub fn sts_addresses(config: &Config) -> Vec<String> {
    let origins = listeners_with_certificates(config).map(|listener| listener_origin(&config.public_url, listener));
    let of_listeners =
        origins.flat_map(|origin| paths(config, Endpoint::Sts).iter().map(move |path| origin.clone() + path));
    addresses(config, Endpoint::Sts).into_iter().chain(of_listeners).map(|address| normalized(&address)).collect()
}

/// The address in lower case, without the default port of https and without the `/` that Axis2 puts behind it.
pub(super) fn normalized(address: &str) -> String {
    let address = address.strip_suffix('/').unwrap_or(address).to_ascii_lowercase();
    let https = address.strip_prefix("https://").map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    match https.and_then(|(authority, path)| Some((authority.strip_suffix(":443")?, path))) {
        Some((host, path)) => format!("https://{host}{path}"),
        None => address,
    }
}

/// The ECP endpoint to publish. Where the identity provider answers it, it is still found at our address.
pub(super) fn ecp_address(config: &Config) -> String {
    let default = || format!("{}{}", config.public_url, Endpoint::Ecp.default_paths().first().unwrap_or(&""));
    addresses(config, Endpoint::Ecp).into_iter().next().unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_credential_has_adfs_path_where_that_is_configured() {
        let defaults: Vec<String> = Endpoint::Sts.default_paths().iter().map(|path| (*path).to_owned()).collect();
        for credential in Credential::ALL {
            for (version, segment) in [(TrustVersion::V13, "13"), (TrustVersion::V200502, "2005")] {
                let path = sts_path(&defaults, credential, version);
                assert_eq!(path, format!("/adfs/services/trust/{segment}/{}", credential.path()));
            }
        }
        for (configured, credential, path) in [
            (&["/sts"][..], Credential::UserName, "/sts"),
            (&["/sts"], Credential::Certificate, "/sts"),
            (&["/sts", "/trust/13/x"], Credential::UserName, "/trust/13/x"),
            (&["/trust/13/certificatemixed", "/trust/13/x"], Credential::UserName, "/trust/13/x"),
            (&["/sts", "/trust/13/usernamemixed"], Credential::IssuedToken, "/trust/13/usernamemixed"),
        ] {
            let configured: Vec<String> = configured.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(sts_path(&configured, credential, TrustVersion::V13), path, "{configured:?} {credential:?}");
        }
    }

    #[test]
    fn a_listener_is_found_where_it_says_or_on_its_port() {
        let at = |address: &str, own: Option<&str>| Listen {
            address: address.parse().unwrap(),
            tls: None,
            proxy_protocol: false,
            public_url: own.map(str::to_owned),
        };
        for (listener, public_url, found) in [
            (at("0.0.0.0:49443", None), "https://sts.example.com", "https://sts.example.com:49443"),
            (at("0.0.0.0:49443", None), "https://sts.example.com:8443", "https://sts.example.com:49443"),
            (at("[::]:443", None), "https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
            (at("127.0.0.1:1", Some("https://certs.example.com")), "https://sts", "https://certs.example.com"),
        ] {
            assert_eq!(listener_origin(public_url, &listener), found);
        }
    }

    #[test]
    fn addresses_differ_by_more_than_case_the_default_port_and_a_slash() {
        let same = "https://sts.example.com/adfs/services/trust/13/usernamemixed";
        for (address, is_same) in [
            (same, true),
            ("HTTPS://STS.Example.com:443/ADFS/services/trust/13/usernamemixed", true),
            ("https://sts.example.com:4443/adfs/services/trust/13/usernamemixed", false),
            ("http://sts.example.com/adfs/services/trust/13/usernamemixed", false),
            ("http://sts.example.com:443/adfs/services/trust/13/usernamemixed", false),
            ("https://sts.example.com.evil.example/adfs/services/trust/13/usernamemixed", false),
            ("https://sts.example.com/adfs/services/trust/13/usernamemixed/", true),
            ("https://sts.example.com/adfs/services/trust/13/usernamemixed//", false),
            ("https://sts.example.com/adfs:443/services/trust/13/usernamemixed", false),
        ] {
            assert_eq!(normalized(address) == same, is_same, "{address}");
        }
        assert_eq!(normalized("https://[::1]:443"), "https://[::1]");
    }
}
