//! What is bound to check a password, and what comes of it.

use std::borrow::Cow;
use std::sync::Arc;

use ldap3::Scope;

use super::failure::Failure;
use super::policy::PasswordPolicy;
use super::users::USERS_WANTED;
use super::work::{Found, Search, Size, Work};
use super::{DN, LdapDirectory, NAME, read, result};
use crate::config::UserDn;
use crate::directory::{BindError, BindOutcome, BindRefusal};
use crate::model::{AttributeValue, Entry, Password};

impl LdapDirectory {
    /// What the entry is bound as; the attribute that is missing where it has none.
    pub(super) fn bind_name<'a>(&'a self, entry: &'a Entry) -> Result<Cow<'a, str>, String> {
        let template = &self.config.bind_as;
        if template.text() == "{dn}" {
            return Ok(Cow::Borrowed(&entry.bind_name));
        }
        // In a DN a value must not become more than a value.
        let is_dn = template.text().contains('=');
        let mut missing = String::new();
        let filled = template.fill(|place| match entry.attributes.all(place) {
            _ if place == DN => Some(Cow::Borrowed(&*entry.bind_name)),
            [AttributeValue::Text(only)] if !only.is_empty() => {
                Some(if is_dn { ldap3::dn_escape(only.as_str()) } else { Cow::Borrowed(only.as_str()) })
            }
            _ => {
                missing.clone_from(place);
                None
            }
        });
        filled.map(Cow::Owned).ok_or(missing)
    }

    /// Binds, and reads whom nobody has seen before.
    pub(super) async fn ask(&self, entry: &Entry, name: &str, password: &Password) -> Result<BindOutcome, BindError> {
        let typed = entry.attributes.first(NAME).and_then(AttributeValue::as_text).unwrap_or_default();
        let filter = self.filter(typed, name);
        let then = self.config.binds_unseen().then(|| match &self.config.user_dn {
            Some(UserDn::Login(_)) => {
                let size = Size::Few(USERS_WANTED);
                Search { base: &self.config.base_dn, scope: Scope::Subtree, size, ..self.at_dn(name, &filter) }
            }
            _ => self.at_dn(name, &filter),
        });
        let reads = then.is_some();
        let work = Work::Bind { name, password, then };
        let answer = self.binds.run(&work, self.deadline()).await.map_err(|failure| match failure.is_unanswered() {
            true => BindError::Unanswered(self.unavailable(failure)),
            false => BindError::NotTried(self.unavailable(failure)),
        })?;
        let warned = PasswordPolicy::of(&answer.result);
        if warned.time_before_expiration.is_some() || warned.grace_logins.is_some() {
            let PasswordPolicy { time_before_expiration: seconds, grace_logins, .. } = warned;
            tracing::debug!(directory = %self.name, seconds, grace_logins, "a password is about to expire");
        }
        let not_tried = |failure: Failure| BindError::NotTried(self.unavailable(failure));
        match (result::bind_outcome(&answer.result), answer.found) {
            (Some(BindOutcome::Bound), found) if reads => {
                let found = found.unwrap_or_else(|| Err(Failure::malformed())).map_err(not_tried)?;
                self.bound_as(entry, found).map_err(not_tried)
            }
            (Some(outcome), _) => Ok(outcome),
            // What was typed may be no value of the DN's attribute at all.
            (None, _) if reads && answer.result.rc == result::INVALID_DN_SYNTAX => {
                Ok(BindOutcome::Refused(BindRefusal::UnknownUser.coded(answer.result.rc.to_string())))
            }
            (None, _) => Err(not_tried(self.no_bind(answer.result.rc))),
        }
    }

    /// What a result means that says nothing of the password.
    fn no_bind(&self, rc: u32) -> Failure {
        let hint = match rc {
            result::INVALID_DN_SYNTAX if self.config.user_dn.is_none() => {
                " (invalidDNSyntax): bind_as makes no DN of the entry, and this directory takes nothing else; remove bind_as, \
                 or write \"{dn}\": names like user@domain and DOMAIN\\user are for Active Directory"
            }
            result::INVALID_DN_SYNTAX => {
                " (invalidDNSyntax): user_dn and bind_as make no DN that this directory takes; names like user@domain and \
                 DOMAIN\\user are for Active Directory"
            }
            _ => "",
        };
        Failure::error(format!("bind failed with result {rc}{hint}"))
    }

    /// The entry of whoever was just bound by their name, who found it. It keeps the identity by which their failures count.
    fn bound_as(&self, unseen: &Entry, found: Found) -> Result<BindOutcome, Failure> {
        if found.result.rc == result::NO_SUCH_OBJECT {
            return Ok(BindOutcome::Refused(BindRefusal::NoEntry));
        }
        let (mut entries, complete) = read(found)?;
        Ok(match (entries.pop(), entries.is_empty() && complete) {
            (Some(entry), true) => {
                let entry = self.reader.entry(&self.name, entry);
                BindOutcome::BoundAs(Arc::new(Entry { id: unseen.id.clone(), ..entry }))
            }
            _ => BindOutcome::Refused(BindRefusal::NoEntry),
        })
    }
}
