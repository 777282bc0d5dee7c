//! What a mini-batch asks: what centres win of its rows, and the rows' labels once the centres have moved.

use crate::error::FitError;
use crate::interrupt;
use crate::kmeans::assign::{Look, Pass, Stretch};
use crate::kmeans::lloyd::Lloyd;
use crate::kmeans::lloyd::buffers::Buffers;
use crate::kmeans::margins::Ways;
use crate::kmeans::route::Route;
use crate::kmeans::scores::Panels;

/// One row of so many may have to be compared again, row by row, before all are, at once.
const LEAST_KEPT: usize = 4;

/// What centres win of some rows.
pub(crate) struct Won<'a> {
    /// Weighted sums of the rows' deviations from their centres, `n_clusters × columns`.
    pub(crate) deviations: &'a [f64],
    /// Weight in each cluster.
    pub(crate) weights: &'a [f64],
    /// None where labels by moved centres come next, and with them the inertia.
    pub(crate) inertia: Option<f64>,
}

impl Lloyd<'_> {
    /// Labels every row with its nearest centre; what each centre wins. With `margins`, [`Lloyd::label_again`] comes next.
    pub(crate) fn win(&mut self, centers: &[f64], labels: &mut [i32], margins: bool) -> Result<Won<'_>, FitError> {
        let inertia = if let Some(blocks) = self.by_cluster {
            self.pass_by_cluster(&blocks, centers, labels)?;
            Some(self.sum_by_cluster(labels)?)
        } else {
            let look = Look {
                write: true,
                gather: true,
                // Only scores go without.
                inertia: !(margins && self.route == Route::Scores),
                margins,
            };
            self.pass(centers, labels, look)?;
            if look.inertia {
                Some(self.buffers.inertia()?)
            } else {
                None
            }
        };
        let total = &self.buffers.total(self.sample.interrupt)?.sums;
        Ok(Won {
            deviations: &total.deviations,
            weights: &total.weights,
            inertia,
        })
    }

    /// [`Lloyd::label`] by centres that have moved since [`Lloyd::win`] gave these labels, with the same buffers and margins: rows that are sure
    /// to keep their label are not compared again.
    pub(crate) fn label_again(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        let columns = self.sample.columns();
        let before = &self.buffers.centers;
        let panels = (self.route == Route::Scores).then(|| before.panels()).flatten();
        let Some(scale) = panels.map(Panels::scale) else {
            return self.label(centers, labels);
        };
        let margins = self.buffers.outcomes.iter().flat_map(|outcome| &outcome.margins);
        if margins.clone().count() != labels.len() {
            return self.label(centers, labels);
        }
        let ways = Ways::new(before.values(), centers, columns, scale);
        let open = labels
            .iter()
            .zip(margins)
            .filter(|(label, margin)| !ways.keep(**label as usize, **margin))
            .count();
        if open > labels.len() / LEAST_KEPT {
            return self.label(centers, labels);
        }
        self.buffers.centers.set(centers);
        let (sample, blocks) = (self.sample, &self.blocks);
        let Buffers { centers, outcomes } = &mut *self.buffers;
        let pass = Pass {
            centers,
            route: self.route,
            look: Look {
                write: true,
                inertia: true,
                ..Look::default()
            },
        };
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            let margins = std::mem::take(&mut outcome.margins);
            outcome.clear(pass.centers, false, false, check)?;
            let first = block.start;
            sample.lying(blocks, block, |tile, rows| {
                let span = tile.start - first..tile.end - first;
                let stretch = Stretch {
                    weights: sample.weights_of(tile),
                    ..Stretch::new(rows, span.start, &mut labels[span.clone()])
                };
                pass.kept(stretch, outcome, &margins[span], &ways);
            })?;
            outcome.sums.finish(pass.centers, false, check)
        })?;
        self.buffers.changes()?;
        self.buffers.inertia()
    }
}
