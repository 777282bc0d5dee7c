//! First centres drawn from the rows.

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::kmeans::centers::Centers;
use crate::numpy_random::{Cumulative, RandomState};
use crate::sample::Sample;

/// Draws `n_clusters` rows by weight, none twice, as first centres (row-major).
pub(crate) fn random_rows(
    sample: Sample<'_>,
    n_clusters: usize,
    random: &mut RandomState,
) -> Result<Vec<f64>, FitError> {
    let possible = sample.possible()?;
    if possible < n_clusters {
        let expected = format!("at least {n_clusters} weights above zero, to draw as many rows");
        return Err(FitError::invalid(Field::SampleWeight, expected, possible));
    }
    let chosen = random.distinct_by_odds(sample.len(), |index| sample.odds(index), n_clusters, sample.interrupt)?;
    Ok(chosen.into_iter().flat_map(|index| sample.row(index)).collect())
}

/// Draws `n_clusters` rows as first centres (row-major). The first is drawn by weight. For each further one, `2 + ⌊ln k⌋`
/// candidates are drawn by weight times squared distance to the nearest centre so far, and the one is kept that leaves the
/// smallest potential (the weighted sum of those squared distances). The draws, and their order, are scikit-learn's.
///
/// Two candidates can leave the same potential (say, two rows that are far from all others but each other). Rounding then decides,
/// here by our order of additions and in scikit-learn by its BLAS's: the one case where the same seed may draw other rows.
pub(crate) fn k_means_plus_plus(
    sample: Sample<'_>,
    n_clusters: usize,
    random: &mut RandomState,
) -> Result<Vec<f64>, FitError> {
    let columns = sample.columns();
    let trials = 2 + (n_clusters as f64).ln() as usize;

    let first = Cumulative::new(sample.len(), |index| sample.odds(index), sample.interrupt)?.choice(random);
    let mut centers = Vec::with_capacity(n_clusters * columns);
    let first = sample.row(first);
    centers.extend_from_slice(&first);

    let mut nearest = Nearest::new(sample, trials);
    let mut potential = nearest.add_center(&first)?;
    let mut candidates = vec![0; trials];
    let mut candidate_rows = Vec::with_capacity(trials * columns);
    for _ in 1..n_clusters {
        nearest.accumulate()?;
        for candidate in &mut candidates {
            *candidate = nearest.search(random.random_sample() * potential);
        }
        candidate_rows.clear();
        for &candidate in &candidates {
            candidate_rows.extend(sample.row(candidate));
        }
        let best = nearest.best_candidate(&candidate_rows)?;
        let center = &candidate_rows[best * columns..(best + 1) * columns];
        potential = nearest.add_center(center)?;
        centers.extend_from_slice(center);
    }
    Ok(centers)
}

/// Each row's squared distance to the nearest centre so far.
struct Nearest<'a> {
    sample: Sample<'a>,
    blocks: Blocks,
    squared: Vec<f64>,
    /// Running sums of weight × squared distance.
    cumulative: Vec<f64>,
    /// The centre that was added last.
    center: Centers,
    candidates: Centers,
    /// One potential for each candidate, by block.
    potentials: Vec<Vec<f64>>,
}

impl<'a> Nearest<'a> {
    fn new(sample: Sample<'a>, trials: usize) -> Self {
        let (rows, columns) = (sample.len(), sample.columns());
        let row_values = sample.rows().row_values();
        let blocks = Blocks::new(rows, row_values, trials * row_values, 1);
        Self {
            sample,
            blocks,
            squared: vec![f64::INFINITY; rows],
            cumulative: vec![0.0; rows],
            center: Centers::new(vec![0.0; columns], columns),
            candidates: Centers::new(vec![0.0; trials * columns], columns),
            potentials: vec![vec![0.0; trials]; blocks.count()],
        }
    }

    /// Takes `center` into account; the potential that it leaves.
    fn add_center(&mut self, center: &[f64]) -> Result<f64, FitError> {
        self.center.set(center);
        let Self {
            sample,
            blocks,
            squared,
            center,
            potentials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.write_reduce(squared, potentials, |block, squared, potential| {
            potential[0] = 0.0;
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let squared = &mut squared[index - first];
                    *squared = squared.min(center.squared_distance(row, 0));
                    potential[0] += sample.weight(index) * *squared;
                }
            })
        })?;
        let potential: f64 = self.potentials.iter().map(|potential| potential[0]).sum();
        if potential.is_finite() {
            Ok(potential)
        } else {
            Err(FitError::Overflow {
                quantity: "a squared distance",
            })
        }
    }

    /// Which of the candidate rows would leave the smallest potential; the first among equals.
    fn best_candidate(&mut self, candidate_rows: &[f64]) -> Result<usize, FitError> {
        self.candidates.set(candidate_rows);
        let Self {
            sample,
            blocks,
            squared,
            candidates,
            potentials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.reduce(potentials, |block, potentials| {
            potentials.fill(0.0);
            let mut distances = vec![0.0; potentials.len()];
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    candidates.squared_distances(row, &mut distances);
                    for (potential, distance) in potentials.iter_mut().zip(&distances) {
                        *potential += sample.weight(index) * squared[index].min(*distance);
                    }
                }
            })
        })?;
        let mut best = (0, f64::INFINITY);
        for candidate in 0..candidate_rows.len() / self.sample.columns() {
            let potential = self.potentials.iter().map(|potentials| potentials[candidate]).sum();
            if potential < best.1 {
                best = (candidate, potential);
            }
        }
        Ok(best.0)
    }

    fn accumulate(&mut self) -> Result<(), FitError> {
        let Self {
            sample,
            blocks,
            squared,
            cumulative,
            ..
        } = self;
        let mut sum = 0.0;
        blocks.tiles(0..squared.len(), sample.interrupt, |tile| {
            for index in tile {
                sum += sample.weight(index) * squared[index];
                cumulative[index] = sum;
            }
        })?;
        Ok(())
    }

    /// The first row at which the running sum reaches `value`; the last row when rounding keeps it below.
    fn search(&self, value: f64) -> usize {
        self.cumulative
            .partition_point(|sum| *sum < value)
            .min(self.cumulative.len() - 1)
    }
}
