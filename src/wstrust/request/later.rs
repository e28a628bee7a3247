//! Requests about a token that was issued before: to renew, to validate, to cancel it.

use super::lifetime::{Renewing, RequestedLifetime};
use super::target::Target;
use super::{applies_to, single_text, token_type};
use crate::model::Refusal;
use crate::wstrust::{TokenType, TrustVersion};
use crate::xml::Element;

/// What Renew asks for.
#[derive(Clone, Debug)]
pub struct RenewRequest<'e> {
    /// The token that is to go on.
    pub target: Target<'e>,
    /// For whom it is said to be.
    pub applies_to: Option<String>,
    /// Which it is said to be.
    pub token_type: Option<TokenType>,
    /// How long it is to go on.
    pub lifetime: RequestedLifetime,
    /// Whether it is to be renewed yet again.
    pub renewing: Renewing,
}

/// What Validate asks for.
#[derive(Clone, Debug)]
pub struct ValidateRequest<'e> {
    /// The token that may be valid.
    pub target: Target<'e>,
    /// For whom it is said to be.
    pub applies_to: Option<String>,
    /// Which token is wanted in its place; `None`: only whether it is valid.
    pub into: Option<TokenType>,
}

/// What Cancel asks for.
#[derive(Clone, Debug)]
pub struct CancelRequest<'e> {
    /// The token that is to end.
    pub target: Target<'e>,
}

impl<'e> RenewRequest<'e> {
    pub(super) fn read(body: &'e Element, version: TrustVersion) -> Result<Self, Refusal> {
        Ok(Self {
            target: Target::read(body, version, "RenewTarget")?,
            applies_to: applies_to(body)?,
            token_type: single_text(body, version.ns().uri, "TokenType")?.map(token_type).transpose()?,
            lifetime: RequestedLifetime::read(body, version)?,
            renewing: Renewing::read(body, version)?,
        })
    }
}

impl<'e> ValidateRequest<'e> {
    pub(super) fn read(body: &'e Element, version: TrustVersion) -> Result<Self, Refusal> {
        let into = match single_text(body, version.ns().uri, "TokenType")? {
            None => None,
            Some(asked) if TrustVersion::ALL.iter().any(|version| version.status_type() == asked) => None,
            Some(asked) => Some(token_type(asked)?),
        };
        Ok(Self { target: Target::read(body, version, "ValidateTarget")?, applies_to: applies_to(body)?, into })
    }
}

impl<'e> CancelRequest<'e> {
    pub(super) fn read(body: &'e Element, version: TrustVersion) -> Result<Self, Refusal> {
        Ok(Self { target: Target::read(body, version, "CancelTarget")? })
    }
}
