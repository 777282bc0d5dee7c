//! The engine's face: a call is a method, request bytes and a context, answered with response bytes or a status.
//!
//! Small work completes where it arrives. Large work runs on the engine's pools and its answer is a [`Pending`],
//! which suits both kinds of server: one that awaits on an event loop and one that waits on a thread.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;

use crate::{error::Error, status::Status};

/// What a call ends with: the bytes of the response message, or why there is none.
pub type Answer = Result<Bytes, Status>;

/// What the engine knows of a call beyond its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// When the caller stops waiting; none if it never does.
    pub deadline: Option<Instant>,
}

impl Context {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::DeadlineExceeded),
            _ => Ok(()),
        }
    }
}

/// A call that was taken.
#[derive(Debug)]
pub enum Call {
    /// The answer is here.
    Answered(Answer),
    /// A pool of the engine works on it.
    Running(Pending),
}

/// An answer that is being computed. Dropping it cancels the work.
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<Answer>,
    guard: CancelOnDrop,
    context: Context,
}

impl Pending {
    /// A handle that cancels the work from elsewhere.
    #[must_use]
    pub fn canceller(&self) -> Cancel {
        self.guard.0.clone()
    }

    /// Awaits the answer.
    pub async fn answered(self) -> Answer {
        let Self { answer, guard, .. } = self;
        let answer = answer.await.unwrap_or_else(|_| lost());
        drop(guard);
        answer
    }

    /// Waits for the answer on this thread, at most until the deadline.
    pub fn wait(self) -> Answer {
        let received = match self.context.deadline {
            None => self
                .answer
                .recv_ref()
                .map_err(|_| oneshot::RecvTimeoutError::Disconnected),
            Some(deadline) => self.answer.recv_deadline(deadline),
        };
        match received {
            Ok(answer) => answer,
            Err(oneshot::RecvTimeoutError::Timeout) => Err(Status::deadline_exceeded()),
            Err(oneshot::RecvTimeoutError::Disconnected) => lost(),
        }
    }
}

#[derive(Debug)]
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Tells work to stop. All clones are one.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Order>);

#[derive(Default)]
struct Order {
    stop: AtomicBool,
    /// Work that no thread has begun.
    waiting: Mutex<Option<Job>>,
}

/// Work of a pool.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

impl Cancel {
    /// Tells the work to stop; compute loops look every few milliseconds. Work that still waits ends here and now.
    pub fn cancel(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
        // It finds that it is not wanted, answers that and lets go of what it holds.
        self.begin();
    }

    /// Keeps work until [`begin`](Self::begin).
    pub(crate) fn keep(&self, work: Job) {
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// Does the work on this thread, unless another has begun it.
    pub(crate) fn begin(&self) {
        let work = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            work();
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.0.stop).finish()
    }
}

/// What pooled work looks at to see whether anyone still wants its answer.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    context: Context,
    cancel: Option<Cancel>,
}

impl Wanted {
    /// For work done where it arrived: it is over before anybody could change their mind.
    pub(crate) fn inline() -> Self {
        Self {
            context: Context::default(),
            cancel: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(cancel) = &self.cancel
            && cancel.0.stop.load(Ordering::Relaxed)
        {
            return Err(Error::Cancelled);
        }
        self.context.check()
    }

    /// As the algorithms ask.
    pub(crate) fn interrupted(&self) -> bool {
        self.check().is_err()
    }
}

/// The two ends of pooled work: what the pool gets and what the server gets.
pub(crate) fn pending(context: Context) -> (oneshot::Sender<Answer>, Wanted, Pending) {
    let (sender, answer) = oneshot::channel();
    let cancel = Cancel::default();
    let wanted = Wanted {
        context,
        cancel: Some(cancel.clone()),
    };
    let pending = Pending {
        answer,
        guard: CancelOnDrop(cancel),
        context,
    };
    (sender, wanted, pending)
}

fn lost() -> Answer {
    Err(Status::from(&Error::incident(&"work ended without an answer")))
}
