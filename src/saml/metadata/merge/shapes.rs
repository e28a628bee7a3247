//! The shapes of an identity provider's metadata: `saml-schema-metadata-2.0.xsd`, and of the extensions those that federations
//! use. Roles of other protocols are not here: a `RoleDescriptor` is nothing without a type that SAML does not know.

use super::lexical::Lexical;
use super::shape::Occurs::{AtLeastOnce, AtMostOnce, Often, Once};
use super::shape::{Child, Content, Occurs, Rule, Shape};
use crate::dsig::{DS, XENC};
use crate::saml::names::{MD, SAML2, SHIBMD};
use crate::xml::{Ns, UNQUALIFIED, XML};

static MDUI: Ns = Ns { prefix: "mdui", uri: "urn:oasis:names:tc:SAML:metadata:ui" };
static MDATTR: Ns = Ns { prefix: "mdattr", uri: "urn:oasis:names:tc:SAML:metadata:attribute" };
static ALG: Ns = Ns { prefix: "alg", uri: "urn:oasis:names:tc:SAML:metadata:algsupport" };
static MDRPI: Ns = Ns { prefix: "mdrpi", uri: "urn:oasis:names:tc:SAML:metadata:rpi" };

/// `md:EntityDescriptor`. Its times and its ID are not the identity provider's.
pub(super) static ENTITY: Shape = open(
    "EntityDescriptor",
    &[
        required("entityID", Lexical::Uri),
        optional("validUntil", Lexical::Instant),
        optional("cacheDuration", Lexical::Text),
    ],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&IDP, AtLeastOnce),
        child(&SP, Often),
        child(&ATTRIBUTE_AUTHORITY, Often),
        child(&ORGANIZATION, AtMostOnce),
        child(&CONTACT, Often),
        child(&ELSEWHERE, Often),
    ],
);

static IDP: Shape = open(
    "IDPSSODescriptor",
    &[PROTOCOLS, ERROR_URL, optional("WantAuthnRequestsSigned", Lexical::Boolean)],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&KEY, Often),
        child(&ORGANIZATION, AtMostOnce),
        child(&CONTACT, Often),
        child(&ARTIFACT_RESOLUTION, Often),
        child(&SINGLE_LOGOUT, Often),
        child(&MANAGE_NAME_ID, Often),
        child(&NAME_ID_FORMAT, Often),
        child(&SINGLE_SIGN_ON, AtLeastOnce),
        child(&NAME_ID_MAPPING, Often),
        child(&ASSERTION_ID_REQUEST, Often),
        child(&ATTRIBUTE_PROFILE, Often),
        child(&ATTRIBUTE, Often),
    ],
);

static SP: Shape = open(
    "SPSSODescriptor",
    &[
        PROTOCOLS,
        ERROR_URL,
        optional("AuthnRequestsSigned", Lexical::Boolean),
        optional("WantAssertionsSigned", Lexical::Boolean),
    ],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&KEY, Often),
        child(&ORGANIZATION, AtMostOnce),
        child(&CONTACT, Often),
        child(&ARTIFACT_RESOLUTION, Often),
        child(&SINGLE_LOGOUT, Often),
        child(&MANAGE_NAME_ID, Often),
        child(&NAME_ID_FORMAT, Often),
        child(&ASSERTION_CONSUMER, AtLeastOnce),
        child(&ATTRIBUTE_CONSUMING, Often),
    ],
);

static ATTRIBUTE_AUTHORITY: Shape = open(
    "AttributeAuthorityDescriptor",
    &[PROTOCOLS, ERROR_URL],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&KEY, Often),
        child(&ORGANIZATION, AtMostOnce),
        child(&CONTACT, Often),
        child(&ATTRIBUTE_SERVICE, AtLeastOnce),
        child(&ASSERTION_ID_REQUEST, Often),
        child(&NAME_ID_FORMAT, Often),
        child(&ATTRIBUTE_PROFILE, Often),
        child(&ATTRIBUTE, Often),
    ],
);

const PROTOCOLS: Rule = required("protocolSupportEnumeration", Lexical::Uris);
const ERROR_URL: Rule = optional("errorURL", Lexical::Uri);

static SINGLE_SIGN_ON: Shape = endpoint("SingleSignOnService", ENDPOINT);
static SINGLE_LOGOUT: Shape = endpoint("SingleLogoutService", ENDPOINT);
static MANAGE_NAME_ID: Shape = endpoint("ManageNameIDService", ENDPOINT);
static NAME_ID_MAPPING: Shape = endpoint("NameIDMappingService", ENDPOINT);
static ASSERTION_ID_REQUEST: Shape = endpoint("AssertionIDRequestService", ENDPOINT);
static ATTRIBUTE_SERVICE: Shape = endpoint("AttributeService", ENDPOINT);
static ARTIFACT_RESOLUTION: Shape = endpoint("ArtifactResolutionService", INDEXED);
static ASSERTION_CONSUMER: Shape = endpoint("AssertionConsumerService", INDEXED);

static NAME_ID_FORMAT: Shape = text(&MD, "NameIDFormat", &[], Lexical::Uri);
static ATTRIBUTE_PROFILE: Shape = text(&MD, "AttributeProfile", &[], Lexical::Uri);
static ELSEWHERE: Shape = text(&MD, "AdditionalMetadataLocation", &[required("namespace", Lexical::Uri)], Lexical::Uri);

static ATTRIBUTE_CONSUMING: Shape = plain(
    &MD,
    "AttributeConsumingService",
    &[required("index", Lexical::Index), optional("isDefault", Lexical::Boolean)],
    Content::Elements(&[
        child(&localized("ServiceName", Lexical::Text), AtLeastOnce),
        child(&localized("ServiceDescription", Lexical::Text), Often),
        child(&REQUESTED_ATTRIBUTE, AtLeastOnce),
    ]),
);

static REQUESTED_ATTRIBUTE: Shape = plain(
    &MD,
    "RequestedAttribute",
    &[NAME, NAME_FORMAT, FRIENDLY_NAME, optional("isRequired", Lexical::Boolean)],
    Content::Elements(&[child(&ATTRIBUTE_VALUE, Often)]),
);

static ATTRIBUTE: Shape = plain(
    &SAML2,
    "Attribute",
    &[NAME, NAME_FORMAT, FRIENDLY_NAME],
    Content::Elements(&[child(&ATTRIBUTE_VALUE, Often)]),
);

static ATTRIBUTE_VALUE: Shape = text(&SAML2, "AttributeValue", &[], Lexical::Text);
const NAME: Rule = required("Name", Lexical::Text);
const NAME_FORMAT: Rule = optional("NameFormat", Lexical::Uri);
const FRIENDLY_NAME: Rule = optional("FriendlyName", Lexical::Text);

static ORGANIZATION: Shape = open(
    "Organization",
    &[],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&localized("OrganizationName", Lexical::Text), AtLeastOnce),
        child(&localized("OrganizationDisplayName", Lexical::Text), AtLeastOnce),
        child(&localized("OrganizationURL", Lexical::Uri), AtLeastOnce),
    ],
);

static CONTACT: Shape = open(
    "ContactPerson",
    &[required("contactType", Lexical::Word(&["technical", "support", "administrative", "billing", "other"]))],
    &[
        child(&EXTENSIONS, AtMostOnce),
        child(&text(&MD, "Company", &[], Lexical::Text), AtMostOnce),
        child(&text(&MD, "GivenName", &[], Lexical::Text), AtMostOnce),
        child(&text(&MD, "SurName", &[], Lexical::Text), AtMostOnce),
        child(&text(&MD, "EmailAddress", &[], Lexical::Uri), Often),
        child(&text(&MD, "TelephoneNumber", &[], Lexical::Text), Often),
    ],
);

static KEY: Shape = plain(
    &MD,
    "KeyDescriptor",
    &[optional("use", Lexical::Word(&["signing", "encryption"]))],
    Content::Elements(&[child(&KEY_INFO, Once), child(&ENCRYPTION_METHOD, Often)]),
);

static KEY_INFO: Shape = plain(
    &DS,
    "KeyInfo",
    &[],
    Content::AnyOf(&[
        child(&text(&DS, "KeyName", &[], Lexical::Text), Often),
        child(&KEY_VALUE, Often),
        child(&X509_DATA, Often),
    ]),
);

static KEY_VALUE: Shape = plain(&DS, "KeyValue", &[], Content::Elements(&[child(&RSA_KEY_VALUE, Once)]));
static RSA_KEY_VALUE: Shape = plain(
    &DS,
    "RSAKeyValue",
    &[],
    Content::Elements(&[
        child(&text(&DS, "Modulus", &[], Lexical::Base64), Once),
        child(&text(&DS, "Exponent", &[], Lexical::Base64), Once),
    ]),
);
static X509_DATA: Shape = plain(
    &DS,
    "X509Data",
    &[],
    Content::Elements(&[child(&text(&DS, "X509Certificate", &[], Lexical::Certificate), AtLeastOnce)]),
);

static ENCRYPTION_METHOD: Shape = plain(
    &MD,
    "EncryptionMethod",
    &[ALGORITHM],
    Content::Only(&[
        child(&text(&XENC, "KeySize", &[], Lexical::Number), AtMostOnce),
        child(&text(&XENC, "OAEPparams", &[], Lexical::Base64), AtMostOnce),
        child(&plain(&DS, "DigestMethod", &[ALGORITHM], Content::Empty), Often),
    ]),
);
const ALGORITHM: Rule = required("Algorithm", Lexical::Uri);

static EXTENSIONS: Shape = plain(
    &MD,
    "Extensions",
    &[],
    Content::Extensions(&[
        &UI_INFO,
        &DISCO_HINTS,
        &ENTITY_ATTRIBUTES,
        &REGISTRATION_INFO,
        &SCOPE,
        &plain(&ALG, "DigestMethod", &[ALGORITHM], Content::Empty),
        &plain(
            &ALG,
            "SigningMethod",
            &[ALGORITHM, optional("MinKeySize", Lexical::Number), optional("MaxKeySize", Lexical::Number)],
            Content::Empty,
        ),
    ]),
);

static UI_INFO: Shape = plain(
    &MDUI,
    "UIInfo",
    &[],
    Content::Elements(&[
        child(&text(&MDUI, "DisplayName", &[LANGUAGE], Lexical::Text), Often),
        child(&text(&MDUI, "Description", &[LANGUAGE], Lexical::Text), Often),
        child(&text(&MDUI, "Keywords", &[LANGUAGE], Lexical::Text), Often),
        child(
            &text(
                &MDUI,
                "Logo",
                &[
                    required("height", Lexical::Number),
                    required("width", Lexical::Number),
                    Rule { name: (&XML, "lang"), value: Lexical::Language, required: false },
                ],
                Lexical::Uri,
            ),
            Often,
        ),
        child(&text(&MDUI, "InformationURL", &[LANGUAGE], Lexical::Uri), Often),
        child(&text(&MDUI, "PrivacyStatementURL", &[LANGUAGE], Lexical::Uri), Often),
    ]),
);

static DISCO_HINTS: Shape = plain(
    &MDUI,
    "DiscoHints",
    &[],
    Content::Elements(&[
        child(&text(&MDUI, "IPHint", &[], Lexical::Text), Often),
        child(&text(&MDUI, "DomainHint", &[], Lexical::Text), Often),
        child(&text(&MDUI, "GeolocationHint", &[], Lexical::Uri), Often),
    ]),
);

/// Assertions among them would be signed, and their signatures do not outlive the document.
static ENTITY_ATTRIBUTES: Shape = plain(&MDATTR, "EntityAttributes", &[], Content::AnyOf(&[child(&ATTRIBUTE, Often)]));

static REGISTRATION_INFO: Shape = plain(
    &MDRPI,
    "RegistrationInfo",
    &[required("registrationAuthority", Lexical::Text), optional("registrationInstant", Lexical::Instant)],
    Content::Elements(&[child(&text(&MDRPI, "RegistrationPolicy", &[LANGUAGE], Lexical::Uri), Often)]),
);

static SCOPE: Shape = text(&SHIBMD, "Scope", &[optional("regexp", Lexical::Boolean)], Lexical::Text);

const LANGUAGE: Rule = Rule { name: (&XML, "lang"), value: Lexical::Language, required: true };
const ENDPOINT: &[Rule] = &[
    required("Binding", Lexical::Uri),
    required("Location", Lexical::Location),
    optional("ResponseLocation", Lexical::Location),
];
const INDEXED: &[Rule] = &[
    required("Binding", Lexical::Uri),
    required("Location", Lexical::Location),
    optional("ResponseLocation", Lexical::Location),
    required("index", Lexical::Index),
    optional("isDefault", Lexical::Boolean),
];

const fn open(name: &'static str, attributes: &'static [Rule], children: &'static [Child]) -> Shape {
    Shape { name: (&MD, name), attributes, open: true, content: Content::Elements(children) }
}

const fn endpoint(name: &'static str, attributes: &'static [Rule]) -> Shape {
    Shape { name: (&MD, name), attributes, open: true, content: Content::Empty }
}

const fn plain(ns: &'static Ns, name: &'static str, attributes: &'static [Rule], content: Content) -> Shape {
    Shape { name: (ns, name), attributes, open: false, content }
}

const fn text(ns: &'static Ns, name: &'static str, attributes: &'static [Rule], value: Lexical) -> Shape {
    plain(ns, name, attributes, Content::Text(value))
}

const fn localized(name: &'static str, value: Lexical) -> Shape {
    text(&MD, name, &[LANGUAGE], value)
}

const fn child(shape: &'static Shape, occurs: Occurs) -> Child {
    Child { shape, occurs }
}

const fn required(name: &'static str, value: Lexical) -> Rule {
    Rule { name: (&UNQUALIFIED, name), value, required: true }
}

const fn optional(name: &'static str, value: Lexical) -> Rule {
    Rule { name: (&UNQUALIFIED, name), value, required: false }
}
