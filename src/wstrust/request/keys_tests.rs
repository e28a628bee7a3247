//! What requests say of keys, in every spelling, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::*;
use crate::dsig::testing::{certificate, rsa};
use crate::dsig::{DS, KeyInfo, XENC};
use crate::soap::{WSSE, WSU, understood_by_wstrust};
use crate::xml::Limits;

const V13: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const V200502: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";

fn read(version: TrustVersion, header: &str, children: &str) -> Result<KeyRequest, Refusal> {
    let (trust, wsse, wsu, ds) = (version.ns().uri, WSSE.uri, WSU.uri, DS.uri);
    let issue = version.request_type(TrustOperation::Issue);
    let xml = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:o='{wsse}' xmlns:u='{wsu}' xmlns:ds='{ds}'>\
         <s:Header><o:Security>{header}</o:Security></s:Header><s:Body><RequestSecurityToken xmlns='{trust}'>\
         <RequestType>{issue}</RequestType><p:AppliesTo xmlns:p='http://schemas.xmlsoap.org/ws/2004/09/policy'>\
         <a:EndpointReference xmlns:a='http://www.w3.org/2005/08/addressing'><a:Address>urn:x</a:Address>\
         </a:EndpointReference></p:AppliesTo>{children}</RequestSecurityToken></s:Body></s:Envelope>"
    );
    let envelope = Envelope::parse(xml.as_bytes(), &Limits::message(65536), understood_by_wstrust)?;
    let Operation::Issue(asked) = RequestSecurityToken::read(&envelope)?.operation else { panic!("not Issue") };
    Ok(asked.key)
}

fn asked(children: &str) -> Result<KeyRequest, Refusal> {
    read(TrustVersion::V13, "", children)
}

fn symmetric(more: &str) -> Result<KeyRequest, Refusal> {
    asked(&format!("<KeyType>{V13}/SymmetricKey</KeyType>{more}"))
}

fn entropy(attributes: &str, octets: usize) -> String {
    let secret = STANDARD.encode(vec![7; octets]);
    format!("<Entropy><BinarySecret {attributes}>\n{secret}\n</BinarySecret></Entropy>")
}

#[test]
fn every_spelling_of_a_key_type_is_understood_in_both_versions() {
    let shared = KeyRequest::Symmetric { bits: 256, entropy: None };
    for version in TrustVersion::ALL {
        assert_eq!(read(version, "", ""), Ok(KeyRequest::Bearer));
        for (key_type, expected) in [
            ("http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey".to_owned(), KeyRequest::Bearer),
            (format!("{V13}/Bearer"), KeyRequest::Bearer),
            (format!("{V200502}/Bearer"), KeyRequest::Bearer),
            ("http://docs.oasis-open.org/ws-sx/wstrust/200512/Bearer".to_owned(), KeyRequest::Bearer),
            (format!("{V13}/SymmetricKey"), shared.clone()),
            (format!("{V200502}/SymmetricKey"), shared.clone()),
            (format!("{V13}/PublicKey"), KeyRequest::Public(None)),
            (format!("{V200502}/PublicKey"), KeyRequest::Public(None)),
        ] {
            let children = format!("<KeyType> {key_type}\n</KeyType>");
            assert_eq!(read(version, "", &children), Ok(expected.clone()), "{key_type}");
            let secondary = format!("<SecondaryParameters>{children}</SecondaryParameters>");
            assert_eq!(read(version, "", &secondary), Ok(expected), "{key_type}, secondary");
        }
    }
    let both = format!(
        "<KeyType>{V13}/Bearer</KeyType><SecondaryParameters><KeyType>{V13}/PublicKey</KeyType></SecondaryParameters>"
    );
    assert_eq!(asked(&both), Ok(KeyRequest::Bearer));
}

#[test]
fn a_shared_key_has_a_size_and_entropy() {
    let key = |octets| Some(ClientEntropy::Key(Zeroizing::new(vec![7; octets])));
    let nonce = |octets| Some(ClientEntropy::Nonce(Zeroizing::new(vec![7; octets])));
    let typed = |kind: &str, octets| entropy(&format!("Type='{kind}'"), octets);
    let p_sha1 = format!("<ComputedKeyAlgorithm>{V13}/CK/PSHA1</ComputedKeyAlgorithm>");
    for (more, bits, expected) in [
        ("<KeySize>128</KeySize>".to_owned(), 128, None),
        ("<KeySize> 512 </KeySize>".to_owned(), 512, None),
        ("<SecondaryParameters><KeySize>192</KeySize></SecondaryParameters>".to_owned(), 192, None),
        (typed(&format!("{V13}/Nonce"), 32) + &p_sha1, 256, nonce(32)),
        (typed(&format!("{V200502}/Nonce"), 16) + "<KeySize>512</KeySize>", 512, nonce(16)),
        (typed(&format!("{V13}/SymmetricKey"), 24), 192, key(24)),
        (entropy("", 32) + "<KeySize>256</KeySize>", 256, key(32)),
    ] {
        assert_eq!(symmetric(&more), Ok(KeyRequest::Symmetric { bits, entropy: expected }), "{more}");
    }
    assert_eq!(asked(&entropy("", 16)), Ok(KeyRequest::Symmetric { bits: 128, entropy: key(16) }));
    assert!(!format!("{:?}", symmetric(&entropy("", 32)).unwrap()).contains('7'));
}

#[test]
fn what_cannot_be_a_shared_key_is_refused() {
    let typed = |kind: &str, octets| entropy(&format!("Type='{kind}'"), octets);
    let nonce = typed(&format!("{V13}/Nonce"), 32);
    for (more, kind) in [
        ("<KeySize>many</KeySize>".to_owned(), RefusalKind::Malformed),
        ("<KeySize>-1</KeySize>".to_owned(), RefusalKind::Malformed),
        ("<KeySize>99999999999</KeySize>".to_owned(), RefusalKind::Malformed),
        ("<KeySize>120</KeySize>".to_owned(), RefusalKind::Unsupported),
        ("<KeySize>520</KeySize>".to_owned(), RefusalKind::Unsupported),
        ("<KeySize>129</KeySize>".to_owned(), RefusalKind::Unsupported),
        ("<KeySize>256</KeySize><KeySize>256</KeySize>".to_owned(), RefusalKind::Malformed),
        (nonce.clone() + &nonce, RefusalKind::Malformed),
        (typed(&format!("{V13}/Nonce"), 15), RefusalKind::Malformed),
        (typed(&format!("{V13}/Nonce"), 513), RefusalKind::Malformed),
        (typed(&format!("{V13}/AsymmetricKey"), 32), RefusalKind::Unsupported),
        (entropy("", 8), RefusalKind::Unsupported),
        (entropy("", 65), RefusalKind::Unsupported),
        (entropy("", 0), RefusalKind::Unsupported),
        (entropy("", 32) + "<KeySize>128</KeySize>", RefusalKind::Malformed),
        ("<Entropy><BinarySecret>?</BinarySecret></Entropy>".to_owned(), RefusalKind::Malformed),
        ("<Entropy/>".to_owned(), RefusalKind::Malformed),
        (format!("<Entropy><EncryptedKey xmlns='{}'/></Entropy>", XENC.uri), RefusalKind::Unsupported),
        (nonce + &format!("<ComputedKeyAlgorithm>{V13}/CK/HASH</ComputedKeyAlgorithm>"), RefusalKind::Unsupported),
    ] {
        assert_eq!(symmetric(&more).map_err(|refusal| refusal.kind), Err(kind), "{more}");
    }
}

#[test]
fn a_use_key_is_a_certificate_a_key_value_or_a_token_of_the_message() {
    let certificate = certificate(&rsa());
    let base64 = STANDARD.encode(certificate.to_der().unwrap());
    let expected = KeyInfo::of_certificate(&certificate).unwrap();
    let x509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
    let token = format!("<o:BinarySecurityToken u:Id='b' ValueType='{x509}'>{base64}</o:BinarySecurityToken>");
    let reference = "<o:SecurityTokenReference><o:Reference URI='#b'/></o:SecurityTokenReference>";
    let data = format!("<ds:X509Data><ds:X509Certificate>{base64}</ds:X509Certificate></ds:X509Data>");
    for (header, inner) in [
        ("", format!("<ds:KeyInfo>{data}</ds:KeyInfo>")),
        ("", token.clone()),
        (&*token, reference.to_owned()),
        (&*token, format!("<ds:KeyInfo>{reference}</ds:KeyInfo>")),
    ] {
        for (attribute, signed) in [("", false), (" Sig='#s'", true)] {
            let use_key = format!("<UseKey{attribute}>{inner}</UseKey>");
            let read = read(TrustVersion::V13, header, &use_key);
            assert_eq!(read, Ok(KeyRequest::Public(Some(UseKey { key: Some(expected.clone()), signed }))), "{use_key}");
        }
    }
    let rsa = certificate.public_key().unwrap().rsa().unwrap();
    let number = |number: &openssl::bn::BigNumRef| STANDARD.encode(number.to_vec());
    let value = format!(
        "<UseKey><ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent>\
         </ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo></UseKey>",
        number(rsa.n()),
        number(rsa.e())
    );
    let Ok(KeyRequest::Public(Some(UseKey { key: Some(read), .. }))) = asked(&value) else { panic!("{value}") };
    assert!(read.tells(&certificate.public_key().unwrap()));
    assert_eq!(asked("<UseKey Sig='#s'/>"), Ok(KeyRequest::Public(Some(UseKey { key: None, signed: true }))));
}

#[test]
fn a_use_key_that_tells_no_key_is_refused() {
    let reference = |id| format!("<o:SecurityTokenReference><o:Reference URI='{id}'/></o:SecurityTokenReference>");
    let by_name = "<o:SecurityTokenReference><o:KeyIdentifier>x</o:KeyIdentifier></o:SecurityTokenReference>";
    let token = "<o:BinarySecurityToken u:Id='b'>AAAA</o:BinarySecurityToken>";
    for (inner, kind) in [
        (reference("#c"), RefusalKind::SecurityTokenUnavailable),
        (reference("b"), RefusalKind::SecurityTokenUnavailable),
        (by_name.to_owned(), RefusalKind::SecurityTokenUnavailable),
        (reference("#b"), RefusalKind::Malformed),
        (token.replace('b', "d"), RefusalKind::Malformed),
        ("<ds:KeyInfo><ds:KeyName>admin</ds:KeyName></ds:KeyInfo>".to_owned(), RefusalKind::Malformed),
        ("<ds:KeyInfo/><ds:KeyInfo/>".to_owned(), RefusalKind::Malformed),
        ("<Assertion/>".to_owned(), RefusalKind::Malformed),
    ] {
        let refused = read(TrustVersion::V13, token, &format!("<UseKey>{inner}</UseKey>")).unwrap_err();
        assert_eq!(refused.kind, kind, "{inner}");
        assert!(refused.reason.len() < 300);
    }
    assert_eq!(asked("<UseKey/><UseKey/>").unwrap_err().kind, RefusalKind::Malformed);
}
