//! The key that a token shall be bound to: KeyType, KeySize, Entropy, ComputedKeyAlgorithm and UseKey (WS-Trust 1.3, 4.4 and
//! 9.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{malformed, only, parameter, single_text, unsupported};
use crate::dsig::{DS, KeyInfo, XENC};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::soap::{WSSE, WSU};
use crate::wstrust::TrustVersion;
use crate::xml::Element;

/// Bits of a symmetric key, where the request does not say: what WCF and CXF ask for.
const USUAL_BITS: u32 = 256;
/// Fewer can be guessed; more no algorithm of WS-Security uses (CXF has the same bounds).
const BITS: std::ops::RangeInclusive<u32> = 128..=512;
/// Octets of a client's entropy that is combined with ours.
const NONCE: std::ops::RangeInclusive<usize> = 16..=512;

/// What the token shall be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRequest {
    /// Nothing: whoever holds it.
    Bearer,
    /// A key that asker and relying party share.
    Symmetric {
        /// Its length, a multiple of 8.
        bits: u32,
        /// What the client gave towards it.
        entropy: Option<ClientEntropy>,
    },
    /// The asker's own public key; `None`: the one that signed the message, or the TLS client's.
    Public(Option<UseKey>),
}

/// What a client gave towards a key. Shows nothing in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientEntropy {
    /// Half of it: the key is computed from this and ours.
    Nonce(Zeroizing<Vec<u8>>),
    /// All of it: a BinarySecret of type SymmetricKey, which is the default.
    Key(Zeroizing<Vec<u8>>),
}

/// `wst:UseKey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseKey {
    /// The key; `None`: the one that made the signature.
    pub key: Option<KeyInfo>,
    /// `@Sig`: whether it says that a signature of the message proves the key.
    pub signed: bool,
}

impl KeyRequest {
    /// Reads what a RequestSecurityToken says of keys. `header` is the message's, in which a UseKey may name a token.
    pub(super) fn read(body: &Element, version: TrustVersion, header: Option<&Element>) -> Result<Self, Refusal> {
        let uri = version.ns().uri;
        match key_type(body, uri)? {
            KeyType::Bearer => Ok(Self::Bearer),
            KeyType::Symmetric => symmetric(body, uri),
            KeyType::Public => use_key(body, uri, header).map(Self::Public),
        }
    }
}

impl fmt::Debug for ClientEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nonce(_) => "Nonce(…)",
            Self::Key(_) => "Key(…)",
        })
    }
}

enum KeyType {
    Bearer,
    Symmetric,
    Public,
}

/// Absent, it is Bearer, as every Office 365 client means it; but who brings a key wants the token bound to it.
fn key_type(body: &Element, uri: &str) -> Result<KeyType, Refusal> {
    let Some(asked) = parameter(body, uri, "KeyType")? else {
        let brings = |name| body.child(uri, name).is_some();
        return Ok(match (brings("UseKey"), brings("Entropy")) {
            (true, _) => KeyType::Public,
            (false, true) => KeyType::Symmetric,
            (false, false) => KeyType::Bearer,
        });
    };
    let local = KEY_TYPES.iter().find_map(|base| asked.strip_prefix(base));
    match local {
        Some("Bearer") => Ok(KeyType::Bearer),
        Some("SymmetricKey") => Ok(KeyType::Symmetric),
        Some("PublicKey") => Ok(KeyType::Public),
        // CardSpace's, for 2005/02 has no bearer of its own.
        _ if asked == "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey" => Ok(KeyType::Bearer),
        _ => {
            let told = "A KeyType is Bearer, SymmetricKey or PublicKey, in the namespace of WS-Trust.";
            Err(unsupported(format!("KeyType {}", quoted(asked))).telling(told))
        }
    }
}

/// Both versions' in a message of either, and one that is often mistyped.
const KEY_TYPES: [&str; 3] = [
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512/",
    "http://schemas.xmlsoap.org/ws/2005/02/trust/",
    "http://docs.oasis-open.org/ws-sx/wstrust/200512/",
];

fn symmetric(body: &Element, uri: &str) -> Result<KeyRequest, Refusal> {
    let asked = parameter(body, uri, "KeySize")?;
    let asked = asked.map(|text| text.parse().map_err(|_| malformed("a KeySize that is no number"))).transpose()?;
    let entropy = entropy(body, uri)?;
    let bits = match (&entropy, asked) {
        (Some(ClientEntropy::Key(key)), asked) => {
            let own = u32::try_from(key.len()).unwrap_or(u32::MAX).saturating_mul(8);
            if asked.is_some_and(|asked| asked != own) {
                let told = "The secret in wst:Entropy has to have as many bits as wst:KeySize says.";
                return Err(malformed(format!("a secret of {own} bits for another KeySize")).telling(told));
            }
            own
        }
        (_, asked) => asked.unwrap_or(USUAL_BITS),
    };
    if !BITS.contains(&bits) || bits % 8 != 0 {
        let told = "A symmetric key has 128 to 512 bits, in whole octets.";
        return Err(unsupported(format!("a KeySize of {bits}")).telling(told));
    }
    let combined = matches!(entropy, Some(ClientEntropy::Nonce(_)));
    let algorithm = single_text(body, uri, "ComputedKeyAlgorithm")?.filter(|_| combined);
    let other = |algorithm: &&str| TrustVersion::ALL.iter().all(|version| version.p_sha1() != *algorithm);
    if let Some(algorithm) = algorithm.filter(other) {
        let told = "Keys are computed by P_SHA1 only.";
        return Err(unsupported(format!("ComputedKeyAlgorithm {}", quoted(algorithm))).telling(told));
    }
    Ok(KeyRequest::Symmetric { bits, entropy })
}

fn entropy(body: &Element, uri: &str) -> Result<Option<ClientEntropy>, Refusal> {
    let Some(entropy) = only(body, uri, "Entropy")? else { return Ok(None) };
    if entropy.elements().any(|element| element.is(XENC.uri, "EncryptedKey")) {
        let told = "Entropy is taken as a wst:BinarySecret, which TLS protects, and not as an xenc:EncryptedKey.";
        return Err(unsupported("Entropy in an EncryptedKey".to_owned()).telling(told));
    }
    let secret = only(entropy, uri, "BinarySecret")?.ok_or_else(|| malformed("an Entropy without a BinarySecret"))?;
    let octets = base64(secret).ok_or_else(|| malformed("a BinarySecret that is not base64"))?;
    let kind = secret.attribute("Type").map(str::trim);
    let local = kind.map(|kind| KEY_TYPES.iter().find_map(|base| kind.strip_prefix(base)));
    match local {
        Some(Some("Nonce")) if NONCE.contains(&octets.len()) => Ok(Some(ClientEntropy::Nonce(octets))),
        Some(Some("Nonce")) => {
            let told = "A nonce in wst:Entropy has 16 to 512 octets.";
            Err(malformed(format!("a nonce of {} octets", octets.len())).telling(told))
        }
        None | Some(Some("SymmetricKey")) => Ok(Some(ClientEntropy::Key(octets))),
        Some(_) => Err(unsupported(format!("a BinarySecret of type {}", quoted(kind.unwrap_or_default())))),
    }
}

/// Base64 with white space in it, of which no copy is left.
fn base64(element: &Element) -> Option<Zeroizing<Vec<u8>>> {
    let digits = element.text()?.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Zeroizing<Vec<u8>> = Zeroizing::new(digits.collect());
    STANDARD.decode(&*digits).ok().map(Zeroizing::new)
}

fn use_key(body: &Element, uri: &str, header: Option<&Element>) -> Result<Option<UseKey>, Refusal> {
    let Some(element) = only(body, uri, "UseKey")? else { return Ok(None) };
    let signed = element.attribute("Sig").is_some();
    let mut described = element.elements();
    let key = match (described.next(), described.next()) {
        (None, _) => None,
        (Some(token), None) => Some(described_key(token, header)?),
        (Some(_), Some(_)) => return Err(bad_key("more than one element in it")),
    };
    Ok(Some(UseKey { key, signed }))
}

/// A key as CXF (`ds:KeyInfo`), WIF (that, or the token itself) and the specification (a reference to a token of the
/// message) tell it.
fn described_key(described: &Element, header: Option<&Element>) -> Result<KeyInfo, Refusal> {
    let referenced = |reference| binary_token(token_named(reference, header)?);
    if described.is(DS.uri, "KeyInfo") {
        return match described.child(WSSE.uri, "SecurityTokenReference") {
            Some(reference) => referenced(reference),
            None => KeyInfo::read(described).map_err(|error| bad_key(error.to_string())),
        };
    }
    if described.is(WSSE.uri, "SecurityTokenReference") {
        return referenced(described);
    }
    if described.is(WSSE.uri, "BinarySecurityToken") {
        return binary_token(described);
    }
    Err(bad_key(format!("{} in it", quoted(&described.name.local))))
}

/// The token in the message that a reference names by its `wsu:Id`; the parser saw to it that no other has it.
fn token_named<'d>(reference: &Element, header: Option<&'d Element>) -> Result<&'d Element, Refusal> {
    let unavailable =
        |what: &str| Refusal::new(RefusalKind::SecurityTokenUnavailable, format!("a UseKey that refers to {what}"));
    let uri = reference.child(WSSE.uri, "Reference").and_then(|reference| reference.attribute("URI"));
    let id = uri.and_then(|uri| uri.strip_prefix('#')).ok_or_else(|| {
        let told = "A wst:UseKey refers to a token of the message by wsse:Reference and its wsu:Id.";
        unavailable("a token otherwise than by a Reference to an Id").telling(told)
    })?;
    let mut security =
        header.into_iter().flat_map(|header| header.children_named(WSSE.uri, "Security")).flat_map(Element::elements);
    security
        .find(|token| token.attribute_ns(WSU.uri, "Id") == Some(id))
        .ok_or_else(|| unavailable("a token that is not in the Security header"))
}

fn binary_token(token: &Element) -> Result<KeyInfo, Refusal> {
    const X509_V3: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
    let is_certificate = token.is(WSSE.uri, "BinarySecurityToken") && token.attribute("ValueType") == Some(X509_V3);
    let der =
        Some(token).filter(|_| is_certificate).and_then(base64).ok_or_else(|| bad_key("a token that is no X509v3"))?;
    KeyInfo::of_der(&der).map_err(|error| bad_key(error.to_string()))
}

fn bad_key(what: impl fmt::Display) -> Refusal {
    let told = "wst:UseKey has to hold a ds:KeyInfo with one X509Certificate or an RSAKeyValue of 2048 bits or more, a \
                wsse:BinarySecurityToken of type X509v3, or a reference to one in the Security header.";
    malformed(format!("a UseKey with {what}")).telling(told)
}
