//! The copy of one exchange with the identity provider, while it passes. Copies are bounded one by one and all together; what
//! there is no room for is forwarded all the same, and not compared.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::Shadow;
use super::compare::Why;
use crate::handler::NativeRequest;
use crate::model::{Endpoint, Timestamp};

/// Bytes of an answer that are kept.
const ANSWER: usize = 1024 * 1024;
/// What room is counted in, bytes.
pub(super) const UNIT: usize = 1024;
/// What a header takes besides its name and value, bytes, as HTTP/2 counts (RFC 9113, 6.5.2).
const EACH: usize = 32;
/// Headers of an answer that are read.
const READ: [HeaderName; 2] = [CONTENT_TYPE, CONTENT_ENCODING];

/// A request that is being forwarded, and its answer, as far as they have passed. Dropped before its end, it is counted as cut.
pub struct Capture {
    shadow: Arc<Shadow>,
    endpoint: Endpoint,
    /// Taken at the end.
    exchange: Option<Exchange>,
    request: Copy,
    answer: Copy,
    /// Whether all of the answer has come.
    complete: bool,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has the whole answer.
    Well,
    /// The client broke it off.
    ByClient,
    /// The identity provider did, or was not there.
    ByServer,
}

/// What is known of a request beside what it says.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Whether we would answer at its path, or refuse that.
    pub answered: bool,
    /// Whether it has a header of `upstream.remove_headers`, by which the identity provider may know who asks.
    pub vouched: bool,
}

/// A request and its answer.
pub(super) struct Exchange {
    pub request: NativeRequest,
    pub known: Known,
    pub arrived: Timestamp,
    pub status: Option<StatusCode>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// That there is room for it.
    _room: Vec<OwnedSemaphorePermit>,
}

impl Capture {
    pub(super) fn begin(
        shadow: Arc<Shadow>,
        request: NativeRequest,
        known: Known,
        limit: usize,
        arrived: Timestamp,
    ) -> Option<Self> {
        let room = shadow.desk.room().clone();
        let endpoint = request.endpoint;
        let target = request.path.len() + request.query.len();
        let (headers, held) = copied(&request.headers, |_| true, target, &room)?;
        let request = NativeRequest { headers, ..request };
        let (status, headers, body) = (None, HeaderMap::new(), Bytes::new());
        let exchange = Exchange { request, known, arrived, status, headers, body, _room: vec![held] };
        Some(Self {
            shadow,
            endpoint,
            exchange: Some(exchange),
            request: Copy::new(limit, room.clone()),
            answer: Copy::new(ANSWER, room),
            complete: false,
        })
    }

    /// The request is sent from its beginning, perhaps again.
    pub fn asks_anew(&mut self) {
        self.request.clear();
    }

    /// More of the request's body.
    pub fn asks(&mut self, piece: &[u8]) {
        self.request.add(piece);
    }

    /// The answer has begun.
    pub fn answers(&mut self, status: StatusCode, headers: &HeaderMap) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.status = Some(status);
        match copied(headers, |name| READ.contains(name), 0, &self.answer.room) {
            Some((headers, held)) => {
                exchange.headers = headers;
                exchange._room.push(held);
            }
            None => self.answer.give_up(Kept::NoRoom),
        }
    }

    /// More of its body, perhaps the last.
    pub fn answers_with(&mut self, piece: &[u8], ended: bool) {
        self.answer.add(piece);
        self.complete |= ended;
    }

    /// It is over, as it should be or not.
    pub fn end(mut self: Box<Self>, how: End) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let (request, answer) = (std::mem::take(&mut self.request.kept), std::mem::take(&mut self.answer.kept));
        let (shadow, endpoint) = (self.shadow.clone(), self.endpoint);
        match how {
            End::Well => {}
            _ if self.complete => {}
            End::ByServer if exchange.status.is_none() => return shadow.not_compared(endpoint, Why::NoAnswer),
            End::ByServer | End::ByClient => return shadow.not_compared(endpoint, Why::Cut),
        }
        let (request, answer) = match (request, answer) {
            (Kept::All(request), Kept::All(answer)) => (request, answer),
            (Kept::TooLarge, _) | (_, Kept::TooLarge) => return shadow.not_compared(endpoint, Why::TooLarge),
            _ => return shadow.not_compared(endpoint, Why::Overload),
        };
        exchange._room.extend(self.request.room_held.take().into_iter().chain(self.answer.room_held.take()));
        exchange.request.body = whole(request);
        exchange.body = whole(answer);
        shadow.take(exchange);
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.exchange.is_some() {
            self.shadow.not_compared(self.endpoint, Why::Cut);
        }
    }
}

/// Those headers, in memory of their own that is wiped with the last of them, for there may be a password among them; and the
/// room that they take, and as many bytes `besides`, if there is room.
fn copied(
    headers: &HeaderMap,
    wanted: impl Fn(&HeaderName) -> bool,
    besides: usize,
    room: &Arc<Semaphore>,
) -> Option<(HeaderMap, OwnedSemaphorePermit)> {
    let wanted = || headers.iter().filter(|(name, _)| wanted(name));
    let size: usize = wanted().map(|(name, value)| name.as_str().len() + value.len() + EACH).sum();
    let held = room.clone().try_acquire_many_owned(u32::try_from((size + besides).div_ceil(UNIT)).ok()?).ok()?;
    let mut all = Zeroizing::new(Vec::with_capacity(size));
    wanted().for_each(|(_, value)| all.extend_from_slice(value.as_bytes()));
    let mut rest = whole(all);
    let mut copy = HeaderMap::with_capacity(wanted().count());
    for (name, value) in wanted() {
        copy.append(name.clone(), HeaderValue::from_maybe_shared(rest.split_to(value.len())).ok()?);
    }
    Some((copy, held))
}

/// Wiped from memory with its last copy.
fn whole(bytes: Zeroizing<Vec<u8>>) -> Bytes {
    if bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(bytes) }
}

/// A body that may hold a password.
struct Copy {
    kept: Kept,
    limit: usize,
    room: Arc<Semaphore>,
    room_held: Option<OwnedSemaphorePermit>,
}

enum Kept {
    All(Zeroizing<Vec<u8>>),
    /// Over its limit.
    TooLarge,
    /// There was no room.
    NoRoom,
}

impl Default for Kept {
    fn default() -> Self {
        Self::All(Zeroizing::default())
    }
}

impl Copy {
    fn new(limit: usize, room: Arc<Semaphore>) -> Self {
        Self { kept: Kept::default(), limit, room, room_held: None }
    }

    fn clear(&mut self) {
        self.kept = Kept::default();
        self.room_held = None;
    }

    fn add(&mut self, piece: &[u8]) {
        let Kept::All(bytes) = &mut self.kept else { return };
        let length = bytes.len() + piece.len();
        if length > self.limit {
            self.give_up(Kept::TooLarge);
            return;
        }
        if length > bytes.capacity() {
            let capacity = length.max(2 * bytes.capacity()).min(self.limit).next_multiple_of(UNIT);
            let units = u32::try_from((capacity - bytes.capacity()).div_ceil(UNIT)).unwrap_or(u32::MAX);
            let Ok(more) = self.room.clone().try_acquire_many_owned(units) else {
                self.give_up(Kept::NoRoom);
                return;
            };
            match &mut self.room_held {
                Some(held) => held.merge(more),
                None => self.room_held = Some(more),
            }
            // A vector that grows by itself leaves what it had behind.
            let mut roomier = Zeroizing::new(Vec::with_capacity(capacity));
            roomier.extend_from_slice(bytes);
            *bytes = roomier;
        }
        bytes.extend_from_slice(piece);
    }

    fn give_up(&mut self, why: Kept) {
        self.kept = why;
        self.room_held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(copy: &Copy) -> Option<&[u8]> {
        match &copy.kept {
            Kept::All(bytes) => Some(bytes),
            Kept::TooLarge | Kept::NoRoom => None,
        }
    }

    #[test]
    fn a_copy_is_whole_or_not_there() {
        let room = Arc::new(Semaphore::new(64));
        let mut copy = Copy::new(10_000, room.clone());
        for piece in [&b"one "[..], b"", b"two", &[b'x'; 5000]] {
            copy.add(piece);
        }
        assert_eq!(body(&copy).map(<[u8]>::len), Some(5007));
        assert!(body(&copy).is_some_and(|bytes| bytes.starts_with(b"one twoxxx")));
        assert_eq!(room.available_permits(), 64 - 5, "5007 bytes take five KiB");
        copy.clear();
        assert_eq!((body(&copy), room.available_permits()), (Some(&b""[..]), 64));
        copy.add(&[b'x'; 10_000]);
        assert!(body(&copy).is_some());
        copy.add(b"x");
        copy.add(b"");
        assert_eq!((body(&copy), room.available_permits()), (None, 64), "over its limit it takes no room");
    }

    #[test]
    fn headers_are_copied_to_be_wiped_and_take_the_room_that_they_need() {
        let given = [("authorization", "Basic YTpi"), ("x-big", &"b".repeat(30_000)), ("x-big", ""), ("x-big", "c")];
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, value.parse().unwrap());
        }
        let room = Arc::new(Semaphore::new(64));
        let (copy, held) = copied(&headers, |_| true, 0, &room).unwrap();
        assert_eq!(copy, headers);
        assert_eq!(room.available_permits(), 64 - 30, "some 30,000 bytes take 30 KiB");
        for (value, original) in copy.values().zip(headers.values()).filter(|(value, _)| !value.is_empty()) {
            assert_ne!(value.as_bytes().as_ptr(), original.as_bytes().as_ptr(), "it has memory of its own");
        }
        assert!(copied(&headers, |_| true, 5_000, &Arc::new(Semaphore::new(34))).is_none());
        let (none, nothing) = copied(&headers, |name| READ.contains(name), 0, &room).unwrap();
        assert_eq!((none.len(), nothing.num_permits()), (0, 0));
        drop(held);
        assert_eq!(room.available_permits(), 64);
    }

    #[test]
    fn what_all_take_together_is_bounded() {
        let room = Arc::new(Semaphore::new(8));
        let mut copies: Vec<Copy> = (0..3).map(|_| Copy::new(100_000, room.clone())).collect();
        copies.iter_mut().for_each(|copy| copy.add(&[b'x'; 4000]));
        let kept: Vec<bool> = copies.iter().map(|copy| body(copy).is_some()).collect();
        assert_eq!(kept, [true, true, false]);
        drop(copies);
        assert_eq!(room.available_permits(), 8);
    }
}
