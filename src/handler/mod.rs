//! One file per endpoint: the list of steps by which a request becomes an answer.

mod addresses;
mod context;
mod documents;
mod ecp;
mod http_basic;
mod message;
mod mex;
mod published;
mod sts;
mod trail;

use http::Method;

pub use addresses::ecp_addresses;
pub use context::Context;
pub use documents::{Document, Documents};
pub use message::{NativeRequest, Reply};

use crate::model::{Endpoint, Refusal, Unavailable};

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

/// Why there is no token.
enum Failure {
    /// The client's fault.
    Refused(Refusal),
    /// A dependency's.
    Unavailable(Unavailable),
    /// Ours.
    Ours(String),
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
