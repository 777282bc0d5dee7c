//! `ferrule-server`: reads the command line and does what it says.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use ferrule_engine::{
    Config,
    command_line::{self, Command, UsageError},
    telemetry,
};
use ferrule_server::{App, drain, healthcheck};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let done = match command_line::parse("ferrule-server", env::args_os().skip(1), environment()) {
        Ok(Command::Serve(config)) => serve(&config),
        Ok(Command::Healthcheck(ask)) => healthcheck::run(&ask).map_err(failure),
        Ok(Command::Print(text)) => print(&text),
        Err(mistake) => Err(mistake),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(UsageError { text, code }) => {
            // When even this can't be written, the exit status has to do.
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
    }
}

fn serve(config: &Config) -> Result<(), UsageError> {
    telemetry::init(&config.log);
    let mut signals = drain::StopSignals::install().map_err(failure)?;
    let app = App::start(config).map_err(failure)?;
    telemetry::listening(config, &app.address().to_string());
    print(&format!("listening on {}\n", app.address()))?;
    signals.wait();
    drain::drain(app, &config.server);
    Ok(())
}

fn print(text: &str) -> Result<(), UsageError> {
    let mut output = io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|cause| failure(format_args!("cannot write to standard output: {cause}")))
}

/// What came to nothing, in one line.
fn failure(cause: impl Display) -> UsageError {
    UsageError {
        text: format!("ferrule-server: {cause}\n"),
        code: 1,
    }
}

/// The environment. A variable that is not text can't be a setting of ours, but one with our prefix must not be
/// passed over: it is made text, and the settings refuse it by name.
fn environment() -> Vec<(String, String)> {
    let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
    env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}
