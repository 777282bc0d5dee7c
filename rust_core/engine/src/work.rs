//! Pools for work that is too long to do where it arrives.
//!
//! A pool takes jobs from a queue with a few runner threads; a job's row blocks spread over compute threads that belong
//! to its runner. Runners share none, as a compute thread that waits for blocks of one job takes up whatever else its
//! threads were given: a short job would end when a long one does. The queue needs no bound of its own: what may
//! wait is bounded at admission, and work cancelled while it waits leaves only an empty handle.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use crate::{
    call::{Call, Cancel, Context, Wanted, pending},
    error::Error,
    status::Status,
};

/// Threads for one kind of work.
pub(crate) struct Pool {
    jobs: async_channel::Sender<Cancel>,
}

/// What a pool is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose {
    pub name: &'static str,
    /// Jobs that run at one time.
    pub runners: usize,
    /// Added to the threads' niceness.
    pub niceness: i32,
}

impl Pool {
    /// Starts the threads, which keep the CPU mask of the calling thread.
    pub(crate) fn start(purpose: Purpose) -> Result<Self, String> {
        let (jobs, queue) = async_channel::unbounded::<Cancel>();
        for runner in 0..purpose.runners {
            let compute = rayon::ThreadPoolBuilder::new()
                .thread_name(move |index| format!("{}-{runner}-{index}", purpose.name))
                .start_handler(move |_| lower_priority(purpose.niceness))
                .build()
                .map_err(|error| error.to_string())?;
            let queue = queue.clone();
            thread::Builder::new()
                .name(format!("{}-{runner}", purpose.name))
                .spawn(move || {
                    while let Ok(job) = queue.recv_blocking() {
                        compute.install(|| job.begin());
                    }
                })
                .map_err(|error| error.to_string())?;
        }
        Ok(Self { jobs })
    }

    /// Queues work. It is not begun when its deadline has passed by the time a thread is free, and ends at once, with
    /// what it holds, when its caller goes before that.
    pub(crate) fn run(
        &self,
        context: Context,
        work: impl FnOnce(&Wanted) -> Result<bytes::Bytes, Error> + Send + 'static,
    ) -> Call {
        let (answer, wanted, pending) = pending(context);
        let job = pending.canceller();
        job.keep(Box::new(move || {
            let answered = contained(|| {
                wanted.check()?;
                work(&wanted)
            });
            // Nobody may be waiting any more.
            let _ = answer.send(answered);
        }));
        match self.jobs.try_send(job) {
            Ok(()) => Call::Running(pending),
            Err(_) => Call::Answered(Err((&Error::Draining).into())),
        }
    }
}

/// Does work such that a panic ends this call only.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Status> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::incident(&"a panic; its place is in the line before")))
        .map_err(|error| {
            let status = Status::from(&error);
            tracing::debug!(code = ?status.code, %error, "call refused");
            status
        })
}

fn lower_priority(niceness: i32) {
    if niceness > 0
        && let Err(error) = rustix::process::setpriority_process(None, niceness)
    {
        tracing::debug!(%error, "thread priority stays as it is");
    }
}
