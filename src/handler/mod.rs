//! One file per endpoint: the list of steps by which a request becomes an answer.

mod addresses;
mod context;
mod documents;
mod ecp;
mod forwarded;
mod http_basic;
mod merged;
mod message;
mod mex;
mod origin;
mod published;
mod sts;
mod trail;

use http::{Method, StatusCode};

pub use addresses::{ecp_addresses, sign_in_addresses, sts_addresses, token_audiences};
pub use context::Context;
pub use documents::{CertificateIds, Document, Documents, PublishError};
pub use forwarded::{ForwardedDocuments, ForwardedStanding};
pub use merged::{MergedSource, renew_published};
pub use message::{NativeRequest, Reply};

use self::trail::Trail;
use crate::dsig::SignError;
use crate::model::{Endpoint, Refusal, RefusalKind, Unavailable};

/// Answers a request to an endpoint of ours.
pub async fn answer(request: &NativeRequest, context: &Context) -> Reply {
    match request.endpoint {
        Endpoint::Mex => mex::answer(request, context),
        Endpoint::Sts => sts::answer(request, context).await,
        Endpoint::Ecp => ecp::answer(request, context).await,
        Endpoint::Metadata | Endpoint::Certificate | Endpoint::FederationMetadata => {
            published::answer(request, context)
        }
    }
}

/// Answers a request whose body could not be had, in its protocol's own form: 413 or 408.
pub async fn refuse(request: &NativeRequest, status: StatusCode, context: &Context) -> Reply {
    if matches!(request.endpoint, Endpoint::Sts | Endpoint::Ecp) {
        let reason = if status == StatusCode::PAYLOAD_TOO_LARGE { "the body is over the limit" } else { BODY_LATE };
        let refused = Failure::Refused(Refusal::new(RefusalKind::Malformed, reason));
        Trail::of(request, context, None).end(context, Some(&refused)).await;
    }
    match request.endpoint {
        Endpoint::Mex | Endpoint::Sts => sts::without_body(request, status),
        Endpoint::Ecp => ecp::without_body(status),
        Endpoint::Metadata | Endpoint::Certificate | Endpoint::FederationMetadata => {
            Reply::text(status, "This address takes no body.\n")
        }
    }
}

const BODY_LATE: &str = "the body did not arrive within limits.body_deadline";

/// Why there is no token.
enum Failure {
    /// The client's fault.
    Refused(Refusal),
    /// The configuration's, or that of a relying party's metadata: nobody is served there until an operator mends it.
    Misconfigured(String),
    /// A dependency's.
    Unavailable(Unavailable),
    /// Ours.
    Ours(String),
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Device(error) => Unavailable::new("signing", error.to_string()).into(),
            error => Self::Ours(error.to_string()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

fn is_get(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}
