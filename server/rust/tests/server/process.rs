//! The program: standard output and error, signals, exit codes.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ferrule_engine::Method;
use ferrule_proto::ferrule::v1::{FitPredictResponse, ListModelsRequest};
use prost::Message;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::fixture::{Client, ONE_FIT, PATIENCE, begin, endless_fit, long_fit, run};

/// The program, serving.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    models: TempDir,
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule-server"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.env(format!("FERRULE_{}", ONE_FIT.0), ONE_FIT.1);
    command
}

/// Runs the program to its end.
fn outcome(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

impl Process {
    fn start(port: &str) -> Self {
        let models = TempDir::new().unwrap();
        let directory = models.path().to_str().unwrap();
        let mut child = program(&["serve", "--port", port, "--workers", "2", "--models", directory])
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line:?}"))
            .trim_end()
            .to_owned();
        Self {
            child,
            output,
            address,
            models,
        }
    }

    fn port(&self) -> &str {
        self.address.rsplit_once(':').unwrap().1
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit status, and what went to standard output after the first line, and to standard error.
    fn end(mut self) -> (ExitStatus, String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the program does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let (mut output, mut log) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, output, log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_where_it_listens_and_stops_when_asked() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Process::start("0");
        let check = outcome(&["healthcheck", "--address", &server.address]);
        assert!(check.status.success(), "{}", text(&check.stderr));
        server.signal(signal);
        let (status, output, log) = server.end();
        assert!(status.success(), "{log}");
        assert_eq!(output, "");
        for line in log.lines() {
            assert!(line.starts_with('{') && line.ends_with('}'), "not JSON: {line}");
        }
        assert!(log.contains("drained"), "{log}");
    }
}

#[test]
fn a_second_server_on_the_port_is_an_error_in_one_line() {
    let server = Process::start("0");
    let models = server.models.path().to_str().unwrap();
    let second = outcome(&["serve", "--port", server.port(), "--models", models]);
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(text(&second.stdout), "");
    let line = text(&second.stderr);
    let expected = format!(
        "ferrule-server: cannot listen on {}: Address already in use",
        server.address
    );
    assert!(line.starts_with(&expected) && line.lines().count() == 1, "{line}");
}

#[test]
fn a_server_starts_where_another_has_just_stopped() {
    let first = Process::start("0");
    let port = first.port().to_owned();
    // A connection that the server is first to close.
    let client = run(Client::connect(&first.address));
    first.signal(Signal::TERM);
    assert!(first.end().0.success());
    drop(client);
    let second = Process::start(&port);
    assert_eq!(second.port(), port);
}

#[test]
fn a_fit_in_progress_is_finished_before_the_end() {
    let server = Process::start("0");
    run(async {
        let client = Client::connect(&server.address).await;
        let running = begin(&client, long_fit()).await;
        server.signal(Signal::TERM);
        let response = running.await.unwrap().unwrap();
        assert!(FitPredictResponse::decode(response).unwrap().report.is_some());
    });
    assert!(server.end().0.success());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Process::start("0");
    let status = run(async {
        let client = Client::connect(&server.address).await;
        let running = begin(&client, endless_fit()).await;
        server.signal(Signal::TERM);
        // The drain has begun when no connection is accepted any more.
        while tokio::net::TcpStream::connect(&server.address).await.is_ok() {}
        assert!(!running.is_finished());
        server.signal(Signal::TERM);
        server.end().0
    });
    assert_eq!(status.code(), Some(128 + 15));
}

#[test]
fn it_outlives_a_lack_of_file_descriptors() {
    let mut server = Process::start("0");
    let few = Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    prlimit(Some(Pid::from_child(&server.child)), Resource::Nofile, few).unwrap();
    let mut many: Vec<_> = (0..100)
        .map(|_| std::net::TcpStream::connect(&server.address).unwrap())
        .collect();
    let mut log = BufReader::new(server.child.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains("cannot accept a connection") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ends");
    }
    // The server is not stuck with what it has, and takes more as soon as it can.
    many.clear();
    run(async {
        for _ in 0..8 {
            let client = Client::connect(&server.address).await;
            client.call(Method::ListModels, &ListModelsRequest {}).await.unwrap();
        }
    });
}

#[test]
fn health_that_is_not_serving_is_a_failure_in_one_line() {
    let server = Process::start("0");
    // Nobody listens on a port that was free a moment ago.
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap().to_string(), silent);
    for (address, service, expected) in [
        (&free, "", "cannot connect to"),
        (&silent.0, "", "does not answer within 200ms"),
        (&server.address, "models/none", "NotFound"),
        (&"nowhere".to_owned(), "", "cannot connect to nowhere"),
    ] {
        let arguments = [
            "healthcheck",
            "--address",
            address,
            "--service",
            service,
            "--timeout",
            "0.2",
        ];
        let check = outcome(&arguments);
        assert_eq!(check.status.code(), Some(1));
        assert_eq!(text(&check.stdout), "");
        let line = text(&check.stderr);
        assert!(line.contains(expected) && line.lines().count() == 1, "{line}");
    }
}

#[test]
fn mistakes_in_the_settings_are_told_before_a_port_is_bound() {
    let refused = outcome(&["serve", "--port", "0", "--host", "0.0.0.0"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(text(&refused.stderr).contains("allow_remote_plaintext"));
    assert_eq!(outcome(&["serve", "--nonsense"]).status.code(), Some(2));
    let help = outcome(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("healthcheck"));
}

#[test]
fn a_repository_that_can_not_be_used_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = outcome(&["serve", "--port", "0", "--models", file.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("models.directory"),
        "{}",
        text(&refused.stderr)
    );
}
