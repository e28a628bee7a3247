//! What a server answered to a sign-in.

use super::assertion::{Assertion, Carried};
use super::fault::{Fault, Status};
use super::signature::Signature;
use crate::model::Timestamp;
use crate::soap::SoapVersion;
use crate::wstrust::TrustVersion;

/// What a server answered to a sign-in.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An assertion.
    Issued(Box<Issued>),
    /// ECP: a Response without one.
    Refused(Status),
    /// A SOAP fault.
    Fault(Fault),
}

/// An assertion, and what is around it.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What the protocol says.
    pub protocol: Protocol,
    /// The assertion.
    pub carried: Carried,
}

/// What is around an assertion.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// A RequestSecurityTokenResponse.
    Trust(TrustResponse),
    /// A `samlp:Response`.
    Ecp(EcpResponse),
}

/// A RequestSecurityTokenResponse, the one in its collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustResponse {
    /// In which SOAP.
    pub soap: SoapVersion,
    /// `wsa:Action`.
    pub action: Option<String>,
    /// The version of WS-Trust.
    pub version: TrustVersion,
    /// Whether it is in a RequestSecurityTokenResponseCollection.
    pub collection: bool,
    /// TokenType, letter for letter: white space around it counts.
    pub token_type: Option<String>,
    /// AppliesTo, by its address.
    pub applies_to: Option<String>,
    /// KeyType.
    pub key_type: Option<String>,
    /// Lifetime: from.
    pub created: Option<Timestamp>,
    /// Lifetime: until.
    pub expires: Option<Timestamp>,
    /// Whether there is a RequestedProofToken.
    pub proof: bool,
    /// Whether text stands beside the assertion: MSAL for Java then takes it twice.
    pub text_beside: bool,
}

/// A `samlp:Response`, with the header that names where it is to go.
#[derive(Clone, Debug)]
pub struct EcpResponse {
    /// `ecp:Response/@AssertionConsumerServiceURL`; `None` without that header.
    pub acs_url: Option<String>,
    /// Destination.
    pub destination: Option<String>,
    /// InResponseTo.
    pub in_response_to: Option<String>,
    /// Issuer.
    pub issuer: Option<String>,
    /// IssueInstant.
    pub issue_instant: Option<Timestamp>,
    /// The Response's own signature.
    pub signature: Option<Signature>,
}

impl Answer {
    /// The assertion, if there is one that can be read.
    pub fn assertion(&self) -> Option<&Assertion> {
        match self {
            Self::Issued(issued) => issued.assertion(),
            Self::Refused(_) | Self::Fault(_) => None,
        }
    }

    /// Whether it refuses whoever asks: a wrong password, or a user who may not.
    pub fn refuses_credentials(&self) -> bool {
        match self {
            Self::Issued(_) => false,
            Self::Refused(status) => status.refuses_credentials(),
            Self::Fault(fault) => fault.refuses_credentials(),
        }
    }
}

impl Issued {
    /// The assertion, if it can be read.
    pub fn assertion(&self) -> Option<&Assertion> {
        match &self.carried {
            Carried::Plain(assertion) => Some(assertion),
            Carried::Encrypted { .. } => None,
        }
    }
}
