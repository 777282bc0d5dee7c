//! Passes over the rows that give each to its nearest centre.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt;
use crate::kmeans::assign::{Changes, Look, Outcome, Pass};
use crate::kmeans::by_cluster;
use crate::kmeans::lloyd::Lloyd;
use crate::kmeans::lloyd::buffers::{self, Buffers};
use crate::kmeans::lloyd::carried::Carried;
use crate::kmeans::route::Route;

/// One row of so many may be doubtful before scores become finer.
const MOST_DOUBTFUL: usize = 8;

impl Lloyd<'_> {
    /// Labels every row with its nearest centre. The inertia.
    pub(crate) fn label(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        if let Some(blocks) = self.by_cluster {
            self.pass_by_cluster(&blocks, centers, labels)?;
            return self.distances(&blocks, labels);
        }
        let look = Look {
            write: true,
            inertia: true,
            ..Look::default()
        };
        self.pass(centers, labels, look)?;
        self.buffers.inertia()
    }

    /// Labels every row with its nearest centre, and sums up what [`Lloyd::update`] needs, with what is known from the iteration
    /// before. The inertia is known where somebody follows, and where it takes no time of its own.
    pub(super) fn compare(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<(Changes, Option<f64>), FitError> {
        if let Some(Carried::Ledger(ledger)) = &mut self.carried {
            let Buffers {
                centers: assigned,
                outcomes,
            } = &mut *self.buffers;
            let old = assigned.values().to_vec();
            assigned.set(centers);
            ledger.pass(
                self.sample,
                &self.blocks,
                &old,
                assigned,
                labels,
                outcomes,
                self.follows,
            )?;
            let changes = self.buffers.changes()?;
            let inertia = if self.follows {
                Some(self.buffers.inertia()?)
            } else {
                None
            };
            return Ok((changes, inertia));
        }
        let Some(blocks) = self.by_cluster else {
            let look = Look {
                write: true,
                gather: true,
                inertia: true,
                margins: false,
            };
            let changes = self.pass(centers, labels, look)?;
            return Ok((changes, Some(self.buffers.inertia()?)));
        };
        let changes = self.pass_by_cluster(&blocks, centers, labels)?;
        let Some(Carried::Exact(exact)) = &mut self.carried else {
            return Ok((changes, Some(self.sum_by_cluster(labels)?)));
        };
        exact.follow(self.sample, labels)?;
        let inertia = if self.follows {
            Some(self.distances(&blocks, labels)?)
        } else {
            None
        };
        Ok((changes, inertia))
    }

    /// Compares every row's label with its nearest centre, and does what `look` says. Not where sums are made by cluster.
    pub(super) fn pass(&mut self, centers: &[f64], labels: &mut [i32], look: Look) -> Result<Changes, FitError> {
        self.buffers.centers.set(centers);
        let Self {
            sample,
            blocks,
            buffers,
            route,
            ..
        } = self;
        let Buffers { centers, outcomes } = &mut **buffers;
        let pass = Pass {
            centers,
            route: *route,
            look,
        };
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            outcome.clear(pass.centers, look.gather, sample.rows().is_sparse(), check)?;
            pass.block(*sample, blocks, block, labels, outcome)?;
            outcome.sums.finish(pass.centers, look.gather, check)
        })?;
        self.buffers.changes()
    }

    /// Labels every row with its nearest centre, by `blocks`, where sums are made by cluster.
    pub(super) fn pass_by_cluster(
        &mut self,
        blocks: &Blocks,
        centers: &[f64],
        labels: &mut [i32],
    ) -> Result<Changes, FitError> {
        let (sample, route) = (self.sample, self.route);
        let assigned = &mut self.buffers.centers;
        assigned.set_apart(centers);
        if route == Route::SparseScores {
            assigned.prepare_planes();
        }
        let pass = Pass {
            centers: assigned,
            route,
            look: Look {
                write: true,
                ..Look::default()
            },
        };
        let mut of_blocks = vec![Outcome::default(); blocks.count()];
        blocks.write_reduce(labels, &mut of_blocks, |block, labels, outcome| {
            pass.block(sample, blocks, block, labels, outcome)
        })?;
        let changes = buffers::changes(&of_blocks)?;
        let doubtful: usize = of_blocks.iter().map(|outcome| outcome.doubtful).sum();
        if doubtful > labels.len() / MOST_DOUBTFUL {
            assigned.be_fine();
        }
        Ok(changes)
    }

    /// Sums up the labelled rows of each cluster. The inertia.
    pub(super) fn sum_by_cluster(&mut self, labels: &[i32]) -> Result<f64, FitError> {
        let Buffers { centers, outcomes } = &mut *self.buffers;
        by_cluster::sum(self.sample, centers, labels, &mut outcomes[0].sums)?;
        self.buffers.inertia()
    }
}
