//! What is asked of a process while it serves: by signals, by the admin socket, and by files that change.

use std::sync::Arc;

use tokio::sync::{MutexGuard, Notify, mpsc, oneshot};
use tracing::info;

use super::errands;
use super::history::Cause;
use super::reload::{Reloader, STAYS};
use super::upgrade::{Upgrader, WITHIN};
use super::watching::Looked;
use crate::admin::{Asked, Errand, Outcome};
use crate::runtime::ServiceManager;

/// Who may ask for what, while a process serves.
pub(super) struct Requests {
    /// To read everything again; however often that is said before it is done, it is done once.
    pub reload: Arc<Notify>,
    /// To open the audit file again.
    pub reopen: Arc<Notify>,
    /// To have another process take this one's place,
    pub upgrade: Arc<Notify>,
    /// by this.
    pub upgrader: Arc<Upgrader>,
    /// To read everything again, to have the next key sign, to upgrade, or an errand; and to say what came of it.
    pub asked: mpsc::Receiver<Asked>,
    /// Files that have changed.
    pub changed: mpsc::Receiver<Looked>,
}

/// What waits for its turn, since it changes what is in use; and who asked for it, who may have stopped waiting.
enum Change {
    Reload(oneshot::Sender<Outcome>),
    Promote(oneshot::Sender<Outcome>),
}

impl Reloader {
    /// Does what it is asked to until the process ends: changes one after the other, all else beside.
    pub async fn obey(self: Arc<Self>, requests: Requests, manager: ServiceManager) {
        let Requests { reload, reopen, upgrade, upgrader, asked, changed } = requests;
        // No longer than there are connections to the admin socket.
        let (change, changes) = mpsc::unbounded_channel();
        let beside = self.obey_beside(asked, change, (upgrade, upgrader));
        let in_turn = self.obey_in_turn(changes, (reload, reopen, changed), manager);
        tokio::join!(beside, in_turn);
    }

    /// What takes its time, or waits for a directory, holds up nothing else.
    async fn obey_beside(
        self: &Arc<Self>,
        mut asked: mpsc::Receiver<Asked>,
        change: mpsc::UnboundedSender<Change>,
        (upgrade, upgrader): (Arc<Notify>, Arc<Upgrader>),
    ) {
        loop {
            let asked = tokio::select! {
                Some(asked) = asked.recv() => asked,
                () = upgrade.notified() => {
                    let (this, upgrader) = (self.clone(), upgrader.clone());
                    tokio::spawn(async move { drop(upgrader.upgrade(&this, WITHIN).await) });
                    continue;
                }
            };
            if self.lifecycle.is_handed_over() {
                continue;
            }
            match asked {
                Asked::Reload(asked) => drop(change.send(Change::Reload(asked))),
                Asked::Promote(asked) => drop(change.send(Change::Promote(asked))),
                Asked::Upgrade(within, asked) => {
                    let (this, upgrader) = (self.clone(), upgrader.clone());
                    tokio::spawn(async move { drop(asked.send(upgrader.upgrade(&this, within).await)) });
                }
                Asked::Errand(errand, asked) => {
                    let (this, upgrader) = (self.clone(), upgrader.clone());
                    tokio::spawn(async move {
                        // A successor that serves already remembers by itself, and is then told, too.
                        let concerns_both = matches!(errand, Errand::Flush { .. });
                        let told = errands::run(errand, &this.snapshots.load_full(), &this.process).await;
                        if concerns_both {
                            upgrader.decided().await;
                            if this.lifecycle.is_handed_over() {
                                return;
                            }
                        }
                        let _ = asked.send(told);
                    });
                }
            }
        }
    }

    async fn obey_in_turn(
        self: &Arc<Self>,
        mut changes: mpsc::UnboundedReceiver<Change>,
        (reload, reopen, mut changed): (Arc<Notify>, Arc<Notify>, mpsc::Receiver<Looked>),
        manager: ServiceManager,
    ) {
        loop {
            let (cause, looked, asked) = tokio::select! {
                () = reload.notified() => (Cause::Signal, None, None),
                Some(looked) = changed.recv() => (Cause::Itself, Some(looked), None),
                Some(change) = changes.recv() => match change {
                    Change::Reload(asked) => (Cause::Command, None, Some(asked)),
                    Change::Promote(asked) => {
                        if let Some(_turn) = self.turn().await {
                            let _ = asked.send(self.snapshots.load_full().rollover().promote(&self.process.promoted).await);
                        }
                        continue;
                    }
                },
                () = reopen.notified() => {
                    let _turn = self.turn.lock().await;
                    self.reopen_audit().await;
                    continue;
                }
            };
            let Some(turn) = self.turn().await else { continue };
            // What was to be done by itself may have been asked for meanwhile.
            if looked.as_ref().is_some_and(|looked| !self.tried.differs(looked)) {
                continue;
            }
            manager.reloading();
            let outcome = self.reload(turn, cause, looked).await;
            let phase = self.lifecycle.phase().label();
            match outcome {
                Ok(_) => manager.ready(phase),
                Err(_) => manager.ready(&format!("{phase}; {STAYS}")),
            }
            if let Some(asked) = asked {
                let _ = asked.send(self.render(&outcome));
            }
        }
    }

    /// To change what is in use, unless that is of no use any more. Who asked for it is told so by not being answered.
    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let turn = self.turn.lock().await;
        if self.lifecycle.is_handed_over() {
            info!("another process serves by now, and has read its own configuration: this one changes nothing more");
            return None;
        }
        if self.lifecycle.is_ending() {
            info!("the process ends, and reads its configuration no more");
            return None;
        }
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Installation;
    use super::*;
    use crate::admin::Doors;

    #[tokio::test]
    async fn what_waited_for_an_upgrade_was_changed_where_nobody_is_served_and_held_up_all_else() {
        let installation = Installation::new();
        let running = installation.start_with(&[]);
        let reloader = running.reloader.clone();
        let upgrader = Arc::new(Upgrader {
            launch: None,
            sockets: Default::default(),
            doors: Doors::default(),
            manager: ServiceManager::default(),
            turn: Default::default(),
            told: Default::default(),
        });
        let ((tell, asked), (_changes, changed)) = (mpsc::channel(1), mpsc::channel(1));
        let (reload, reopen, upgrade) = Default::default();
        let requests = Requests { reload, reopen, upgrade, upgrader: upgrader.clone(), asked, changed };
        let before = reloader.snapshots.load_full();
        let (turn, upgrading) = (reloader.turn.lock().await, upgrader.turn.lock().await);
        let obeying = tokio::spawn(reloader.clone().obey(requests, ServiceManager::default()));
        let ((reload, reloaded), (promote, promoted)) = (oneshot::channel(), oneshot::channel());
        let ((flush, flushed), (level, told)) = (oneshot::channel(), oneshot::channel());
        let errands = [(Errand::Flush { user: None }, flush), (Errand::LogLevel, level)]
            .map(|(errand, asked)| Asked::Errand(errand, asked));
        for asked in [Asked::Reload(reload), Asked::Promote(promote)].into_iter().chain(errands) {
            tell.send(asked).await.ok().unwrap();
        }
        assert!(told.await.unwrap().is_ok());
        assert!(reloader.lifecycle.hand_over(|| Ok(())).unwrap());
        drop((turn, upgrading));
        assert!(reloaded.await.is_err() && promoted.await.is_err());
        assert!(flushed.await.is_err(), "what the other one remembers was not flushed");
        assert!(Arc::ptr_eq(&before, &reloader.snapshots.load_full()));
        obeying.abort();
    }
}
