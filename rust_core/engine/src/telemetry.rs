//! Log lines: one JSON object each, on standard error, for both servers.

use std::{backtrace::Backtrace, io, panic};

use tracing::level_filters::LevelFilter;

use crate::config::{Config, Level, Log};

/// Starts logging for this process; later calls change nothing. A panic is logged as an event with its place.
pub fn init(log: &Log) {
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(level)
        .with_writer(io::stderr)
        .try_init();
    if started.is_ok() {
        panic::set_hook(Box::new(|panic| {
            let backtrace = Backtrace::capture();
            tracing::error!(%panic, %backtrace, "panic");
        }));
    }
}

/// Logs that a server listens, and with what.
pub fn listening(config: &Config, address: &str) {
    tracing::info!(
        address,
        version = env!("CARGO_PKG_VERSION"),
        workers = config.workers(),
        models = %config.models.directory.display(),
        simd = config.simd().map_or_else(|error| error.to_string(), |level| level.name().to_owned()),
        "listening"
    );
}
