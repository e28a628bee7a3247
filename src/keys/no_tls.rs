//! What a TLS library says where the other side speaks no TLS.

/// What OpenSSL says of an answer that is no TLS record, each by another look at its first bytes.
const NOT_A_RECORD: [&str; 3] = ["wrong version number", "packet length too long", "http request"];
/// What it says where the other side hangs up within the handshake: so does an LDAP server that takes no TLS here.
const HUNG_UP: &str = "unexpected EOF";

/// What a failed TLS handshake means; the library's own words where they say it.
pub fn tls_failure(error: &native_tls::Error) -> String {
    let said = error.to_string();
    if NOT_A_RECORD.iter().any(|answer| said.contains(answer)) {
        "TLS: the server does not speak TLS there".to_owned()
    } else if said.contains(HUNG_UP) {
        "TLS: the server hung up within the handshake, as one that does not speak TLS there".to_owned()
    } else {
        format!("TLS: {said}")
    }
}
