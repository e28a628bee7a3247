//! Tasks that belong to somebody and end with them.

use tokio::task::AbortHandle;

/// Tasks that end when told to, and at the latest when this is dropped.
#[derive(Default)]
pub struct Chores(Vec<AbortHandle>);

impl Chores {
    /// Begins one on the current tokio runtime.
    pub fn spawn(&mut self, chore: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(chore).abort_handle());
    }

    /// Ends all of them, each where it next waits.
    pub fn end(&self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_chore_ends_with_its_owner() {
        let mut chores = Chores::default();
        let held = Arc::new(());
        let chore = held.clone();
        chores.spawn(async move {
            let _chore = chore;
            std::future::pending().await
        });
        drop(chores);
        let ended = async {
            while Arc::strong_count(&held) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("a task that goes on");
    }
}
