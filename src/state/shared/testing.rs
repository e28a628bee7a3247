//! A store in memory, which can be away.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Keeps everything for ever.
#[derive(Default)]
pub struct Kept {
    pub values: Mutex<HashMap<String, Vec<u8>>>,
    pub away: AtomicBool,
}

impl Kept {
    fn there(&self) -> Result<std::sync::MutexGuard<'_, HashMap<String, Vec<u8>>>, Away> {
        if self.away.load(Ordering::Relaxed) { Err(Away) } else { Ok(self.values.lock().unwrap()) }
    }
}

#[async_trait]
impl Shared for Kept {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Away> {
        Ok(self.there()?.get(key).cloned())
    }

    async fn swap(&self, key: &str, old: Option<&[u8]>, new: Option<(&[u8], Duration)>) -> Result<bool, Away> {
        let mut values = self.there()?;
        if values.get(key).map(Vec::as_slice) != old {
            return Ok(false);
        }
        match new {
            Some((value, ttl)) => {
                assert!(!value.is_empty() && !ttl.is_zero());
                values.insert(key.to_owned(), value.to_vec());
            }
            None => drop(values.remove(key)),
        }
        Ok(true)
    }
}
