//! One operation on one connection, and all the requests that it takes: pages of a search and ranges of an attribute are for
//! the connection that began them.

use ldap3::controls::{ControlType, PagedResults};
use ldap3::{Ldap, LdapError, LdapResult, ResultEntry, Scope, SearchOptions};
use tokio::time::{Instant, timeout_at};

use super::entry::RawEntry;
use super::failure::Failure;
use super::{policy, result};
use crate::directory::BindOutcome;
use crate::model::Password;

/// What finds an entry by its DN alone.
pub(super) const ANY: &str = "(objectClass=*)";
/// Fewer than any server's own limit: Active Directory's is 1,000, OpenLDAP's 500.
const PAGE: i32 = 500;
/// Entries that pages are asked for up to.
const PAGED: usize = 10_000;
/// Requests for the rest of long attributes: of 1,500 values each with Active Directory.
const RANGES: usize = 100;

/// One operation.
pub(super) enum Work<'a> {
    /// A search.
    Search(Search<'a>),
    /// A simple bind as a user; and what is searched as them if it succeeds.
    Bind { name: &'a str, password: &'a Password, then: Option<Search<'a>> },
}

/// What is searched for.
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [String],
    pub(super) size: Size,
}

/// How many entries are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// No more than these.
    Few(i32),
    /// All, page by page where the server has pages (RFC 2696).
    All,
}

/// What the server answered.
pub(super) struct Answer {
    /// To the bind, or to the search where it was all.
    pub(super) result: LdapResult,
    /// What was found, where something was searched for.
    pub(super) found: Option<Result<Found, Failure>>,
}

/// What a search found.
pub(super) struct Found {
    pub(super) result: LdapResult,
    /// `None` where one of them is malformed or cannot be read to its end.
    pub(super) entries: Option<Vec<RawEntry>>,
}

impl Work<'_> {
    /// Whether the server may be asked again what it may have been asked before.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self, Self::Search(_))
    }

    /// The `op` of metrics.
    pub(super) fn op(&self) -> &'static str {
        match self {
            Self::Search(_) => "search",
            Self::Bind { .. } => "bind",
        }
    }

    /// The `result` of metrics.
    pub(super) fn label(&self, outcome: &Result<Answer, Failure>) -> &'static str {
        match outcome {
            Err(failure) => failure.label(),
            Ok(answer) if answer.is_doubtful(self) => "error",
            Ok(answer) => match (self, result::bind_outcome(&answer.result)) {
                (Self::Bind { .. }, Some(BindOutcome::Refused(_)) | None) => "refused",
                _ => "success",
            },
        }
    }

    /// Does it. What follows a bind is over at `until`, and then the bind's own answer is not lost.
    ///
    /// # Panics
    /// On malformed answers, in ldap3.
    pub(super) async fn perform(&self, ldap: &mut Ldap, until: Instant) -> Result<Answer, LdapError> {
        match self {
            Self::Search(search) => {
                let found = search.perform(ldap).await?;
                Ok(Answer { result: found.result.clone(), found: Some(Ok(found)) })
            }
            Self::Bind { name, password, then } => {
                ldap.with_controls(policy::request());
                let result = ldap.simple_bind(name, password.expose()).await?;
                let bound = result::bind_outcome(&result) == Some(BindOutcome::Bound);
                let found = match then.as_ref().filter(|_| bound) {
                    None => None,
                    Some(search) => Some(match timeout_at(until, search.perform(ldap)).await {
                        Ok(found) => found.map_err(Failure::from),
                        Err(_) => Err(Failure::timeout()),
                    }),
                };
                Ok(Answer { result, found })
            }
        }
    }
}

impl Answer {
    /// Whether it is an error, after which the connection is not used again.
    pub(super) fn is_doubtful(&self, work: &Work<'_>) -> bool {
        let search = match work {
            Work::Search(search) => Some(search),
            Work::Bind { then, .. } => then.as_ref(),
        };
        // A name that was typed may be in the DN: of one that is nobody's, or no DN, there is nothing to doubt.
        let typed = |rc| matches!(rc, result::NO_SUCH_OBJECT | result::INVALID_DN_SYNTAX);
        if let Work::Bind { then, .. } = work
            && result::bind_outcome(&self.result).is_none()
            && !(then.is_some() && typed(self.result.rc))
        {
            return true;
        }
        match &self.found {
            None => false,
            Some(Ok(found)) => match found.result.rc {
                result::SUCCESS | result::SIZE_LIMIT_EXCEEDED | result::REFERRAL => false,
                rc => !(search.is_some_and(|search| search.scope == Scope::Base) && typed(rc)),
            },
            Some(Err(_)) => true,
        }
    }
}

impl Search<'_> {
    async fn perform(&self, ldap: &mut Ldap) -> Result<Found, LdapError> {
        let (found, result) = match self.size {
            Size::Few(limit) => self.once(ldap, limit).await?,
            Size::All => self.pages(ldap).await?,
        };
        let mut entries = Vec::with_capacity(found.len());
        for entry in found {
            let Some(mut entry) = RawEntry::read(entry) else { return Ok(Found { result, entries: None }) };
            if !complete(ldap, &mut entry).await? {
                return Ok(Found { result, entries: None });
            }
            entries.push(entry);
        }
        Ok(Found { result, entries: Some(entries) })
    }

    /// ldap3 leaves out references to other servers (RFC 4511, 4.5.3), which nobody follows here.
    async fn once(&self, ldap: &mut Ldap, limit: i32) -> Result<(Vec<ResultEntry>, LdapResult), LdapError> {
        ldap.with_search_options(SearchOptions::new().sizelimit(limit));
        let found = ldap.search(self.base, self.scope, self.filter, self.attributes).await?;
        Ok((found.0, found.1))
    }

    async fn pages(&self, ldap: &mut Ldap) -> Result<(Vec<ResultEntry>, LdapResult), LdapError> {
        let (mut found, mut cookie) = (Vec::new(), Vec::new());
        loop {
            ldap.with_controls(PagedResults { size: PAGE, cookie });
            let (page, mut result) = self.once(ldap, 0).await?;
            found.extend(page);
            cookie = next_page(&result);
            if cookie.is_empty() || result.rc != result::SUCCESS {
                return Ok((found, result));
            }
            if found.len() >= PAGED {
                result.rc = result::SIZE_LIMIT_EXCEEDED;
                return Ok((found, result));
            }
        }
    }
}

/// What to ask for the next page by; empty: there is none, or the server knows no pages.
fn next_page(result: &LdapResult) -> Vec<u8> {
    let control = result.ctrls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults)));
    control.map(|control| control.1.parse::<PagedResults>().cookie).unwrap_or_default()
}

/// Fetches the values that Active Directory left out of long attributes (MS-ADTS, 3.1.1.3.1.3.3); `false` where it does not
/// give them.
async fn complete(ldap: &mut Ldap, entry: &mut RawEntry) -> Result<bool, LdapError> {
    for _ in 0..RANGES {
        let Some(rest) = entry.rest() else { return Ok(true) };
        let found = ldap.search(&entry.dn, Scope::Base, ANY, [rest.as_str()]).await?;
        let more = found.0.into_iter().next().and_then(RawEntry::read);
        if found.1.rc != result::SUCCESS || !more.is_some_and(|more| entry.continue_with(more)) {
            return Ok(false);
        }
    }
    Ok(false)
}
