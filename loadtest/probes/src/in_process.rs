//! What the parts of a prediction cost without a transport: limits, counters, deadlines, decoding, the whole call.

use std::{
    error::Error,
    fs,
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ferrule_engine::{
    Board, Call, Config, Context, Engine, Method,
    command_line::{self, Command},
    parts::Parts,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What to measure, and how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The model repository.
    #[arg(long)]
    models: PathBuf,
    /// File with the bytes of a PredictRequest.
    #[arg(long)]
    request: PathBuf,
    /// Runs of each part; all parts take turns.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Length of each run, in milliseconds.
    #[arg(long, default_value_t = 20)]
    milliseconds: u64,
}

/// CPU time of one part, in nanoseconds a call, over the rounds.
#[derive(Serialize)]
pub(crate) struct Cost {
    median: f64,
    least: f64,
    most: f64,
}

/// Measures every part, in the order of a call.
///
/// # Errors
/// When the repository or the request can't be read, or the request is not answered.
pub(crate) fn measure(options: &Options) -> Result<Vec<(&'static str, Cost)>, Box<dyn Error>> {
    let request = Bytes::from(fs::read(&options.request)?);
    let config = settings(&options.models)?;
    let parts = Parts::open(&config, Board::create(1)?.seat(0))?;
    let of_256 = Parts::open(&config, Board::create(256)?.seat(0))?;
    let of_64 = Parts::open(&config, Board::create(64)?.seat(0))?;
    let engine = Engine::start(&config, Board::create(1)?.seat(0))?;
    engine.serve();
    let none = Context::default();
    let far = Context {
        deadline: Some(Instant::now() + Duration::from_secs(3600)),
    };
    let call = |context| {
        matches!(
            engine.call(Method::Predict, request.clone(), context),
            Call::Answered(Ok(_))
        )
    };
    type Part<'a> = (&'static str, Box<dyn Fn() -> bool + 'a>);
    let all: [Part<'_>; 10] = [
        ("nothing", Box::new(|| black_box(true))),
        ("limit on calls in flight, 1 worker", Box::new(|| parts.admit())),
        ("limit on calls in flight, 64 workers", Box::new(|| of_64.admit())),
        ("limit on calls in flight, 256 workers", Box::new(|| of_256.admit())),
        ("deadline, looked at once", Box::new(|| Parts::in_time(black_box(far)))),
        ("decoding", Box::new(|| Parts::decode(request.clone()))),
        (
            "decoding, checks of sizes, finding the model",
            Box::new(|| parts.check(request.clone())),
        ),
        (
            "the same, computing, encoding",
            Box::new(|| parts.answer(request.clone()).is_some()),
        ),
        (
            "the engine's call without a deadline",
            Box::new(|| call(black_box(none))),
        ),
        ("the engine's call with a deadline", Box::new(|| call(black_box(far)))),
    ];
    for (name, part) in &all {
        if !part() {
            return Err(format!("{name}: not answered").into());
        }
    }
    let length = Duration::from_millis(options.milliseconds);
    let calls: Vec<u64> = all.iter().map(|(_, part)| calls_in(part, length)).collect();
    let mut runs: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    for _ in 0..options.rounds {
        for (((_, part), &calls), runs) in all.iter().zip(&calls).zip(&mut runs) {
            runs.push(nanoseconds(part, calls) / calls as f64);
        }
    }
    let costs = all.iter().zip(runs).map(|((name, _), mut runs)| {
        runs.sort_by(f64::total_cmp);
        let cost = Cost {
            median: runs[runs.len() / 2],
            least: runs[0],
            most: runs[runs.len() - 1],
        };
        (*name, cost)
    });
    Ok(costs.collect())
}

/// About how many calls take so long.
fn calls_in(part: &dyn Fn() -> bool, length: Duration) -> u64 {
    let mut calls = 1;
    loop {
        let took = nanoseconds(part, calls);
        if took > 1e6 {
            return (calls as f64 * length.as_nanos() as f64 / took) as u64 + 1;
        }
        calls *= 2;
    }
}

/// CPU time of this thread for so many calls.
fn nanoseconds(part: &dyn Fn() -> bool, calls: u64) -> f64 {
    let before = cpu();
    for _ in 0..calls {
        black_box(part());
    }
    cpu() - before
}

fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// The defaults, with this repository.
fn settings(models: &std::path::Path) -> Result<Config, Box<dyn Error>> {
    let arguments = ["serve".into(), "--models".into(), models.as_os_str().to_owned()];
    match command_line::parse("ferrule-probes", arguments, Vec::new()) {
        Ok(Command::Serve(config)) => Ok(config),
        Ok(_) => Err("expected settings".into()),
        Err(mistake) => Err(mistake.text.into()),
    }
}
