//! Each kind of key, in our hands and in a device's.

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};

use super::*;
use crate::dsig::testing::certificate;
use crate::dsig::{Accepted, Unsigned, sign, verify};
use crate::xml::{Limits, parse};

fn curve(name: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(name).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// A device as a module of PKCS#11 would be: it knows nothing of digests.
struct Raw(PKey<Private>);

impl SigningDevice for Raw {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, DeviceError> {
        let mut signature = Vec::new();
        match self.0.rsa() {
            Ok(rsa) => {
                signature.resize(rsa.size() as usize, 0);
                rsa.private_encrypt(input, &mut signature, Padding::PKCS1).unwrap();
            }
            Err(_) => {
                let mut context = PkeyCtx::new(&self.0).unwrap();
                context.sign_init().unwrap();
                context.sign_to_vec(input, &mut signature).unwrap();
                let each = self.0.ec_key().unwrap().group().order_bits().div_ceil(8) as i32;
                let der = EcdsaSig::from_der(&signature).unwrap();
                signature = [der.r().to_vec_padded(each).unwrap(), der.s().to_vec_padded(each).unwrap()].concat();
            }
        }
        Ok(signature)
    }

    fn outage(&self) -> Option<DeviceError> {
        None
    }
}

/// Gives the same, whatever it is asked.
struct Constant(Result<Vec<u8>, DeviceError>);

impl SigningDevice for Constant {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.0.clone()
    }

    fn outage(&self) -> Option<DeviceError> {
        self.0.clone().err()
    }
}

fn unsigned() -> Unsigned<()> {
    let xml = "<a ID=\"_1\">alice</a>".to_owned();
    Unsigned { value: (), signature_at: xml.find("alice").unwrap(), xml, id: "_1".into() }
}

fn holds(signed: &str, key: &PKey<Public>) -> bool {
    let document = parse(signed.as_bytes(), &Limits::message(65536)).unwrap();
    verify(&document, &document.root, "ID", std::slice::from_ref(key), Accepted::Modern).is_ok()
}

#[test]
fn each_kind_of_key_signs_wherever_it_is_held() {
    for (key, uri) in [
        (rsa(2048), "#rsa-sha256"),
        (rsa(3072), "#rsa-sha256"),
        (rsa(4096), "#rsa-sha256"),
        (curve(Nid::X9_62_PRIME256V1), "#ecdsa-sha256"),
        (curve(Nid::SECP384R1), "#ecdsa-sha384"),
        (curve(Nid::SECP521R1), "#ecdsa-sha512"),
    ] {
        let certificate = certificate(&key);
        let device = Arc::new(Raw(key.clone()));
        for key in [
            SigningKey::new(key, certificate.clone()).unwrap(),
            SigningKey::in_device(device, certificate.clone()).unwrap(),
        ] {
            assert!(key.is_proved().unwrap());
            // ECDSA's numbers begin with a zero octet now and then, which XML Signature keeps.
            for _ in 0..if key.kind().is_elliptic() { 300 } else { 1 } {
                let signed = sign(unsigned(), &key, SignatureAlgorithm::RsaSha256).unwrap();
                assert!(signed.xml().contains(uri), "{uri}");
                assert!(holds(signed.xml(), key.public()), "{uri}: {}", signed.xml());
            }
        }
    }
}

#[test]
fn sha1_is_for_rsa_alone() {
    let key = curve(Nid::X9_62_PRIME256V1);
    let key = SigningKey::new(key.clone(), certificate(&key)).unwrap();
    let refused = sign(unsigned(), &key, SignatureAlgorithm::RsaSha1).err();
    assert!(matches!(refused, Some(SignError::Algorithm)), "{refused:?}");
}

#[test]
fn unfit_keys_and_other_peoples_certificates_are_refused() {
    let (good, other, odd) = (rsa(2048), rsa(2048), curve(Nid::SECP256K1));
    let mismatch = SigningKey::new(good, certificate(&other)).err();
    assert!(matches!(mismatch, Some(SigningKeyError::Mismatch)), "{mismatch:?}");
    let unfit = SigningKey::new(odd.clone(), certificate(&odd)).err();
    assert!(matches!(unfit, Some(SigningKeyError::Unfit)), "{unfit:?}");
    let ed25519 = PKey::generate_ed25519().unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(&ed25519).unwrap();
    builder.sign(&ed25519, MessageDigest::null()).unwrap();
    let unfit = SigningKey::new(ed25519, builder.build()).err();
    assert!(matches!(unfit, Some(SigningKeyError::Unfit)), "{unfit:?}");
}

#[test]
fn what_a_device_gives_is_not_believed_by_its_length_nor_its_word() {
    let key = rsa(2048);
    let held = |gives| SigningKey::in_device(Arc::new(Constant(gives)), certificate(&key)).unwrap();
    let gone = held(Err(DeviceError("the token is gone".into())));
    assert_eq!(gone.is_proved().unwrap_err().to_string(), "signing: the token is gone");
    assert_eq!(gone.outage().unwrap().to_string(), "the token is gone");
    let short = held(Ok(vec![1; 255]));
    assert!(short.is_proved().unwrap_err().to_string().contains("255 octets"));
    assert!(!held(Ok(vec![1; 256])).is_proved().unwrap());
    let another = SigningKey::in_device(Arc::new(Raw(rsa(2048))), certificate(&key)).unwrap();
    assert!(!another.is_proved().unwrap());
}
