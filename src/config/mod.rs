//! `proxy.yaml`: what the operator typed (`raw`), what it means (`resolved`), and everything that is wrong with it
//! (`diagnostic`).

mod resolved;

pub use resolved::*;
