//! An open-loop load: calls go out at even distances whether or not earlier ones were answered, and each is timed from the
//! moment at which it was due. So a server that stalls is charged for every call that the stall held up, and a load
//! generator that is late does not flatter it.
//!
//! The thread never sleeps, as a sleep ends up to a millisecond late: it needs a core of its own.

use std::{
    cell::RefCell,
    fs,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, Request, StatusCode};
use serde::Serialize;
use tokio::{
    net::TcpStream,
    task::{LocalSet, spawn_local, yield_now},
};

/// A server that leaves so many calls unanswered can't keep up; further ones wait, and are late.
const MOST_IN_FLIGHT: usize = 10_000;
/// How long calls may take that are still on their way at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// In place of a status: the connection failed, or the answer had none.
const NO_STATUS: u64 = 255;
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 23;
/// Parts of all calls whose times are printed.
const PARTS: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("most", 1.0)];

/// Whom to ask, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// HOST:PORT of the server.
    #[arg(long)]
    address: String,
    /// Path of the method, as /package.Service/Method.
    #[arg(long)]
    path: String,
    /// File with the bytes of the request message.
    #[arg(long)]
    request: PathBuf,
    /// Connections, used in turn.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Calls a second; without it, the next call as soon as the last one is answered.
    #[arg(long)]
    rate: Option<f64>,
    /// How long to go on.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// File that takes every paced call that was answered: when it was due, was begun and had its answer, in nanoseconds
    /// after the start, and its gRPC status code, 255 for none; little-endian 64-bit integers.
    #[arg(long)]
    calls: Option<PathBuf>,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Calls begun.
    calls: usize,
    /// Of these, calls that did not end with gRPC's OK.
    failed: usize,
    /// Calls begun a second.
    rate: f64,
    /// From the moment a call was due to the end of its answer, in microseconds.
    latency_us: Vec<(&'static str, f64)>,
    /// From the moment a call was due to the moment it was begun.
    late_us: Vec<(&'static str, f64)>,
}

/// A paced call, after the start.
struct Sample {
    due: Duration,
    begun: Duration,
    answered: Duration,
    status: u64,
}

#[derive(Default)]
struct Record {
    latencies: Vec<Duration>,
    samples: Vec<Sample>,
    failed: usize,
    in_flight: usize,
}

/// Runs the load.
///
/// # Errors
/// When the server can't be reached. Calls that fail are counted.
pub(crate) fn run(options: &Options) -> Result<Report, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, load(options))
}

async fn load(options: &Options) -> Result<Report, Box<dyn std::error::Error>> {
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        connections.push(connect(&options.address).await?);
    }
    let ask = Ask {
        uri: format!("http://{}{}", options.address, options.path).parse()?,
        body: framed(&fs::read(&options.request)?),
    };
    // So that no measured call is the first on its connection.
    for connection in &connections {
        ask.once(connection).await?;
    }
    let began = Instant::now();
    let mut record = Record::default();
    let mut late = Vec::new();
    let took = match options.rate {
        None => {
            while began.elapsed().as_secs_f64() < options.seconds {
                let due = Instant::now();
                match ask.once(&connections[0]).await {
                    Ok(()) => record.latencies.push(due.elapsed()),
                    Err(_) => record.failed += 1,
                }
            }
            began.elapsed()
        }
        Some(rate) => {
            let shared = Rc::new(RefCell::new(record));
            late = ask.paced(&connections, rate, options.seconds, began, &shared).await;
            let took = began.elapsed();
            let end = Instant::now() + LAST_ANSWERS;
            while shared.borrow().in_flight > 0 && Instant::now() < end {
                yield_now().await;
            }
            record = shared.take();
            record.failed += record.in_flight;
            took
        }
    };
    if let Some(file) = &options.calls {
        fs::write(file, written(&record.samples))?;
    }
    let calls = record.latencies.len() + record.failed;
    Ok(Report {
        calls,
        failed: record.failed,
        rate: calls as f64 / took.as_secs_f64(),
        latency_us: percentiles(record.latencies),
        late_us: percentiles(late),
    })
}

/// A call, as often as wanted.
#[derive(Clone)]
struct Ask {
    uri: http::Uri,
    body: Bytes,
}

type Failure = Box<dyn std::error::Error>;

impl Ask {
    /// Begins calls at even distances; how late each was.
    async fn paced(
        &self,
        connections: &[SendRequest<Bytes>],
        rate: f64,
        seconds: f64,
        began: Instant,
        record: &Rc<RefCell<Record>>,
    ) -> Vec<Duration> {
        let calls = (rate * seconds) as usize;
        let mut late = Vec::with_capacity(calls);
        for (call, connection) in (0..calls).zip(connections.iter().cycle()) {
            let due = began + Duration::from_secs_f64(call as f64 / rate);
            while Instant::now() < due || record.borrow().in_flight >= MOST_IN_FLIGHT {
                yield_now().await;
            }
            late.push(due.elapsed());
            record.borrow_mut().in_flight += 1;
            let (ask, connection, record) = (self.clone(), connection.clone(), record.clone());
            spawn_local(async move {
                let begun = began.elapsed();
                let status = ask.status(&connection).await.unwrap_or(NO_STATUS);
                let answered = began.elapsed();
                let mut record = record.borrow_mut();
                record.in_flight -= 1;
                if status == 0 {
                    record.latencies.push(due.elapsed());
                } else {
                    record.failed += 1;
                }
                record.samples.push(Sample {
                    due: due - began,
                    begun,
                    answered,
                    status,
                });
            });
        }
        late
    }

    /// One call; an error when its answer is not gRPC's OK.
    async fn once(&self, connection: &SendRequest<Bytes>) -> Result<(), Failure> {
        match self.status(connection).await? {
            0 => Ok(()),
            other => Err(format!("gRPC status {other}").into()),
        }
    }

    /// One call; the gRPC status code of its answer.
    async fn status(&self, connection: &SendRequest<Bytes>) -> Result<u64, Failure> {
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", "5S")
            .body(())?;
        // A clone has a queue of its own for what the server has no room for yet.
        let (response, mut body) = connection.clone().send_request(request, false)?;
        body.send_data(self.body.clone(), true)?;
        let response = response.await?;
        if response.status() != StatusCode::OK {
            return Err("not OK".into());
        }
        let (head, body) = response.into_parts();
        let trailers = read(body).await?;
        let status = trailers.as_ref().unwrap_or(&head.headers).get("grpc-status");
        Ok(status.ok_or("no grpc-status")?.to_str()?.parse()?)
    }
}

/// Reads to the end.
async fn read(mut body: RecvStream) -> Result<Option<HeaderMap>, h2::Error> {
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data?.len())?;
    }
    body.trailers().await
}

async fn connect(address: &str) -> Result<SendRequest<Bytes>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(stream)
        .await?;
    // Calls learn of its errors.
    spawn_local(async { connection.await.ok() });
    Ok(sender.ready().await?)
}

/// One uncompressed gRPC message.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

fn written(samples: &[Sample]) -> Vec<u8> {
    let nanoseconds = |time: Duration| time.as_nanos() as u64;
    samples
        .iter()
        .flat_map(|each| {
            [
                nanoseconds(each.due),
                nanoseconds(each.begun),
                nanoseconds(each.answered),
                each.status,
            ]
        })
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// By nearest rank; nothing of nothing.
fn percentiles(mut times: Vec<Duration>) -> Vec<(&'static str, f64)> {
    times.sort_unstable();
    let of = |part: f64| ((part * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1;
    PARTS
        .iter()
        .filter(|_| !times.is_empty())
        .map(|&(name, part)| (name, times[of(part)].as_secs_f64() * 1e6))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times = (1..=1000).rev().map(Duration::from_micros).collect();
        assert_eq!(
            percentiles(times),
            [("p50", 500.0), ("p99", 990.0), ("p99.9", 999.0), ("most", 1000.0)]
        );
        assert_eq!(percentiles(Vec::new()), []);
        assert_eq!(percentiles(vec![Duration::from_micros(7)])[0], ("p50", 7.0));
    }

    #[test]
    fn samples_are_written_as_four_integers() {
        let time = Duration::from_nanos;
        let sample = Sample {
            due: time(1),
            begun: time(2),
            answered: time(258),
            status: 14,
        };
        let expected: Vec<u8> = [1_u64, 2, 258, 14].iter().flat_map(|each| each.to_le_bytes()).collect();
        assert_eq!(written(&[sample]), expected);
    }

    #[test]
    fn a_message_is_framed_as_grpc_wants() {
        assert_eq!(framed(b"abc").as_ref(), b"\0\0\0\0\x03abc");
    }
}
