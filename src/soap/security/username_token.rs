//! A name and a password (WSS UsernameToken Profile 1.0).

use super::timestamp::read_time;
use super::{one, security, unsupported};
use crate::model::{Password, Refusal, Timestamp, Username};
use crate::soap::{WSSE, WSU};
use crate::xml::Element;

const PASSWORD_TEXT: &str = "#PasswordText";
const PASSWORD_DIGEST: &str = "#PasswordDigest";

/// A name and a password.
pub struct UsernameToken {
    /// `wsse:Username`.
    pub username: Username,
    /// `wsse:Password`, the clear text.
    pub password: Password,
    /// `wsse:Nonce`, which no Microsoft client sends; where it is, it is good once.
    pub nonce: Option<String>,
    /// `wsu:Created` of the token.
    pub created: Option<Timestamp>,
}

impl UsernameToken {
    pub(super) fn read(token: &Element) -> Result<Self, Refusal> {
        let text = |name| Ok::<_, Refusal>(one(token, WSSE.uri, name)?.map(|element| (element, element.text())));
        let Some((_, Some(username))) = text("Username")? else {
            return Err(
                security("a UsernameToken without a Username").telling("The UsernameToken needs a wsse:Username.")
            );
        };
        let Some((element, Some(password))) = text("Password")? else {
            return Err(
                security("a UsernameToken without a Password").telling("The UsernameToken needs a wsse:Password.")
            );
        };
        // Microsoft's clients leave the type out; absent means text (UsernameToken Profile 3.1).
        match element.attribute("Type").map(str::trim) {
            None => {}
            Some(kind) if kind.ends_with(PASSWORD_TEXT) => {}
            Some(kind) if kind.ends_with(PASSWORD_DIGEST) => {
                return Err(unsupported("a PasswordDigest, which a directory's bind cannot check").telling(
                    "A PasswordDigest cannot be checked by a directory's bind: send the password as PasswordText.",
                ));
            }
            Some(_) => return Err(unsupported("a Password that is no PasswordText")),
        }
        let nonce = one(token, WSSE.uri, "Nonce")?.and_then(Element::trimmed_text).map(str::to_owned);
        let created = one(token, WSU.uri, "Created")?.map(read_time).transpose()?;
        Ok(Self {
            username: Username::new(username.trim()),
            password: Password::new(password),
            nonce: nonce.filter(|nonce| !nonce.is_empty()),
            created,
        })
    }
}
