//! Every key of `proxy.yaml` in one table, from which the reader takes names, types and defaults, the schema its whole
//! text, and a test the keys and defaults that the documented file must have.

mod access;
mod credentials;
mod directory;
mod guard;
mod issuer;
mod kind;
mod metadata;
mod metadata_source;
mod names;
mod party;
mod root;
mod state;
mod telemetry;
mod upstream;

pub(super) use kind::{Key, Kind, Need, Spec};
pub(super) use root::ROOT;
pub(super) use telemetry::{FACILITIES, FACILITY_NUMBERS};
