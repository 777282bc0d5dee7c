//! How long a caller waits, as the `grpc-timeout` header says it.

use std::{
    future::poll_fn,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use ferrule_engine::Status;
use http::HeaderValue;
use tokio::time::timeout_at;

use crate::status;

/// A timeout from which on there is none: a century.
const NEVER: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// When a caller stops waiting whose call `came` with this header; none if it never does.
///
/// # Errors
/// When the header is not a timeout. To serve such a call without a deadline would hide the fault of its caller; gRPC's
/// C core refuses it too.
pub(crate) fn of(header: &HeaderValue, came: Instant) -> Result<Option<Instant>, Status> {
    let timeout = parse(header.as_bytes()).ok_or_else(status::of_bad_timeout)?;
    // No connection lasts so long, and timers that add to the last instant of the clock would overflow.
    Ok((timeout < NEVER).then(|| came + timeout))
}

/// Reads digits and a unit, as gRPC's "PROTOCOL-HTTP2" specifies them. It allows 8 digits; more are read as gRPC's
/// C core reads them.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0_u64, |amount, digit| {
        amount.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    Some(match unit {
        b'H' => Duration::from_secs(amount.saturating_mul(3600)),
        b'M' => Duration::from_secs(amount.saturating_mul(60)),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Awaits work until the deadline; what is not done then is dropped, which cancels it.
pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    mut work: Pin<&mut impl Future<Output = Result<T, Status>>>,
) -> Result<T, Status> {
    // Most work is done at once, and needs no timer.
    let tried = poll_fn(|task| Poll::Ready(work.as_mut().poll(task))).await;
    match (tried, deadline) {
        (Poll::Ready(done), _) => done,
        (Poll::Pending, None) => work.await,
        (Poll::Pending, Some(deadline)) => timeout_at(deadline.into(), work)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, expected) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("6n", Duration::from_nanos(6)),
            ("0S", Duration::ZERO),
            ("00000007S", Duration::from_secs(7)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_timeout_is_refused() {
        for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", " 1S", "1SS", "\u{661}S"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(
            of(&HeaderValue::from_static("soon"), Instant::now()),
            Err(status::of_bad_timeout())
        );
    }

    #[test]
    fn the_longest_timeouts_do_not_overflow() {
        for text in ["99999999H", "18446744073709551616H", "99999999999999999999999S"] {
            let deadline = of(&HeaderValue::from_static(text), Instant::now()).unwrap();
            assert_eq!(deadline, None, "{text}");
        }
    }

    #[test]
    fn timers_can_add_to_every_deadline() {
        let farthest = (0..63).rev().fold(0, |seconds, bit| {
            let more = seconds | 1_u64 << bit;
            let counts = Instant::now().checked_add(Duration::from_secs(more)).is_some();
            if counts { more } else { seconds }
        });
        for seconds in [farthest, farthest - 1, NEVER.as_secs(), NEVER.as_secs() - 1] {
            let text = HeaderValue::from_str(&format!("{seconds}S")).unwrap();
            let deadline = of(&text, Instant::now()).unwrap();
            assert!(
                deadline.is_none_or(|deadline| deadline.checked_add(Duration::from_secs(60)).is_some()),
                "{seconds}"
            );
        }
    }
}
