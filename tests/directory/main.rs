//! The LDAP adapter against OpenLDAP, and against servers that misbehave.
#![expect(clippy::disallowed_methods, reason = "a test asks its environment, and waits for a peer by looking again")]

mod answers;
mod faults;
mod forms;
mod groups;
mod outages;
mod refusals;
mod slapd;
mod subject;
