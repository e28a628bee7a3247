//! What fedfront answers itself.

/// An endpoint of ours; everything else is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// WS-MetadataExchange, GET and SOAP POST.
    Mex,
    /// WS-Trust security token service.
    Sts,
    /// SAML 2.0 Enhanced Client or Proxy.
    Ecp,
    /// SAML 2.0 metadata.
    Metadata,
    /// The signing certificate, PEM.
    Certificate,
    /// WS-Federation metadata.
    FederationMetadata,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 6] =
        [Self::Mex, Self::Sts, Self::Ecp, Self::Metadata, Self::Certificate, Self::FederationMetadata];

    /// The key under `endpoints` in `proxy.yaml`, and the label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Mex => "mex",
            Self::Sts => "sts",
            Self::Ecp => "ecp",
            Self::Metadata => "metadata",
            Self::Certificate => "certificate",
            Self::FederationMetadata => "federation_metadata",
        }
    }

    /// The paths that it has unless configured otherwise.
    pub const fn default_paths(self) -> &'static [&'static str] {
        match self {
            Self::Mex => &["/mex", "/services/mex-ut", "/adfs/services/trust/mex"],
            Self::Sts => &[
                "/services/wso2carbon-sts",
                "/services/wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint",
                "/services/wso2carbon-sts.wso2carbon-stsHttpsSoap11Endpoint",
                "/adfs/services/trust/2005/usernamemixed",
                "/adfs/services/trust/13/usernamemixed",
                "/adfs/services/trust/2005/certificatemixed",
                "/adfs/services/trust/13/certificatemixed",
                "/adfs/services/trust/2005/certificatetransport",
                "/adfs/services/trust/13/certificatetransport",
                "/adfs/services/trust/2005/issuedtokenmixedasymmetricbasic256",
                "/adfs/services/trust/13/issuedtokenmixedasymmetricbasic256",
            ],
            Self::Ecp => &["/oamfed/idp/soap"],
            Self::Metadata => &["/oamfed/idp/metadata"],
            Self::Certificate => &["/oamfed/idp/cert"],
            Self::FederationMetadata => &["/FederationMetadata/2007-06/FederationMetadata.xml"],
        }
    }
}
