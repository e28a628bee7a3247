//! Requests, whole and broken.

use super::*;
use crate::model::Timestamp;
use crate::soap::{WSSE, WSU, understood_by_wstrust};
use crate::xml::Limits;

const APPLIES_TO: &str = "<p:AppliesTo xmlns:p='http://schemas.xmlsoap.org/ws/2004/09/policy'><w:EndpointReference \
                          xmlns:w='http://www.w3.org/2005/08/addressing'><w:Address>\n urn:federation:MicrosoftOnline \
                          </w:Address></w:EndpointReference></p:AppliesTo>";

/// What `look` sees of a request with these children.
fn reading<T>(
    version: TrustVersion,
    children: &str,
    look: impl FnOnce(RequestSecurityToken<'_>) -> T,
) -> Result<T, Refusal> {
    let xml = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><RequestSecurityToken Id='RST0' Context='c' \
         xmlns='{}'>{children}</RequestSecurityToken></s:Body></s:Envelope>",
        version.ns().uri
    );
    let envelope = Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust)?;
    RequestSecurityToken::read(&envelope).map(look)
}

fn read(version: TrustVersion, children: &str) -> Result<(), Refusal> {
    reading(version, children, |_| ())
}

fn issue<T>(version: TrustVersion, more: &str, look: impl FnOnce(IssueRequest<'_>) -> T) -> Result<T, Refusal> {
    let issue_type = version.request_type(TrustOperation::Issue);
    let children = format!("<RequestType>{issue_type}</RequestType>{APPLIES_TO}{more}");
    reading(version, &children, |request| match request.operation {
        Operation::Issue(asked) => look(asked),
        other => panic!("{other:?}"),
    })
}

#[test]
fn reads_both_versions() {
    for version in TrustVersion::ALL {
        let issue_type = version.request_type(TrustOperation::Issue);
        let children =
            format!("<RequestType>{issue_type}</RequestType>{APPLIES_TO}<KeyType>{}</KeyType>", version.bearer());
        let seen = reading(version, &children, |request| {
            let Operation::Issue(asked) = request.operation else { panic!("not Issue") };
            let expected = IssueRequest {
                applies_to: "urn:federation:MicrosoftOnline".to_owned(),
                token_type: TokenType::Saml11,
                lifetime: RequestedLifetime::default(),
                renewing: Renewing { allowed: true, after_end: true },
                key: KeyRequest::Bearer,
                delegation: None,
                claims: None,
            };
            assert_eq!(asked, expected);
            (request.version, request.context)
        });
        assert_eq!(seen, Ok((version, Some("c".to_owned()))));
    }
}

#[test]
fn the_operation_is_the_same_in_request_type_and_action() {
    for operation in TrustOperation::ALL {
        for version in TrustVersion::ALL {
            assert_eq!(TrustOperation::of_request_type(version.request_type(operation)), Some((operation, version)));
            assert_eq!(TrustOperation::of_action(version.action(operation)), Some((operation, version)));
        }
    }
}

#[test]
fn the_token_type_asked_for_decides() {
    for version in TrustVersion::ALL {
        let asked = |more: &str| issue(version, more, |asked| asked.token_type).map_err(|refusal| refusal.kind);
        let element = |uri: &str| format!("<TokenType>{uri}</TokenType>");
        for (uri, expected) in [
            ("urn:oasis:names:tc:SAML:2.0:assertion", Ok(TokenType::Saml20)),
            ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1", Ok(TokenType::Saml11)),
            ("http://schemas.microsoft.com/ws/2006/05/identitymodel/tokens/Saml", Ok(TokenType::Saml11)),
            ("urn:jwt", Err(RefusalKind::Unsupported)),
        ] {
            let secondary = format!("<SecondaryParameters>{}</SecondaryParameters>", element(uri));
            assert_eq!(asked(&element(uri)), expected, "{uri}");
            assert_eq!(asked(&secondary), expected, "{uri}, by the relying party's policy");
            let both = format!("{secondary}{}", element("urn:oasis:names:tc:SAML:1.0:assertion"));
            assert_eq!(asked(&both), Ok(TokenType::Saml11), "the request itself comes first");
        }
    }
}

#[test]
fn who_asks_for_what_is_not_offered_is_told_what_is() {
    let told = |more: &str| issue(TrustVersion::V13, more, |_| ()).unwrap_err().told.unwrap_or_default();
    assert!(told("<TokenType>urn:jwt</TokenType>").contains("SAML 1.1 and SAML 2.0"));
    assert!(told("<KeyType>urn:k</KeyType>").contains("Bearer, SymmetricKey or PublicKey"));
    assert!(told("<ActAs/>").contains("http://docs.oasis-open.org/ws-sx/ws-trust/200802"));
    let shown = |inside: &str| {
        let version = TrustVersion::V13;
        let renew = version.request_type(TrustOperation::Renew);
        let children = format!("<RequestType>{renew}</RequestType><RenewTarget>{inside}</RenewTarget>");
        read(version, &children).unwrap_err().told.unwrap_or_default()
    };
    for encrypted in [
        "<x:EncryptedData xmlns:x='http://www.w3.org/2001/04/xmlenc#'/>",
        "<a:EncryptedAssertion xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion'/>",
    ] {
        assert!(shown(encrypted).contains("SecurityTokenReference"), "{encrypted}");
    }
    let by_thumbprint = format!(
        "<o:SecurityTokenReference xmlns:o='{}'><o:KeyIdentifier ValueType='urn:t'>_1</o:KeyIdentifier>\
         </o:SecurityTokenReference>",
        WSSE.uri
    );
    assert!(shown(&by_thumbprint).contains("SAMLAssertionID"));
}

#[test]
fn refuses_what_is_not_offered_or_not_whole() {
    let issue_type = format!("<RequestType>{}</RequestType>", TrustVersion::V13.request_type(TrustOperation::Issue));
    for (children, kind) in [
        (APPLIES_TO.to_owned(), RefusalKind::Malformed),
        (issue_type.clone(), RefusalKind::Scope),
        (format!("{issue_type}{APPLIES_TO}{APPLIES_TO}"), RefusalKind::Malformed),
        (format!("{issue_type}{issue_type}{APPLIES_TO}"), RefusalKind::Malformed),
        (format!("{issue_type}{APPLIES_TO}<OnBehalfOf/>"), RefusalKind::Malformed),
        (format!("{issue_type}{APPLIES_TO}<KeyType>urn:k</KeyType>"), RefusalKind::Unsupported),
        (format!("<RequestType>urn:Renew</RequestType>{APPLIES_TO}"), RefusalKind::BadRequest),
    ] {
        assert_eq!(read(TrustVersion::V13, &children).map_err(|refusal| refusal.kind), Err(kind), "{children}");
    }
}

#[test]
fn no_reason_is_as_long_as_a_client_likes() {
    let long = "x".repeat(5000);
    let version = TrustVersion::V13;
    let issue_type = format!("<RequestType>{}</RequestType>", version.request_type(TrustOperation::Issue));
    for children in [
        format!("<RequestType>{long}</RequestType>"),
        format!("{issue_type}<KeyType>{long}</KeyType>"),
        format!("{issue_type}<TokenType>{long}</TokenType>"),
    ] {
        assert!(read(version, &children).unwrap_err().reason.len() < 200);
    }
    let action =
        format!("<e:Header><a:Action xmlns:a='http://www.w3.org/2005/08/addressing'>{long}</a:Action></e:Header>");
    let xml = format!(
        "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'>{action}<e:Body><RequestSecurityToken xmlns='{}'>\
         {issue_type}</RequestSecurityToken></e:Body></e:Envelope>",
        version.ns().uri
    );
    let envelope = Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust).ok().unwrap();
    let reason = RequestSecurityToken::read(&envelope).unwrap_err().reason;
    assert!(reason.contains("wsa:Action") && reason.len() < 200);
}

/// What a target is read as: the ID that it names, or the ID of the assertion that it shows.
fn target(version: TrustVersion, operation: TrustOperation, element: &str) -> Result<String, RefusalKind> {
    let children = format!("<RequestType>{}</RequestType>{element}", version.request_type(operation));
    let seen = reading(version, &children, |request| {
        let target = match &request.operation {
            Operation::Renew(asked) => asked.target,
            Operation::Validate(asked) => asked.target,
            Operation::Cancel(asked) => asked.target,
            Operation::Issue(_) => panic!("Issue"),
        };
        assert_eq!(request.operation.kind(), operation);
        match target {
            Target::Reference(id) => format!("named {id}"),
            Target::Whole(_) => format!("shown {}", target.claimed_id().unwrap()),
        }
    });
    seen.map_err(|refusal| refusal.kind)
}

const LATER: [(TrustOperation, &str); 3] = [
    (TrustOperation::Renew, "RenewTarget"),
    (TrustOperation::Validate, "ValidateTarget"),
    (TrustOperation::Cancel, "CancelTarget"),
];

#[test]
fn a_token_is_named_or_shown_in_every_way_in_use() {
    let reference =
        |inside: &str| format!("<o:SecurityTokenReference xmlns:o='{}'>{inside}</o:SecurityTokenReference>", WSSE.uri);
    let identifier = |kind: &str| {
        reference(&format!(
            "<o:KeyIdentifier ValueType='http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-{kind}'>\n _1 \
             </o:KeyIdentifier>"
        ))
    };
    let saml11 = "<a:Assertion xmlns:a='urn:oasis:names:tc:SAML:1.0:assertion' AssertionID='_1'/>";
    let saml20 = "<a:Assertion xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion' ID='_1'/>";
    let ways = [
        (reference("<o:Reference URI='#_1'/>"), Ok("named _1")),
        (reference("<o:Reference URI=' _1 ' ValueType='urn:any'/>"), Ok("named _1")),
        (identifier("1.0#SAMLAssertionID"), Ok("named _1")),
        (identifier("1.1#SAMLAssertionID"), Ok("named _1")),
        (identifier("1.1#SAMLID"), Ok("named _1")),
        (saml11.to_owned(), Ok("shown _1")),
        (saml20.to_owned(), Ok("shown _1")),
        (reference(&format!("<o:Embedded>{saml20}</o:Embedded>")), Ok("shown _1")),
        (identifier("1.1#Other"), Err(RefusalKind::Unsupported)),
        (reference("<o:KeyIdentifier>_1</o:KeyIdentifier>"), Err(RefusalKind::Unsupported)),
        (reference("<o:KeyName>_1</o:KeyName>"), Err(RefusalKind::Unsupported)),
        ("<x xmlns='urn:x'/>".to_owned(), Err(RefusalKind::Unsupported)),
        (reference("<o:Embedded><x xmlns='urn:x'/></o:Embedded>"), Err(RefusalKind::Unsupported)),
        (reference("<o:Reference URI='#'/>"), Err(RefusalKind::Malformed)),
        (reference("<o:Reference/>"), Err(RefusalKind::Malformed)),
        (reference("<o:Reference URI='_1'/><o:Reference URI='_2'/>"), Err(RefusalKind::Malformed)),
        (reference(""), Err(RefusalKind::Malformed)),
        (format!("{saml11}{saml20}"), Err(RefusalKind::Malformed)),
        (String::new(), Err(RefusalKind::Malformed)),
    ];
    for version in TrustVersion::ALL {
        for (operation, name) in LATER {
            for (inside, expected) in &ways {
                let found = target(version, operation, &format!("<{name}>{inside}</{name}>"));
                assert_eq!(found.as_deref(), expected.as_ref().copied(), "{name}: {inside}");
            }
            let named = reference("<o:Reference URI='#_1'/>");
            assert_eq!(target(version, operation, &format!("<Base>{named}</Base>")).as_deref(), Ok("named _1"));
            assert_eq!(target(version, operation, ""), Err(RefusalKind::Malformed));
            let twice = format!("<{name}>{named}</{name}><{name}>{named}</{name}>");
            assert_eq!(target(version, operation, &twice), Err(RefusalKind::Malformed));
        }
    }
}

#[test]
fn validate_asks_for_a_status_or_a_token() {
    let asked = |token_type: &str| {
        let version = TrustVersion::V13;
        let children = format!(
            "<RequestType>{}</RequestType>{token_type}<ValidateTarget><o:SecurityTokenReference xmlns:o='{}'><o:Reference \
             URI='_1'/></o:SecurityTokenReference></ValidateTarget>",
            version.request_type(TrustOperation::Validate),
            WSSE.uri
        );
        let into = reading(version, &children, |request| match request.operation {
            Operation::Validate(asked) => asked.into,
            other => panic!("{other:?}"),
        });
        into.map_err(|refusal| refusal.kind)
    };
    assert_eq!(asked(""), Ok(None));
    for version in TrustVersion::ALL {
        assert_eq!(asked(&format!("<TokenType>{}</TokenType>", version.status_type())), Ok(None));
    }
    assert_eq!(asked("<TokenType>urn:oasis:names:tc:SAML:2.0:assertion</TokenType>"), Ok(Some(TokenType::Saml20)));
    assert_eq!(asked("<TokenType>urn:jwt</TokenType>"), Err(RefusalKind::Unsupported));
}

#[test]
fn lifetime_and_renewing_are_read() {
    let at = |text: &str| Timestamp::parse(text).ok();
    for version in TrustVersion::ALL {
        let lifetime = |inside: &str| {
            let more = format!("<Lifetime xmlns:u='{}'>{inside}</Lifetime>", WSU.uri);
            issue(version, &more, |asked| asked.lifetime).map_err(|refusal| refusal.kind)
        };
        let (created, expires) = ("2026-01-01T00:00:00Z", "2026-01-01T08:00:00.5Z");
        let both = format!("<u:Created>{created}</u:Created><u:Expires>\n{expires}</u:Expires>");
        assert_eq!(lifetime(&both), Ok(RequestedLifetime { created: at(created), expires: at(expires) }));
        assert_eq!(lifetime(""), Ok(RequestedLifetime::default()));
        for wrong in ["<u:Expires>soon</u:Expires>", "<u:Expires/>", &format!("{both}<u:Created>{created}</u:Created>")]
        {
            assert_eq!(lifetime(wrong), Err(RefusalKind::Malformed), "{wrong}");
        }
        for (element, expected) in [
            ("", Ok((true, true))),
            ("<Renewing/>", Ok((true, false))),
            ("<Renewing OK='true'/>", Ok((true, true))),
            ("<Renewing Allow='1' OK='0'/>", Ok((true, false))),
            ("<Renewing Allow='false'/>", Ok((false, false))),
            ("<Renewing Allow='maybe'/>", Err(RefusalKind::Malformed)),
        ] {
            let renewing = issue(version, element, |asked| (asked.renewing.allowed, asked.renewing.after_end));
            assert_eq!(renewing.map_err(|refusal| refusal.kind), expected, "{element}");
        }
    }
}
