use super::*;
use crate::soap::understood_by_wstrust;
use crate::xml::Limits;

fn read(security: &str) -> Result<Option<SecurityHeader<'static>>, Refusal> {
    let xml = format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:o='{}' xmlns:u='{}'><s:Header>{security}\
         </s:Header><s:Body><x/></s:Body></s:Envelope>",
        WSSE.uri, WSU.uri
    );
    // What is read borrows from it, and the process ends soon.
    let envelope = Box::new(Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust)?);
    SecurityHeader::read(Box::leak(envelope))
}

/// The header with the name and the password in it.
fn read_username(security: &str) -> (SecurityHeader<'static>, String, String) {
    let header = read(security).unwrap_or_else(|refusal| panic!("{refusal}")).expect("a header");
    let Credential::Username { token, .. } = &header.credential else { panic!("another credential") };
    let (name, password) = (token.username.as_str().to_owned(), token.password.expose().to_owned());
    (header, name, password)
}

fn refusal(security: &str) -> Option<Refusal> {
    read(security).err()
}

fn token(inner: &str) -> String {
    format!(
        "<o:Security><u:Timestamp><u:Created>2026-01-01T00:00:00Z</u:Created><u:Expires>2026-01-01T00:10:00Z</u:Expires>\
         </u:Timestamp><o:UsernameToken>{inner}</o:UsernameToken></o:Security>"
    )
}

#[test]
fn a_password_keeps_every_character() {
    let (_, name, password) =
        read_username(&token("<o:Username> alice\n</o:Username><o:Password> p&amp;w&#13;\t</o:Password>"));
    assert_eq!((name.as_str(), password.as_str()), ("alice", " p&w\r\t"));
}

#[test]
fn refuses_what_a_bind_cannot_check() {
    let profile = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
    let typed = |kind| token(&format!("<o:Username>a</o:Username><o:Password Type='{profile}{kind}'>p</o:Password>"));
    assert!(read(&typed("#PasswordText")).is_ok());
    for (xml, kind) in [
        (typed("#PasswordDigest"), RefusalKind::UnsupportedToken),
        (typed("#Other"), RefusalKind::UnsupportedToken),
        (token("<o:Username>a</o:Username>"), RefusalKind::Security),
        (
            token("<o:Username>a</o:Username><o:Username>b</o:Username><o:Password>p</o:Password>"),
            RefusalKind::Security,
        ),
        (token("<o:Username>a<!---->b</o:Username><o:Password>p</o:Password>"), RefusalKind::Security),
        ("<o:Security/><o:Security/>".to_owned(), RefusalKind::Security),
    ] {
        assert_eq!(refusal(&xml).map(|refusal| refusal.kind), Some(kind), "{xml}");
    }
}

#[test]
fn the_security_header_of_another_receiver_is_passed_over() {
    let ours = token("<o:Username>a</o:Username><o:Password>p</o:Password>");
    let others = "<o:Security s:actor='urn:another'/>";
    for both in [format!("{ours}{others}"), format!("{others}{ours}")] {
        assert_eq!(read_username(&both).1, "a");
    }
    let next = ours.replace("<o:Security>", "<o:Security s:actor='http://schemas.xmlsoap.org/soap/actor/next'>");
    let refused = format!("{ours}{next}");
    assert_eq!(refusal(&refused).map(|refusal| refusal.kind), Some(RefusalKind::Security), "{refused}");
    assert!(read(others).is_ok_and(|header| header.is_none()));
}

#[test]
fn no_part_of_a_password_is_in_a_reason() {
    let token = |inside: &str| token(&format!("<o:Username>a</o:Username>{inside}"));
    for between in [
        "p<canary>q",
        "p<canary",
        "p<canary ",
        "p<canary='>q",
        "p<canary a=canary>q",
        "p<canary a='1' a='2'/>q",
        "p<c:canary/>q",
        "p<1canary/>q",
        "p</canary>q",
        "p<canary/>q",
        "p<!canary>q",
        "p<!--canary--canary-->q",
        "p<![CDATA[canary",
        "p<?canary?>q",
        "p<?xml canary='1'?>q",
        "p&canary",
        "p&canary;q",
        "p&#canary;q",
        "p]]>canary",
    ] {
        let refusal = refusal(&token(&format!("<o:Password>{between}</o:Password>"))).expect(between);
        assert!(!refusal.reason.contains("canary"), "{between}: {}", refusal.reason);
    }
    for inside in
        ["<o:Password Type='canary'>p</o:Password>", "<o:Password>p</o:Password><u:Created>canary</u:Created>"]
    {
        let refusal = refusal(&token(inside)).expect(inside);
        assert!(!refusal.reason.contains("canary"), "{inside}: {}", refusal.reason);
    }
}

#[test]
fn times_must_be_near_ours() {
    let header = read_username(&token("<o:Username>a</o:Username><o:Password>p</o:Password>")).0;
    for (now, fine) in [
        ("2026-01-01T00:00:00Z", true),
        ("2025-12-31T23:55:00Z", true),
        ("2025-12-31T23:54:59Z", false),
        ("2026-01-01T00:15:00Z", true),
        ("2026-01-01T00:15:01Z", false),
    ] {
        assert_eq!(header.check_times(Timestamp::parse(now).unwrap()).is_ok(), fine, "{now}");
    }
}

const NAME: &str = "<o:UsernameToken><o:Username>a</o:Username><o:Password>p</o:Password></o:UsernameToken>";
const CERTIFICATE: &str = "<o:BinarySecurityToken ValueType='urn:x#X509v3'>AAAA</o:BinarySecurityToken>";
const SIGNATURE: &str = "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/>";
const ASSERTION: &str = "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion'/>";
const ENCRYPTED: &str = "<x:EncryptedKey xmlns:x='http://www.w3.org/2001/04/xmlenc#'/>";
const CONVERSATION: &str = "<c:SecurityContextToken xmlns:c='http://schemas.xmlsoap.org/ws/2005/02/sc'/>";

#[test]
fn a_combination_of_credentials_has_one_meaning_or_none() {
    use RefusalKind::{Security, UnsupportedToken};
    for (inside, expected) in [
        (&[NAME][..], Ok("name")),
        (&[NAME, CERTIFICATE, SIGNATURE], Ok("name, endorsed")),
        (&[SIGNATURE, CERTIFICATE, NAME], Ok("name, endorsed")),
        (&[NAME, SIGNATURE], Ok("name, endorsed by nothing here")),
        (&[CERTIFICATE, SIGNATURE], Ok("certificate")),
        (&[SIGNATURE], Ok("certificate elsewhere")),
        (&[ASSERTION], Ok("assertion")),
        (&[ASSERTION, SIGNATURE], Ok("assertion, signed")),
        (&[], Ok("nothing")),
        (&["<u:Timestamp><u:Created>2026-01-01T00:00:00Z</u:Created></u:Timestamp>"], Ok("nothing")),
        (&["<o:Other/>"], Ok("something else")),
        (&["<EncryptedAssertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>"], Ok("something else")),
        (&[NAME, CERTIFICATE], Err(Security)),
        (&[CERTIFICATE], Err(Security)),
        (&[NAME, ASSERTION], Ok("name, and an assertion that is not who asks")),
        (&[NAME, CERTIFICATE, ASSERTION, SIGNATURE], Ok("name, and an assertion that is not who asks")),
        (&[CERTIFICATE, ASSERTION, SIGNATURE], Err(Security)),
        (&[NAME, NAME], Err(Security)),
        (&[CERTIFICATE, CERTIFICATE, SIGNATURE], Err(Security)),
        (&[CERTIFICATE, SIGNATURE, SIGNATURE], Err(Security)),
        (&[ASSERTION, ASSERTION], Err(Security)),
        (&[NAME, ENCRYPTED], Err(UnsupportedToken)),
        (&[CONVERSATION, SIGNATURE], Err(UnsupportedToken)),
    ] {
        let read = read(&format!("<o:Security>{}</o:Security>", inside.concat()));
        let found = read.map(|header| header.expect("a header")).map(|header| match header.credential {
            Credential::Username { .. } if header.carried.is_some() => "name, and an assertion that is not who asks",
            _ if header.carried.is_some() => "an assertion in doubt",
            Credential::Username { endorsement: None, .. } => "name",
            Credential::Username { endorsement: Some(Endorsement { certificate: None, .. }), .. } => {
                "name, endorsed by nothing here"
            }
            Credential::Username { .. } => "name, endorsed",
            Credential::Certificate(Endorsement { certificate: Some(_), .. }) => "certificate",
            Credential::Certificate(_) => "certificate elsewhere",
            Credential::Assertion { signature: None, .. } => "assertion",
            Credential::Assertion { .. } => "assertion, signed",
            Credential::Nothing(others) if others.is_empty() => "nothing",
            Credential::Nothing(_) => "something else",
        });
        assert_eq!(found.map_err(|refusal| refusal.kind), expected, "{inside:?}");
    }
}

#[test]
fn a_certificate_is_base64_of_a_type_that_we_read() {
    use RefusalKind::{InvalidSecurityToken, UnsupportedToken};
    let profile = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0";
    for (attributes, inside, expected) in [
        (format!("ValueType='{profile}#X509v3'"), "A\n AAA ", None),
        (format!("ValueType='{profile}#X509PKIPathv1'"), "AAAA", None),
        (format!("ValueType='{profile}#X509v3' EncodingType='urn:x#Base64Binary'"), "AAAA", None),
        (format!("ValueType='{profile}#X509v3' EncodingType='urn:x#HexBinary'"), "AAAA", Some(InvalidSecurityToken)),
        (format!("ValueType='{profile}#X509v3'"), "AAA", Some(InvalidSecurityToken)),
        (format!("ValueType='{profile}#X509v3'"), "AA<!---->AA", Some(InvalidSecurityToken)),
        (format!("ValueType='{profile}#PKCS7'"), "AAAA", Some(UnsupportedToken)),
        ("ValueType='urn:kerberos#GSS_Kerberosv5_AP_REQ'".to_owned(), "AAAA", Some(UnsupportedToken)),
        (String::new(), "AAAA", Some(UnsupportedToken)),
    ] {
        let token = format!("<o:BinarySecurityToken {attributes}>{inside}</o:BinarySecurityToken>");
        let found = refusal(&format!("<o:Security>{token}{SIGNATURE}</o:Security>"));
        assert_eq!(found.map(|refusal| refusal.kind), expected, "{token}");
    }
}

#[test]
fn a_signed_message_expires_and_an_unsigned_one_is_out_of_time() {
    let timestamp = |created: &str, expires: &str| {
        format!("<u:Timestamp><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>")
    };
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let past = timestamp("2025-12-31T23:40:00Z", "2025-12-31T23:45:00Z");
    let old = timestamp("2025-12-31T22:00:00Z", "2026-01-01T23:00:00Z");
    let future = timestamp("2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z");
    for (times, credential, kind) in [
        (&past, [CERTIFICATE, SIGNATURE].concat(), RefusalKind::MessageExpired),
        (&old, [CERTIFICATE, SIGNATURE].concat(), RefusalKind::MessageExpired),
        (&past, [NAME, CERTIFICATE, SIGNATURE].concat(), RefusalKind::MessageExpired),
        (&past, [ASSERTION, SIGNATURE].concat(), RefusalKind::MessageExpired),
        (&future, [CERTIFICATE, SIGNATURE].concat(), RefusalKind::Clock),
        (&past, NAME.to_owned(), RefusalKind::Clock),
        (&past, ASSERTION.to_owned(), RefusalKind::Clock),
        (&String::new(), [CERTIFICATE, SIGNATURE].concat(), RefusalKind::Security),
    ] {
        let header = read(&format!("<o:Security>{times}{credential}</o:Security>")).ok().flatten().unwrap();
        assert_eq!(header.check_times(now).unwrap_err().kind, kind, "{times}{credential}");
    }
}

/// Two users' messages of the same second may be alike but for the key: the one's use must not use up the other's.
#[test]
fn a_message_is_known_by_its_key_too() {
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::x509::X509;

    use crate::dsig::{Part, SigningKey, sign_parts};

    let message = |signature: &str| {
        let xml = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:o='{}' xmlns:u='{}'><s:Header>\
             <o:Security><u:Timestamp u:Id='TS-1'><u:Created>2026-01-01T00:00:00Z</u:Created></u:Timestamp>{CERTIFICATE}\
             {signature}</o:Security></s:Header><s:Body u:Id='B-1'><x/></s:Body></s:Envelope>",
            WSSE.uri, WSU.uri
        );
        Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust).unwrap()
    };
    let digest = || {
        let pair = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(&pair).unwrap();
        builder.sign(&pair, MessageDigest::sha256()).unwrap();
        let key = SigningKey::new(pair, builder.build()).unwrap();
        let unsigned = message("");
        let named = |id: &'static str| {
            let mut all = unsigned.document().root.descendants();
            Part { id, element: all.find(|element| element.attribute_ns(WSU.uri, "Id") == Some(id)).unwrap() }
        };
        let signature = sign_parts(&[named("TS-1"), named("B-1")], &key, |_| {}).unwrap();
        let envelope = message(&signature);
        let header = SecurityHeader::read(&envelope).unwrap().unwrap();
        let Credential::Certificate(endorsement) = &header.credential else { panic!("another credential") };
        let signature = SecurityHeader::signature(&envelope, endorsement.signature).unwrap();
        let public = key.certificate().public_key().unwrap();
        header.verify(&envelope, &signature, &public, Required::TimestampAndTo).unwrap().digest
    };
    assert_ne!(digest(), digest());
}
