//! Answers without a token: what became of one.

use super::{Heading, open};
use crate::wstrust::{TrustOperation, TrustVersion};
use crate::xml::Writer;

/// What a token is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it is valid.
    pub valid: bool,
    /// Why, for the client.
    pub reason: &'static str,
}

impl Status {
    pub(super) fn write(&self, w: &mut Writer, version: TrustVersion) {
        w.start(version.ns(), "Status", &[]);
        w.leaf(version.ns(), "Code", version.status_code(self.valid));
        w.leaf(version.ns(), "Reason", self.reason);
        w.end();
    }
}

/// The answer to Validate.
pub fn status(status: &Status, heading: &Heading<'_>) -> String {
    let mut w = Writer::with_capacity(2048);
    let version = heading.version;
    open(&mut w, TrustOperation::Validate, heading);
    w.leaf(version.ns(), "TokenType", version.status_type());
    w.leaf(version.ns(), "RequestType", version.request_type(TrustOperation::Validate));
    status.write(&mut w, version);
    w.finish()
}

/// The answer to Cancel. The element's name is that of both versions' schemas; it is often misquoted with one `l`.
pub fn cancelled(heading: &Heading<'_>) -> String {
    let mut w = Writer::with_capacity(2048);
    let version = heading.version;
    open(&mut w, TrustOperation::Cancel, heading);
    w.leaf(version.ns(), "RequestType", version.request_type(TrustOperation::Cancel));
    w.start(version.ns(), "RequestedTokenCancelled", &[]);
    w.finish()
}
