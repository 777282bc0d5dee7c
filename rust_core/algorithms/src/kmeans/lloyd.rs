//! Lloyd's iterations from given centres.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::{self, Interrupted, Iteration};
use crate::kmeans::centers::Centers;
use crate::kmeans::relocate;
use crate::packed::{LANES, add_scaled, squared_distance};
use crate::precision::Precision;
use crate::rows::Row;
use crate::sample::Sample;

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
    buffers: &'a mut Buffers,
}

/// Memory that runs, also over other rows of as many columns, use again.
pub(crate) struct Buffers {
    centers: Centers,
    partials: Vec<Partial>,
}

impl Buffers {
    /// For this many clusters and columns.
    pub(crate) fn new(n_clusters: usize, columns: usize) -> Self {
        Self {
            centers: Centers::new(vec![0.0; n_clusters * columns], columns),
            partials: Vec::new(),
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

/// What the rows of one block say.
#[derive(Clone, Default)]
struct Partial {
    /// Weighted sums of the rows' deviations from their centres, `n_clusters × columns`.
    deviations: Vec<f64>,
    /// Weights of the rows that name a column, `n_clusters × columns`; empty for dense rows, which name all.
    named: Vec<f64>,
    /// Weight in each cluster.
    weights: Vec<f64>,
    changes: Changes,
    /// A row has no finite distance.
    overflow: bool,
    inertia: f64,
}

/// Which rows have another label than before.
#[derive(Debug, Clone, Copy, Default)]
struct Changes {
    any: bool,
    /// Any that weighs something: only those move centres.
    weighted: bool,
}

impl<'a> Lloyd<'a> {
    /// `buffers` are for the sample's columns.
    pub(crate) fn new(sample: Sample<'a>, buffers: &'a mut Buffers) -> Self {
        let n_clusters = buffers.centers.count();
        let size = n_clusters * sample.columns();
        let row_values = sample.rows().row_values();
        let partial_size = if sample.rows().is_sparse() { 2 * size } else { size };
        let work = row_values.saturating_mul(n_clusters.next_multiple_of(LANES));
        let blocks = Blocks::new(sample.len(), row_values, work, partial_size.div_ceil(row_values));
        buffers.partials.resize(blocks.count(), Partial::default());
        Self {
            sample,
            n_clusters,
            blocks,
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
        let mut labels = vec![-1; self.sample.len()];
        let mut n_iter = 0;
        let mut strict = false;
        let mut converged = false;
        while n_iter < max_iter && !converged {
            n_iter += 1;
            let (changes, objective) = self.assign(&centers, &mut labels, true)?;
            let shift = self.update(&mut centers, &labels)?;
            strict = !changes.any;
            // Where no row with weight has moved, neither has a centre, but for rounding.
            converged = !changes.weighted || shift <= threshold;
            self.sample.interrupt.iteration(Iteration { run, n_iter, objective });
        }
        let precision = self.sample.rows().precision();
        let inertia = if strict && precision == Precision::Double {
            self.inertia(&centers, &mut labels)?
        } else {
            precision.round(&mut centers);
            self.assign(&centers, &mut labels, false)?.1
        };
        Ok(Run {
            centers,
            labels,
            inertia,
            n_iter,
            converged,
            strict,
        })
    }

    /// Labels every row with its nearest centre. The inertia.
    pub(crate) fn label(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        self.assign(centers, labels, false).map(|(_, inertia)| inertia)
    }

    /// Labels every row with its nearest centre; what each centre wins.
    pub(crate) fn win(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<Won<'_>, FitError> {
        let (_, inertia) = self.assign(centers, labels, true)?;
        let total = self.total()?;
        Ok(Won {
            deviations: &total.deviations,
            weights: &total.weights,
            inertia,
        })
    }

    /// Labels every row with its nearest centre, and gathers the deviations if asked. The inertia.
    fn assign(&mut self, centers: &[f64], labels: &mut [i32], gather: bool) -> Result<(Changes, f64), FitError> {
        let Self {
            sample,
            blocks,
            buffers,
            ..
        } = self;
        let Buffers {
            centers: assigned,
            partials,
        } = &mut **buffers;
        assigned.set(centers);
        let centers = &*assigned;
        let columns = sample.columns();
        let check = || interrupt::check(sample.interrupt);
        blocks.write_reduce(labels, partials, |block, labels, partial| {
            partial.clear(gather.then_some((centers, sample.rows().is_sparse())), check)?;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let Some((cluster, distance)) = centers.nearest(row) else {
                        partial.overflow = true;
                        continue;
                    };
                    let label = &mut labels[index - first];
                    let weight = sample.weight(index);
                    if *label != cluster as i32 {
                        *label = cluster as i32;
                        partial.changes.any = true;
                        partial.changes.weighted |= weight > 0.0;
                    }
                    partial.inertia += weight * distance;
                    if gather {
                        partial.gather(cluster, row, weight, centers.center(cluster));
                    }
                }
            })?;
            if gather {
                partial.finish(centers, check)?;
            }
            Ok(())
        })?;
        if self.buffers.partials.iter().any(|partial| partial.overflow) {
            return Err(OVERFLOW);
        }
        let changes = Changes {
            any: self.buffers.partials.iter().any(|partial| partial.changes.any),
            weighted: self.buffers.partials.iter().any(|partial| partial.changes.weighted),
        };
        Ok((changes, self.total_inertia()?))
    }

    /// Moves each centre to the weighted mean of its rows, and empty clusters as `relocate` says. The sum of squared shifts.
    fn update(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<f64, FitError> {
        self.total()?;
        let Buffers {
            centers: assigned,
            partials,
        } = &mut *self.buffers;
        let total = &mut partials[0];
        let moves = relocate::relocate(
            self.sample,
            &self.blocks,
            labels,
            assigned,
            &mut total.deviations,
            &mut total.weights,
        )?;
        let old = centers.to_vec();
        let columns = self.sample.columns();
        for (cluster, center) in centers.chunks_exact_mut(columns).enumerate() {
            interrupt::check(self.sample.interrupt)?;
            let weight = total.weights[cluster];
            if weight > 0.0 {
                let deviations = &total.deviations[cluster * columns..(cluster + 1) * columns];
                for (value, deviation) in center.iter_mut().zip(deviations) {
                    *value += deviation / weight;
                }
            }
        }
        for (cluster, row) in moves {
            if total.weights[cluster] > 0.0 {
                centers[cluster * columns..(cluster + 1) * columns].copy_from_slice(&self.sample.row(row));
            }
        }
        // A cluster that stays empty joins the heaviest, rather than keep a place that no row asked for.
        let heaviest = heaviest(&total.weights);
        for cluster in 0..self.n_clusters {
            if total.weights[cluster] <= 0.0 {
                centers.copy_within(heaviest * columns..(heaviest + 1) * columns, cluster * columns);
            }
        }
        let mut shift = 0.0;
        for (old, new) in old.chunks_exact(columns).zip(centers.chunks_exact(columns)) {
            interrupt::check(self.sample.interrupt)?;
            shift += squared_distance(old, new);
        }
        if shift.is_finite() { Ok(shift) } else { Err(OVERFLOW) }
    }

    /// Adds the blocks' deviations and weights, in block order.
    fn total(&mut self) -> Result<&Partial, Interrupted> {
        let (total, others) = self.buffers.partials.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            let stretches = total
                .deviations
                .chunks_mut(STRETCH)
                .zip(other.deviations.chunks(STRETCH));
            for (total, other) in stretches {
                interrupt::check(self.sample.interrupt)?;
                add_scaled(total, 1.0, other);
            }
            add_scaled(&mut total.weights, 1.0, &other.weights);
        }
        Ok(total)
    }

    /// Weighted sum of the squared distances of the rows to the centres of their labels.
    fn inertia(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        let Self {
            sample,
            blocks,
            buffers,
            ..
        } = self;
        let Buffers {
            centers: assigned,
            partials,
        } = &mut **buffers;
        assigned.set(centers);
        let centers = &*assigned;
        let columns = sample.columns();
        blocks.write_reduce(labels, partials, |block, labels, partial| {
            partial.inertia = 0.0;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let cluster = labels[index - first] as usize;
                    partial.inertia += sample.weight(index) * centers.squared_distance(row, cluster);
                }
            })
        })?;
        self.total_inertia()
    }

    fn total_inertia(&self) -> Result<f64, FitError> {
        let inertia = self.buffers.partials.iter().map(|partial| partial.inertia).sum::<f64>();
        if inertia.is_finite() {
            Ok(inertia)
        } else {
            Err(OVERFLOW)
        }
    }
}

impl Partial {
    /// Nothing seen yet; room to gather deviations from `centers`, by sparse rows or dense ones, where it is asked for.
    fn clear(
        &mut self,
        gather: Option<(&Centers, bool)>,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        if let Some((centers, sparse)) = gather {
            let size = centers.values().len();
            zero(&mut self.deviations, size, &check)?;
            zero(&mut self.named, if sparse { size } else { 0 }, &check)?;
            zero(&mut self.weights, centers.count(), &check)?;
        }
        self.changes = Changes::default();
        self.overflow = false;
        self.inertia = 0.0;
        Ok(())
    }

    /// Adds what a row says of its cluster.
    fn gather(&mut self, cluster: usize, row: Row<'_>, weight: f64, center: &[f64]) {
        self.weights[cluster] += weight;
        let span = cluster * center.len()..(cluster + 1) * center.len();
        let deviations = &mut self.deviations[span.clone()];
        match row {
            Row::Dense(row) => {
                for ((sum, value), center) in deviations.iter_mut().zip(row).zip(center) {
                    *sum += weight * (value - center);
                }
            }
            Row::Sparse(row) => {
                let named = &mut self.named[span];
                for (column, value) in row.entries() {
                    deviations[column] += weight * (value - center[column]);
                    named[column] += weight;
                }
            }
        }
    }

    /// Adds what sparse rows say of the columns that they do not name: there they are zero. The weight of a column that all of a
    /// cluster's rows name is, to the last bit, the cluster's.
    fn finish(&mut self, centers: &Centers, check: impl Fn() -> Result<(), Interrupted>) -> Result<(), Interrupted> {
        if self.named.is_empty() {
            return Ok(());
        }
        let columns = centers.center(0).len();
        let clusters = self
            .deviations
            .chunks_exact_mut(columns)
            .zip(self.named.chunks_exact(columns));
        for (cluster, (deviations, named)) in clusters.enumerate() {
            check()?;
            let weight = self.weights[cluster];
            for ((deviation, named), center) in deviations.iter_mut().zip(named).zip(centers.center(cluster)) {
                *deviation -= center * (weight - named);
            }
        }
        Ok(())
    }
}

/// Values between two looks at the interrupt.
const STRETCH: usize = 1 << 18;

/// Makes `values` that many zeros.
fn zero(values: &mut Vec<f64>, size: usize, check: impl Fn() -> Result<(), Interrupted>) -> Result<(), Interrupted> {
    values.clear();
    values.reserve_exact(size);
    while values.len() < size {
        check()?;
        values.resize(size.min(values.len() + STRETCH), 0.0);
    }
    Ok(())
}

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
