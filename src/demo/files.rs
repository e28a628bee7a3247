//! The files of a demonstration: what an operator would bring, made up.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::directory::file::hash;
use crate::model::Password;

/// The user who may.
pub(super) const ALICE: (&str, &str) = ("alice@example.com", "wonderland");
const BOB: (&str, &str) = ("bob@example.com", "builder");

/// Where things are.
pub(super) struct Made {
    /// `proxy.yaml`.
    pub(super) configuration: PathBuf,
    /// The authority that signed the server's certificate.
    pub(super) authority: X509,
    /// The certificate that tokens are signed with.
    pub(super) signing: X509,
    /// The authority's file.
    pub(super) authority_file: PathBuf,
}

/// Makes everything afresh in `dir`.
pub(super) fn make(dir: &Path, https: SocketAddr, admin: SocketAddr, behind: SocketAddr) -> Result<Made, String> {
    std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    // Somebody's own files are not ours to replace; an earlier demonstration's are, edited or not.
    if dir.join("proxy.yaml").exists() && !dir.join("ca.pem").exists() {
        return Err(format!("{} holds a proxy.yaml that no demonstration made: give another --dir", dir.display()));
    }
    let certificates = Certificates::make().map_err(|error| format!("making certificates: {error}"))?;
    let pem = |certificate: &X509| certificate.to_pem().map_err(|error| error.to_string());
    let key = |key: &PKey<Private>| key.private_key_to_pem_pkcs8().map_err(|error| error.to_string());
    let put = |name: &str, mode: u32, bytes: &[u8]| {
        let path = dir.join(name);
        write(&path, mode, bytes).map_err(|error| format!("{}: {error}", path.display())).map(|()| path)
    };
    let authority_file = put("ca.pem", 0o644, &pem(&certificates.authority.0)?)?;
    put("server.crt", 0o644, &[pem(&certificates.server.0)?, pem(&certificates.authority.0)?].concat())?;
    put("server.key", 0o600, &key(&certificates.server.1)?)?;
    put("signing.crt", 0o644, &pem(&certificates.signing.0)?)?;
    put("signing.key", 0o600, &key(&certificates.signing.1)?)?;
    put("users.yaml", 0o600, users()?.as_bytes())?;
    let configuration = put("proxy.yaml", 0o644, configuration(https, admin, behind).as_bytes())?;
    Ok(Made { configuration, authority: certificates.authority.0, signing: certificates.signing.0, authority_file })
}

/// What to do next.
pub(super) fn invitation(made: &Made, https: SocketAddr, admin: SocketAddr) -> String {
    let (ca, port) = (made.authority_file.display(), https.port());
    let program = std::env::args().next().unwrap_or_else(|| "fedfront".to_owned());
    format!(
        "\nStill serving; Ctrl-C ends it. The status page is http://{admin}/. Try it yourself:\n  \
         {program} probe --url https://localhost:{port} --ca-file {ca} --user {}\n  \
         curl --cacert {ca} https://localhost:{port}/mex\n  \
         curl --cacert {ca} https://localhost:{port}/hello\n  \
         curl http://{admin}/metrics\n\
         Users: {} with password {}; {} with password {}, who is not in the group that Office 365 requires.\n\
         The configuration is {}",
        ALICE.0,
        ALICE.0,
        ALICE.1,
        BOB.0,
        BOB.1,
        made.configuration.display()
    )
}

fn write(path: &Path, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
    // A file of an earlier demonstration may have another mode.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

fn users() -> Result<String, String> {
    let hashed = |password: &str| {
        let mut salt = [0; 16];
        openssl::rand::rand_bytes(&mut salt).map_err(|error| error.to_string())?;
        hash(&Password::new(password), salt).map_err(|error| error.to_string())
    };
    let (alice, bob) = (hashed(ALICE.1)?, hashed(BOB.1)?);
    Ok(format!(
        "# The users of the demonstration. Passwords are argon2id hashes.\n\
         users:\n\
         - name: alice\n  upn: {}\n  password_hash: \"{alice}\"\n  immutable_id: AAECAwQFBgcICQoLDA0ODw==\n  \
         groups: [O365-Users]\n  attributes: {{ mail: alice@example.com, displayName: Alice }}\n\
         - name: bob\n  upn: {}\n  password_hash: \"{bob}\"\n  immutable_id: EBESExQVFhcYGRobHB0eHw==\n  \
         groups: [Builders]\n  attributes: {{ mail: bob@example.com, displayName: Bob }}\n",
        ALICE.0, BOB.0
    ))
}

fn configuration(https: SocketAddr, admin: SocketAddr, behind: SocketAddr) -> String {
    let port = https.port();
    format!(
        "# The demonstration's configuration. `fedfront config default` documents every key.\n\
         public_url: https://localhost:{port}\n\
         listen:\n  - address: \"{https}\"\n    \
         tls: {{ certificate_file: server.crt, private_key_file: server.key }}\n\
         admin: {{ address: \"{admin}\" }}\n\
         # The stand-in identity provider lives only as long as the demonstration: put your own here.\n\
         upstream:\n  servers: [\"http://{behind}\"]\n\
         issuer:\n  entity_id: https://localhost:{port}/oam/fed\n  \
         signing: {{ certificate_file: signing.crt, private_key_file: signing.key }}\n  \
         domains: {{ example.com: \"http://example.com/adfs/services/trust/\" }}\n\
         metadata: {{ mode: own }}\n\
         directory:\n  file: {{ path: users.yaml }}\n\
         relying_parties:\n  - name: office365\n    preset: office365\n    required_group: O365-Users\n    \
         issuer: by_domain\n\
         telemetry: {{ format: text, audit_file: audit.json }}\n"
    )
}

struct Certificates {
    authority: (X509, PKey<Private>),
    server: (X509, PKey<Private>),
    signing: (X509, PKey<Private>),
}

impl Certificates {
    fn make() -> Result<Self, ErrorStack> {
        let (mut builder, key) = begin("fedfront demonstration CA")?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.set_issuer_name(&name("fedfront demonstration CA")?.build())?;
        builder.sign(&key, MessageDigest::sha256())?;
        let authority = (builder.build(), key);

        let (mut builder, key) = begin("localhost")?;
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .ip("127.0.0.1")
            .ip("::1")
            .build(&builder.x509v3_context(Some(&authority.0), None))?;
        builder.append_extension(names)?;
        // Python 3.13 and later verify strictly, and want both identifiers.
        let context = builder.x509v3_context(Some(&authority.0), None);
        let (own, authority_key) =
            (SubjectKeyIdentifier::new().build(&context)?, AuthorityKeyIdentifier::new().keyid(true).build(&context)?);
        builder.append_extension(own)?;
        builder.append_extension(authority_key)?;
        builder.append_extension(BasicConstraints::new().build()?)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        builder.set_issuer_name(authority.0.subject_name())?;
        builder.sign(&authority.1, MessageDigest::sha256())?;
        let server = (builder.build(), key);

        let (mut builder, key) = begin("fedfront demonstration token signing")?;
        builder.set_issuer_name(&name("fedfront demonstration token signing")?.build())?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { authority, server, signing: (builder.build(), key) })
    }
}

/// A certificate of a new key, valid for a year, without issuer and signature.
fn begin(common_name: &str) -> Result<(X509Builder, PKey<Private>), ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&name(common_name)?.build())?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(365)?)?;
    Ok((builder, key))
}

fn name(common_name: &str) -> Result<X509NameBuilder, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", common_name)?;
    Ok(name)
}
