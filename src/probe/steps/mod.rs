//! The steps that ask something of a server.

mod ecp;
mod mex;
mod sign_in;
mod trust;

pub(super) use ecp::find as find_ecp;
pub(super) use ecp::{CANDIDATES as ECP_PATHS, ecp};
pub(super) use mex::{CANDIDATES as MEX_PATHS, mex};
#[cfg(test)]
pub(super) use sign_in::said_to;
pub(super) use trust::trust;

use super::expected::Expected;
use super::server::Server;
use crate::model::{Password, Username};

/// Who signs in where, and what is expected of it.
pub(super) struct SignIn<'a> {
    pub server: &'a Server,
    pub user: &'a Username,
    pub password: &'a Password,
    pub expected: &'a Expected,
}
