//! The server from outside: real sockets, real processes, a client that is not generated.

mod calls;
mod drain;
mod fixture;
mod hostile;
mod process;
mod streams;
