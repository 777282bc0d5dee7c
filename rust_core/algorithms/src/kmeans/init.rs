//! First centres drawn from the rows.

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::interrupt::{self, Interrupted};
use crate::kmeans::centers::Centers;
use crate::kmeans::potential;
use crate::numpy_random::{Cumulative, RandomState, equal_choice};
use crate::sample::Sample;
use crate::simd::DOUBLES;

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

    let draw = random.random_sample();
    let first = match sample.is_plain().then(|| equal_choice(sample.len(), draw)).flatten() {
        Some(first) => first,
        None => Cumulative::new(sample.len(), |index| sample.odds(index), sample.interrupt)?.at(draw),
    };
    let mut centers = Vec::with_capacity(n_clusters * columns);
    let first = sample.row(first);
    centers.extend_from_slice(&first);

    let mut nearest = Nearest::new(sample, trials);
    let mut potential = nearest.add_center(&first)?;
    let mut candidates = vec![0; trials];
    let mut candidate_rows = Vec::with_capacity(trials * columns);
    for _ in 1..n_clusters {
        for candidate in &mut candidates {
            *candidate = nearest.search(random.random_sample() * potential)?;
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
    /// The potential of each block's rows.
    held: Vec<f64>,
    /// The centre that was added last.
    center: Centers,
    candidates: Centers,
    /// By block, a potential for each candidate, or for the centre that is added.
    potentials: Vec<Vec<LanePotential>>,
}

/// Sums of weight × squared distance, by the row's place in its block: as if rows came in vectors.
pub(crate) type LanePotential = [f64; DOUBLES];

impl<'a> Nearest<'a> {
    fn new(sample: Sample<'a>, trials: usize) -> Self {
        let (rows, columns) = (sample.len(), sample.columns());
        let row_values = sample.rows().row_values();
        let blocks = Blocks::new(rows, row_values, trials * row_values, 1);
        Self {
            sample,
            blocks,
            squared: vec![f64::INFINITY; rows],
            held: vec![0.0; blocks.count()],
            center: Centers::new(vec![0.0; columns], columns),
            candidates: Centers::new(vec![0.0; trials * columns], columns),
            potentials: vec![Vec::new(); blocks.count()],
        }
    }

    /// Takes `center` into account; the potential that it leaves.
    fn add_center(&mut self, center: &[f64]) -> Result<f64, FitError> {
        self.center.set(center);
        self.pass(true)?;
        for (held, potentials) in self.held.iter_mut().zip(&self.potentials) {
            *held = potentials[0].iter().sum();
        }
        let potential: f64 = self.held.iter().sum();
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
        self.pass(false)?;
        let mut best = (0, f64::INFINITY);
        for candidate in 0..self.candidates.count() {
            let of_block = |potentials: &Vec<LanePotential>| potentials[candidate].iter().sum::<f64>();
            let potential = self.potentials.iter().map(of_block).sum();
            if potential < best.1 {
                best = (candidate, potential);
            }
        }
        Ok(best.0)
    }

    /// The potentials that the candidates would leave, or that the centre leaves, which is then taken into account.
    fn pass(&mut self, keep: bool) -> Result<(), FitError> {
        let Self {
            sample,
            blocks,
            squared,
            center,
            candidates,
            potentials,
            ..
        } = self;
        let centers = if keep { center } else { candidates };
        blocks.write_reduce(squared, potentials, |block, squared, potentials| {
            potentials.clear();
            potentials.resize(centers.count(), [0.0; DOUBLES]);
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                potential::add(
                    potential::Task {
                        centers,
                        squared: &mut squared[tile.start - first..tile.end - first],
                        weights: sample.weights_of(tile),
                        potentials,
                        keep,
                    },
                    rows,
                );
            })
        })?;
        Ok(())
    }

    /// The first row at which the running sum of weight × squared distance reaches `value`; the last row when rounding keeps it
    /// below. Whole blocks are stepped over.
    fn search(&self, value: f64) -> Result<usize, Interrupted> {
        let mut sum = 0.0;
        let mut block = 0;
        while block + 1 < self.held.len() && sum + self.held[block] < value {
            sum += self.held[block];
            block += 1;
        }
        let first = self.blocks.range(block).start;
        for (stretch, squared) in self.squared[first..].chunks(STRETCH).enumerate() {
            interrupt::check(self.sample.interrupt)?;
            for (index, squared) in squared.iter().enumerate() {
                let row = first + stretch * STRETCH + index;
                sum += self.sample.weight(row) * squared;
                if sum >= value {
                    return Ok(row);
                }
            }
        }
        Ok(self.squared.len() - 1)
    }
}

/// Rows between two looks at the interrupt.
const STRETCH: usize = 1 << 16;
