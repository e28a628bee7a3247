//! The LDAP adapter against OpenLDAP, and against servers that misbehave.

mod answers;
mod faults;
mod outages;
mod slapd;
mod subject;
