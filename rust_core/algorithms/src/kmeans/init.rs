//! First centres drawn from the rows.

use std::ops::Range;

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::interrupt::Interrupted;
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

    let mut nearest = Nearest::new(sample, trials, &first);
    let mut potential = nearest.first_potential()?;
    let mut candidates = vec![0; trials];
    for _ in 1..n_clusters {
        for candidate in &mut candidates {
            *candidate = nearest.search(random.random_sample() * potential)?;
        }
        potential = nearest.add_best(&candidates)?;
        centers.extend_from_slice(nearest.last());
    }
    Ok(centers)
}

/// Each row's squared distance to the nearest centre so far.
///
/// One pass over the rows for each centre: it takes the centre before into account and says what each candidate would leave. What
/// is asked about single rows in between concerns few blocks, which are brought up to date when that happens.
struct Nearest<'a> {
    sample: Sample<'a>,
    blocks: Blocks,
    /// Without the last centre, except in blocks that are `settled`.
    squared: Vec<f64>,
    settled: Vec<bool>,
    /// Whether the last centre is the only one.
    first: bool,
    /// The potential of each block's rows.
    held: Vec<f64>,
    /// The centre that was added last, alone.
    last: Centers,
    /// The same, and candidates behind it.
    candidates: Centers,
    /// By block, a potential for each of these.
    potentials: Vec<Vec<LanePotential>>,
}

/// Sums of weight × squared distance, by the row's place in its block: as if rows came in vectors.
pub(crate) type LanePotential = [f64; DOUBLES];

impl<'a> Nearest<'a> {
    /// With one centre.
    fn new(sample: Sample<'a>, trials: usize, center: &[f64]) -> Self {
        let (rows, columns) = (sample.len(), sample.columns());
        let row_values = sample.rows().row_values();
        let blocks = Blocks::new(rows, row_values, trials * row_values, 1);
        Self {
            sample,
            blocks,
            squared: vec![0.0; rows],
            settled: vec![false; blocks.count()],
            first: true,
            held: vec![0.0; blocks.count()],
            last: Centers::new(center.to_vec(), columns),
            candidates: Centers::new(vec![0.0; (1 + trials) * columns], columns),
            potentials: vec![Vec::new(); blocks.count()],
        }
    }

    /// The centre that was added last.
    fn last(&self) -> &[f64] {
        self.last.values()
    }

    /// The potential that the first centre leaves.
    fn first_potential(&mut self) -> Result<f64, FitError> {
        self.pass(false)?;
        self.settled.fill(true);
        self.first = false;
        self.hold(0)
    }

    /// Adds that of these rows which leaves the smallest potential, the first among equals; that potential.
    fn add_best(&mut self, rows: &[usize]) -> Result<f64, FitError> {
        let mut centers = self.last.values().to_vec();
        for &row in rows {
            centers.extend(self.sample.row(row));
        }
        self.candidates.set(&centers);
        self.pass(true)?;
        self.settled.fill(false);
        let mut best = (1, f64::INFINITY);
        for candidate in 1..self.candidates.count() {
            let of_block = |potentials: &Vec<LanePotential>| potentials[candidate].iter().sum::<f64>();
            let potential = self.potentials.iter().map(of_block).sum();
            if potential < best.1 {
                best = (candidate, potential);
            }
        }
        self.last.set(self.candidates.center(best.0));
        self.hold(best.0)
    }

    /// Keeps the potentials that one of the centres leaves; their sum.
    fn hold(&mut self, center: usize) -> Result<f64, FitError> {
        for (held, potentials) in self.held.iter_mut().zip(&self.potentials) {
            *held = potentials[center].iter().sum();
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

    /// Takes the last centre into account, and notes the potential that it leaves and, if asked, those that candidates would leave.
    fn pass(&mut self, with_candidates: bool) -> Result<(), Interrupted> {
        let Self {
            sample,
            blocks,
            squared,
            first,
            last,
            candidates,
            potentials,
            ..
        } = self;
        let centers = if with_candidates { candidates } else { last };
        blocks.write_reduce(squared, potentials, |block, squared, potentials| {
            add_block(*sample, blocks, block, centers, *first, squared, potentials)
        })
    }

    /// Takes the last centre into account for the rows of a block.
    fn settle(&mut self, block: usize) -> Result<(), Interrupted> {
        if self.settled[block] {
            return Ok(());
        }
        self.settled[block] = true;
        let rows = self.blocks.range(block);
        let squared = &mut self.squared[rows.clone()];
        add_block(
            self.sample,
            &self.blocks,
            rows,
            &self.last,
            self.first,
            squared,
            &mut Vec::new(),
        )
    }

    /// The first row at which the running sum of weight × squared distance reaches `value`; the last row when rounding keeps it
    /// below. Whole blocks are stepped over.
    fn search(&mut self, value: f64) -> Result<usize, Interrupted> {
        let mut sum = 0.0;
        let mut block = 0;
        while block + 1 < self.held.len() && sum + self.held[block] < value {
            sum += self.held[block];
            block += 1;
        }
        for block in block..self.held.len() {
            self.settle(block)?;
            for row in self.blocks.range(block) {
                sum += self.sample.weight(row) * self.squared[row];
                if sum >= value {
                    return Ok(row);
                }
            }
        }
        Ok(self.squared.len() - 1)
    }
}

/// [`potential::add`] for the rows of a block.
fn add_block(
    sample: Sample<'_>,
    blocks: &Blocks,
    block: Range<usize>,
    centers: &Centers,
    first: bool,
    squared: &mut [f64],
    potentials: &mut Vec<LanePotential>,
) -> Result<(), Interrupted> {
    potentials.clear();
    potentials.resize(centers.count(), [0.0; DOUBLES]);
    let (start, columns) = (block.start, sample.columns());
    let mut task = |tile: Range<usize>, add: &mut dyn FnMut(potential::Task<'_>)| {
        add(potential::Task {
            centers,
            squared: &mut squared[tile.start - start..tile.end - start],
            first,
            weights: sample.weights_of(tile),
            potentials,
        });
    };
    match sample.rows().singles() {
        Some(all) => blocks.tiles(block, sample.interrupt, |tile| {
            let values = &all[tile.start * columns..tile.end * columns];
            task(tile, &mut |task| potential::add_dense(task, values));
        }),
        None => sample.tiles(blocks, block, |tile, rows| {
            task(tile, &mut |task| potential::add(task, rows));
        }),
    }
}
