//! The Rust-native gRPC server: a thin front on the engine. It moves bytes between HTTP/2 and
//! [`ferrule_engine`] and decides nothing about answers.

pub mod app;
pub mod client;
pub mod codec;
pub mod drain;
pub mod healthcheck;

mod balance;
mod clock;
mod connection;
mod conversation;
mod deadline;
mod handlers;
mod listener;
mod messages;
mod preface;
mod reply;
mod service;
mod status;
mod worker;

pub use app::App;
