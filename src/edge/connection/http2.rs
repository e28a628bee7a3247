//! What a connection that speaks HTTP/2 is waiting for.

use std::time::Duration;

use tokio::time::Instant;

use super::Awaited;
use crate::edge::frames::{Frames, Owed};

/// The frames of both directions.
pub(super) struct Http2 {
    received: Frames,
    sent: Frames,
    /// When a frame or headers must end that are only begun.
    deadline: Option<Instant>,
    gave_up: bool,
}

impl Default for Http2 {
    fn default() -> Self {
        Self { received: Frames::of_client(), sent: Frames::default(), deadline: None, gave_up: false }
    }
}

impl Http2 {
    /// Follows what came. What is only begun must end within `header_deadline`, unless it is a body.
    pub fn received(&mut self, bytes: &[u8], header_deadline: Duration) {
        self.received.read(bytes);
        self.deadline = match self.received.owed() {
            Owed::Rest => self.deadline.or_else(|| Some(Instant::now() + header_deadline)),
            Owed::Nothing | Owed::Body => None,
        };
    }

    /// The frame of a body that is only begun.
    pub fn body(&self) -> u64 {
        self.received.body()
    }

    /// What is owed.
    pub fn awaited(&self) -> Awaited {
        match (self.received.owed(), self.deadline) {
            (Owed::Body, _) => Awaited::Body,
            (_, Some(deadline)) => Awaited::Until(deadline),
            (_, None) => Awaited::Nothing,
        }
    }

    /// Follows what goes. True once, when it says that the client breaks the rules.
    pub fn gives_up(&mut self, bytes: &[u8]) -> bool {
        self.sent.read(bytes);
        self.sent.gave_up() && !std::mem::replace(&mut self.gave_up, true)
    }
}
