//! What k-means++ asks of every row: how near it is to the nearest centre so far, and to others that might follow.

use crate::kmeans::centers::Centers;
use crate::kmeans::init::LanePotential;
use crate::kmeans::sums::MOST_SHORT;
use crate::rows::Tile;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};

/// A tile of rows in the hands of k-means++; the first row's place in its block is a multiple of [`DOUBLES`].
pub(crate) struct Task<'t> {
    /// The candidates, or the centre that is added.
    pub(crate) centers: &'t Centers,
    /// Squared distances to the nearest centre so far.
    pub(crate) squared: &'t mut [f64],
    pub(crate) weights: Option<&'t [f64]>,
    /// One for each of the centres.
    pub(crate) potentials: &'t mut [LanePotential],
    /// Whether the (only) centre is added: `squared` then takes it into account.
    pub(crate) keep: bool,
}

/// Adds what the rows of `tile` say.
pub(crate) fn add(task: Task<'_>, tile: Tile<'_>) {
    let columns = task.centers.columns();
    match tile {
        Tile::Dense(values) if columns <= MOST_SHORT => dispatch(Short { task, values }),
        _ => by_row(task, tile, 0),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a task is done once")]
/// [`add`] without vectors, from the row at index `first` on.
fn by_row(task: Task<'_>, tile: Tile<'_>, first: usize) {
    let mut distances = vec![0.0; task.centers.count()];
    for (index, row) in tile.rows(task.centers.columns()).enumerate().skip(first) {
        task.centers.squared_distances(row, &mut distances);
        let weight = task.weights.map_or(1.0, |weights| weights[index]);
        for (potential, distance) in task.potentials.iter_mut().zip(&distances) {
            let nearest = task.squared[index].min(*distance);
            potential[index % DOUBLES] += weight * nearest;
            if task.keep {
                task.squared[index] = nearest;
            }
        }
    }
}

/// Rows of few columns: eight at once.
struct Short<'t> {
    task: Task<'t>,
    values: &'t [f64],
}

impl Kernel for Short<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.task.centers.columns() {
            1 => short::<S, 1>(simd, self.task, self.values),
            2 => short::<S, 2>(simd, self.task, self.values),
            3 => short::<S, 3>(simd, self.task, self.values),
            _ => short::<S, 4>(simd, self.task, self.values),
        }
    }
}

#[inline(always)]
fn short<S: Simd, const D: usize>(simd: S, task: Task<'_>, values: &[f64]) {
    let (rows, _) = values.as_chunks::<D>();
    let (eights, _) = rows.as_chunks::<DOUBLES>();
    let (squared, _) = task.squared.as_chunks_mut::<DOUBLES>();
    let (centers, _) = task.centers.values().as_chunks::<D>();
    for (index, (rows, squared)) in eights.iter().zip(squared).enumerate() {
        let row = simd.columns(rows);
        let so_far = simd.load(squared);
        let weight = match task.weights {
            Some(weights) => simd.load(&weights.as_chunks::<DOUBLES>().0[index]),
            None => simd.double(1.0),
        };
        for (center, potential) in centers.iter().zip(&mut *task.potentials) {
            let mut distance = so_far;
            for column in 0..D {
                let deviation = simd.sub(row[column], simd.double(center[column]));
                let square = simd.mul(deviation, deviation);
                distance = if column == 0 {
                    square
                } else {
                    simd.add(distance, square)
                };
            }
            let nearest = simd.min(so_far, distance);
            if task.keep {
                simd.store(nearest, squared);
            }
            let sum = simd.add(simd.load(potential), simd.mul(weight, nearest));
            simd.store(sum, potential);
        }
    }
    by_row(task, Tile::Dense(values), eights.len() * DOUBLES);
}
