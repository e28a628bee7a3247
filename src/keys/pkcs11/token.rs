//! From a token's label to a session that signs with one of its keys.

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::failure::Failure;
use crate::config::Pkcs11Key;
use crate::model::Password;

/// More labels than anybody reads in an error.
const MOST_NAMED: usize = 8;

/// A session and the key in it.
pub(super) struct Ready {
    session: Session,
    key: ObjectHandle,
}

/// What became of PINs. A token counts those that are wrong, and locks after a few.
#[derive(Default)]
pub(super) struct Pins {
    refused: Vec<(String, Password)>,
    /// By token as configured: the last that was taken.
    taken: Vec<(String, Password)>,
}

impl Pins {
    /// Whether the token, as configured, was opened by another PIN.
    pub fn is_another(&self, token: &str, pin: &Password) -> bool {
        self.taken.iter().any(|(other, taken)| other == token && taken.expose() != pin.expose())
    }

    fn is_refused(&self, token: &str, pin: &Password) -> bool {
        self.refused.iter().any(|(other, refused)| other == token && refused.expose() == pin.expose())
    }

    fn note_taken(&mut self, key: &Pkcs11Key) {
        self.taken.retain(|(token, _)| *token != key.token);
        self.taken.push((key.token.clone(), key.pin.clone()));
    }
}

impl Ready {
    pub fn sign(&mut self, with: &Mechanism<'_>, input: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(self.session.sign(with, self.key, input)?)
    }
}

/// Opens a session, logged in, and finds the key.
pub(super) fn open(pkcs11: &Pkcs11, key: &Pkcs11Key, pins: &mut Pins) -> Result<Ready, Failure> {
    let (slot, token) = token(pkcs11, &key.token)?;
    let session = pkcs11.open_ro_session(slot)?;
    if token.login_required() && !is_logged_in(&session)? {
        log_in(&session, &token, key, pins)?;
    }
    let key = private_key(&session, &key.key)?;
    Ok(Ready { session, key })
}

fn token(pkcs11: &Pkcs11, wanted: &str) -> Result<(Slot, TokenInfo), Failure> {
    let mut there = Vec::new();
    for slot in pkcs11.get_slots_with_token()? {
        // One that went away meanwhile is as good as never there.
        let Ok(token) = pkcs11.get_token_info(slot) else { continue };
        if token.token_initialized() {
            there.push((slot, token));
        }
    }
    let is_wanted = |token: &TokenInfo| token.label() == wanted || token.serial_number() == wanted;
    let mut wanted = there.iter().filter(|(_, token)| is_wanted(token));
    match (wanted.next(), wanted.next()) {
        (Some(found), None) => Ok(found.clone()),
        (Some(_), Some(_)) => Err(Failure::ManyTokens),
        (None, _) => Err(Failure::NoToken(some(there.iter().map(|(_, token)| token.label().to_owned())))),
    }
}

fn is_logged_in(session: &Session) -> Result<bool, Failure> {
    let state = session.get_session_info()?.session_state();
    Ok(matches!(state, SessionState::RoUser | SessionState::RwUser))
}

/// Sends the PIN, unless that could do harm.
fn log_in(session: &Session, token: &TokenInfo, key: &Pkcs11Key, pins: &mut Pins) -> Result<(), Failure> {
    let serial = token.serial_number();
    if pins.is_refused(serial, &key.pin) {
        return Err(Failure::Pin);
    }
    if token.user_pin_locked() {
        return Err(Failure::PinLocked);
    }
    if token.user_pin_final_try() {
        return Err(Failure::PinInDanger);
    }
    match session.login(UserType::User, Some(&AuthPin::from(key.pin.expose()))) {
        Ok(()) => {
            pins.note_taken(key);
            Ok(())
        }
        // By a thread of another part of the process.
        Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(error) => {
            let failure = Failure::of_login(error);
            if failure == Failure::Pin {
                pins.refused.push((serial.to_owned(), key.pin.clone()));
            }
            Err(failure)
        }
    }
}

fn private_key(session: &Session, label: &str) -> Result<ObjectHandle, Failure> {
    let private = Attribute::Class(ObjectClass::PRIVATE_KEY);
    let found = session.find_objects(&[private.clone(), Attribute::Label(label.as_bytes().to_vec())])?;
    match found.as_slice() {
        [key] => Ok(*key),
        [] => Err(Failure::NoKey(some(
            session.find_objects(&[private])?.into_iter().filter_map(|key| label_of(session, key)),
        ))),
        _ => Err(Failure::ManyKeys),
    }
}

fn label_of(session: &Session, key: ObjectHandle) -> Option<String> {
    match session.get_attributes(key, &[AttributeType::Label]).ok()?.pop()? {
        Attribute::Label(label) => Some(String::from_utf8_lossy(&label).into_owned()),
        _ => None,
    }
}

/// As many as an error can name.
fn some(all: impl Iterator<Item = String>) -> Vec<String> {
    all.filter(|name| !name.is_empty()).take(MOST_NAMED).collect()
}
