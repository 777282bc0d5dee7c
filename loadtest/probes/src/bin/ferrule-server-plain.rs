//! The Rust server on the system's allocator, whose calls DHAT can count; else as `ferrule-server serve`.

#![allow(clippy::print_stdout, reason = "the address is the program's output")]

use std::{env, error::Error};

use ferrule_engine::command_line::{self, Command};
use ferrule_server::{App, drain};

fn main() -> Result<(), Box<dyn Error>> {
    let config = match command_line::parse("ferrule-server-plain", env::args_os().skip(1), Vec::new()) {
        Ok(Command::Serve(config)) => config,
        Ok(_) => return Err("expected the command serve".into()),
        Err(mistake) => return Err(mistake.text.into()),
    };
    let mut signals = drain::StopSignals::install()?;
    let app = App::start(&config)?;
    println!("listening on {}", app.address());
    signals.wait();
    drain::drain(app, &config.server);
    Ok(())
}
