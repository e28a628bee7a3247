//! What OpenSSL has against a certificate or a whole server, in an operator's words.

use super::shown;

/// How one dependency's certificates are verified.
pub(super) struct Verification<'a> {
    /// The key of the configuration that says whom to trust.
    pub ca_file: &'a str,
    /// What to do where the certificate is for another name.
    pub other_name: &'a str,
    /// What to do where the server speaks no TLS.
    pub no_tls: &'a str,
}

#[derive(Clone, Copy)]
enum Remedy {
    Trust,
    Chain,
    Name,
    Renew,
    Clock,
    Plain,
}

/// What OpenSSL says, the longer of two first that begin alike; what that means; what helps.
const PROBLEMS: [(&str, &str, Remedy); 10] = [
    (
        "unable to get local issuer certificate",
        "its certificate is from a CA that is not trusted here, or it leaves out its chain",
        Remedy::Chain,
    ),
    (
        "self-signed certificate in certificate chain",
        "its certificate is from a CA that is not trusted here",
        Remedy::Trust,
    ),
    ("self-signed certificate", "its certificate is self-signed, and not trusted here", Remedy::Trust),
    (
        "certificate signature failure",
        "its certificate is from another CA of the same name as one that is trusted here",
        Remedy::Trust,
    ),
    ("certificate has expired", "its certificate, or one in its chain, has expired", Remedy::Renew),
    ("certificate is not yet valid", "its certificate is not valid yet", Remedy::Clock),
    ("hostname mismatch", "its certificate is for another name", Remedy::Name),
    ("IP address mismatch", "its certificate is not for this address", Remedy::Name),
    ("hung up within the handshake", "it hung up within the TLS handshake: it does not speak TLS there", Remedy::Plain),
    ("does not speak TLS there", "it does not speak TLS there", Remedy::Plain),
];

/// The same as [`explain`] of a server's URL; where its certificate is for another name, with the names that it has.
pub(super) async fn explain_at(
    server: &str,
    failure: &str,
    verification: &Verification<'_>,
) -> Option<(String, String)> {
    let (meaning, help) = explain(failure, verification)?;
    let hosts = if help == verification.other_name { shown::hosts(server).await } else { None };
    let meaning = match hosts {
        Some(hosts) => format!("{meaning}: it is for {hosts}"),
        None => meaning.to_owned(),
    };
    Some((meaning, help))
}

/// What a failure says of the server's certificate or its want of TLS, and what to do; `None` if it is about something else.
pub(super) fn explain(failure: &str, verification: &Verification<'_>) -> Option<(&'static str, String)> {
    let (_, meaning, remedy) = PROBLEMS.iter().find(|(said, ..)| failure.contains(said))?;
    let ca_file = verification.ca_file;
    let help = match remedy {
        Remedy::Trust => format!("name the certificate of its CA in {ca_file}"),
        Remedy::Chain => format!("name the certificate of its CA in {ca_file}, or have the server send its chain"),
        Remedy::Name => verification.other_name.to_owned(),
        Remedy::Renew => "renew it on that server".to_owned(),
        Remedy::Plain => verification.no_tls.to_owned(),
        Remedy::Clock => "check the clocks of both machines".to_owned(),
    };
    Some((meaning, help))
}
