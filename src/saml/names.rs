//! The names that SAML's specifications fix: namespaces with the prefixes that clients look for, and URIs.

use crate::xml::Ns;

/// SAML 1.1 assertions. The prefix is literal to MSAL Go, which looks for the attribute `xmlns:saml`.
pub static SAML11: Ns = Ns { prefix: "saml", uri: "urn:oasis:names:tc:SAML:1.0:assertion" };
/// SAML 2.0 assertions in an RSTR.
pub static SAML20: Ns = Ns { prefix: "saml", uri: SAML20_NS };
/// SAML 2.0 assertions in ECP, prefixed as Shibboleth does: saml2aws finds elements by literal prefix.
pub static SAML2: Ns = Ns { prefix: "saml2", uri: SAML20_NS };
/// SAML 2.0 protocol, prefixed as Shibboleth does.
pub static SAML2P: Ns = Ns { prefix: "saml2p", uri: SAML20_PROTOCOL };
/// SAML 2.0 metadata.
pub static MD: Ns = Ns { prefix: "md", uri: "urn:oasis:names:tc:SAML:2.0:metadata" };
/// The ECP profile's SOAP headers.
pub static ECP: Ns = Ns { prefix: "ecp", uri: "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" };
/// Channel bindings (SAML V2.0 Channel Binding Extensions 1.0).
pub static CB: Ns = Ns { prefix: "cb", uri: "urn:oasis:names:tc:SAML:protocol:ext:channel-binding" };
/// Shibboleth's extensions of metadata.
pub static SHIBMD: Ns = Ns { prefix: "shibmd", uri: "urn:mace:shibboleth:metadata:1.0" };

/// SAML-EC (`draft-ietf-kitten-sasl-saml-ec`).
pub static SAMLEC: Ns = Ns { prefix: "samlec", uri: BINDING_SAMLEC };

/// XML Schema's attributes in instances.
pub static XSI: Ns = Ns { prefix: "xsi", uri: "http://www.w3.org/2001/XMLSchema-instance" };

/// Namespace of SAML 2.0 assertions.
pub const SAML20_NS: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of SAML 2.0 messages, and the protocol that a role supports.
pub const SAML20_PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";

/// Binding of an ECP client's assertion consumer service.
pub const BINDING_PAOS: &str = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";
/// The same for SAML-EC (GSS), which is answered alike.
pub const BINDING_SAMLEC: &str = "urn:ietf:params:xml:ns:samlec";
/// SOAP: how an identity provider lists its ECP endpoint.
pub const BINDING_SOAP: &str = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";
/// Browser POST.
pub const BINDING_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// Browser POST, signed simply.
pub const BINDING_POST_SIMPLE_SIGN: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST-SimpleSign";
/// Browser redirect.
pub const BINDING_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/// Name identifier: persistent.
pub const NAMEID_PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
/// Name identifier: fresh each time.
pub const NAMEID_TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
/// Name identifier: an entity, the one format that an Issuer may have.
pub const NAMEID_ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
/// Name identifier: whatever.
pub const NAMEID_UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
/// The same in a spelling that SPs use although SAML 2.0 never defined it.
pub const NAMEID_UNSPECIFIED_20: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:unspecified";

/// Name identifier: a mail address.
pub const NAMEID_EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// NameFormat of attributes that are named by URIs.
pub const ATTRNAME_URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
/// NameFormat of attributes that have simple names.
pub const ATTRNAME_BASIC: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic";
/// Attribute: who a user is to everybody (`saml-subject-id-attr-v1.0`).
pub const SUBJECT_ID: &str = "urn:oasis:names:tc:SAML:attribute:subject-id";
/// Attribute: who a user is to one service provider.
pub const PAIRWISE_ID: &str = "urn:oasis:names:tc:SAML:attribute:pairwise-id";
/// Entity attribute: which of the two a service provider asks for.
pub const SUBJECT_ID_REQ: &str = "urn:oasis:names:tc:SAML:profiles:subject-id:req";
/// Entity attribute: of which categories an entity is (RFC 8409).
pub const ENTITY_CATEGORY: &str = "http://macedir.org/entity-category";

/// The entityID, audience and AppliesTo of Office 365.
pub const MICROSOFT_ONLINE: &str = "urn:federation:MicrosoftOnline";
/// The entityID of Amazon Web Services; those of its other partitions begin so.
pub const AWS: &str = "urn:amazon:webservices";
/// The same in the cloud of China.
pub const MICROSOFT_ONLINE_CHINA: &str = "urn:federation:partner.microsoftonline.cn";
/// What the same is called in the clouds of China (21Vianet), of the United States' government, where it is not called as
/// everywhere, and of Germany until 2021.
pub const NATIONAL_CLOUDS: [&str; 3] =
    [MICROSOFT_ONLINE_CHINA, "urn:federation:microsoftonline.us", "urn:federation:microsoftonline.de"];
