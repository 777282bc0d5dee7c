//! The settings of both servers: one file of defaults, a file of the operator's over it, environment variables over
//! that, flags over those. Parsed here for both servers, every mistake reported at once.

mod service_link;
mod settings;
mod wording;

use std::{fmt, fs, net::IpAddr, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use ferrule_algorithms::simd;
use humantime_serde::re::humantime;
use toml::{Table, Value};

pub use self::settings::{Compute, Config, Level, Limits, Log, Models, Server};
use crate::board::MAX_WORKERS;

/// The file of defaults, which documents every setting.
pub const DEFAULTS: &str = include_str!("../../../server/ferrule.toml");

/// Of any duration: sums of them, and moments after now, must be numbers everywhere.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const ENVIRONMENT_PREFIX: &str = "FERRULE_";
/// Variables that say where the server listens, after the prefix.
const HOST_AND_PORT: [&str; 2] = ["SERVER_HOST", "SERVER_PORT"];

/// Everything that is wrong with the settings, at once.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in the settings:",
            match self.problems.len() {
                1 => "a mistake".to_owned(),
                n => format!("{n} mistakes"),
            }
        )?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// What goes over the defaults.
#[derive(Debug, Default)]
pub struct Layers {
    /// The operator's file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not start with `FERRULE_`, or describe a service of Kubernetes, are ignored.
    pub environment: Vec<(String, String)>,
    /// Flags: how each is spelled, the setting as `section.key`, the value.
    pub flags: Vec<(&'static str, &'static str, Value)>,
}

impl Config {
    /// Puts the layers over the defaults and checks the result.
    ///
    /// # Errors
    /// Names every unknown key, unreadable value and value out of range, with the layer it came from.
    pub fn resolve(layers: Layers) -> Result<Self, ConfigError> {
        let mut merge = Merge::default();
        if let Some(path) = layers.file {
            merge.file(&path);
        }
        merge.environment(&layers.environment);
        for (flag, setting, value) in layers.flags {
            if let Some((section, key)) = setting.split_once('.') {
                merge.set(flag, section, key, value);
            }
        }
        let config = merge.config();
        merge.problems.extend(config.problems());
        merge.ended(config)
    }

    /// Host and port as the environment has them, over the defaults; for programs beside the server, which do not see its
    /// file. So nothing else is looked at: what the server makes of it all may depend on that file.
    ///
    /// # Errors
    /// When either does not read.
    pub(crate) fn host_and_port(mut environment: Vec<(String, String)>) -> Result<(String, u16), ConfigError> {
        environment.retain(|(name, _)| {
            let setting = name.strip_prefix(ENVIRONMENT_PREFIX);
            setting.is_some_and(|setting| HOST_AND_PORT.iter().any(|known| setting.eq_ignore_ascii_case(known)))
        });
        let mut merge = Merge::default();
        merge.environment(&environment);
        let Server { host, port, .. } = merge.config().server;
        merge.ended((host, port))
    }

    /// The settings as a file that [`from_toml`](Self::from_toml) reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("settings are tables of numbers and strings")
    }

    /// Reads back what [`to_toml`](Self::to_toml) wrote, as workers do.
    ///
    /// # Errors
    /// When the text is not a complete set of settings.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError {
            problems: vec![error.message().to_owned()],
        })
    }

    /// The number of workers to start: as set, or one for each core that the process may use.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.server.workers {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            n => n,
        }
    }

    /// The vector instructions to use.
    ///
    /// # Errors
    /// When there are none of that name, or this CPU lacks them.
    pub(crate) fn simd(&self) -> Result<simd::Level, simd::LevelError> {
        simd::Level::named(&self.compute.simd)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let Server { host, workers, .. } = &self.server;
        demand(
            *workers <= MAX_WORKERS,
            format!("server.workers: expected at most {MAX_WORKERS}, got {workers}"),
        );
        demand(!host.is_empty(), "server.host: expected an address, got \"\"".into());
        demand(
            self.server.allow_remote_plaintext || is_loopback(host),
            format!(
                "server.host: {host} is reachable from other machines and traffic is not encrypted; set \
                 server.allow_remote_plaintext = true to accept that"
            ),
        );
        demand(
            !self.models.directory.as_os_str().is_empty(),
            "models.directory: expected a path, got \"\"".into(),
        );
        demand(
            !self.models.poll_interval.is_zero(),
            "models.poll_interval: expected more than 0".into(),
        );
        for (key, value) in [
            ("server.drain_delay", self.server.drain_delay),
            ("server.drain_timeout", self.server.drain_timeout),
            ("models.poll_interval", self.models.poll_interval),
        ] {
            demand(
                value <= LONGEST,
                format!(
                    "{key}: expected at most {}, got {}",
                    humantime::format_duration(LONGEST),
                    humantime::format_duration(value)
                ),
            );
        }
        let Limits {
            max_message_bytes,
            max_cells,
            max_clusters,
            max_iterations,
            max_requests_in_flight,
            max_fits_in_flight,
            max_concurrent_streams,
        } = self.limits;
        for (key, value) in [
            ("max_message_bytes", max_message_bytes),
            ("max_cells", max_cells),
            ("max_clusters", max_clusters),
            ("max_iterations", max_iterations),
            ("max_requests_in_flight", max_requests_in_flight),
            ("max_fits_in_flight", max_fits_in_flight),
            ("max_concurrent_streams", max_concurrent_streams),
        ] {
            demand(value > 0, format!("limits.{key}: expected at least 1, got 0"));
        }
        if let Err(error) = self.simd() {
            demand(false, format!("compute.simd: {error}"));
        }
        // grpcio takes its limit as a signed 32-bit number.
        demand(
            i32::try_from(max_message_bytes).is_ok(),
            format!(
                "limits.max_message_bytes: expected at most {}, got {max_message_bytes}",
                i32::MAX
            ),
        );
        problems
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The layers as they are laid over each other; a value that does not fit is noted and left out.
struct Merge {
    settings: Table,
    problems: Vec<String>,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            settings: DEFAULTS.parse().expect("a test parses the defaults"),
            problems: Vec::new(),
        }
    }
}

impl Merge {
    fn file(&mut self, path: &std::path::Path) {
        let shown = path.display();
        let table = fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| text.parse::<Table>().map_err(|error| error.to_string()));
        match table {
            Err(problem) => self.problems.push(format!("{shown}: {}", problem.trim_end())),
            Ok(table) => {
                for (section, entries) in table {
                    match entries {
                        Value::Table(entries) => {
                            for (key, value) in entries {
                                self.set(&shown.to_string(), &section, &key, value);
                            }
                        }
                        _ => self.unknown(&shown.to_string(), &section),
                    }
                }
            }
        }
    }

    fn environment(&mut self, variables: &[(String, String)]) {
        for (name, text) in variables {
            self.environment_variable(name, text);
        }
    }

    fn environment_variable(&mut self, name: &str, text: &str) {
        let Some(setting) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            return;
        };
        if service_link::is_one(name, text) {
            return;
        }
        let setting = setting.to_ascii_lowercase();
        let Some((section, key)) = setting.split_once('_') else {
            return self.unknown(name, &setting);
        };
        // What was not text came here with replacement characters: it is not what the operator meant.
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.problems
                .push(format!("{name}: {section}.{key}: expected UTF-8, got {text:?}"));
            return;
        }
        let value = match self.settings.get(section).and_then(|section| section.get(key)) {
            // Numbers and booleans are written as in the file; text needs no quotes.
            Some(Value::String(_)) | None => Value::String(text.to_owned()),
            Some(_) => format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.to_owned())),
        };
        self.set(name, section, key, value);
    }

    fn set(&mut self, source: &str, section: &str, key: &str, value: Value) {
        let Some(slot) = self
            .settings
            .get_mut(section)
            .and_then(Value::as_table_mut)
            .and_then(|section| section.get_mut(key))
        else {
            return self.unknown(source, &format!("{section}.{key}"));
        };
        let before = std::mem::replace(slot, value);
        if let Err(error) = self.settings.clone().try_into::<Config>() {
            self.problems.push(format!(
                "{source}: {section}.{key}: {}",
                wording::plain(error.message())
            ));
            self.settings[section][key] = before;
        }
    }

    fn unknown(&mut self, source: &str, setting: &str) {
        self.problems.push(format!("{source}: there is no setting {setting}"));
    }

    /// What was made of the layers, unless something in them is wrong.
    fn ended<T>(self, made: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() {
            Ok(made)
        } else {
            Err(ConfigError {
                problems: self.problems,
            })
        }
    }

    fn config(&self) -> Config {
        self.settings
            .clone()
            .try_into()
            .expect("a test reads the defaults, and set() lets in only what reads")
    }
}

#[cfg(test)]
mod tests;
