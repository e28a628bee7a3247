//! What is asked of the server, one key at a time.

use std::sync::LazyLock;
use std::time::Duration;

use openssl::hash::{MessageDigest, hash};
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisResult, ServerErrorKind, Value, cmd};
use tokio::task::AbortHandle;

use super::MOST_OCTETS;
use crate::model::hex;

/// Compares and writes in one step. No value is empty, so that `''` stands for none.
const SWAP: &str = "local value = redis.call('GET', KEYS[1]) or '' \
                    if value ~= ARGV[1] then return 0 end \
                    if ARGV[2] == '' then redis.call('DEL', KEYS[1]) \
                    else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end \
                    return 1";

/// The name under which the server keeps the script.
static SWAP_NAME: LazyLock<String> =
    LazyLock::new(|| hash(MessageDigest::sha1(), SWAP.as_bytes()).map(|digest| hex(&digest)).unwrap_or_default());

/// A connection over which any number of operations are under way.
pub(super) struct Connection {
    pipe: MultiplexedConnection,
    driver: AbortHandle,
}

impl Connection {
    pub(super) fn new(pipe: MultiplexedConnection, driver: AbortHandle) -> Self {
        Self { pipe, driver }
    }

    /// Ends it, and with it whatever waits for an answer.
    pub(super) fn end(&self) {
        self.driver.abort();
    }

    pub(super) async fn authenticate(&self, username: Option<&str>, password: &str) -> RedisResult<()> {
        let mut command = cmd("AUTH");
        command.arg(username).arg(password).exec_async(&mut self.pipe.clone()).await
    }

    pub(super) async fn info(&self) -> RedisResult<String> {
        cmd("INFO").query_async(&mut self.pipe.clone()).await
    }

    pub(super) async fn get(&self, key: &str) -> RedisResult<Option<Vec<u8>>> {
        let value: Vec<u8> =
            cmd("GETRANGE").arg(key).arg(0).arg(MOST_OCTETS).query_async(&mut self.pipe.clone()).await?;
        Ok(Some(value).filter(|value| !value.is_empty() && value.len() <= MOST_OCTETS))
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<(&[u8], Duration)>,
    ) -> RedisResult<bool> {
        let (value, ttl) = new.unwrap_or_default();
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, LONGEST);
        let mut pipe = self.pipe.clone();
        if old.is_none() && !value.is_empty() {
            let mut command = cmd("SET");
            command.arg(key).arg(value).arg("NX").arg("PX").arg(millis);
            let answer: Value = command.query_async(&mut pipe).await?;
            return Ok(answer != Value::Nil);
        }
        let script = |by: &str, script: &str| {
            let mut command = cmd(by);
            command.arg(script).arg(1).arg(key).arg(old.unwrap_or_default()).arg(value).arg(millis);
            command
        };
        match script("EVALSHA", &SWAP_NAME).query_async(&mut pipe).await {
            // It was not run, so that to send it whole does nothing twice.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                script("EVAL", SWAP).query_async(&mut pipe).await
            }
            answer => answer,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// Milliseconds that the server can add to its clock: ten years.
const LONGEST: u64 = 10 * 365 * 86_400_000;
