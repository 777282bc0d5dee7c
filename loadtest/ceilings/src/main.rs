//! Servers that answer nothing: what a call costs before anything is computed.
//!
//! `ferrule-ceilings tonic` is an empty typed echo on tonic's own server, `ferrule-ceilings accept-loop` an echo of bytes on an
//! accept loop like the Rust server's, without tonic. Both run on one thread, like a worker, and print where they listen.

#![allow(clippy::print_stdout, reason = "the address is the program's output")]

mod accept_loop;
mod stock;

use std::error::Error;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// As the Rust server's default.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("listening on {}", listener.local_addr()?);
        match kind.as_str() {
            "tonic" => stock::serve(listener).await,
            "accept-loop" => accept_loop::serve(listener).await,
            other => Err(format!("expected tonic or accept-loop, got {other:?}").into()),
        }
    })
}
