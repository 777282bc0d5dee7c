//! Lloyd's iterations from given centres.

use std::cell::OnceCell;

use rayon::prelude::*;

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::{self, Interrupted, Iteration};
use crate::kmeans::assign::{Changes, Outcome, Pass, Route, Stretch, choose};
use crate::kmeans::centers::{Centers, MANY_VALUES};
use crate::kmeans::exact_sums::ExactSums;
use crate::kmeans::ledger::Ledger;
use crate::kmeans::margins::Ways;
use crate::kmeans::scores::Panels;
use crate::kmeans::tally::Cuts;
use crate::kmeans::{by_cluster, inertia, relocate};
use crate::packed::{LANES, add_scaled, squared_distance};
use crate::precision::Precision;
use crate::rows::Ahead;
use crate::sample::Sample;
use crate::simd::DOUBLES;

const OVERFLOW: FitError = FitError::Overflow {
    quantity: "a squared distance",
};

/// The outcome of one run.
pub(crate) struct Run {
    pub(crate) centers: Vec<f64>,
    pub(crate) labels: Vec<i32>,
    pub(crate) inertia: f64,
    pub(crate) n_iter: usize,
    pub(crate) converged: bool,
    pub(crate) strict: bool,
}

/// The rows, and the buffers that all runs share.
pub(crate) struct Lloyd<'a> {
    sample: Sample<'a>,
    n_clusters: usize,
    blocks: Blocks,
    /// Where a block's sums would be long beside its rows: the blocks for labels alone. Sums are then made cluster by cluster.
    by_cluster: Option<Blocks>,
    /// Sums by cluster that a run keeps, where they can be had.
    exact: Option<ExactSums>,
    route: Route,
    /// Whether somebody follows the run: then each iteration's inertia is a number.
    follows: bool,
    /// Where sums follow the labels: known with the first run.
    cuts: OnceCell<Option<Cuts>>,
    buffers: &'a mut Buffers,
}

/// Memory that runs, also over other rows of as many columns, use again.
pub(crate) struct Buffers {
    centers: Centers,
    outcomes: Vec<Outcome>,
}

impl Buffers {
    /// For this many clusters and columns.
    pub(crate) fn new(n_clusters: usize, columns: usize) -> Self {
        Self {
            centers: Centers::new(vec![0.0; n_clusters * columns], columns),
            outcomes: Vec::new(),
        }
    }
}

/// What centres win of some rows.
pub(crate) struct Won<'a> {
    /// Weighted sums of the rows' deviations from their centres, `n_clusters × columns`.
    pub(crate) deviations: &'a [f64],
    /// Weight in each cluster.
    pub(crate) weights: &'a [f64],
    pub(crate) inertia: f64,
}

impl<'a> Lloyd<'a> {
    /// `buffers` are for the sample's columns.
    pub(crate) fn new(sample: Sample<'a>, buffers: &'a mut Buffers) -> Self {
        let n_clusters = buffers.centers.count();
        let size = n_clusters * sample.columns();
        let row_values = sample.rows().row_values();
        let route = choose(&sample.rows(), n_clusters);
        let partial_size = match route {
            Route::SparseExact | Route::SparseScores => 2 * size,
            // Exact sums: three numbers for each.
            Route::Scores => 3 * n_clusters * sample.columns().next_multiple_of(DOUBLES),
            Route::Few | Route::Exact => size,
        };
        let work = row_values.saturating_mul(n_clusters.next_multiple_of(LANES));
        // What a multiply-add of float64, one after the other, takes: scores in float32 take an eighth (KERNELS.md).
        let work = if route == Route::Scores {
            work.div_ceil(SCORED)
        } else {
            work
        };
        let blocks = Blocks::new(sample.len(), row_values, work, partial_size.div_ceil(row_values));
        let labelling = Blocks::new(sample.len(), row_values, work, 1);
        let by_cluster = (sample.rows().is_sparse() && blocks.count() < labelling.count()).then_some(labelling);
        let outcomes = by_cluster.map_or(blocks.count(), |_| 1);
        buffers.outcomes.resize(outcomes, Outcome::default());
        Self {
            sample,
            n_clusters,
            blocks,
            by_cluster,
            exact: None,
            route,
            follows: false,
            cuts: OnceCell::new(),
            buffers,
        }
    }

    /// Iterates until no label changes, the centres' squared shifts sum to at most `threshold`, or `max_iter` is reached. In
    /// the latter two cases, and where centres are rounded, the rows are labelled once more, so that labels and centres belong
    /// together. `run` is the number that the observer is told.
    pub(crate) fn run(
        &mut self,
        run: usize,
        mut centers: Vec<f64>,
        max_iter: usize,
        threshold: f64,
    ) -> Result<Run, FitError> {
        match &mut self.exact {
            Some(exact) => exact.clear(),
            None if self.by_cluster.is_some() => self.exact = ExactSums::new(self.sample, self.n_clusters),
            None => {}
        }
        self.follows = self.sample.interrupt.follows();
        let mut labels = vec![-1; self.sample.len()];
        if self.route == Route::Scores && self.cuts.get().is_none() {
            let cuts = Cuts::of(self.sample)?;
            self.cuts.get_or_init(|| cuts);
        }
        // Apart from `self` as long as it is used.
        let cuts = self.cuts.take().flatten();
        let (rows, columns) = (self.sample.len(), self.sample.columns());
        let mut ledger = cuts
            .as_ref()
            .map(|cuts| Ledger::new(cuts, rows, self.n_clusters, columns));
        let mut n_iter = 0;
        let mut strict = false;
        let mut converged = false;
        while n_iter < max_iter && !converged {
            n_iter += 1;
            let (changes, objective) = match &mut ledger {
                Some(ledger) => self.keep(ledger, &centers, &mut labels)?,
                None => self.assign(&centers, &mut labels, true)?,
            };
            let shift = self.update(&mut centers, &labels, ledger.as_mut())?;
            strict = !changes.any;
            // Where no row with weight has moved, neither has a centre, but for rounding.
            converged = !changes.weighted || shift <= threshold;
            if self.follows {
                self.sample.interrupt.iteration(Iteration { run, n_iter, objective });
            }
        }
        let precision = self.sample.rows().precision();
        let strictly = strict && precision == Precision::Double;
        if !strictly {
            precision.round(&mut centers);
        }
        let inertia = match &mut ledger {
            Some(ledger) => {
                if !strictly {
                    self.keep(ledger, &centers, &mut labels)?;
                }
                self.inertia_of_labels(&centers, &mut labels)?
            }
            None if strictly => self.inertia(&centers, &mut labels)?,
            None => self.assign(&centers, &mut labels, false)?.1,
        };
        drop(ledger);
        self.cuts = OnceCell::from(cuts);
        Ok(Run {
            centers,
            labels,
            inertia,
            n_iter,
            converged,
            strict,
        })
    }

    /// [`Lloyd::assign`] with what is known from the iteration before; the inertia is known where somebody follows.
    fn keep(
        &mut self,
        ledger: &mut Ledger<'_>,
        centers: &[f64],
        labels: &mut [i32],
    ) -> Result<(Changes, f64), FitError> {
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut *self.buffers;
        let old = assigned.values().to_vec();
        assigned.set(centers);
        let changes = ledger.pass(
            self.sample,
            &self.blocks,
            &old,
            assigned,
            labels,
            outcomes,
            self.follows,
        )?;
        if outcomes.iter().any(|outcome| outcome.not_finite) {
            return Err(OVERFLOW);
        }
        Ok((changes, self.total_inertia()?))
    }

    /// Weighted sum of the squared distances of dense rows to the centres of their labels.
    fn inertia_of_labels(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        self.buffers.centers.set(centers);
        let Buffers { centers, outcomes } = &mut *self.buffers;
        inertia::of_labels(self.sample, &self.blocks, centers, labels, outcomes)?;
        self.total_inertia()
    }

    /// Labels every row with its nearest centre. The inertia.
    pub(crate) fn label(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        self.assign(centers, labels, false).map(|(_, inertia)| inertia)
    }

    /// Labels every row with its nearest centre; what each centre wins.
    /// With `margins`, [`Lloyd::label_again`] comes next, and the inertia here may not be a number.
    pub(crate) fn win(&mut self, centers: &[f64], labels: &mut [i32], margins: bool) -> Result<Won<'_>, FitError> {
        let (_, inertia) = self.pass(
            centers,
            labels,
            Look {
                gather: true,
                write: true,
                margins,
            },
        )?;
        let total = &self.total()?.sums;
        Ok(Won {
            deviations: &total.deviations,
            weights: &total.weights,
            inertia,
        })
    }

    /// Labels every row with its nearest centre, and gathers the deviations if asked. The inertia.
    fn assign(&mut self, centers: &[f64], labels: &mut [i32], gather: bool) -> Result<(Changes, f64), FitError> {
        let look = Look {
            gather,
            write: true,
            margins: false,
        };
        self.pass(centers, labels, look)
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
        let Self {
            sample,
            blocks,
            buffers,
            route,
            ..
        } = self;
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut **buffers;
        let pass = Pass {
            centers: assigned,
            route: *route,
            write: true,
            gather: false,
            inertia: true,
            margins: false,
        };
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            let margins = std::mem::take(&mut outcome.margins);
            outcome.clear(pass.centers, false, false, check)?;
            let first = block.start;
            sample.lying(blocks, block, |tile, rows| {
                let span = tile.start - first..tile.end - first;
                let stretch = Stretch {
                    rows,
                    ahead: Ahead::Unknown,
                    place: span.start,
                    labels: &mut labels[span.clone()],
                    weights: sample.weights_of(tile),
                    carrier: None,
                    edges: None,
                };
                pass.kept(stretch, outcome, &margins[span], &ways);
            })?;
            outcome.sums.finish(pass.centers, false, check)
        })?;
        if self.buffers.outcomes.iter().any(|outcome| outcome.not_finite) {
            return Err(OVERFLOW);
        }
        self.total_inertia()
    }

    /// Compares every row's label with its nearest centre, and writes it if asked.
    fn pass(&mut self, centers: &[f64], labels: &mut [i32], look: Look) -> Result<(Changes, f64), FitError> {
        let Look { gather, write, margins } = look;
        if let Some(blocks) = self.by_cluster {
            self.buffers.centers.set_apart(centers);
            return self.pass_by_cluster(&blocks, labels, gather);
        }
        self.buffers.centers.set(centers);
        let Self {
            sample,
            blocks,
            buffers,
            route,
            ..
        } = self;
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut **buffers;
        let pass = Pass {
            centers: assigned,
            route: *route,
            write,
            gather,
            // Margins are asked for where the rows are labelled again, which gives the inertia.
            inertia: !(margins && *route == Route::Scores),
            margins,
        };
        let inertia = pass.inertia;
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            outcome.clear(pass.centers, gather, sample.rows().is_sparse(), check)?;
            let first = block.start;
            sample.lying(blocks, block, |tile, rows| {
                let ahead = sample.rows().ahead(tile.end..tile.end + tile.len());
                let stretch = Stretch {
                    rows,
                    ahead,
                    place: tile.start - first,
                    labels: &mut labels[tile.start - first..tile.end - first],
                    weights: sample.weights_of(tile),
                    carrier: None,
                    edges: None,
                };
                pass.rows(stretch, outcome);
            })?;
            outcome.sums.finish(pass.centers, gather, check)?;
            Ok(())
        })?;
        if self.buffers.outcomes.iter().any(|outcome| outcome.not_finite) {
            return Err(OVERFLOW);
        }
        let mut changes = Changes::default();
        for outcome in &self.buffers.outcomes {
            changes.join(outcome.changes);
        }
        let inertia = if inertia { self.total_inertia()? } else { f64::NAN };
        Ok((changes, inertia))
    }

    /// [`Lloyd::pass`] in two steps: labels by `blocks`, which are written, then sums by cluster. The inertia of an iteration is a
    /// number only where somebody follows it.
    fn pass_by_cluster(
        &mut self,
        blocks: &Blocks,
        labels: &mut [i32],
        gather: bool,
    ) -> Result<(Changes, f64), FitError> {
        let Self {
            sample, buffers, route, ..
        } = self;
        let Buffers { centers, outcomes } = &mut **buffers;
        if *route == Route::SparseScores {
            centers.prepare_planes();
        }
        let pass = Pass {
            centers,
            route: *route,
            write: true,
            gather: false,
            inertia: false,
            margins: false,
        };
        let mut of_blocks = vec![Outcome::default(); blocks.count()];
        blocks.write_reduce(labels, &mut of_blocks, |block, labels, outcome| {
            let first = block.start;
            sample.lying(blocks, block, |tile, rows| {
                let labels = &mut labels[tile.start - first..tile.end - first];
                let place = tile.start - first;
                let stretch = Stretch {
                    rows,
                    ahead: Ahead::Unknown,
                    place,
                    labels,
                    weights: sample.weights_of(tile),
                    carrier: None,
                    edges: None,
                };
                pass.rows(stretch, outcome);
            })
        })?;
        let mut changes = Changes::default();
        let mut doubtful = 0;
        for outcome in of_blocks {
            if outcome.not_finite {
                return Err(OVERFLOW);
            }
            changes.join(outcome.changes);
            doubtful += outcome.doubtful;
        }
        if doubtful > labels.len() / MOST_DOUBTFUL {
            centers.be_fine();
        }
        let inertia = match &mut self.exact {
            Some(exact) if gather => {
                exact.follow(*sample, labels)?;
                if self.follows {
                    self.distances(blocks, labels)?
                } else {
                    f64::NAN
                }
            }
            None if gather => {
                by_cluster::sum(*sample, centers, labels, &mut outcomes[0].sums)?;
                self.total_inertia()?
            }
            _ => self.distances(blocks, labels)?,
        };
        Ok((changes, inertia))
    }

    /// Weighted sum of the squared distances of the rows to the centres of their labels, row by row.
    fn distances(&mut self, blocks: &Blocks, labels: &[i32]) -> Result<f64, FitError> {
        self.buffers.centers.prepare_squares();
        let (sample, centers) = (self.sample, &self.buffers.centers);
        let mut inertias = vec![0.0; blocks.count()];
        blocks.reduce(&mut inertias, |block, inertia| {
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(sample.columns())) {
                    *inertia += sample.weight(index) * centers.squared_distance(row, labels[index] as usize);
                }
            })
        })?;
        finite(inertias.iter().sum())
    }

    /// Moves each centre to the weighted mean of its rows, and empty clusters as `relocate` says. The sum of squared shifts.
    fn update(
        &mut self,
        centers: &mut [f64],
        labels: &[i32],
        ledger: Option<&mut Ledger<'_>>,
    ) -> Result<f64, FitError> {
        let moves = match ledger {
            Some(ledger) => self.update_from(ledger, centers, labels)?,
            None if self.exact.is_some() => self.update_exactly(centers, labels)?,
            None => self.update_by_deviations(centers, labels)?,
        };
        let columns = self.sample.columns();
        let interrupt = self.sample.interrupt;
        let weights = &self.buffers.outcomes[0].sums.weights;
        let assigned = &self.buffers.centers;
        let many = centers.len() >= MANY_VALUES;
        for (cluster, row) in moves {
            if weights[cluster] > 0.0 {
                centers[cluster * columns..(cluster + 1) * columns].copy_from_slice(&self.sample.row(row));
            }
        }
        // A cluster that stays empty joins the heaviest, rather than keep a place that no row asked for.
        let heaviest = heaviest(weights);
        for (cluster, weight) in weights.iter().enumerate() {
            if *weight <= 0.0 {
                centers.copy_within(heaviest * columns..(heaviest + 1) * columns, cluster * columns);
            }
        }
        let old = assigned.values();
        let shift_of = |(old, new): (&[f64], &[f64])| {
            interrupt::check(interrupt)?;
            Ok::<f64, Interrupted>(squared_distance(old, new))
        };
        // The same sum, whoever adds.
        let shift: f64 = if many {
            let pairs = old.par_chunks_exact(columns).zip(centers.par_chunks_exact(columns));
            let shifts = pairs.map(shift_of).collect::<Result<Vec<_>, _>>()?;
            shifts.into_iter().sum()
        } else {
            let pairs = old.chunks_exact(columns).zip(centers.chunks_exact(columns));
            pairs.map(shift_of).sum::<Result<_, _>>()?
        };
        if shift.is_finite() { Ok(shift) } else { Err(OVERFLOW) }
    }

    /// Moves each centre by the mean deviation of its rows. The rows that empty clusters go to.
    fn update_by_deviations(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<Vec<(usize, usize)>, FitError> {
        self.total()?;
        let Buffers {
            centers: assigned,
            outcomes,
        } = &mut *self.buffers;
        let total = &mut outcomes[0].sums;
        let moves = relocate::relocate(
            self.sample,
            &self.blocks,
            labels,
            assigned,
            &mut total.deviations,
            &mut total.weights,
        )?;
        let columns = self.sample.columns();
        let interrupt = self.sample.interrupt;
        let (weights, deviations) = (&total.weights, &total.deviations);
        let step = |cluster: usize, center: &mut [f64]| {
            interrupt::check(interrupt)?;
            let weight = weights[cluster];
            if weight > 0.0 {
                let deviations = &deviations[cluster * columns..(cluster + 1) * columns];
                for (value, deviation) in center.iter_mut().zip(deviations) {
                    *value += deviation / weight;
                }
            }
            Ok::<(), Interrupted>(())
        };
        if centers.len() >= MANY_VALUES {
            let centers = centers.par_chunks_exact_mut(columns).enumerate();
            centers.try_for_each(|(cluster, center)| step(cluster, center))?;
        } else {
            let mut centers = centers.chunks_exact_mut(columns).enumerate();
            centers.try_for_each(|(cluster, center)| step(cluster, center))?;
        }
        Ok(moves)
    }

    /// [`Lloyd::update_by_deviations`] from the sums themselves.
    fn update_exactly(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<Vec<(usize, usize)>, FitError> {
        let Some(exact) = &mut self.exact else {
            return Ok(Vec::new());
        };
        let weights = &mut self.buffers.outcomes[0].sums.weights;
        weights.clear();
        weights.extend(exact.counts().iter().map(|count| *count as f64));
        let moves = relocate::moves(self.sample, &self.blocks, labels, &self.buffers.centers, weights)?;
        for &(_, row) in &moves {
            exact.leave_out(self.sample, row);
        }
        follow(&moves, labels, weights);
        interrupt::check(self.sample.interrupt)?;
        exact.means(centers);
        Ok(moves)
    }

    /// [`Lloyd::update_exactly`] of dense rows.
    fn update_from(
        &mut self,
        ledger: &mut Ledger<'_>,
        centers: &mut [f64],
        labels: &[i32],
    ) -> Result<Vec<(usize, usize)>, FitError> {
        let weights = &mut self.buffers.outcomes[0].sums.weights;
        weights.clear();
        weights.extend(ledger.counts().iter().map(|count| *count as f64));
        let moves = relocate::moves(self.sample, &self.blocks, labels, &self.buffers.centers, weights)?;
        follow(&moves, labels, weights);
        // Their labels stay what they were: so do the sums that the next iteration begins with.
        ledger.set_aside(self.sample, labels, &moves, false);
        ledger.means(centers, self.sample.interrupt)?;
        ledger.set_aside(self.sample, labels, &moves, true);
        Ok(moves)
    }

    /// Adds the blocks' deviations and weights, in block order.
    fn total(&mut self) -> Result<&Outcome, Interrupted> {
        let (total, others) = self.buffers.outcomes.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            let stretches = total
                .sums
                .deviations
                .chunks_mut(STRETCH)
                .zip(other.sums.deviations.chunks(STRETCH));
            for (total, other) in stretches {
                interrupt::check(self.sample.interrupt)?;
                add_scaled(total, 1.0, other);
            }
            add_scaled(&mut total.sums.weights, 1.0, &other.sums.weights);
        }
        Ok(total)
    }

    /// Weighted sum of the squared distances of the rows to the centres of their labels.
    fn inertia(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        if let Some(blocks) = self.by_cluster {
            self.buffers.centers.set_apart(centers);
            return self.distances(&blocks, labels);
        }
        // The labels are those of the nearest centres, unless rounding has parted a tie since: seldom, and then row by row.
        let look = Look {
            gather: false,
            write: false,
            margins: false,
        };
        let (changes, inertia) = self.pass(centers, labels, look)?;
        if !changes.any {
            return Ok(inertia);
        }
        let Self {
            sample,
            blocks,
            buffers,
            ..
        } = self;
        let Buffers { centers, outcomes } = &mut **buffers;
        let columns = sample.columns();
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
            outcome.clear(centers, false, sample.rows().is_sparse(), check)?;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let (place, weight) = (index - first, sample.weight(index));
                    let cluster = labels[place] as usize;
                    outcome.sums.add(centers, place, row, weight, cluster, false);
                }
            })?;
            outcome.sums.finish(centers, false, check)
        })?;
        self.total_inertia()
    }

    fn total_inertia(&self) -> Result<f64, FitError> {
        finite(self.buffers.outcomes.iter().map(|outcome| outcome.sums.inertia).sum())
    }
}

/// Takes rows that move to empty clusters from the weights of their labels.
fn follow(moves: &[(usize, usize)], labels: &[i32], weights: &mut [f64]) {
    for &(cluster, row) in moves {
        weights[labels[row] as usize] -= 1.0;
        weights[cluster] = 1.0;
    }
}

fn finite(inertia: f64) -> Result<f64, FitError> {
    if inertia.is_finite() {
        Ok(inertia)
    } else {
        Err(OVERFLOW)
    }
}

/// What a pass over the rows is for besides comparing them.
#[derive(Clone, Copy)]
struct Look {
    /// Deviations are gathered.
    gather: bool,
    /// Labels are written.
    write: bool,
    /// Margins are noted.
    margins: bool,
}

/// One row of so many may have to be compared again, row by row, before all are, at once.
const LEAST_KEPT: usize = 4;

/// One row of so many may be doubtful before scores become finer.
const MOST_DOUBTFUL: usize = 8;

/// Scores that take as long as a step of an exact distance.
const SCORED: usize = 8;

/// Values between two looks at the interrupt.
const STRETCH: usize = 1 << 18;

/// The cluster with the greatest weight; the first among equals.
fn heaviest(weights: &[f64]) -> usize {
    let mut best = 0;
    for (cluster, weight) in weights.iter().enumerate() {
        if *weight > weights[best] {
            best = cluster;
        }
    }
    best
}
