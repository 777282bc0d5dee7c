//! What passes over the rows write to.

use crate::error::FitError;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::kmeans::assign::{Changes, Outcome};
use crate::kmeans::centers::Centers;
use crate::packed::add_scaled;

pub(super) const OVERFLOW: FitError = FitError::Overflow {
    quantity: "a squared distance",
};

/// Values between two looks at the interrupt.
const STRETCH: usize = 1 << 18;

/// Memory that runs, also over other rows of as many columns, use again.
pub(crate) struct Buffers {
    pub(super) centers: Centers,
    /// One for each block of rows; a single one where sums are made by cluster.
    pub(super) outcomes: Vec<Outcome>,
}

impl Buffers {
    /// For this many clusters and columns.
    pub(crate) fn new(n_clusters: usize, columns: usize) -> Self {
        Self {
            centers: Centers::new(vec![0.0; n_clusters * columns], columns),
            outcomes: Vec::new(),
        }
    }

    /// What a pass has changed.
    ///
    /// # Errors
    /// An overflow, where a row has no finite distance.
    pub(super) fn changes(&self) -> Result<Changes, FitError> {
        changes(&self.outcomes)
    }

    /// The inertia that a pass has summed.
    pub(super) fn inertia(&self) -> Result<f64, FitError> {
        finite(self.outcomes.iter().map(|outcome| outcome.sums.inertia).sum())
    }

    /// Adds the blocks' deviations and weights, in block order, to those of the first.
    pub(super) fn total(&mut self, interrupt: Interrupt<'_>) -> Result<&mut Outcome, Interrupted> {
        let (total, others) = self.outcomes.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            let stretches = total
                .sums
                .deviations
                .chunks_mut(STRETCH)
                .zip(other.sums.deviations.chunks(STRETCH));
            for (total, other) in stretches {
                interrupt::check(interrupt)?;
                add_scaled(total, 1.0, other);
            }
            add_scaled(&mut total.sums.weights, 1.0, &other.sums.weights);
        }
        Ok(total)
    }
}

/// What some blocks of rows have changed.
///
/// # Errors
/// An overflow, where a row has no finite distance.
pub(super) fn changes(outcomes: &[Outcome]) -> Result<Changes, FitError> {
    let mut changes = Changes::default();
    for outcome in outcomes {
        if outcome.not_finite {
            return Err(OVERFLOW);
        }
        changes.join(outcome.changes);
    }
    Ok(changes)
}

pub(super) fn finite(inertia: f64) -> Result<f64, FitError> {
    if inertia.is_finite() {
        Ok(inertia)
    } else {
        Err(OVERFLOW)
    }
}
