//! The clock of a connection. hyper asks for the time with every frame that a peer sends, only to know for how long it
//! has been quiet, and every call with a deadline counts from when it came: so the clock is read once for all that a
//! connection does at one go.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::Pin,
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

thread_local! {
    /// When this thread last went on with a connection.
    static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// When the connection that is polled now went on.
pub(crate) fn now() -> Instant {
    NOW.get().unwrap_or_else(Instant::now)
}

/// Awaits a connection, reading the clock each time that it goes on.
pub(crate) async fn timed<F: Future>(mut connection: Pin<&mut F>) -> F::Output {
    poll_fn(|task| {
        NOW.set(Some(Instant::now()));
        connection.as_mut().poll(task)
    })
    .await
}

/// Tokio's timers, and the clock as [`timed`] last read it on this thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionTimer(TokioTimer);

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.0.reset(sleep, deadline);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, pin::pin, task};

    use super::*;

    #[test]
    fn the_clock_goes_on_with_the_connection() {
        let timer = ConnectionTimer::default();
        assert!(timer.now() <= Instant::now());
        let seen = RefCell::new(Vec::new());
        let mut connection = pin!(poll_fn(|_| {
            seen.borrow_mut().push((timer.now(), timer.now()));
            task::Poll::<()>::Pending
        }));
        let mut timed = pin!(timed(connection.as_mut()));
        let mut task = task::Context::from_waker(task::Waker::noop());
        let before = Instant::now();
        assert!(timed.as_mut().poll(&mut task).is_pending());
        let between = Instant::now();
        assert!(timed.as_mut().poll(&mut task).is_pending());
        let seen = seen.borrow();
        let [first, second] = seen[..] else {
            panic!("polled twice, got {seen:?}")
        };
        assert_eq!((first.0, second.0), (first.1, second.1));
        assert!(before <= first.0 && first.0 <= between && between <= second.0);
    }
}
