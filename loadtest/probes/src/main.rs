//! `ferrule-probes parts` measures the parts of a call in this process; `ferrule-probes load` asks a server at an even
//! pace. Each prints one JSON object.

#![allow(clippy::print_stdout, reason = "the figures are the program's output")]

mod in_process;
mod load;

use std::error::Error;

use clap::Parser;

// As the Rust server.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
enum Probe {
    /// CPU time of the parts of a prediction, without a transport.
    Parts(in_process::Options),
    /// Calls at an even pace, each timed from the moment at which it was due.
    Load(load::Options),
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = match Probe::parse() {
        Probe::Parts(options) => serde_json::to_string(&in_process::measure(&options)?)?,
        Probe::Load(options) => serde_json::to_string(&load::run(&options)?)?,
    };
    println!("{report}");
    Ok(())
}
