//! How connections spread over the workers. The kernel chooses a worker for each by a hash of its addresses, blind to
//! what the workers do, so few connections may leave a worker without any; a log line tells.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

/// How soon a change is noticed: a burst of connections makes one line.
const LOOK: Duration = Duration::from_secs(1);
/// Least time between lines.
const PAUSE: Duration = Duration::from_secs(10);

/// The connections of all workers. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Balance(Arc<[Worker]>);

#[derive(Debug, Default)]
struct Worker {
    open: AtomicU32,
    accepted: AtomicU64,
}

/// A connection that is open until this is dropped.
pub(crate) struct Open {
    balance: Balance,
    worker: usize,
}

impl Balance {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Worker::default()).collect())
    }

    /// Counts a connection of this worker, numbered from 0.
    pub(crate) fn opened(&self, worker: usize) -> Open {
        self.0[worker].accepted.fetch_add(1, Ordering::Relaxed);
        self.0[worker].open.fetch_add(1, Ordering::Relaxed);
        Open {
            balance: self.clone(),
            worker,
        }
    }

    /// Logs the numbers now and then, while they change. Does not end.
    pub(crate) async fn tell(self) {
        let mut told = vec![0; self.0.len()];
        loop {
            sleep(LOOK).await;
            let (open, accepted): (Vec<_>, Vec<_>) = self.counts().into_iter().unzip();
            // Probes of the health come and go for ever: what only passed is not told.
            if open != told {
                tracing::info!("connections of each worker: open={open:?}, accepted={accepted:?}");
                told = open;
                sleep(PAUSE).await;
            }
        }
    }

    /// Open now, and accepted so far, of each worker.
    fn counts(&self) -> Vec<(u32, u64)> {
        let count = |worker: &Worker| {
            (
                worker.open.load(Ordering::Relaxed),
                worker.accepted.load(Ordering::Relaxed),
            )
        };
        self.0.iter().map(count).collect()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.balance.0[self.worker].open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closes_is_open_no_more_and_stays_counted() {
        let balance = Balance::new(2);
        let first = balance.opened(1);
        let second = balance.clone().opened(1);
        assert_eq!(balance.counts(), [(0, 0), (2, 2)]);
        drop(first);
        assert_eq!(balance.counts(), [(0, 0), (1, 2)]);
        drop(second);
        drop(balance.opened(0));
        assert_eq!(balance.counts(), [(0, 1), (0, 2)]);
    }
}
