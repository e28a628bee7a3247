//! Signed metadata, folders and servers for tests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509;

use crate::config::{MetadataPlace, MetadataSourceConfig};
use crate::dsig::{SigningKey, Unsigned, sign};
use crate::model::{Clock, SignatureAlgorithm, Timestamp};

/// A folder of its own, gone when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random).unwrap();
        let path = std::env::temp_dir().join(format!("fedfront-source-{:016x}", u64::from_ne_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A clock that stands still until it is set.
pub(crate) struct Hand(Mutex<Timestamp>);

impl Hand {
    pub fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(now)))
    }

    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(by);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
}

/// The federation's key, and somebody else's.
pub(crate) static SIGNER: LazyLock<SigningKey> = LazyLock::new(signing_key);
pub(crate) static STRANGER: LazyLock<SigningKey> = LazyLock::new(signing_key);

fn signing_key() -> SigningKey {
    let key: PKey<Private> = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(&key).unwrap();
    let day = openssl::asn1::Asn1Time::days_from_now;
    builder.set_not_before(&day(0).unwrap()).unwrap();
    builder.set_not_after(&day(1).unwrap()).unwrap();
    builder.sign(&key, openssl::hash::MessageDigest::sha256()).unwrap();
    SigningKey::new(key, builder.build()).unwrap()
}

const SP_ROLE: &str = "<md:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
    <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:PAOS\" \
    Location=\"https://sp.example/acs\" index=\"1\"></md:AssertionConsumerService></md:SPSSODescriptor>";

const MD: &str = "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"";

/// An entity in canonical form, with its attributes besides `entityID`, each with a space before it.
pub(crate) fn entity(entity_id: &str, more: &str) -> String {
    [
        "<md:EntityDescriptor ",
        MD,
        " ID=\"_1\" entityID=\"",
        entity_id,
        "\"",
        more,
        ">",
        SP_ROLE,
        "</md:EntityDescriptor>",
    ]
    .concat()
}

/// Several, valid for so long.
pub(crate) fn aggregate(entity_ids: &[&str], until: Timestamp) -> String {
    let entities: String = entity_ids
        .iter()
        .map(|id| ["<md:EntityDescriptor entityID=\"", id, "\">", SP_ROLE, "</md:EntityDescriptor>"].concat())
        .collect();
    let until = until.to_string();
    ["<md:EntitiesDescriptor ", MD, " ID=\"_1\" validUntil=\"", &until, "\">", &entities, "</md:EntitiesDescriptor>"]
        .concat()
}

/// The same document, made then.
pub(crate) fn made(document: &str, created: Timestamp) -> String {
    let info = [
        "<md:Extensions><mdrpi:PublicationInfo xmlns:mdrpi=\"urn:oasis:names:tc:SAML:metadata:rpi\" creationInstant=\"",
        &created.to_string(),
        "\"></mdrpi:PublicationInfo></md:Extensions>",
    ];
    let begun = document.find('>').unwrap() + 1;
    [&document[..begun], &info.concat(), &document[begun..]].concat()
}

/// Signs what [`entity`] and [`aggregate`] make.
pub(crate) fn signed(xml: String, key: &SigningKey) -> String {
    let signature_at = xml.find('>').unwrap() + 1;
    let unsigned = Unsigned { value: (), xml, id: "_1".to_owned(), signature_at };
    sign(unsigned, key, SignatureAlgorithm::RsaSha256).unwrap().xml().to_owned()
}

/// A source by the federation's key, in a folder with its certificate.
pub(crate) fn config(folder: &Folder, place: MetadataPlace) -> MetadataSourceConfig {
    let certificate = folder.write("signer.crt", SIGNER.certificate().to_pem().unwrap());
    MetadataSourceConfig {
        name: "incommon".to_owned(),
        place,
        certificate_file: Some(certificate),
        allow_sha1: false,
        longest_validity: Some(Duration::from_secs(14 * 86_400)),
        shortest_refresh: Duration::from_secs(300),
        longest_refresh: Duration::from_secs(4 * 3600),
        ca_file: None,
    }
}

/// What a server says to a request, by its target and headers.
type Say = Box<dyn FnMut(&str) -> Option<Vec<u8>> + Send>;

/// A server that gives each connection the answer that it is told to; `None` is silence until the client goes.
pub(crate) struct Server {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    say: Arc<Mutex<Say>>,
}

impl Server {
    pub fn new(say: impl FnMut(&str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let say: Arc<Mutex<Say>> = Arc::new(Mutex::new(Box::new(say)));
        let (seen, answers) = (heads.clone(), say.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, answers) = (seen.clone(), answers.clone());
                std::thread::spawn(move || exchange(stream, &seen, &answers));
            }
        });
        Self { address, heads, say }
    }

    /// From here on it says something else.
    pub fn says(&self, say: impl FnMut(&str) -> Option<Vec<u8>> + Send + 'static) {
        *self.say.lock().unwrap() = Box::new(say);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The head of each request.
    pub fn asked(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn exchange(mut stream: TcpStream, seen: &Mutex<Vec<String>>, say: &Mutex<Say>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    seen.lock().unwrap().push(head.clone());
    let answer = (say.lock().unwrap())(&head);
    match answer {
        Some(answer) => drop(stream.write_all(&answer)),
        None => drop(stream.read(&mut byte)),
    }
}

/// A whole answer. `headers` ends each of its lines.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    Some([head.as_bytes(), body.as_bytes()].concat())
}
