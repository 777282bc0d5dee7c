//! Lloyd's iterations from given centres.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::kmeans::relocate;
use crate::packed::{Packed, squared_distance};
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
}

/// The rows, and the buffers that all runs share.
pub(crate) struct Lloyd<'a> {
    sample: Sample<'a>,
    n_clusters: usize,
    blocks: Blocks,
    packed: Packed,
    partials: Vec<Partial>,
}

/// What the rows of one block say.
#[derive(Clone)]
struct Partial {
    /// Weighted sums of the rows' deviations from their centres, `n_clusters × columns`.
    deviations: Vec<f64>,
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
    pub(crate) fn new(sample: Sample<'a>, n_clusters: usize) -> Self {
        let columns = sample.columns();
        let size = n_clusters * columns;
        let blocks = Blocks::new(sample.len(), sample.rows().row_values(), size, n_clusters);
        let partial = Partial {
            deviations: vec![0.0; size],
            weights: vec![0.0; n_clusters],
            changes: Changes::default(),
            overflow: false,
            inertia: 0.0,
        };
        Self {
            sample,
            n_clusters,
            blocks,
            packed: Packed::new(&vec![0.0; size], columns, f64::INFINITY),
            partials: vec![partial; blocks.count()],
        }
    }

    /// Iterates until no label changes, the centres' squared shifts sum to at most `threshold`, or `max_iter` is reached. In
    /// the latter two cases the rows are labelled once more, so that labels and centres belong together.
    pub(crate) fn run(&mut self, mut centers: Vec<f64>, max_iter: usize, threshold: f64) -> Result<Run, FitError> {
        let mut labels = vec![-1; self.sample.len()];
        let mut n_iter = 0;
        let mut strict = false;
        let mut converged = false;
        while n_iter < max_iter && !converged {
            n_iter += 1;
            let changes = self.assign(&centers, &mut labels, true)?;
            let shift = self.update(&mut centers, &labels)?;
            strict = !changes.any;
            // Where no row with weight has moved, neither has a centre, but for rounding.
            converged = !changes.weighted || shift <= threshold;
        }
        if !strict {
            self.assign(&centers, &mut labels, false)?;
        }
        let inertia = self.inertia(&centers, &mut labels)?;
        Ok(Run {
            centers,
            labels,
            inertia,
            n_iter,
            converged,
        })
    }

    /// Labels every row with its nearest centre, and gathers the deviations if asked.
    fn assign(&mut self, centers: &[f64], labels: &mut [i32], gather: bool) -> Result<Changes, FitError> {
        self.packed.set(centers);
        let Self {
            sample,
            blocks,
            packed,
            partials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.write_reduce(labels, partials, |block, labels, partial| {
            partial.clear();
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let row = row.dense();
                    let Some((cluster, _)) = packed.nearest(row) else {
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
                    if gather {
                        partial.weights[cluster] += weight;
                        let span = cluster * columns..(cluster + 1) * columns;
                        let deviations = partial.deviations[span.clone()].iter_mut();
                        for ((sum, value), center) in deviations.zip(row).zip(&centers[span]) {
                            *sum += weight * (value - center);
                        }
                    }
                }
            })
        })?;
        if self.partials.iter().any(|partial| partial.overflow) {
            return Err(OVERFLOW);
        }
        Ok(Changes {
            any: self.partials.iter().any(|partial| partial.changes.any),
            weighted: self.partials.iter().any(|partial| partial.changes.weighted),
        })
    }

    /// Moves each centre to the weighted mean of its rows, and empty clusters as `relocate` says. The sum of squared shifts.
    fn update(&mut self, centers: &mut [f64], labels: &[i32]) -> Result<f64, FitError> {
        let (total, others) = self.partials.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            add(&mut total.deviations, &other.deviations);
            add(&mut total.weights, &other.weights);
        }
        let moves = relocate::relocate(
            self.sample,
            &self.blocks,
            labels,
            centers,
            &mut total.deviations,
            &mut total.weights,
        )?;
        let old = centers.to_vec();
        let columns = self.sample.columns();
        for (cluster, center) in centers.chunks_exact_mut(columns).enumerate() {
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
        let shift = old
            .chunks_exact(columns)
            .zip(centers.chunks_exact(columns))
            .map(|(old, new)| squared_distance(old, new))
            .sum::<f64>();
        if shift.is_finite() { Ok(shift) } else { Err(OVERFLOW) }
    }

    /// Weighted sum of the squared distances of the rows to the centres of their labels.
    fn inertia(&mut self, centers: &[f64], labels: &mut [i32]) -> Result<f64, FitError> {
        let Self {
            sample,
            blocks,
            partials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.write_reduce(labels, partials, |block, labels, partial| {
            partial.inertia = 0.0;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let row = row.dense();
                    let cluster = labels[index - first] as usize;
                    let center = &centers[cluster * columns..(cluster + 1) * columns];
                    partial.inertia += sample.weight(index) * squared_distance(row, center);
                }
            })
        })?;
        let inertia = self.partials.iter().map(|partial| partial.inertia).sum::<f64>();
        if inertia.is_finite() {
            Ok(inertia)
        } else {
            Err(OVERFLOW)
        }
    }
}

impl Partial {
    fn clear(&mut self) {
        self.deviations.fill(0.0);
        self.weights.fill(0.0);
        self.changes = Changes::default();
        self.overflow = false;
    }
}

fn add(total: &mut [f64], part: &[f64]) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
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
