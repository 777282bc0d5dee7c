//! Sparse rows against centres, by scores in float32 that are checked, as [`super::scores`] does it for dense rows.
//!
//! The centres lie column after column: a value of a row meets the values of all centres in that column side by side, in one or two
//! lines of the cache. Nothing is shifted, since zeros would not stay zeros.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use rayon::prelude::*;

use crate::csr::{SparseRow, SparseRows};
use crate::kmeans::assign::Task;
use crate::rows::Row;
use crate::simd::{Kernel, SINGLES, Simd};

/// Vectors of centres that are scored at once.
const ABREAST: usize = 4;

/// Centres, as scores need them.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    scale: f64,
    /// Vectors of a column: as many as hold a value of each centre.
    vectors: usize,
    /// Column after column: the centres' values, negated.
    values: Vec<[f32; SINGLES]>,
    /// ½‖c‖², infinite where there is no centre.
    halves: Vec<[f32; SINGLES]>,
    greatest_square: f64,
}

impl Planes {
    /// None where the centres are too small or too great for float32.
    pub(crate) fn new(centers: &[f64], columns: usize) -> Option<Self> {
        let mut planes = Self::unfilled(centers, columns, Vec::new())?;
        let length = STRETCH * planes.vectors;
        let scale = planes.scale;
        let stretches = planes.values.chunks_mut(length).enumerate();
        let squares = stretches
            .map(|(stretch, values)| fill(centers, columns, scale, stretch * STRETCH, values))
            .collect::<Vec<_>>();
        planes.finish(&squares);
        Some(planes)
    }

    /// [`Planes::new`] with the threads of a pool and the memory of `others`. Not for use while a lock is held: a thread that
    /// waits for the others may take up work that wants the same lock.
    pub(crate) fn anew(centers: &[f64], columns: usize, others: Option<Self>) -> Option<Self> {
        let memory = others.map_or_else(Vec::new, |others| others.values);
        let mut planes = Self::unfilled(centers, columns, memory)?;
        let length = STRETCH * planes.vectors;
        let scale = planes.scale;
        let stretches = planes.values.par_chunks_mut(length).enumerate();
        let squares = stretches
            .map(|(stretch, values)| fill(centers, columns, scale, stretch * STRETCH, values))
            .collect::<Vec<_>>();
        planes.finish(&squares);
        Some(planes)
    }

    /// Of the right size.
    fn unfilled(centers: &[f64], columns: usize, mut values: Vec<[f32; SINGLES]>) -> Option<Self> {
        let greatest = centers.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        if !(1e-100..1e100).contains(&greatest) {
            return None;
        }
        let vectors = (centers.len() / columns).div_ceil(SINGLES);
        // Lanes without a centre are never written: zeros.
        values.resize(columns * vectors, [0.0; SINGLES]);
        Some(Self {
            scale: (-greatest.log2().floor()).exp2(),
            vectors,
            values,
            halves: vec![[f32::INFINITY; SINGLES]; vectors],
            greatest_square: 0.0,
        })
    }

    /// With the centres' sums of squares, stretch after stretch.
    fn finish(&mut self, squares: &[Vec<f64>]) {
        let mut totals = vec![0.0; squares.first().map_or(0, Vec::len)];
        for squares in squares {
            for (total, square) in totals.iter_mut().zip(squares) {
                *total += square;
            }
        }
        for (half, total) in self.halves.as_flattened_mut().iter_mut().zip(&totals) {
            *half = (0.5 * total) as f32;
        }
        self.greatest_square = totals.into_iter().fold(0.0, f64::max);
    }
}

/// Columns that are laid out at once: their vectors stay near while all centres are gone through.
const STRETCH: usize = 256;

/// Lays out the columns from `first` on, as many as `values` has room for; each centre's sum of squares in them.
fn fill(centers: &[f64], columns: usize, scale: f64, first: usize, values: &mut [[f32; SINGLES]]) -> Vec<f64> {
    let count = centers.len() / columns;
    let vectors = count.div_ceil(SINGLES);
    let mut sums = Vec::with_capacity(count);
    for (cluster, center) in centers.chunks_exact(columns).enumerate() {
        let (vector, lane) = (cluster / SINGLES, cluster % SINGLES);
        let mut squares = [0.0; 8];
        let center = &center[first..first + values.len() / vectors];
        for (column, (value, values)) in center.iter().zip(values.chunks_exact_mut(vectors)).enumerate() {
            let value = value * scale;
            values[vector][lane] = -value as f32;
            squares[column % 8] += value * value;
        }
        sums.push(squares.iter().sum());
    }
    sums
}

/// A tile of sparse rows.
pub(crate) struct Sparse<'a, 't> {
    pub(crate) task: Task<'a, 't>,
    pub(crate) rows: SparseRows<'t>,
    pub(crate) planes: &'a Planes,
}

impl Kernel for Sparse<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { mut task, rows, planes } = self;
        for (index, row) in rows.iter().enumerate() {
            let cluster = match planes.vectors {
                1 => nearest::<S, 1>(simd, planes, row),
                2 => nearest::<S, 2>(simd, planes, row),
                _ => nearest::<S, ABREAST>(simd, planes, row),
            };
            match cluster {
                Some(cluster) => task.give(index, Row::Sparse(row), cluster),
                None => task.one(index, Row::Sparse(row)),
            }
        }
    }
}

/// The centre with the least score; None where that is in doubt.
#[inline(always)]
fn nearest<S: Simd, const W: usize>(simd: S, planes: &Planes, row: SparseRow<'_>) -> Option<usize> {
    let infinity = simd.single(f32::INFINITY);
    let (mut best, mut second, mut place) = (infinity, infinity, simd.single(0.0));
    let mut square = 0.0;
    for value in row.values {
        square += value * value;
    }
    let mut first = 0;
    while first < planes.vectors {
        let count = W.min(planes.vectors - first);
        let mut scores = [infinity; W];
        for vector in 0..count {
            scores[vector] = simd.load_singles(&planes.halves[first + vector]);
        }
        for (column, value) in row.columns.iter().zip(row.values) {
            let value = simd.single((value * planes.scale) as f32);
            let plane = &planes.values[*column as usize * planes.vectors + first..][..count];
            for vector in 0..W {
                if vector < count {
                    let center = simd.load_singles(&plane[vector]);
                    scores[vector] = simd.mul_add_singles(value, center, scores[vector]);
                }
            }
        }
        for vector in 0..count {
            let score = scores[vector];
            let nearer = simd.less_singles(score, best);
            place = simd.select_singles(nearer, simd.single((first + vector) as f32), place);
            second = simd.min_singles(simd.max_singles(score, best), second);
            best = simd.min_singles(score, best);
        }
        first += W;
    }
    let (mut bests, mut seconds) = ([0.0; SINGLES], [0.0; SINGLES]);
    simd.store_singles(best, &mut bests);
    simd.store_singles(second, &mut seconds);
    let (mut lane, mut least, mut next) = (0, f32::INFINITY, f32::INFINITY);
    for other in 0..SINGLES {
        if bests[other] < least {
            next = least;
            (least, lane) = (bests[other], other);
        } else {
            next = next.min(bests[other]);
        }
        next = next.min(seconds[other]);
    }
    let cluster = simd.integers_singles(place)[lane] as usize * SINGLES + lane;
    // As for dense rows, with the columns that the row names; the exact distance of a sparse row has 2⁻²⁹ of that error too.
    let terms = row.values.len() as f64 + 8.0;
    let squares = 0.5 * square * planes.scale * planes.scale + planes.greatest_square;
    let limit = terms * (2.5 * f64::from(f32::EPSILON) / 2.0 * squares + 8.0 * f64::from(f32::MIN_POSITIVE));
    let gap = f64::from(next - least);
    // Values too great for float32 make scores infinite, or no numbers, and say nothing.
    (gap > limit && gap.is_finite()).then_some(cluster)
}
