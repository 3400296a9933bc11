//! Changes to one subject, while it is looked up in the shared cache.

use std::{sync::Arc, time::Duration};

use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

use crate::shared_cache::{Change, SharedCache, Subject, What};

/// Receives the changes to one subject, from its creation on.
pub(super) struct Subscription {
    heard: Receiver<Arc<Change>>,
    subject: Subject,
}

impl Subscription {
    pub(super) fn new(cache: &SharedCache, subject: &Subject) -> Self {
        Self { heard: cache.changes(), subject: subject.clone() }
    }

    /// Waits up to `pause` for a change; returns whether there was one.
    pub(super) async fn hears_within(&mut self, pause: Duration) -> bool {
        let word = async {
            loop {
                match self.heard.recv().await {
                    Ok(change) if change.subject == self.subject => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::time::timeout(pause, word).await.is_ok()
    }

    /// Returns whether a change said that something was stored or has ended, or may have been missed.
    pub(super) fn has_heard(&mut self) -> bool {
        loop {
            match self.heard.try_recv() {
                Ok(change) if change.subject == self.subject && change.what != What::Failed => return true,
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => return true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_that_came_meanwhile_is_noticed() {
        let subject = |customer: &str| Subject { source: "a".to_owned(), who: "b".to_owned(), customer: customer.to_owned() };
        let change = |customer: &str, what| Arc::new(Change { subject: subject(customer), what, at: 7 });
        for (told, expected, why) in [
            (vec![], false, "nothing was said"),
            (vec![change("else", What::Stored), change("acme", What::Failed)], false, "nothing is newer"),
            (vec![change("else", What::Stored), change("acme", What::Stored)], true, "there is a newer one"),
            (vec![change("acme", What::Ended)], true, "there is no copy any more"),
            (vec![change("else", What::Failed); 9], true, "it may have been missed"),
        ] {
            let sender = tokio::sync::broadcast::Sender::new(8);
            let mut subscription = Subscription { heard: sender.subscribe(), subject: subject("acme") };
            for change in told {
                sender.send(change).unwrap();
            }
            assert_eq!(subscription.has_heard(), expected, "{why}");
        }
    }
}
