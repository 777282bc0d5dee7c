//! Parts of a call, one by one, so that a benchmark can tell what each costs. Only with the feature `parts`.

use std::{io, sync::Arc};

use bytes::Bytes;
use ferrule_proto::ferrule::v1::PredictRequest;

use crate::{
    board::{Gauge, Seat},
    call::{Context, Wanted},
    config::{Config, Limits},
    predict::Predict,
    repository::Repository,
    request::decode,
};

/// What the parts of a call work on.
pub struct Parts {
    repository: Arc<Repository>,
    limits: Limits,
    seat: Seat,
}

impl Parts {
    /// Opens the repository of the settings.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open(config: &Config, seat: Seat) -> io::Result<Self> {
        Ok(Self {
            repository: Arc::new(Repository::open(&config.models.directory, seat.board().clone())?),
            limits: config.limits.clone(),
            seat,
        })
    }

    /// Counts a call in and out again: the limit on calls in flight, and the counters that it compares. Whether it was
    /// let in.
    #[must_use]
    pub fn admit(&self) -> bool {
        self.seat
            .admit(Gauge::Requests, self.limits.max_requests_in_flight)
            .is_ok()
    }

    /// One look at the clock and the deadline. Whether there is time.
    #[must_use]
    pub fn in_time(context: Context) -> bool {
        context.check().is_ok()
    }

    /// Reads the protobuf of a prediction, and checks nothing. Whether it could be read.
    #[must_use]
    pub fn decode(request: Bytes) -> bool {
        decode::<PredictRequest>(request).is_ok()
    }

    /// Reads a prediction, finds its model, and checks names, shapes and sizes. Whether it is in order.
    #[must_use]
    pub fn check(&self, request: Bytes) -> bool {
        Predict::check(request, &self.repository, &self.limits).is_ok()
    }

    /// All that, then computes the answer and encodes it.
    #[must_use]
    pub fn answer(&self, request: Bytes) -> Option<Bytes> {
        let predict = Predict::check(request, &self.repository, &self.limits).ok()?;
        predict.answer(&self.limits, &Wanted::inline()).ok()
    }
}
