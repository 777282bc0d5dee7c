//! Sparse rows against centres, by scores in float32 that are checked, as [`super::scores`] does it for dense rows.
//!
//! Nothing is shifted, since zeros would not stay zeros. Where the scores of a row are too near to each other to say which centre is
//! the nearest, those that may be are scored in float64, and where that leaves doubt too, the definition decides.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::csr::{SparseRow, SparseRows};
use crate::kmeans::assign::Task;
use crate::kmeans::centers::Centers;
use crate::kmeans::planes::{ABREAST, Plane, Planes, Table};
use crate::rows::{Lines, Row};
use crate::simd::{DOUBLES, Kernel, SINGLES, Simd};
use crate::values::Value;

/// A tile of sparse rows.
pub(crate) struct Sparse<'a, 't, V> {
    pub(crate) task: Task<'a, 't>,
    pub(crate) rows: SparseRows<'t, V>,
    pub(crate) planes: &'a Planes,
    /// For scores.
    pub(crate) scratch: &'t mut Vec<f32>,
}

impl<V: Value> Kernel for Sparse<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.planes.table() {
            Table::Whole(table) => self.over(simd, table),
            Table::Half(table) => self.over(simd, table),
        }
    }
}

impl<V: Value> Sparse<'_, '_, V> {
    #[inline(always)]
    fn over<S: Simd, P: Plane>(self, simd: S, table: &[P]) {
        match self.planes.vectors {
            1 => self.label::<S, P, 1>(simd, table),
            2 => self.label::<S, P, 2>(simd, table),
            3 => self.label::<S, P, 3>(simd, table),
            _ => self.label::<S, P, ABREAST>(simd, table),
        }
    }

    #[inline(always)]
    fn label<S: Simd, P: Plane, const W: usize>(self, simd: S, table: &[P]) {
        let Self {
            mut task,
            rows,
            planes,
            scratch,
        } = self;
        scratch.resize(planes.vectors * SINGLES, 0.0);
        let (scores, _) = scratch.as_chunks_mut();
        let mut widened = Vec::new();
        // Rows are asked for well before their turn, and the centres' values in their columns one row before.
        let (mut ahead, mut next) = (rows.iter().skip(AHEAD), rows.iter().skip(1));
        for (index, row) in rows.iter().enumerate() {
            if let Some(row) = ahead.next() {
                Lines::over(row.columns).bring_all(simd);
                Lines::over(row.values).bring_all(simd);
            }
            for &column in next.next().map_or(&[][..], |row| row.columns) {
                Lines::over(&table[column as usize * planes.vectors..][..W]).bring_all(simd);
            }
            let found = nearest::<S, V, P, W>(simd, planes, table, row, scores);
            if let (Ok(cluster), false) = (found, task.look.inertia) {
                task.relabel(index, cluster);
                continue;
            }
            let row = row.widened(&mut widened);
            let found = found.or_else(|farthest| {
                task.outcome.doubtful += 1;
                among(planes, task.centers, row, scores, farthest)
            });
            match found {
                Ok(cluster) => task.give(index, Row::Sparse(row), cluster),
                Err(InDoubt) => task.one(index, Row::Sparse(row)),
            }
        }
    }
}

/// Float64 scores leave doubt too.
struct InDoubt;

/// The centre with the least score; where others are about as near, the score up to which a centre may be the nearest (NaN for any).
/// `scores` has a vector for each of the planes'; `W` of them are worked out at once, of which there is a whole number of times as many.
#[inline(always)]
fn nearest<S: Simd, V: Value, P: Plane, const W: usize>(
    simd: S,
    planes: &Planes,
    table: &[P],
    row: SparseRow<'_, V>,
    scores: &mut [[f32; SINGLES]],
) -> Result<usize, f32> {
    let scale = simd.double(planes.scale);
    let mut squares = simd.double(0.0);
    let mut least = simd.single(f32::INFINITY);
    for (round, scores) in scores.chunks_exact_mut(W).enumerate() {
        let first = round * W;
        let mut sums = [least; W];
        for vector in 0..W {
            sums[vector] = simd.load_singles(&planes.halves[first + vector]);
        }
        // Values become float32 some at a time; from there each goes to all lanes.
        for (columns, values) in row.columns.chunks(SINGLES).zip(row.values.chunks(SINGLES)) {
            let (low, high) = values.split_at(values.len().min(DOUBLES));
            let low = simd.mul(V::load_some(simd, low), scale);
            let high = simd.mul(V::load_some(simd, high), scale);
            if first == 0 {
                squares = simd.mul_add(low, low, simd.mul_add(high, high, squares));
            }
            let mut singles = [0.0; SINGLES];
            simd.store_singles(simd.narrow(low, high), &mut singles);
            for (column, value) in columns.iter().zip(&singles) {
                let value = simd.single(*value);
                let plane = &table[*column as usize * planes.vectors + first..][..W];
                for vector in 0..W {
                    sums[vector] = simd.mul_add_singles(value, plane[vector].load(simd), sums[vector]);
                }
            }
        }
        for vector in 0..W {
            simd.store_singles(sums[vector], &mut scores[vector]);
            least = simd.min_singles(sums[vector], least);
        }
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(squares, &mut lanes);
    let square: f64 = lanes.iter().sum();
    let limit = limit::<P>(planes, square, row.values.len() as f64);
    let farthest = (f64::from(simd.least_single(least)) + limit) as f32;
    let mut near = 0;
    let mut place = 0;
    for (vector, scores) in scores.iter().enumerate() {
        let beyond = simd.less_singles(simd.single(farthest), simd.load_singles(scores));
        let within = !simd.bits_singles(beyond) & ALL;
        near += within.count_ones();
        if within != 0 {
            place = vector * SINGLES + within.trailing_zeros() as usize;
        }
    }
    if near == 1 { Ok(place) } else { Err(farthest) }
}

/// How far the scores of two centres must be apart for the lower one to be the nearer centre; NaN where scores say nothing. `square` is
/// the sum of the row's squares, scaled.
///
/// The errors of float32 are as for dense rows, with the columns that the row names; the exact distance of a sparse row has 2⁻²⁹ of that error
/// too, and what is compared with is rounded once more. The errors of the centres' values are at most as much of them as [`Plane`]
/// says: times the row's values, at most that much of the product of both lengths (Cauchy and Schwarz), twice.
#[inline(always)]
fn limit<P: Plane>(planes: &Planes, square: f64, named: f64) -> f64 {
    let squares = 0.5 * square + planes.greatest_square;
    if squares > MOST_SQUARES {
        return f64::NAN;
    }
    let terms = named + 9.0;
    let limit = terms * (2.5 * f64::from(f32::EPSILON) / 2.0 * squares + 8.0 * f64::from(f32::MIN_POSITIVE));
    if P::PART == 0.0 {
        return limit;
    }
    let of_values = P::PART * (square * planes.greatest_square).sqrt() + P::LEAST * (square * named).sqrt();
    limit + 2.0 * of_values
}

/// The nearest of the centres whose scores are not beyond `farthest`, by scores in float64. `centers` are those that were laid out.
///
/// For n named columns a score's error is below (n + 48)ε/2 · (‖x‖² + ‖c‖²): n products and their sum, and a sum of squares
/// in which no square takes part in more than 40 rounded additions. That of half an exact distance is below (n + 4)ε/2 of it.
#[cold]
fn among(
    planes: &Planes,
    centers: &Centers,
    row: SparseRow<'_>,
    scores: &[[f32; SINGLES]],
    farthest: f32,
) -> Result<usize, InDoubt> {
    let scaled = || row.values.iter().map(|value| value * planes.scale);
    let (mut best, mut second) = ((0, f64::INFINITY), f64::INFINITY);
    for (cluster, (square, score)) in planes.squares.iter().zip(scores.as_flattened()).enumerate() {
        if farthest < *score {
            continue;
        }
        let center = centers.center(cluster);
        let columns = row.columns.iter().zip(scaled());
        let products: f64 = columns
            .map(|(column, value)| value * (center[*column as usize] * planes.scale))
            .sum();
        let score = 0.5 * square - products;
        if score < best.1 {
            second = best.1;
            best = (cluster, score);
        } else if score < second {
            second = score;
        }
    }
    let square: f64 = scaled().map(|value| value * value).sum();
    let limit = 4.0 * (row.values.len() as f64 + 48.0) * f64::EPSILON * (square + planes.greatest_square);
    // False where anything has overflowed: then the limit is infinite or NaN.
    if second - best.1 > limit {
        Ok(best.0)
    } else {
        Err(InDoubt)
    }
}

/// Rows that are asked for ahead of the one that is scored.
const AHEAD: usize = 8;

/// A truth for each lane.
const ALL: u32 = (1 << SINGLES) - 1;

/// Sums of scaled squares up to which no score comes near the end of float32.
const MOST_SQUARES: f64 = 1e30;
