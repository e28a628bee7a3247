//! fedfront answers WS-Trust metadata, WS-Trust tokens and SAML ECP for an identity provider that cannot be
//! changed, and forwards everything else to it.
//!
//! # The house
//!
//! Modules stand on floors; a module imports from the floors below it and, on its own floor, from those to its
//! left. `tests/architecture.rs` reads the imports and fails on one that runs up.
//!
//! | floor | modules |
//! |---|---|
//! | vocabulary | [`model`] |
//! | XML | [`xml`], [`dsig`] |
//! | protocols | [`soap`], [`saml`], [`wstrust`] |
//! | decisions | [`sts`], [`guard`], [`entra`], [`answers`] |
//! | adapters | [`config`], [`telemetry`], [`keys`], [`http_client`], [`traces`], [`state`], [`directory`], [`federation`], [`runtime`] |
//! | service | [`sign_in`], [`handler`], [`shadow`], [`proxy`], [`edge`], [`admin`] |
//! | top | [`server`], [`probe`], [`demo`], [`cli`], `main` |
//!
//! The floors from vocabulary to decisions do no IO, read no clock and draw no ids: time and ids are arguments.
//! Only `edge` and `proxy` import pingora, only `xml` quick-xml, only `directory` ldap3, only `state` redis, only
//! `http_client`, `federation` and `probe` reqwest, only `telemetry` prometheus, only `runtime` notify,
//! only `traces` opentelemetry.
//!
//! # One request, top to bottom
//!
//! [`edge`] accepts, does TLS and watches the deadline of the headers. [`proxy`] takes the snapshot of the configuration that
//! the request keeps to its end, whatever [`server`] reads meanwhile, finds out who asks, reads the path as leniently as any
//! server behind might, and forwards what is not ours. For what is ours it reads the body within its limit, and [`handler`]
//! takes the steps: bytes to an envelope ([`soap`]), envelope to a request ([`wstrust`], [`saml`]), its address to a relying
//! party ([`sts`], [`federation`]), name and password to somebody who proved who they are ([`sign_in`], with [`state`] and
//! [`directory`]), that to claims and an assertion ([`sts`]), a signature ([`dsig`], on the pool of [`runtime`]), and an answer.
//! Whatever comes of it is one audit record ([`telemetry`]).
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// What a client sends must not be able to end a thread; what goes to the operator goes through telemetry. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod model;

pub mod dsig;
pub mod xml;

pub mod saml;
pub mod soap;
pub mod wstrust;

pub mod answers;
pub mod entra;
pub mod guard;
pub mod sts;

pub mod config;
pub mod directory;
pub mod federation;
pub mod http_client;
pub mod keys;
pub mod runtime;
pub mod state;
pub mod telemetry;
pub mod traces;

pub mod admin;
pub mod edge;
pub mod handler;
pub mod proxy;
pub mod shadow;
pub mod sign_in;

pub mod cli;
pub mod demo;
pub mod probe;
pub mod server;
