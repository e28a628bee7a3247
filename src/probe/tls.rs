//! The first step: TLS, as far as what a server shows can be held against what clients and Microsoft's servers trust.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{X509, X509StoreContext, X509VerifyResult};

use super::finding::Findings;
use super::server::Server;
use super::step::{Failure, FailureKind, Said, Step, StepName, Verdict};
use crate::keys::{self, Description};
use crate::model::Timestamp;

const PATIENCE: Duration = Duration::from_secs(10);
const PUBLIC: &str = "Exchange Online connects to the ECP endpoint itself, and phones and PCs know public CAs alone";

/// What a server shows in the handshake.
struct Shown {
    version: &'static str,
    leaf: X509,
    chain: Vec<X509>,
}

/// Where a server is, for a thread of its own.
struct Place {
    host: String,
    port: u16,
    at: Option<SocketAddr>,
}

/// Connects, and holds what is shown against the system's certificates and the given ones.
pub(super) async fn tls(server: &Server, now: Timestamp, findings: &mut Findings) -> Step {
    let place = Place { host: server.host.clone(), port: server.port, at: server.at };
    let shown = tokio::task::spawn_blocking(move || handshake(&place)).await;
    let shown =
        shown.unwrap_or_else(|_| Err(Failure::new(FailureKind::NoAnswer, "the handshake was not ended", "try again")));
    match shown {
        Ok(shown) => judge(server, &shown, now, findings),
        Err(failure) => Step::failed(StepName::Tls, None, failure),
    }
}

fn handshake(place: &Place) -> Result<Shown, Failure> {
    let unreachable = |error: &dyn std::fmt::Display| {
        let help = "check the address, that the server runs, and the firewalls between";
        Failure::new(FailureKind::Unreachable, format!("{}:{}: {error}", place.host, place.port), help)
    };
    let stream = connect(place).map_err(|error| unreachable(&error))?;
    let refused = |what: String| {
        Failure::new(FailureKind::Tls, what, "see that the port speaks TLS 1.2 or 1.3, and look into the server's log")
    };
    let library = |error: ErrorStack| refused(format!("OpenSSL: {error}"));
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(library)?;
    // All is looked at and told, trusted or not; nothing is sent over this connection.
    builder.set_verify(SslVerifyMode::NONE);
    let mut configuration = builder.build().configure().map_err(library)?;
    configuration.set_verify_hostname(false);
    let stream = configuration.connect(&place.host, stream).map_err(|error| match error {
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => {
            refused(format!("no TLS handshake: {}", stream.error()))
        }
        HandshakeError::SetupFailure(error) => library(error),
    })?;
    let ssl = stream.ssl();
    let leaf = ssl.peer_certificate().ok_or_else(|| refused("the server shows no certificate".to_owned()))?;
    let chain = ssl.peer_cert_chain().into_iter().flatten().map(|certificate| certificate.to_owned()).collect();
    Ok(Shown { version: ssl.version_str(), leaf, chain })
}

fn connect(place: &Place) -> std::io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match place.at {
        Some(at) => vec![at],
        None => (place.host.as_str(), place.port).to_socket_addrs()?.collect(),
    };
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn judge(server: &Server, shown: &Shown, now: Timestamp, findings: &mut Findings) -> Step {
    let system = keys::system_authorities();
    let publicly = verify(shown, &system, Some(&server.host));
    let both: Vec<X509> = system.iter().chain(&server.authorities).cloned().collect();
    let trusted = verify(shown, &both, Some(&server.host));
    let described = Description::of(&shown.leaf);
    let ends = described.ends.map_or_else(
        || "unreadable".to_owned(),
        |at| {
            if at <= now {
                format!("ended at {at}")
            } else {
                format!("{at}, in {} days", at.since(now).as_secs() / 86_400)
            }
        },
    );
    let chain: Vec<String> = shown.chain.iter().skip(1).map(|part| Description::of(part).subject).collect();
    // Where a chain leads has nothing to do with whom the certificate is for.
    let trust = match (verify(shown, &system, None), verify(shown, &both, None)) {
        (Ok(root), _) => format!("leads to {root}, which this system trusts"),
        (Err(_), Ok(root)) => format!("leads to {root}, of --ca-file"),
        (Err(_), Err(why)) => format!("leads nowhere: {why}"),
    };
    let mut facts = vec![
        ("address".to_owned(), format!("{}:{}", server.host, server.port)),
        ("version".to_owned(), shown.version.to_owned()),
        ("certificate".to_owned(), described.subject),
        ("ends".to_owned(), ends),
        ("chain".to_owned(), if chain.is_empty() { "none sent".to_owned() } else { chain.join(", ") }),
        ("trust".to_owned(), trust),
    ];
    facts.extend(server.at.map(|at| ("connected to".to_owned(), at.to_string())));
    if let Err(why) = &trusted {
        let help = trust_help(why, shown, &server.authorities);
        let failure = Failure::new(FailureKind::Tls, format!("the certificate is not trusted: {why}"), help);
        let step = Step::failed(StepName::Tls, None, failure);
        return Step { facts, ..step };
    }
    if let Err(why) = publicly {
        findings.warning(
            "tls_not_public",
            format!("the certificate does not lead to a CA that this system trusts ({why}): {PUBLIC}, and would refuse it"),
            "serve a certificate of a public CA with its whole chain; that --ca-file is needed says that this one is not",
        );
    }
    if let Some(doubt) = keys::ending(&shown.leaf, now) {
        findings.warning("tls_ends_soon", format!("the certificate {doubt}"), "renew it");
    }
    Step { name: StepName::Tls, exchange: None, facts, verdict: Verdict::Fine, said: Said::Nothing }
}

fn trust_help(why: &str, shown: &Shown, authorities: &[X509]) -> String {
    const NOT_SENT: &str = "No password is sent";
    if why.contains("ostname") || why.contains("IP address") {
        let hosts = keys::hosts(&shown.leaf).join(", ");
        return format!(
            "connect by a name that the certificate has ({hosts}), with --connect-to where that name leads elsewhere"
        );
    }
    if why.contains("expired") || why.contains("not yet valid") {
        return "renew the certificate, or set the clock of this machine".to_owned();
    }
    if authorities.is_empty() {
        return format!("have the server send its whole chain, or name its CA's certificate in --ca-file. {NOT_SENT}");
    }
    let last = Description::of(shown.chain.last().unwrap_or(&shown.leaf)).issuer;
    let given: Vec<String> = authorities.iter().map(|one| Description::of(one).subject).collect();
    let of_name = if given.contains(&last) { ", another of that name" } else { "" };
    format!(
        "the chain that the server sends ends at {last}, and --ca-file has {}{of_name}: name the certificate of {last} there, or \
         have the server send its whole chain. {NOT_SENT}",
        given.join(", ")
    )
}

/// The root that a chain leads to, or why it leads to none of `authorities`, in OpenSSL's words.
fn verify(shown: &Shown, authorities: &[X509], host: Option<&str>) -> Result<String, String> {
    let verified = || -> Result<Result<String, X509VerifyResult>, ErrorStack> {
        let mut chain = Stack::new()?;
        shown.chain.iter().skip(1).try_for_each(|part| chain.push(part.clone()))?;
        let store = store(authorities, host)?;
        X509StoreContext::new()?.init(&store, &shown.leaf, &chain, |context| {
            if context.verify_cert()? {
                let root = context.chain().and_then(|chain| Some(Description::of(chain.iter().next_back()?).subject));
                Ok(Ok(root.unwrap_or_default()))
            } else {
                Ok(Err(context.error()))
            }
        })
    };
    verified().map_err(|error| error.to_string())?.map_err(|result| result.error_string().to_owned())
}

fn store(authorities: &[X509], host: Option<&str>) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    authorities.iter().try_for_each(|authority| store.add_cert(authority.clone()))?;
    let mut wanted = openssl::x509::verify::X509VerifyParam::new()?;
    wanted.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    match host.map(|host| (host, host.parse())) {
        Some((_, Ok(address))) => wanted.set_ip(address)?,
        Some((host, Err(_))) => wanted.set_host(host)?,
        None => {}
    }
    store.set_param(&wanted)?;
    Ok(store.build())
}
