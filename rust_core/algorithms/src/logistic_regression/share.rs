//! Hessians of some rows, and what Hessians cost beside gradients.

use std::ops::Range;

use super::loss::Objective;

/// The rows that second derivatives are taken from: one row in so many. They are spread over all rows a few at a time, since rows often
/// come group after group. Which they are depends on their number alone, not on blocks.
///
/// A step by the Hessian of some rows, down the gradient of all, comes nearly as far as by that of all, as long as there are many
/// rows for each parameter. Source: R. H. Byrd, G. M. Chin, W. Neveitt and J. Nocedal, "On the use of stochastic Hessian
/// information in optimization methods for machine learning", SIAM J. Optim. 21 (2011).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(usize);

/// Rows that are taken one after another: memory is read faster in runs.
const RUN: usize = 32;
/// 2⁶⁴ over the golden ratio: the fractions of its multiples are spread evenly, whatever the number of them.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
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

    /// These of some rows, in their order: a run in each stretch of as many runs as there are rows for one that is taken, now here, now
    /// there in it, so that rows in which groups take turns mislead no more than those that come group after group.
    pub(super) fn of(self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let run = if self == Self::WHOLE { usize::MAX } else { RUN };
        let stretch = run.saturating_mul(self.0);
        (rows.start / stretch..rows.end.div_ceil(stretch))
            .map(move |number| {
                let fraction = (number as u64).wrapping_mul(GOLDEN);
                let skipped = (u128::from(fraction) * self.0 as u128) >> u64::BITS;
                let start = number * stretch + RUN * skipped as usize;
                start.max(rows.start)..start.saturating_add(run).min(rows.end)
            })
            .filter(|run| !run.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_from_everywhere() {
        const ROWS: usize = 20_011;
        for part in [2, 3, 5, 8, 13, 16, 21, 34, 55] {
            let taken: Vec<usize> = Share(part).of(0..ROWS).flatten().collect();
            assert!(taken.is_sorted() && taken[0] == 0);
            assert!(taken.len().abs_diff(ROWS / part) <= RUN, "{part}: {}", taken.len());
            let gaps = taken.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.max().unwrap() < 2 * RUN * part);
            // Groups that take turns all get their part.
            for groups in [2, 3, 16, 40, 8 * part, 16 * part] {
                let mut counts = vec![0; groups];
                for row in &taken {
                    counts[row % groups] += 1;
                }
                let fair = taken.len() / groups;
                let fewest = *counts.iter().min().unwrap();
                assert!(2 * fewest + 2 * RUN >= fair, "{part} {groups}: {fewest} {fair}");
                assert!(fewest > 0 || fair < 2 * RUN, "{part} {groups}: {fair}");
            }
        }
    }

    #[test]
    fn blocks_do_not_matter() {
        for share in [Share::WHOLE, Share(3), Share(8)] {
            let whole: Vec<usize> = share.of(0..1000).flatten().collect();
            for block in [1, 7, 256, 999] {
                let blocks = (0..1000).step_by(block).map(|start| start..1000.min(start + block));
                assert_eq!(
                    blocks.flat_map(|block| share.of(block)).flatten().collect::<Vec<_>>(),
                    whole
                );
            }
        }
        assert!(Share::WHOLE.of(5..1000).eq(std::iter::once(5..1000)));
        assert_eq!(Share(3).of(5..5).count(), 0);
    }
}
