//! What an Entra tenant is told of a domain whose users sign in here, and how what it has differs from that. Pure.

mod certificate;
mod difference;
mod difference_certificates;
#[cfg(test)]
mod difference_tests;
mod domain;
#[cfg(test)]
mod expected_tests;
mod explained;
mod federation;
mod powershell;
mod tenant;

pub use certificate::{Certificate, CertificateError};
pub use difference::{Consequence, Difference, differences};
pub use domain::{Addresses, Domain, certificate_lines, unknown};
pub use explained::explained;
pub use federation::{Federation, MfaBehavior, PromptLoginBehavior, SignInProtocol};
pub use powershell::{CONNECT, MODULE, script};
pub use tenant::{Tenant, TenantError, tenants};
