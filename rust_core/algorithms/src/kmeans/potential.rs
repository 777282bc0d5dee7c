//! What k-means++ asks of every row: how near it is to the nearest centre so far, and to others that might follow.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use std::array::from_fn;

use crate::kmeans::centers::Centers;
use crate::kmeans::init::LanePotential;
use crate::rows::Tile;
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// A tile of rows in the hands of k-means++; the first row's place in its block is a multiple of [`DOUBLES`].
pub(crate) struct Task<'t> {
    /// The centre that was chosen last, then candidates for the next one.
    pub(crate) centers: &'t Centers,
    /// Squared distances to the nearest centre before the last one; with it afterwards.
    pub(crate) squared: &'t mut [f64],
    /// Whether there is no centre before the last one: `squared` is not read then.
    pub(crate) first: bool,
    pub(crate) weights: Option<&'t [f64]>,
    /// One for each of the centres: what is left without candidates, then what each candidate would leave.
    pub(crate) potentials: &'t mut [LanePotential],
}

/// Adds what the rows of `tile` say.
pub(crate) fn add(task: Task<'_>, tile: Tile<'_>) {
    match tile {
        Tile::Dense(values) => add_dense(task, values),
        Tile::Sparse(_) => by_row(task, tile, 0),
    }
}

/// [`add`] of dense rows as they lie.
pub(crate) fn add_dense<V: Value>(task: Task<'_>, values: &[V]) {
    dispatch(Dense { task, values });
}

#[allow(clippy::needless_pass_by_value, reason = "a task is done once")]
/// [`add`] without vectors; `rest` begins with the row at index `first`.
fn by_row(task: Task<'_>, rest: Tile<'_>, first: usize) {
    let mut distances = vec![0.0; task.centers.count()];
    for (index, row) in rest.rows(task.centers.columns()).enumerate() {
        let index = first + index;
        task.centers.squared_distances(row, &mut distances);
        let weight = task.weights.map_or(1.0, |weights| weights[index]);
        let mut so_far = if task.first { f64::INFINITY } else { task.squared[index] };
        for (place, (potential, distance)) in task.potentials.iter_mut().zip(&distances).enumerate() {
            let nearest = so_far.min(*distance);
            if place == 0 {
                so_far = nearest;
                task.squared[index] = nearest;
            }
            potential[index % DOUBLES] += weight * nearest;
        }
    }
}

/// Dense rows: eight at once, a row in each lane. The order of additions is that of [`by_row`], which takes the last ones.
struct Dense<'t, V> {
    task: Task<'t>,
    values: &'t [V],
}

impl<V: Value> Kernel for Dense<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { task, values } = self;
        match task.centers.columns() {
            1 => short::<S, V, 1>(simd, task, values),
            2 => short::<S, V, 2>(simd, task, values),
            3 => short::<S, V, 3>(simd, task, values),
            4 => short::<S, V, 4>(simd, task, values),
            _ => long(simd, task, values),
        }
    }
}

/// Rows of `D` columns.
#[inline(always)]
fn short<S: Simd, V: Value, const D: usize>(simd: S, mut task: Task<'_>, values: &[V]) {
    let (rows, _) = values.as_chunks::<D>();
    let (eights, rest) = rows.as_chunks::<DOUBLES>();
    let centers = task.centers.values().as_chunks::<D>().0;
    for (index, rows) in eights.iter().enumerate() {
        let row = V::columns(simd, rows);
        let distances = centers.iter().map(|center| {
            let mut distance = simd.double(0.0);
            for column in 0..D {
                distance = add_square(simd, distance, row[column], center[column]);
            }
            distance
        });
        count(simd, &mut task, index, distances);
    }
    if !rest.is_empty() {
        by_row(
            task,
            Tile::Dense(V::widened(rest.as_flattened(), &mut Vec::new())),
            eights.len() * DOUBLES,
        );
    }
}

/// Rows of any number of columns: eight of them at once are turned into vectors.
#[inline(always)]
fn long<S: Simd, V: Value>(simd: S, mut task: Task<'_>, values: &[V]) {
    let columns = task.centers.columns();
    let centers = task.centers;
    let mut distances = vec![[0.0; DOUBLES]; centers.count()];
    let eights = values.chunks_exact(DOUBLES * columns);
    let (done, rest) = (eights.len() * DOUBLES, eights.remainder());
    for (index, rows) in eights.enumerate() {
        distances.fill([0.0; DOUBLES]);
        for first in (0..columns).step_by(DOUBLES) {
            let width = DOUBLES.min(columns - first);
            let part = from_fn(|row| &rows[row * columns + first..][..width]);
            let turned = simd.turn(part.map(|part| match part.first_chunk() {
                Some(part) => V::load(simd, part),
                None => V::load_some(simd, part),
            }));
            for (center, distance) in centers.values().chunks_exact(columns).zip(&mut distances) {
                let mut sum = simd.load(distance);
                match center[first..].first_chunk::<DOUBLES>() {
                    Some(center) => {
                        for column in 0..DOUBLES {
                            sum = add_square(simd, sum, turned[column], center[column]);
                        }
                    }
                    None => {
                        for (column, &value) in center[first..].iter().enumerate() {
                            sum = add_square(simd, sum, turned[column], value);
                        }
                    }
                }
                simd.store(sum, distance);
            }
        }
        count(
            simd,
            &mut task,
            index,
            distances.iter().map(|distance| simd.load(distance)),
        );
    }
    if !rest.is_empty() {
        by_row(task, Tile::Dense(V::widened(rest, &mut Vec::new())), done);
    }
}

#[inline(always)]
fn add_square<S: Simd>(simd: S, sum: S::Double, value: S::Double, center: f64) -> S::Double {
    let deviation = simd.sub(value, simd.double(center));
    simd.add(sum, simd.mul(deviation, deviation))
}

/// Takes the squared distances of eight rows, the `index`-th of the tile, from each centre into account.
#[inline(always)]
fn count<S: Simd>(simd: S, task: &mut Task<'_>, index: usize, distances: impl Iterator<Item = S::Double>) {
    let squared = &mut task.squared.as_chunks_mut::<DOUBLES>().0[index];
    let mut so_far = if task.first {
        simd.double(f64::INFINITY)
    } else {
        simd.load(squared)
    };
    let weight = match task.weights {
        Some(weights) => simd.load(&weights.as_chunks::<DOUBLES>().0[index]),
        None => simd.double(1.0),
    };
    for (place, (distance, potential)) in distances.zip(&mut *task.potentials).enumerate() {
        let nearest = simd.min(so_far, distance);
        if place == 0 {
            so_far = nearest;
            simd.store(nearest, squared);
        }
        let sum = simd.add(simd.load(potential), simd.mul(weight, nearest));
        simd.store(sum, potential);
    }
}
