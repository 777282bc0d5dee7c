//! The command line of both servers: the same commands, flags, help and messages.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use toml::Value;

use crate::config::{Config, Layers};

/// What the user wants done.
#[derive(Debug, Clone)]
pub enum Command {
    /// Serve until told to stop.
    Serve(Config),
    /// Ask a running server for its health.
    Healthcheck(Healthcheck),
    /// Write this to standard output and end with success.
    Print(String),
}

/// Whom to ask for health.
#[derive(Debug, Clone, Args)]
pub struct Healthcheck {
    /// Host and port of the server
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "HOST:PORT")]
    pub address: String,
    /// Service to ask about, or models/NAME [default: the whole server]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    pub service: String,
    /// How long to wait for the answer, in seconds
    #[arg(long, default_value_t = 3.0, value_parser = seconds, value_name = "SECONDS")]
    timeout: f64,
}

impl Healthcheck {
    /// How long to wait for the answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number from 0.001 to 3600".into()),
    }
}

/// Why there is nothing to do; `text` goes to standard error, `code` is the exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    /// What was expected and what came.
    pub text: String,
    /// Exit status.
    pub code: i32,
}

/// Exit status for settings that are wrong (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: i32 = 78;

/// Serves K-Means and logistic regression over gRPC.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Settings come from a file (--config), from FERRULE_<SECTION>_<KEY> environment variables over it, and from flags
over those. --print-config shows every setting with its value."
)]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve the models of a repository; prints `listening on HOST:PORT` when ready
    Serve(ServeFlags),
    /// Ask a running server for its health; exit status 0 means SERVING
    Healthcheck(Healthcheck),
    /// Check the settings and report every mistake
    CheckConfig(ServeFlags),
}

#[derive(Debug, Args)]
struct ServeFlags {
    /// Model repository [default: models]
    #[arg(long, value_name = "DIR")]
    models: Option<String>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// TCP port; 0 lets the system choose [default: 50051]
    #[arg(long)]
    port: Option<u16>,
    /// Workers that share the port; 0: one for each core [default: 0]
    #[arg(long)]
    workers: Option<u16>,
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every setting as it resolves, and end
    #[arg(long)]
    print_config: bool,
}

impl ServeFlags {
    fn layers(self, environment: Vec<(String, String)>) -> (Layers, bool) {
        let mut flags = Vec::new();
        if let Some(models) = self.models {
            flags.push(("--models", "models.directory", Value::String(models)));
        }
        if let Some(host) = self.host {
            flags.push(("--host", "server.host", Value::String(host)));
        }
        if let Some(port) = self.port {
            flags.push(("--port", "server.port", Value::Integer(port.into())));
        }
        if let Some(workers) = self.workers {
            flags.push(("--workers", "server.workers", Value::Integer(workers.into())));
        }
        let layers = Layers {
            file: self.config,
            environment,
            flags,
        };
        (layers, self.print_config)
    }
}

/// Reads a command line and the environment. `program` is what the user typed to get here, for the help texts.
///
/// # Errors
/// A wrong flag, or everything that is wrong with the settings.
pub fn parse(
    program: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    environment: Vec<(String, String)>,
) -> Result<Command, UsageError> {
    let arguments = std::iter::once(OsString::from(program)).chain(arguments);
    let matched = CommandLine::command()
        .bin_name(program)
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let action = match matched {
        Ok(command_line) => command_line.action,
        Err(error) if error.use_stderr() => {
            return Err(UsageError {
                text: error.to_string(),
                code: error.exit_code(),
            });
        }
        Err(help) => return Ok(Command::Print(help.to_string())),
    };
    let (flags, check_only) = match action {
        Action::Healthcheck(healthcheck) => return Ok(Command::Healthcheck(healthcheck)),
        Action::Serve(flags) => (flags, false),
        Action::CheckConfig(flags) => (flags, true),
    };
    let (layers, print_config) = flags.layers(environment);
    let config = Config::resolve(layers).map_err(|error| UsageError {
        text: format!("{error}\n"),
        code: EXIT_CONFIG,
    })?;
    Ok(if print_config {
        Command::Print(config.to_toml())
    } else if check_only {
        Command::Print("the settings are valid\n".into())
    } else {
        Command::Serve(config)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, UsageError> {
        parse("ferrule-server", arguments.iter().map(OsString::from), vec![])
    }

    #[test]
    fn flags_reach_the_settings() {
        let Ok(Command::Serve(config)) = parsed(&[
            "serve",
            "--models",
            "m",
            "--port",
            "0",
            "--workers",
            "2",
            "--host",
            "::1",
        ]) else {
            panic!("serve is a command");
        };
        assert_eq!(config.models.directory, PathBuf::from("m"));
        assert_eq!((config.server.port, config.server.workers), (0, 2));
        assert_eq!(config.server.host, "::1");
    }

    #[test]
    fn a_directory_that_is_not_text_is_refused_rather_than_another_served() {
        use std::os::unix::ffi::OsStringExt;
        let directory = OsString::from_vec(b"mod\xffels".to_vec());
        let arguments = ["serve".into(), "--models".into(), directory];
        assert_eq!(parse("ferrule-server", arguments, vec![]).unwrap_err().code, 2);
    }

    #[test]
    fn help_goes_to_standard_output_and_mistakes_do_not() {
        assert!(matches!(parsed(&["serve", "--help"]), Ok(Command::Print(text)) if text.contains("--models")));
        assert_eq!(parsed(&["serve", "--prot", "1"]).unwrap_err().code, 2);
        assert_eq!(parsed(&["serve", "--host", "0.0.0.0"]).unwrap_err().code, EXIT_CONFIG);
        assert_eq!(parsed(&["healthcheck", "--timeout", "NaN"]).unwrap_err().code, 2);
    }

    #[test]
    fn the_defaults_that_the_help_names_are_those_of_the_settings() {
        let Ok(Command::Print(help)) = parsed(&["serve", "--help"]) else {
            panic!("--help prints");
        };
        let server = Config::resolve(Layers::default()).unwrap();
        for (flag, default) in [
            ("--models", server.models.directory.display().to_string()),
            ("--host", server.server.host.clone()),
            ("--port", server.server.port.to_string()),
            ("--workers", server.server.workers.to_string()),
        ] {
            let line = help.lines().find(|line| line.contains(flag)).unwrap();
            assert!(line.ends_with(&format!("[default: {default}]")), "{line}");
        }
        let Ok(Command::Healthcheck(asked)) = parsed(&["healthcheck"]) else {
            panic!("healthcheck is a command");
        };
        assert_eq!(asked.address, format!("{}:{}", server.server.host, server.server.port));
    }

    #[test]
    fn printed_settings_are_a_settings_file() {
        let Ok(Command::Print(text)) = parsed(&["serve", "--port", "1", "--print-config"]) else {
            panic!("--print-config prints");
        };
        assert_eq!(Config::from_toml(&text).unwrap().server.port, 1);
    }
}
