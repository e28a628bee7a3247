//! Whose entry a name means: by a search, by its DN, or whoever will turn out to be bound by it.

use std::sync::Arc;

use ldap3::Scope;
use tokio::time::Instant;

use super::entry::RawEntry;
use super::failure::Failure;
use super::user_dn::Named;
use super::work::{Search, Size, Work};
use super::{BIND_NAME, LdapDirectory, NAME, query, read, result};
use crate::directory::Resolution;
use crate::model::{AttributeValue, Attributes, Entry, EntryId};

/// Two are enough to know that a name is ambiguous.
pub(super) const USERS_WANTED: i32 = 2;

impl LdapDirectory {
    /// Who has the name, by a search.
    pub(super) async fn find(&self, name: &str, deadline: Instant) -> Result<Resolution, Failure> {
        let filter = query::fill(&self.config.user_filter, NAME, name);
        let (base, attributes) = (self.config.base_dn.as_str(), self.reader.attributes());
        let size = Size::Few(USERS_WANTED);
        let search = Search { base, scope: Scope::Subtree, filter: &filter, attributes, size };
        let (mut entries, complete) = self.search(search, deadline).await?;
        let entry = match (entries.pop(), entries.is_empty()) {
            (None, _) if complete => return Ok(Resolution::Nobody),
            (Some(entry), true) if complete => entry,
            (Some(entry), false) => return Ok(ambiguous(entry, entries)),
            _ => return Err(Failure::error("the server's size limit cut the search for one user")),
        };
        Ok(Resolution::Found(Arc::new(self.reader.entry(&self.name, entry))))
    }

    /// Who has the name, by its DN.
    pub(super) async fn look_up(&self, named: &Named, name: &str, deadline: Instant) -> Result<Resolution, Failure> {
        let filter = self.filter(name, &named.bind_name);
        let search = Work::Search(self.at_dn(&named.bind_name, &filter));
        let answer = self.searches.run(&search, deadline).await?;
        let found = answer.found.ok_or_else(Failure::malformed)??;
        // What is typed may be no value of the DN's attribute at all.
        if matches!(found.result.rc, result::NO_SUCH_OBJECT | result::INVALID_DN_SYNTAX) {
            return Ok(Resolution::Nobody);
        }
        Ok(match read(found)?.0.pop() {
            Some(entry) => Resolution::Found(Arc::new(self.reader.entry(&self.name, entry))),
            None => Resolution::Nobody,
        })
    }

    /// Whoever is bound by that name: nobody has looked whether there is such an entry.
    pub(super) fn unseen(&self, named: Named, name: &str) -> Entry {
        let mut attributes = Attributes::default();
        // No attribute is called so.
        attributes.add(NAME, AttributeValue::Text(name.to_owned()));
        Entry {
            id: EntryId { directory: self.name.clone(), entry: named.id.into() },
            bind_name: named.bind_name.into(),
            upn: None,
            immutable_id: None,
            groups: Vec::new(),
            attributes,
            own_count: None,
        }
    }

    /// What an entry must satisfy whose DN or login is known.
    pub(super) fn filter(&self, name: &str, bind_name: &str) -> String {
        query::fill_both(&self.config.user_filter, (NAME, name), (BIND_NAME, bind_name))
    }

    /// The entry with this DN.
    pub(super) fn at_dn<'a>(&'a self, dn: &'a str, filter: &'a str) -> Search<'a> {
        let attributes = self.reader.attributes();
        Search { base: dn, scope: Scope::Base, filter, attributes, size: Size::Few(1) }
    }
}

fn ambiguous(one: RawEntry, others: Vec<RawEntry>) -> Resolution {
    Resolution::Ambiguous(others.into_iter().chain([one]).map(|entry| entry.dn).collect())
}
