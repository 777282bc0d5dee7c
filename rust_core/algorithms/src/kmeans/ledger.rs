//! What a run over rows without weights keeps from one iteration to the next: sums that follow the labels, and bounds that save
//! comparisons.

#[cfg(test)]
mod tests;
mod walk;

use std::sync::Mutex;

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::kmeans::assign::{Look, Outcome, Pass};
use crate::kmeans::bounds::Bounds;
use crate::kmeans::centers::Centers;
use crate::kmeans::route::Route;
use crate::kmeans::tally::{Cuts, Tally};
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};
use walk::{Part, Walk};

/// Sums and bounds of a run over dense rows.
pub(crate) struct Ledger {
    cuts: Cuts,
    tally: Tally,
    bounds: Bounds,
    /// Empty sums that threads change, to be added to `tally`.
    spare: Mutex<Vec<Tally>>,
}

impl Ledger {
    /// Of rows without labels.
    pub(crate) fn new(cuts: Cuts, rows: usize, n_clusters: usize, columns: usize) -> Self {
        Self {
            cuts,
            tally: Tally::new(n_clusters, columns),
            bounds: Bounds::new(rows),
            spare: Mutex::default(),
        }
    }

    /// Forgets all labels.
    pub(crate) fn clear(&mut self) {
        self.tally.clear();
        self.bounds.clear();
    }

    /// Gives the rows that may have changed their label to their nearest centre, and follows with the sums. `old` are the centres
    /// before: those that the labels were made with. With `inertia`, every row is compared, and outcomes have the inertia.
    #[allow(clippy::too_many_arguments, reason = "the parts of a run, which it borrows apart")]
    pub(crate) fn pass(
        &mut self,
        sample: Sample<'_>,
        blocks: &Blocks,
        old: &[f64],
        centers: &Centers,
        labels: &mut [i32],
        outcomes: &mut [Outcome],
        inertia: bool,
    ) -> Result<(), Interrupted> {
        let scale = centers.panels().map(|panels| panels.scale());
        let factor = self.bounds.step(old, centers, scale, inertia, sample.interrupt)?;
        let Self {
            cuts,
            tally,
            bounds,
            spare,
        } = self;
        let (upper, lower, drift) = bounds.parts();
        let length = blocks.block_rows();
        let mut of_blocks: Vec<_> = outcomes
            .iter_mut()
            .zip(upper.chunks_mut(length).zip(lower.chunks_mut(length)))
            .collect();
        let walk = Walk {
            sample,
            pass: Pass {
                centers,
                route: Route::Scores,
                look: Look {
                    write: true,
                    inertia,
                    ..Look::default()
                },
            },
            cuts,
            factor,
            drift,
        };
        let shared = &*spare;
        let empty = || Tally::new(centers.count(), centers.columns());
        blocks.write_reduce(labels, &mut of_blocks, |block, labels, (outcome, (upper, lower))| {
            outcome.clear(centers, false, false, || interrupt::check(sample.interrupt))?;
            let tally = shared
                .lock()
                .map_or(None, |mut spare| spare.pop())
                .unwrap_or_else(empty);
            let mut part = Part {
                first: block.start,
                labels,
                upper,
                lower,
                outcome,
                tally,
            };
            walk.block(blocks, block, &mut part)?;
            let Part { outcome, tally, .. } = part;
            outcome.sums.finish(centers, false, || Ok(()))?;
            if let Ok(mut spare) = shared.lock() {
                spare.push(tally);
            }
            Ok(())
        })?;
        for other in spare.get_mut().expect("no thread panicked, or this one would have") {
            tally.absorb(other, sample.interrupt)?;
        }
        Ok(())
    }

    /// Rows of each cluster.
    pub(crate) fn counts(&self) -> &[i64] {
        self.tally.counts()
    }

    /// Takes rows (the second of each pair) from the sums of their labels, or with `back` adds them again.
    pub(crate) fn set_aside(&mut self, sample: Sample<'_>, labels: &[i32], moves: &[(usize, usize)], back: bool) {
        for &(_, row) in moves {
            let (from, to) = if back { (-1, labels[row]) } else { (labels[row], -1) };
            dispatch(Carry {
                cuts: &self.cuts,
                row: &sample.row(row),
                from,
                to,
                tally: &mut self.tally,
            });
        }
    }

    /// Writes the mean of each cluster that has rows to `centers`.
    pub(crate) fn means(&self, centers: &mut [f64], interrupt: Interrupt<'_>) -> Result<(), Interrupted> {
        self.tally.means(centers, interrupt)
    }
}

/// Carries one row.
struct Carry<'a> {
    cuts: &'a Cuts,
    row: &'a [f64],
    from: i32,
    to: i32,
    tally: &'a mut Tally,
}

impl Kernel for Carry<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.tally.carry(simd, self.cuts, self.row, self.from, self.to);
    }
}
