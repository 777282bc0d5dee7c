//! First centres by greedy k-means++.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::interrupt::Interrupt;
use crate::numpy_random::RandomState;
use crate::packed::{Packed, squared_distance};
use crate::weights::Weights;

/// Draws `n_clusters` rows as first centres (row-major). The first is drawn by weight. For each further one, `2 + ⌊ln k⌋`
/// candidates are drawn by weight times squared distance to the nearest centre so far, and the one is kept that leaves the
/// smallest potential (the weighted sum of those squared distances). The draws, and their order, are scikit-learn's.
pub(crate) fn k_means_plus_plus(
    values: &[f64],
    columns: usize,
    weights: Weights<'_>,
    n_clusters: usize,
    random: &mut RandomState,
    interrupt: Interrupt<'_>,
) -> Result<Vec<f64>, FitError> {
    let rows = values.len() / columns;
    let row = |index: usize| &values[index * columns..(index + 1) * columns];
    let trials = 2 + (n_clusters as f64).ln() as usize;

    let first = random.choice(rows, weights.sum(), |index| weights.of(index));
    let mut centers = Vec::with_capacity(n_clusters * columns);
    centers.extend_from_slice(row(first));

    let mut nearest = Nearest::new(values, columns, weights, trials, interrupt);
    let mut potential = nearest.add_center(row(first))?;
    let mut candidates = vec![0; trials];
    let mut candidate_rows = Vec::with_capacity(trials * columns);
    for _ in 1..n_clusters {
        nearest.accumulate();
        for candidate in &mut candidates {
            *candidate = nearest.search(random.random_sample() * potential);
        }
        candidate_rows.clear();
        for &candidate in &candidates {
            candidate_rows.extend_from_slice(row(candidate));
        }
        let best = nearest.best_candidate(&candidate_rows)?;
        potential = nearest.add_center(row(candidates[best]))?;
        centers.extend_from_slice(row(candidates[best]));
    }
    Ok(centers)
}

/// Each row's squared distance to the nearest centre so far.
struct Nearest<'a> {
    values: &'a [f64],
    columns: usize,
    weights: Weights<'a>,
    interrupt: Interrupt<'a>,
    blocks: Blocks,
    squared: Vec<f64>,
    /// Running sums of weight × squared distance.
    cumulative: Vec<f64>,
    candidates: Packed,
    /// One potential for each candidate, by block.
    potentials: Vec<Vec<f64>>,
}

impl<'a> Nearest<'a> {
    fn new(
        values: &'a [f64],
        columns: usize,
        weights: Weights<'a>,
        trials: usize,
        interrupt: Interrupt<'a>,
    ) -> Self {
        let rows = values.len() / columns;
        let blocks = Blocks::new(rows, columns, trials * columns, 1);
        Self {
            values,
            columns,
            weights,
            interrupt,
            blocks,
            squared: vec![f64::INFINITY; rows],
            cumulative: vec![0.0; rows],
            candidates: Packed::new(&vec![0.0; trials * columns], columns, f64::INFINITY),
            potentials: vec![vec![0.0; trials]; blocks.count()],
        }
    }

    /// Takes `center` into account; the potential that it leaves.
    fn add_center(&mut self, center: &[f64]) -> Result<f64, FitError> {
        let Self {
            values,
            columns,
            weights,
            interrupt,
            blocks,
            potentials,
            ..
        } = self;
        blocks.write_reduce(
            &mut self.squared,
            potentials,
            |block, squared, potential| {
                potential[0] = 0.0;
                let first = block.start;
                blocks.tiles(block, *interrupt, |tile| {
                    for index in tile {
                        let row = &values[index * *columns..(index + 1) * *columns];
                        let squared = &mut squared[index - first];
                        *squared = squared.min(squared_distance(row, center));
                        potential[0] += weights.of(index) * *squared;
                    }
                })
            },
        )?;
        finite(self.potentials.iter().map(|potential| potential[0]).sum())
    }

    /// Which of the candidate rows would leave the smallest potential; the first among equals.
    fn best_candidate(&mut self, candidate_rows: &[f64]) -> Result<usize, FitError> {
        self.candidates.set(candidate_rows);
        let Self {
            values,
            columns,
            weights,
            interrupt,
            blocks,
            squared,
            candidates,
            potentials,
            ..
        } = self;
        blocks.reduce(potentials, |block, potentials| {
            potentials.fill(0.0);
            blocks.tiles(block, *interrupt, |tile| {
                for index in tile {
                    let row = &values[index * *columns..(index + 1) * *columns];
                    let distances = candidates.squared_distances(row).flatten();
                    for (potential, distance) in potentials.iter_mut().zip(distances) {
                        *potential += weights.of(index) * squared[index].min(distance);
                    }
                }
            })
        })?;
        let mut best = (0, f64::INFINITY);
        for candidate in 0..candidate_rows.len() / self.columns {
            let potential = self
                .potentials
                .iter()
                .map(|potentials| potentials[candidate])
                .sum();
            if potential < best.1 {
                best = (candidate, potential);
            }
        }
        Ok(best.0)
    }

    fn accumulate(&mut self) {
        let mut sum = 0.0;
        for (index, (cumulative, squared)) in
            self.cumulative.iter_mut().zip(&self.squared).enumerate()
        {
            sum += self.weights.of(index) * squared;
            *cumulative = sum;
        }
    }

    /// The first row at which the running sum reaches `value`; the last row when rounding keeps it below.
    fn search(&self, value: f64) -> usize {
        self.cumulative
            .partition_point(|sum| *sum < value)
            .min(self.cumulative.len() - 1)
    }
}

fn finite(potential: f64) -> Result<f64, FitError> {
    if potential.is_finite() {
        Ok(potential)
    } else {
        Err(FitError::Overflow {
            quantity: "a squared distance",
        })
    }
}
