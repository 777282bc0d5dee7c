//! Hessians of some rows, and what Hessians cost beside gradients.

use std::ops::Range;

use super::loss::Objective;

/// The rows that second derivatives are taken from: the first of each block, one row in so many.
///
/// A step by the Hessian of some rows, down the gradient of all, comes nearly as far as by that of all, as long as there are many
/// rows for each parameter. Source: R. H. Byrd, G. M. Chin, W. Neveitt and J. Nocedal, "On the use of stochastic Hessian
/// information in optimization methods for machine learning", SIAM J. Optim. 21 (2011).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(usize);

/// Rows for each parameter that are enough for a Hessian by itself: it is then wrong by about an eighth.
const ROWS_EACH: usize = 64;
/// Rows for each parameter that are enough for a Hessian that is corrected by gradients.
const FEW_ROWS_EACH: usize = 16;
/// Of so many rows at least one is taken, unless the Hessian costs much even then: with fewer it is no longer what an iteration's time
/// goes to.
const MOST_LEFT_OUT: usize = 8;
/// Multiply-adds of a Hessian that take as long as one of a gradient: they are many for each value that is read.
const HESSIAN_SPEED: f64 = 4.0;
/// Of a gradient's time, what a Hessian may take and still be cheap.
const CHEAP: f64 = 0.5;
/// Multiply-adds of a gradient that take no time that anybody waits for: about a millisecond.
const NO_TIME: f64 = 4e6;

impl Share {
    pub(super) const WHOLE: Self = Self(1);

    /// So few dense rows as are enough for `size` parameters. Of sparse rows all: each names few columns.
    pub(super) fn enough(objective: &Objective<'_>, size: usize) -> Self {
        if objective.sample.rows().is_sparse() {
            return Self::WHOLE;
        }
        Self((objective.sample.len() / ROWS_EACH / size.max(1)).clamp(1, MOST_LEFT_OUT))
    }

    /// The same where gradients correct the Hessian; but not fewer rows than are cheap anyway, and all where that takes no time.
    pub(super) fn few(objective: &Objective<'_>, size: usize) -> Self {
        if objective.sample.rows().is_sparse() || takes_no_time(objective, size) {
            return Self::WHOLE;
        }
        let enough = objective.sample.len() / FEW_ROWS_EACH / size.max(1);
        let cheap = 2.0 * hessian_time(objective, size) / gradient_time(objective) / CHEAP;
        Self(enough.min(MOST_LEFT_OUT.max(cheap as usize)).max(1))
    }

    /// The same far from the minimum: half as many rows, unless that saves little, since curvatures are others near it.
    pub(super) fn far(objective: &Objective<'_>, size: usize) -> Self {
        match Self::few(objective, size) {
            Self(part) if part > 1 && !Self(part).is_cheap(objective, size) => Self(2 * part),
            few => few,
        }
    }

    /// This, or more rows if another has more.
    pub(super) fn with_at_least(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Four times as many rows.
    pub(super) fn more(self) -> Self {
        Self(self.0.div_ceil(4))
    }

    /// Whether the Hessian of these rows takes little beside a gradient, or hardly any time at all. Then there is one for each step,
    /// and steps near the minimum come as near to it as rounding lets them.
    pub(super) fn is_cheap(self, objective: &Objective<'_>, size: usize) -> bool {
        let time = hessian_time(objective, size) / self.0 as f64;
        time <= CHEAP * gradient_time(objective) || takes_no_time(objective, size)
    }

    /// Rows of a block of which this takes so many.
    pub(super) fn rows_for(self, taken: usize) -> usize {
        taken.saturating_mul(self.0)
    }

    /// These of a block's rows.
    pub(super) fn of(self, block: Range<usize>) -> Range<usize> {
        block.start..block.start + block.len().div_ceil(self.0)
    }
}

/// The time of the Hessian of all rows over `size` parameters, in multiply-adds of a gradient.
pub(super) fn hessian_time(objective: &Objective<'_>, size: usize) -> f64 {
    let size_in_row = (products(objective) / 2.0).min(size as f64);
    objective.sample.len() as f64 * size_in_row * size_in_row / 2.0 / HESSIAN_SPEED
}

/// Whether a Hessian of all rows takes hardly any time.
fn takes_no_time(objective: &Objective<'_>, size: usize) -> bool {
    hessian_time(objective, size) + factor_time(size) <= NO_TIME
}

/// The time of a Hessian's Cholesky decomposition, in multiply-adds of a gradient.
pub(super) fn factor_time(size: usize) -> f64 {
    (size as f64).powi(3) / 6.0 / HESSIAN_SPEED
}

/// The time of a gradient, or of a product with a Hessian, in multiply-adds.
pub(super) fn gradient_time(objective: &Objective<'_>) -> f64 {
    objective.sample.len() as f64 * products(objective)
}

/// Of one row.
fn products(objective: &Objective<'_>) -> f64 {
    2.0 * objective.scores as f64 * (objective.sample.rows().row_values() + 1) as f64
}
