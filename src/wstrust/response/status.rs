//! Answers without a token: what became of one.

use super::open;
use crate::model::Timestamp;
use crate::soap::{Addressing, SoapVersion};
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
pub fn status(
    status: &Status,
    version: TrustVersion,
    context: Option<&str>,
    soap: SoapVersion,
    addressing: Option<&Addressing>,
    now: Timestamp,
) -> String {
    let mut w = Writer::with_capacity(2048);
    open(&mut w, (TrustOperation::Validate, version), context, soap, addressing, now);
    w.leaf(version.ns(), "TokenType", version.status_type());
    w.leaf(version.ns(), "RequestType", version.request_type(TrustOperation::Validate));
    status.write(&mut w, version);
    w.finish()
}

/// The answer to Cancel. The element's name is that of both versions' schemas; it is often misquoted with one `l`.
pub fn cancelled(
    version: TrustVersion,
    context: Option<&str>,
    soap: SoapVersion,
    addressing: Option<&Addressing>,
    now: Timestamp,
) -> String {
    let mut w = Writer::with_capacity(2048);
    open(&mut w, (TrustOperation::Cancel, version), context, soap, addressing, now);
    w.leaf(version.ns(), "RequestType", version.request_type(TrustOperation::Cancel));
    w.start(version.ns(), "RequestedTokenCancelled", &[]);
    w.finish()
}
