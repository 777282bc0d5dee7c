//! How long a caller waits, as the `grpc-timeout` header says it.

use std::time::{Duration, Instant};

use ferrule_engine::Status;
use http::{HeaderMap, HeaderValue};
use tokio::time::timeout_at;

/// When the caller stops waiting.
///
/// A header that is not as the protocol wants it counts as none, as in gRPC's C core, which is under the Python
/// server: both answer then, rather than one of them refusing what the other serves.
pub(crate) fn of(headers: &HeaderMap<HeaderValue>) -> Option<Instant> {
    let timeout = parse(headers.get("grpc-timeout")?.as_bytes())?;
    Instant::now().checked_add(timeout)
}

/// Reads 1 to 8 digits and a unit, as gRPC's "PROTOCOL-HTTP2" specifies them.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits
        .iter()
        .fold(0, |amount, digit| amount * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
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
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    match deadline {
        None => work.await,
        Some(deadline) => timeout_at(deadline.into(), work)
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
    fn what_is_not_a_timeout_counts_as_none() {
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1.5S",
            " 1S",
            "123456789S",
            "1SS",
            "\u{661}S",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_longest_timeout_does_not_overflow() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_static("99999999H"));
        let deadline = of(&headers);
        assert!(deadline.is_none_or(|deadline| deadline > Instant::now()));
    }
}
