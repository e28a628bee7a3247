//! Random bits, drawn from OpenSSL some at a time: each draw takes a lock and a system call, and a request takes several.

use std::cell::RefCell;

use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;

/// Bytes that a thread draws at once.
const DRAW: usize = 1024;

struct Drawn {
    bytes: [u8; DRAW],
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAW], used: DRAW }) };
}

/// 128 bits that nobody can predict. For names of things, not for keys: they lie in memory before they are used.
///
/// # Errors
/// The system gives OpenSSL no entropy.
pub fn random_bits() -> Result<u128, ErrorStack> {
    DRAWN.with_borrow_mut(|drawn| {
        loop {
            if let Some(bits) = drawn.bytes.get(drawn.used..).and_then(<[u8]>::first_chunk) {
                drawn.used += size_of::<u128>();
                return Ok(u128::from_ne_bytes(*bits));
            }
            rand_bytes(&mut drawn.bytes)?;
            drawn.used = 0;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_two_are_the_same_on_whatever_thread() {
        let draw = || (0..1000).map(|_| random_bits().unwrap()).collect::<Vec<_>>();
        let drawn: Vec<u128> = (0..4).map(|_| thread::spawn(draw)).flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
    }
}
