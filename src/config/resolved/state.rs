//! What replicas share, resolved.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Password;

/// The Redis or Valkey server that replicas share.
#[derive(Clone)]
pub struct StateConfig {
    /// Whether by TLS.
    pub tls: bool,
    /// Its name or address; of IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom to sign in as; `None`: the server's default user.
    pub username: Option<String>,
    /// Their password; `None`: nobody signs in.
    pub password: Option<Password>,
    /// Certificates to trust; `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one operation may take.
    pub timeout: Duration,
    /// What every key there begins with.
    pub prefix: String,
    /// Under which issued tokens are kept there; `None`: what is made of the signing key.
    pub key: Option<Password>,
}

impl StateConfig {
    /// Where it is, as an operator would write it.
    pub fn url(&self) -> String {
        let Self { tls, host, port, .. } = self;
        let scheme = if *tls { "rediss" } else { "redis" };
        if host.contains(':') { format!("{scheme}://[{host}]:{port}") } else { format!("{scheme}://{host}:{port}") }
    }

    /// Whether the other is the same server, reached and used in the same way.
    pub fn means(&self, other: &Self) -> bool {
        let Self { username, password, ca_file, timeout, .. } = self;
        self.is_the_place_of(other)
            && (username, ca_file, timeout) == (&other.username, &other.ca_file, &other.timeout)
            && same(password.as_ref(), other.password.as_ref())
    }

    /// Whether what the other shares is there, under the same names.
    pub fn is_the_place_of(&self, other: &Self) -> bool {
        self.url() == other.url() && self.prefix == other.prefix && same(self.key.as_ref(), other.key.as_ref())
    }
}

fn same(one: Option<&Password>, two: Option<&Password>) -> bool {
    one.map(Password::expose) == two.map(Password::expose)
}
