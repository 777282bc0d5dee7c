//! The command line of both servers: the same commands, flags, help and messages.

use std::{
    ffi::OsString,
    fmt::Display,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

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
#[derive(Debug, Clone)]
pub struct Healthcheck {
    /// Host and port of the server.
    pub address: String,
    /// Service to ask about, or models/NAME; empty for the whole server.
    pub service: String,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

#[derive(Debug, Args)]
struct HealthcheckFlags {
    /// Host and port of the server [default: as its environment says, or 127.0.0.1:50051]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Service to ask about, or models/NAME [default: the whole server]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    service: String,
    /// How long to wait for the answer, in seconds
    #[arg(long, default_value_t = 3.0, value_parser = seconds, value_name = "SECONDS")]
    timeout: f64,
}

impl HealthcheckFlags {
    fn resolved(self, environment: Vec<(String, String)>) -> Result<Healthcheck, UsageError> {
        let address = match self.address {
            Some(address) => address,
            None => listening(environment)?,
        };
        Ok(Healthcheck {
            address,
            service: self.service,
            timeout: Duration::from_secs_f64(self.timeout),
        })
    }
}

/// Where a program beside the server reaches it, in the same container for one: an address that stands for all others is
/// none to connect to.
fn listening(environment: Vec<(String, String)>) -> Result<String, UsageError> {
    let (host, port) = Config::host_and_port(environment).map_err(UsageError::settings)?;
    if port == 0 {
        return Err(UsageError::settings(PORT_UNKNOWN));
    }
    Ok(match host.parse() {
        Ok(IpAddr::V4(any)) if any.is_unspecified() => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        Ok(IpAddr::V6(any)) if any.is_unspecified() => format!("[{}]:{port}", Ipv6Addr::LOCALHOST),
        Ok(IpAddr::V6(host)) => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    })
}

const PORT_UNKNOWN: &str =
    "FERRULE_SERVER_PORT: 0 lets the system choose the port of the server; name the one that it chose with --address";

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

impl UsageError {
    fn settings(problem: impl Display) -> Self {
        Self {
            text: format!("{problem}\n"),
            code: EXIT_CONFIG,
        }
    }
}

/// Exit status for settings that are wrong (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: i32 = 78;

const SETTINGS: &str = "\
Settings come from a file (--config), from FERRULE_<SECTION>_<KEY> environment variables over it, and from flags
over those. --print-config shows every setting with its value.";

/// Serves K-Means and logistic regression over gRPC.
#[derive(Debug, Parser)]
#[command(name = "ferrule-server", version, max_term_width = 100, after_help = SETTINGS)]
struct CommandLine {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve the models of a repository; prints `listening on HOST:PORT` when ready
    #[command(after_help = SETTINGS)]
    Serve(ServeFlags),
    /// Ask a running server for its health; exit status 0 means SERVING
    Healthcheck(HealthcheckFlags),
    /// Check the settings and report every mistake
    #[command(after_help = SETTINGS)]
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
        Action::Healthcheck(flags) => return flags.resolved(environment).map(Command::Healthcheck),
        Action::Serve(flags) => (flags, false),
        Action::CheckConfig(flags) => (flags, true),
    };
    let (layers, print_config) = flags.layers(environment);
    let config = Config::resolve(layers).map_err(UsageError::settings)?;
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
    fn the_version_is_that_of_the_server() {
        let Ok(Command::Print(text)) = parsed(&["--version"]) else {
            panic!("--version prints");
        };
        assert_eq!(text, concat!("ferrule-server ", env!("CARGO_PKG_VERSION"), "\n"));
    }

    #[test]
    fn health_is_asked_where_the_environment_lets_the_server_listen() {
        let asked = |flags: &[&str], environment: &[(&str, &str)]| {
            let arguments = std::iter::once("healthcheck").chain(flags.iter().copied());
            let variables = environment.iter().map(|(name, text)| ((*name).into(), (*text).into()));
            match parse("ferrule-server", arguments.map(OsString::from), variables.collect()) {
                Ok(Command::Healthcheck(asked)) => asked.address,
                Err(error) => error.text,
                Ok(_) => panic!("healthcheck is a command"),
            }
        };
        let port = ("FERRULE_SERVER_PORT", "7");
        assert_eq!(asked(&[], &[port]), "127.0.0.1:7");
        // Whether the server may listen there can be said in its file.
        assert_eq!(asked(&[], &[("FERRULE_SERVER_HOST", "0.0.0.0")]), "127.0.0.1:50051");
        assert_eq!(asked(&[], &[("FERRULE_SERVER_HOST", "::")]), "[::1]:50051");
        assert_eq!(asked(&[], &[("FERRULE_SERVER_HOST", "::1")]), "[::1]:50051");
        assert_eq!(asked(&["--address", "there:1"], &[port]), "there:1");
        // What the server does not take is the server's to tell; what Kubernetes says of a service is neither's.
        assert_eq!(
            asked(&[], &[port, ("FERRULE_LOG_LEVEL", "x"), ("FERRULE_NONE", "x")]),
            "127.0.0.1:7"
        );
        assert_eq!(
            asked(&[], &[("FERRULE_SERVER_PORT", "tcp://10.0.0.7:7")]),
            "127.0.0.1:50051"
        );
        assert!(asked(&[], &[("FERRULE_SERVER_PORT", "x")]).contains("FERRULE_SERVER_PORT: server.port: "));
        assert!(asked(&[], &[("FERRULE_SERVER_PORT", "0")]).contains("name the one that it chose with --address"));
        assert_eq!(
            asked(&["--address", "there:1"], &[("FERRULE_SERVER_PORT", "0")]),
            "there:1"
        );
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
