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
use crate::kmeans::centers::{Centers, LongSum, MANY_VALUES};
use crate::rows::Row;
use crate::simd::{DOUBLES, Kernel, SINGLES, Simd};

/// Vectors of centres that are scored at once.
const ABREAST: usize = 4;

/// A vector in a line of the cache of its own: one that lay across two would take as long as two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([f32; SINGLES]);

/// Centres, as scores need them.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    scale: f64,
    /// Vectors of a column: they hold a value of each centre, and are a whole number of times [`ABREAST`] where they are more.
    vectors: usize,
    /// Column after column: the centres' values, negated.
    values: Vec<Line>,
    /// ½‖c‖², infinite where there is no centre.
    halves: Vec<[f32; SINGLES]>,
    /// ‖c‖².
    squares: Vec<f64>,
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
    fn unfilled(centers: &[f64], columns: usize, mut values: Vec<Line>) -> Option<Self> {
        // Of numbers that are not negative, the greatest has the greatest bits; NaN has greater ones.
        let greatest = |values: &[f64]| values.iter().map(|value| value.abs().to_bits()).fold(0, u64::max);
        let greatest = f64::from_bits(if centers.len() < MANY_VALUES {
            greatest(centers)
        } else {
            centers.par_chunks(MANY_VALUES).map(greatest).max().unwrap_or(0)
        });
        if !(1e-100..1e100).contains(&greatest) {
            return None;
        }
        let vectors = vectors(centers.len() / columns);
        // Lanes without a centre are never written: zeros.
        values.resize(columns * vectors, Line([0.0; SINGLES]));
        Some(Self {
            scale: (-greatest.log2().floor()).exp2(),
            vectors,
            values,
            halves: vec![[f32::INFINITY; SINGLES]; vectors],
            squares: Vec::new(),
            greatest_square: 0.0,
        })
    }

    /// With the centres' sums of squares, stretch after stretch.
    fn finish(&mut self, squares: &[Vec<f64>]) {
        let mut totals = vec![LongSum::default(); squares.first().map_or(0, Vec::len)];
        for squares in squares {
            for (total, square) in totals.iter_mut().zip(squares) {
                total.add(*square);
            }
        }
        self.squares = totals.into_iter().map(LongSum::value).collect();
        for (half, square) in self.halves.as_flattened_mut().iter_mut().zip(&self.squares) {
            *half = (0.5 * square) as f32;
        }
        self.greatest_square = self.squares.iter().copied().fold(0.0, f64::max);
    }

    /// The nearest centre by scores in float64; None where they too leave doubt. `centers` are those that were laid out.
    ///
    /// For n named columns a score's error is below (n + 48)ε/2 · (‖x‖² + ‖c‖²): n products and their sum, and a sum of squares
    /// in which no square takes part in more than 40 rounded additions. That of half an exact distance is below (n + 4)ε/2 of it.
    #[cold]
    fn nearest(&self, centers: &Centers, row: SparseRow<'_>) -> Option<usize> {
        let scaled = || row.values.iter().map(|value| value * self.scale);
        let (mut best, mut second) = ((0, f64::INFINITY), f64::INFINITY);
        for (cluster, square) in self.squares.iter().enumerate() {
            let center = centers.center(cluster);
            let columns = row.columns.iter().zip(scaled());
            let products: f64 = columns
                .map(|(column, value)| value * (center[*column as usize] * self.scale))
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
        let limit = 4.0 * (row.values.len() as f64 + 48.0) * f64::EPSILON * (square + self.greatest_square);
        // False where anything has overflowed: then the limit is infinite or NaN.
        (second - best.1 > limit).then_some(best.0)
    }
}

/// Vectors of a column for so many centres.
fn vectors(count: usize) -> usize {
    let vectors = count.div_ceil(SINGLES);
    if vectors > ABREAST {
        vectors.next_multiple_of(ABREAST)
    } else {
        vectors
    }
}

/// Columns that are laid out at once: their vectors stay near while all centres are gone through.
const STRETCH: usize = 256;

/// Lays out the columns from `first` on, as many as `values` has room for; each centre's sum of squares in them.
fn fill(centers: &[f64], columns: usize, scale: f64, first: usize, values: &mut [Line]) -> Vec<f64> {
    let count = centers.len() / columns;
    let vectors = vectors(count);
    let mut sums = Vec::with_capacity(count);
    for (cluster, center) in centers.chunks_exact(columns).enumerate() {
        let (vector, lane) = (cluster / SINGLES, cluster % SINGLES);
        let mut squares = [0.0; 8];
        let center = &center[first..first + values.len() / vectors];
        for (column, (value, values)) in center.iter().zip(values.chunks_exact_mut(vectors)).enumerate() {
            let value = value * scale;
            values[vector].0[lane] = -value as f32;
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
        match self.planes.vectors {
            1 => self.label::<S, 1>(simd),
            2 => self.label::<S, 2>(simd),
            3 => self.label::<S, 3>(simd),
            _ => self.label::<S, ABREAST>(simd),
        }
    }
}

impl Sparse<'_, '_> {
    #[inline(always)]
    fn label<S: Simd, const W: usize>(self, simd: S) {
        let Self { mut task, rows, planes } = self;
        for (index, row) in rows.iter().enumerate() {
            let cluster = nearest::<S, W>(simd, planes, row).or_else(|| planes.nearest(task.centers, row));
            match cluster {
                Some(cluster) => task.give(index, Row::Sparse(row), cluster),
                None => task.one(index, Row::Sparse(row)),
            }
        }
    }
}

/// The centre with the least score; None where that is in doubt. `W` vectors are scored at once, of which there is a whole number
/// of times as many.
#[inline(always)]
fn nearest<S: Simd, const W: usize>(simd: S, planes: &Planes, row: SparseRow<'_>) -> Option<usize> {
    let infinity = simd.single(f32::INFINITY);
    let (mut best, mut second, mut place) = (infinity, infinity, simd.single(0.0));
    let scale = simd.double(planes.scale);
    let mut squares = simd.double(0.0);
    let mut first = 0;
    while first < planes.vectors {
        let mut scores = [infinity; W];
        for vector in 0..W {
            scores[vector] = simd.load_singles(&planes.halves[first + vector]);
        }
        // Values become float32 some at a time; from there each goes to all lanes.
        for (columns, values) in row.columns.chunks(SINGLES).zip(row.values.chunks(SINGLES)) {
            let (low, high) = values.split_at(values.len().min(DOUBLES));
            let low = simd.mul(simd.load_some(low), scale);
            let high = simd.mul(simd.load_some(high), scale);
            if first == 0 {
                squares = simd.mul_add(low, low, simd.mul_add(high, high, squares));
            }
            let mut singles = [0.0; SINGLES];
            simd.store_singles(simd.narrow(low, high), &mut singles);
            for (column, value) in columns.iter().zip(&singles) {
                let value = simd.single(*value);
                let plane = &planes.values[*column as usize * planes.vectors + first..][..W];
                for vector in 0..W {
                    scores[vector] = simd.mul_add_singles(value, simd.load_singles(&plane[vector].0), scores[vector]);
                }
            }
        }
        for vector in 0..W {
            let score = scores[vector];
            let nearer = simd.less_singles(score, best);
            place = simd.select_singles(nearer, simd.single((first + vector) as f32), place);
            second = simd.min_singles(simd.max_singles(score, best), second);
            best = simd.min_singles(score, best);
        }
        first += W;
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(squares, &mut lanes);
    let square: f64 = lanes.iter().sum();
    // As for dense rows, with the columns that the row names; the exact distance of a sparse row has 2⁻²⁹ of that error too, and
    // what is compared with is rounded once more.
    let terms = row.values.len() as f64 + 9.0;
    let squares = 0.5 * square + planes.greatest_square;
    let limit = terms * (2.5 * f64::from(f32::EPSILON) / 2.0 * squares + 8.0 * f64::from(f32::MIN_POSITIVE));
    let mut bests = [0.0; SINGLES];
    simd.store_singles(best, &mut bests);
    let farthest = simd.single((f64::from(least(bests)) + limit) as f32);
    let beyond = simd.bits_singles(simd.less_singles(farthest, best));
    let seconds_beyond = simd.bits_singles(simd.less_singles(farthest, second));
    let near = !beyond & ALL;
    // With great squares, scores could be infinite, or no numbers, and would say nothing.
    if near.count_ones() != 1 || seconds_beyond != ALL || squares.is_nan() || squares > MOST_SQUARES {
        return None;
    }
    let lane = near.trailing_zeros() as usize;
    Some(simd.integers_singles(place)[lane] as usize * SINGLES + lane)
}

/// A truth for each lane.
const ALL: u32 = (1 << SINGLES) - 1;

/// Sums of scaled squares up to which no score comes near the end of float32.
const MOST_SQUARES: f64 = 1e30;

/// The least of the lanes.
#[inline(always)]
fn least(mut lanes: [f32; SINGLES]) -> f32 {
    let mut width = SINGLES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            let other = lanes[lane + width];
            if other < lanes[lane] {
                lanes[lane] = other;
            }
        }
    }
    lanes[0]
}
