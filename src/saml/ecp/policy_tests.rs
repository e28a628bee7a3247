//! What of a request is met, and by what.

use std::sync::LazyLock;

use super::*;
use crate::saml::names::{MICROSOFT_ONLINE, NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};
use crate::xml::{Limits, parse};

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const US: &str = "https://idp.example/oam/fed";

/// What the party can have, the first by preference.
static RULES: LazyLock<[NameIdentifierRule; 2]> = LazyLock::new(|| {
    [
        NameIdentifierRule::ImmutableId { format: NAMEID_PERSISTENT.to_owned() },
        NameIdentifierRule::Upn { format: EMAIL.to_owned() },
    ]
});

fn at(minute: i64) -> Timestamp {
    Timestamp::parse("2026-01-15T10:12:00Z").unwrap().plus(std::time::Duration::from_secs(minute.unsigned_abs() * 60))
}

/// Office 365's request with more after its Issuer.
fn request(children: &str) -> AuthnRequest {
    let xml = include_str!("../../../tests/data/saml/request_office365.xml")
        .replace("</saml:Issuer>", &["</saml:Issuer>", children].concat());
    AuthnRequest::parse(&parse(xml.as_bytes(), &Limits::message(4096)).unwrap().root).unwrap()
}

/// What is granted from minute 0 to minute 60.
fn granted<'r>(request: &'r AuthnRequest) -> Result<Granted<'r, 'static>, SecondLevelStatus> {
    // As `sts` chooses without metadata.
    let asked = request.name_id_policy.as_ref().and_then(NameIdPolicy::format_named);
    let chosen = RULES.iter().find(|rule| asked.is_none_or(|asked| asked == rule.format()));
    let offer = Offer { name_identifiers: &*RULES, chosen, not_before: at(0), not_on_or_after: at(60) };
    grant(request, &offer, |name| name == US).map_err(|unmet| unmet.status)
}

#[test]
fn grants_all_or_nothing() {
    for (children, expected) in [
        ("", None),
        ("<saml:Subject/>", None),
        ("<saml:Subject><saml:NameID>bob</saml:NameID></saml:Subject>", None),
        ("<samlp:Scoping ProxyCount='0'/>", None),
        (
            "<samlp:Scoping><samlp:IDPList><samlp:IDPEntry ProviderID='https://idp.example/oam/fed'/></samlp:IDPList>\
             </samlp:Scoping>",
            None,
        ),
        (
            "<samlp:Scoping><samlp:IDPList><samlp:IDPEntry ProviderID='urn:other'/></samlp:IDPList></samlp:Scoping>",
            Some(SecondLevelStatus::NoSupportedIdp),
        ),
        (
            "<saml:Subject><saml:NameID Format='urn:other'>bob</saml:NameID></saml:Subject>",
            Some(SecondLevelStatus::UnknownPrincipal),
        ),
        ("<saml:Subject><saml:EncryptedID/></saml:Subject>", Some(SecondLevelStatus::RequestUnsupported)),
        (
            "<saml:Subject><saml:SubjectConfirmation Method='urn:oasis:names:tc:SAML:2.0:cm:holder-of-key'/>\
             </saml:Subject>",
            Some(SecondLevelStatus::RequestUnsupported),
        ),
        ("<samlp:NameIDPolicy Format='urn:other'/>", Some(SecondLevelStatus::InvalidNameIdPolicy)),
        ("<samlp:RequestedAuthnContext/>", Some(SecondLevelStatus::NoAuthnContext)),
    ] {
        assert_eq!(granted(&request(children)).err(), expected, "{children}");
    }
}

/// The subject is compared in the format that it is asked for in, and named so unless a policy says otherwise.
#[test]
fn the_subject_asked_for_is_to_be_compared() {
    let bob = |format: &str| {
        let format = if format.is_empty() { String::new() } else { ["Format='", format, "'"].concat() };
        ["<saml:Subject><saml:NameID ", &format, ">bob</saml:NameID></saml:Subject>"].concat()
    };
    let policy = |format: &str| ["<samlp:NameIDPolicy Format='", format, "'/>"].concat();
    for (children, given, compared) in [
        (bob(""), NAMEID_PERSISTENT, NAMEID_PERSISTENT),
        (bob(EMAIL), EMAIL, EMAIL),
        (bob(EMAIL) + "<samlp:NameIDPolicy AllowCreate='1'/>", EMAIL, EMAIL),
        (bob(EMAIL) + &policy(NAMEID_UNSPECIFIED), EMAIL, EMAIL),
        (bob(EMAIL) + &policy(NAMEID_PERSISTENT), NAMEID_PERSISTENT, EMAIL),
        (bob("") + &policy(EMAIL), EMAIL, EMAIL),
    ] {
        let request = request(&children);
        let granted = granted(&request).unwrap();
        let subject = granted.subject.unwrap();
        assert_eq!(subject.name.value, "bob");
        assert_eq!((granted.name_identifier.format(), subject.rule.format()), (given, compared), "{children}");
    }
}

#[test]
fn conditions_only_narrow() {
    let unsupported = Err(SecondLevelStatus::RequestUnsupported);
    let to = |audience: &str| {
        ["<saml:AudienceRestriction><saml:Audience>", audience, "</saml:Audience></saml:AudienceRestriction>"].concat()
    };
    let sp = "urn:federation:MicrosoftOnline";
    for (attributes, inside, expected) in [
        ("", String::new(), Ok((at(0), at(60)))),
        ("NotOnOrAfter='2026-01-15T10:22:00Z'", String::new(), Ok((at(0), at(10)))),
        ("NotOnOrAfter='2026-01-16T10:12:00Z'", String::new(), Ok((at(0), at(60)))),
        ("NotBefore='2026-01-15T10:13:00Z'", String::new(), Ok((at(1), at(60)))),
        ("NotBefore='2026-01-14T10:13:00Z'", String::new(), Ok((at(0), at(60)))),
        ("NotOnOrAfter='2026-01-15T10:12:00Z'", String::new(), unsupported),
        ("NotBefore='2026-01-15T11:12:00Z'", String::new(), unsupported),
        ("", to(sp), Ok((at(0), at(60)))),
        ("", to("urn:other"), unsupported),
        ("", to(sp) + &to("urn:other"), unsupported),
        ("", to("urn:other</saml:Audience><saml:Audience>urn:federation:MicrosoftOnline"), Ok((at(0), at(60)))),
    ] {
        let request = request(&["<saml:Conditions ", attributes, ">", &inside, "</saml:Conditions>"].concat());
        let period = granted(&request).map(|granted| (granted.not_before, granted.not_on_or_after));
        assert_eq!(period, expected, "{attributes} {inside}");
    }
    for (inside, expected) in
        [("", (false, false)), ("<saml:OneTimeUse/>", (true, false)), ("<saml:ProxyRestriction/>", (false, true))]
    {
        let request = request(&["<saml:Conditions>", inside, "</saml:Conditions>"].concat());
        let granted = granted(&request).unwrap();
        assert_eq!((granted.one_time_use, granted.not_to_be_proxied), expected);
    }
}

#[test]
fn no_affiliation_is_known_but_the_provider_itself() {
    for (qualifier, expected) in
        [(MICROSOFT_ONLINE, None), ("urn:affiliation", Some(SecondLevelStatus::InvalidNameIdPolicy))]
    {
        let request = request(&["<samlp:NameIDPolicy SPNameQualifier='", qualifier, "'/>"].concat());
        assert_eq!(granted(&request).err(), expected, "{qualifier}");
    }
}

#[test]
fn a_password_meets_what_a_password_can() {
    use AuthnContextClass::{Password, PasswordProtectedTransport};
    let (pw, ppt) = (Password.uri(), PasswordProtectedTransport.uri());
    let mfa = "https://refeds.org/profile/mfa";
    let refused = Err(SecondLevelStatus::NoAuthnContext);
    for (comparison, classes, expected) in [
        (Comparison::Exact, vec![ppt], Ok(PasswordProtectedTransport)),
        (Comparison::Exact, vec![pw], Ok(Password)),
        (Comparison::Exact, vec![pw, ppt], Ok(PasswordProtectedTransport)),
        (Comparison::Exact, vec![AC_UNSPECIFIED], Ok(PasswordProtectedTransport)),
        (Comparison::Exact, vec![mfa, pw], Ok(Password)),
        (Comparison::Exact, vec![mfa], refused),
        (Comparison::Exact, vec![], refused),
        (Comparison::Minimum, vec![pw], Ok(PasswordProtectedTransport)),
        (Comparison::Minimum, vec![mfa], refused),
        (Comparison::Maximum, vec![pw], Ok(Password)),
        (Comparison::Maximum, vec![ppt], Ok(PasswordProtectedTransport)),
        (Comparison::Better, vec![pw], Ok(PasswordProtectedTransport)),
        (Comparison::Better, vec![ppt], refused),
        (Comparison::Better, vec![pw, mfa], refused),
        (Comparison::Better, vec![], refused),
    ] {
        let class_refs = classes.into_iter().map(str::to_owned).collect();
        let requested = RequestedAuthnContext { class_refs, comparison };
        let class = authn_context(Some(&requested)).map_err(|unmet| unmet.status);
        assert_eq!(class, expected, "{requested:?}");
    }
    assert_eq!(authn_context(None), Ok(PasswordProtectedTransport));
}
