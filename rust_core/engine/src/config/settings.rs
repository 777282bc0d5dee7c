//! The settings as types. What each means is said once, in `server/ferrule.toml`.

#![allow(missing_docs, reason = "documented in ferrule.toml")]

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// Every setting; `server/ferrule.toml` says what each means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub models: Models,
    pub limits: Limits,
    pub compute: Compute,
    pub log: Log,
}

/// Where to listen and how to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub workers: usize,
    pub allow_remote_plaintext: bool,
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
}

/// Where models are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Models {
    pub directory: PathBuf,
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
}

/// How much is too much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub max_message_bytes: u32,
    pub max_cells: u32,
    pub max_clusters: u32,
    pub max_iterations: u32,
    pub max_requests_in_flight: u32,
    pub max_fits_in_flight: u32,
    pub max_concurrent_streams: u32,
}

/// How answers are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    pub simd: String,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: Level,
}

/// Importance of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
