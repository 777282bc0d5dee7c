//! An open-loop load generator for one unary gRPC call, for rates that ghz can't offer.
//!
//! Calls start by the clock, however many are in progress. Each is timed from when it was due, so that the client's own delay
//! counts too (Gil Tene's "coordinated omission" does not arise). One thread, which never sleeps: timers of a runtime and of
//! the kernel are far coarser than an answer takes.
//!
//! What it writes: for each call four little-endian 64-bit integers: nanoseconds after the start at which it was due, was
//! sent and had its answer, and its gRPC status code (`TRANSPORT_FAILED` when there was none).

mod call;

use std::{
    cell::RefCell,
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use call::Caller;
use clap::Parser;
use tokio::{
    net::TcpStream,
    task::{LocalSet, spawn_local, yield_now},
};

/// Windows that never make a server wait for the client.
const WINDOW_BYTES: u32 = 1 << 24;
/// Before the first call is due: connections are set up by then.
const LEAD: Duration = Duration::from_millis(50);

/// Offers a gRPC server unary calls at a fixed rate.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address of the server; plaintext.
    #[arg(long)]
    address: SocketAddr,
    /// What is called, as `/package.Service/Method`.
    #[arg(long)]
    path: String,
    /// File of the request's bytes, one message.
    #[arg(long)]
    request: PathBuf,
    /// TCP connections; calls take turns.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Calls started in a second.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rate: u64,
    /// How long calls are started.
    #[arg(long)]
    seconds: f64,
    /// A call that takes longer has failed.
    #[arg(long, default_value_t = 20.0)]
    timeout: f64,
    /// File that takes the calls.
    #[arg(long)]
    output: PathBuf,
}

/// One call, in nanoseconds after the start.
struct Record {
    due: u64,
    sent: u64,
    answered: u64,
    code: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Sockets are looked at after every task: answers are seen at once.
        .event_interval(1)
        .build()?;
    let records = LocalSet::new().block_on(&runtime, offer(&arguments))?;
    write(&arguments.output, &records)?;
    Ok(())
}

async fn offer(arguments: &Arguments) -> Result<Vec<Record>, Box<dyn Error>> {
    let timeout = Duration::try_from_secs_f64(arguments.timeout)?;
    let lasting = Duration::try_from_secs_f64(arguments.seconds)?;
    let frame = framed(&std::fs::read(&arguments.request)?)?;
    let mut callers = Vec::new();
    for _ in 0..arguments.connections {
        callers.push(connect(arguments, frame.clone(), timeout).await?);
    }
    let count = u64::try_from(u128::from(arguments.rate) * lasting.as_nanos() / 1_000_000_000)?;
    let records = Rc::new(RefCell::new(Vec::with_capacity(usize::try_from(count)?)));
    let began = Instant::now();
    for (number, caller) in (0..count).zip(callers.iter().cycle()) {
        let due = due(number, arguments.rate);
        while began.elapsed() < due {
            yield_now().await;
        }
        let (caller, records) = (caller.clone(), Rc::clone(&records));
        spawn_local(async move {
            let sent = began.elapsed();
            let code = caller.call().await;
            let record = Record {
                due: nanoseconds(due),
                sent: nanoseconds(sent),
                answered: nanoseconds(began.elapsed()),
                code,
            };
            records.borrow_mut().push(record);
        });
        // Answers are read also when calls are late.
        yield_now().await;
    }
    while (records.borrow().len() as u64) < count {
        yield_now().await;
    }
    Ok(records.take())
}

async fn connect(arguments: &Arguments, frame: Bytes, timeout: Duration) -> Result<Caller, Box<dyn Error>> {
    let stream = TcpStream::connect(arguments.address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .enable_push(false)
        .handshake(stream)
        .await?;
    spawn_local(async move {
        // A connection that breaks fails its calls, which are counted.
        let _ = connection.await;
    });
    let ready = sender.ready().await?;
    Caller::new(ready, &arguments.address.to_string(), &arguments.path, frame, timeout)
}

/// When a call is due, after the start. A whole number of nanoseconds between calls would add up to a wrong rate.
fn due(number: u64, rate: u64) -> Duration {
    LEAD + Duration::from_secs_f64(number as f64 / rate as f64)
}

/// One uncompressed gRPC message.
fn framed(message: &[u8]) -> Result<Bytes, Box<dyn Error>> {
    let length = u32::try_from(message.len())?;
    Ok([&[0], length.to_be_bytes().as_slice(), message].concat().into())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn write(file: &Path, records: &[Record]) -> std::io::Result<()> {
    let mut output = BufWriter::new(File::create(file)?);
    for record in records {
        for figure in [record.due, record.sent, record.answered, record.code] {
            output.write_all(&figure.to_le_bytes())?;
        }
    }
    output.flush()
}
