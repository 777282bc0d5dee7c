//! The engine: what both servers hold, and where each method goes.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use async_channel::{Sender, WeakSender};
use bytes::Bytes;
use ferrule_algorithms::simd::{self, LevelError};

use crate::{
    board::{Admitted, Gauge, Seat},
    call::{Answer, Call, Context, Wanted},
    config::{Config, Limits},
    error::Error,
    fit_predict::FitPredict,
    health::{Health, Watch},
    method::Method,
    models,
    predict::Predict,
    reflection::Reflection,
    repository::Repository,
    session::{Conversation, Session},
    status::Status,
    work::{Pool, Purpose, contained},
};

/// A request up to this size, in bytes, is decoded where it arrives (well under 100 µs).
const INLINE_BYTES: usize = 64 * 1024;
/// A prediction of up to this many multiplications is computed where it arrives (about 100 µs).
const INLINE_WORK: u64 = 200_000;
/// Most jobs of a pool that run at one time. Each may use every core, so more of them would only share.
const MOST_RUNNERS: usize = 4;

/// Serves one repository for one worker of a server.
pub struct Engine {
    core: Arc<Core>,
    predictions: Pool,
    fits: Pool,
    /// None once they were ended.
    streams: Mutex<Option<Vec<WeakSender<Answer>>>>,
}

type Change = fn(Bytes, &Repository, &Limits) -> Result<Bytes, Error>;

struct Core {
    limits: Limits,
    seat: Seat,
    repository: Arc<Repository>,
    health: Arc<Health>,
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The model repository can't be used.
    #[error("models.directory {directory}: {problem}")]
    Repository {
        /// The directory.
        directory: String,
        /// What the system says.
        problem: io::Error,
    },
    /// These vector instructions can't be used.
    #[error("compute.simd: {0}")]
    Simd(LevelError),
    /// The system gives no threads.
    #[error("threads can't be started: {0}")]
    Threads(String),
}

impl Engine {
    /// Opens the repository and starts the pools, whose threads keep the CPU mask of the calling thread. Health is
    /// NOT_SERVING until [`serve`](Self::serve).
    ///
    /// # Errors
    /// When the repository can't be opened, the CPU lacks the vector instructions, or the system gives no threads.
    pub fn start(config: &Config, seat: Seat) -> Result<Self, StartError> {
        config.simd().and_then(simd::force).map_err(StartError::Simd)?;
        let directory = &config.models.directory;
        let repository = Repository::open(directory, seat.board().clone())
            .map(Arc::new)
            .map_err(|problem| StartError::Repository {
                directory: directory.display().to_string(),
                problem,
            })?;
        let health = Arc::new(Health::new(repository.clone()));
        let threads = |error: &dyn ToString| StartError::Threads(error.to_string());
        // Weak: health holds the repository, which would otherwise be polled for ever.
        let watched = Arc::downgrade(&health);
        Repository::poll(&repository, config.models.poll_interval, move || {
            if let Some(health) = watched.upgrade() {
                health.notify();
            }
        })
        .map_err(|error| threads(&error))?;
        let runners = thread::available_parallelism().map_or(1, usize::from).min(MOST_RUNNERS);
        let pool = |name, runners, niceness| {
            Pool::start(Purpose {
                name,
                runners,
                niceness,
            })
            .map_err(|error| threads(&error))
        };
        Ok(Self {
            predictions: pool("ferrule-predict", runners, 0)?,
            fits: pool(
                "ferrule-fit",
                runners.min(config.limits.max_fits_in_flight as usize),
                10,
            )?,
            streams: Mutex::new(Some(Vec::new())),
            core: Arc::new(Core {
                limits: config.limits.clone(),
                seat,
                repository,
                health,
            }),
        })
    }

    /// Takes a call of a [`Unary`](crate::Shape::Unary) method. Returns at once: with the answer when the work is
    /// small, else with a promise of it.
    #[must_use]
    pub fn call(&self, method: Method, request: Bytes, context: Context) -> Call {
        match method {
            Method::Predict => self.predict(request, context),
            Method::FitPredict => self.fit_predict(request, context),
            Method::LoadModel => self.change(models::load, request, context),
            Method::UnloadModel => self.change(models::unload, request, context),
            _ => Call::Answered(contained(|| {
                context.check()?;
                self.core.answer(method, request)
            })),
        }
    }

    fn predict(&self, request: Bytes, context: Context) -> Call {
        enum Begun {
            Done(Bytes),
            /// Too much to decode here.
            LongRequest(Bytes, Admitted),
            /// Too much to compute here.
            LongWork(Predict, Admitted),
        }
        let core = &self.core;
        let begun = contained(|| {
            context.check()?;
            let admitted = core.admit(Gauge::Requests)?;
            if request.len() > INLINE_BYTES {
                return Ok(Begun::LongRequest(request, admitted));
            }
            let predict = Predict::check(request, &core.repository, &core.limits)?;
            if predict.work() > INLINE_WORK {
                return Ok(Begun::LongWork(predict, admitted));
            }
            predict.answer(&core.limits, &Wanted::inline()).map(Begun::Done)
        });
        let core = core.clone();
        match begun {
            Err(status) => Call::Answered(Err(status)),
            Ok(Begun::Done(response)) => Call::Answered(Ok(response)),
            Ok(Begun::LongRequest(request, admitted)) => self.predictions.run(context, move |wanted| {
                let _admitted = admitted;
                Predict::check(request, &core.repository, &core.limits)?.answer(&core.limits, wanted)
            }),
            Ok(Begun::LongWork(predict, admitted)) => self.predictions.run(context, move |wanted| {
                let _admitted = admitted;
                predict.answer(&core.limits, wanted)
            }),
        }
    }

    fn fit_predict(&self, request: Bytes, context: Context) -> Call {
        let admitted = contained(|| {
            context.check()?;
            Ok((self.core.admit(Gauge::Requests)?, self.core.admit(Gauge::Fits)?))
        });
        match admitted {
            Err(status) => Call::Answered(Err(status)),
            Ok(admitted) => {
                let core = self.core.clone();
                self.fits.run(context, move |wanted| {
                    let _admitted = admitted;
                    let fit = FitPredict::check(request, &core.limits)?;
                    let answer = fit.answer(&core.repository, &core.limits, wanted);
                    core.health.notify();
                    answer
                })
            }
        }
    }

    /// Changes what is loaded. Pooled: the files of all versions of a model may be read.
    fn change(&self, change: Change, request: Bytes, context: Context) -> Call {
        let admitted = contained(|| {
            context.check()?;
            self.core.admit(Gauge::Requests)
        });
        match admitted {
            Err(status) => Call::Answered(Err(status)),
            Ok(admitted) => {
                let core = self.core.clone();
                self.predictions.run(context, move |_| {
                    let _admitted = admitted;
                    let answer = change(request, &core.repository, &core.limits);
                    core.health.notify();
                    answer
                })
            }
        }
    }

    /// Opens a stream of a method that is not unary.
    #[must_use]
    pub fn open(&self, method: Method, _context: Context) -> Session {
        let (sender, replies) = async_channel::unbounded();
        {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *streams {
                Some(streams) => {
                    // Those that ended are dropped when there is no room, which then doubles: opening a stream costs the same
                    // however many there are.
                    if streams.len() == streams.capacity() {
                        streams.retain(|stream| stream.upgrade().is_some());
                        streams.reserve(streams.len() + 1);
                    }
                    streams.push(sender.downgrade());
                }
                None => end(&sender),
            }
        }
        let conversation: Box<dyn Conversation> = match method {
            Method::HealthWatch => Box::new(Watch {
                health: self.core.health.clone(),
                replies: Some(sender),
            }),
            _ => Box::new(Reflection { replies: Some(sender) }),
        };
        Session::new(conversation, replies)
    }

    /// Health says SERVING from now on.
    pub fn serve(&self) {
        self.core.health.set_serving(true);
    }

    /// Health says NOT_SERVING from now on; calls are still answered.
    pub fn drain(&self) {
        self.core.health.set_serving(false);
    }

    /// Ends every open stream with UNAVAILABLE, and those opened later at once: they have no end of their own, and a
    /// draining server waits for calls.
    pub fn hang_up(&self) {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner).take();
        for stream in streams.into_iter().flatten().filter_map(|stream| stream.upgrade()) {
            end(&stream);
        }
    }
}

fn end(stream: &Sender<Answer>) {
    let _ = stream.try_send(Err(Status::draining()));
    stream.close();
}

impl Core {
    fn admit(&self, gauge: Gauge) -> Result<Admitted, Error> {
        let limit = match gauge {
            Gauge::Requests => self.limits.max_requests_in_flight,
            Gauge::Fits => self.limits.max_fits_in_flight,
        };
        self.seat.admit(gauge, limit)
    }

    /// Methods whose work is always small.
    fn answer(&self, method: Method, request: Bytes) -> Result<Bytes, Error> {
        let (repository, limits) = (&self.repository, &self.limits);
        match method {
            // Health answers under any load.
            Method::HealthCheck => return self.health.check(request),
            Method::HealthList => return self.health.list(request),
            _ => {}
        }
        let _admitted = self.admit(Gauge::Requests)?;
        match method {
            Method::ListModels => models::list(request, repository, limits),
            Method::GetModel => models::get(request, repository, limits),
            other => Err(Error::NoMethod(other.path().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{board::Board, config::Layers};

    #[test]
    fn polling_ends_with_the_engine() {
        let models = tempfile::tempdir().unwrap();
        let mut config = Config::resolve(Layers::default()).unwrap();
        config.models.directory = models.path().to_owned();
        config.models.poll_interval = Duration::from_millis(1);
        let engine = Engine::start(&config, Board::create(1).unwrap().seat(0)).unwrap();
        let repository = Arc::downgrade(&engine.core.repository);
        drop(engine);
        let deadline = Instant::now() + Duration::from_secs(5);
        while repository.strong_count() > 0 {
            assert!(Instant::now() < deadline, "the repository is still polled");
            thread::yield_now();
        }
    }
}
