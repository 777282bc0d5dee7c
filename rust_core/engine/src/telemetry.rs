//! Log lines: one JSON object each, on standard error, for both servers.

use std::{backtrace::Backtrace, io, panic};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

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
    let lines = fmt::layer().json().flatten_event(true).with_writer(io::stderr);
    if registry().with(lines_of(level)).with(lines).try_init().is_ok() {
        panic::set_hook(Box::new(|panic| {
            let backtrace = Backtrace::capture();
            tracing::error!(%panic, %backtrace, "panic");
        }));
    }
}

/// Frames and polls of the libraries beneath drown what the servers say: they come with the last level only.
fn lines_of(level: LevelFilter) -> Targets {
    let libraries = if level == LevelFilter::TRACE {
        level
    } else {
        level.min(LevelFilter::INFO)
    };
    Targets::new().with_target("ferrule", level).with_default(libraries)
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_say_little_unless_all_is_asked_for() {
        let debug = lines_of(LevelFilter::DEBUG);
        assert!(debug.would_enable("ferrule_engine::work", &Level::DEBUG));
        assert!(debug.would_enable("h2::codec", &Level::INFO));
        assert!(!debug.would_enable("h2::codec", &Level::DEBUG));
        assert!(lines_of(LevelFilter::TRACE).would_enable("h2::codec", &Level::TRACE));
        let error = lines_of(LevelFilter::ERROR);
        assert!(error.would_enable("ferrule_server::drain", &Level::ERROR));
        assert!(!error.would_enable("ferrule_server::drain", &Level::WARN));
        assert!(!error.would_enable("h2::codec", &Level::WARN));
    }
}
