//! The server from outside: real sockets, real processes, a client that is not generated.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod drain;
mod fixture;
mod hostile;
mod process;
mod streams;
