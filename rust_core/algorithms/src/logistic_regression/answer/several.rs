//! More than two classes: the scores of eight classes in a vector.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use super::{By, Output};
use crate::csr::SparseRow;
use crate::logistic_regression::scorer::Scorer;
use crate::rows::Lines;
use crate::simd::{DOUBLES, Simd, exponential};
use crate::values::Value;

/// Vectors of classes whose sums stay in registers for a sparse row.
const MOST_TILES: usize = 4;

/// Eight coefficients of a column, from a place on; what lies behind them where there are fewer is no score's.
#[inline(always)]
fn coefficients_at<S: Simd, C: Value>(simd: S, coefficients: &[C], place: usize) -> S::Double {
    let from = &coefficients[place..];
    match from.first_chunk() {
        Some(eight) => C::load(simd, eight),
        None => C::load_some(simd, from),
    }
}

/// The best class so far of some rows.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    class: u32,
    finite: bool,
}

impl Best {
    const NONE: Self = Self {
        score: f64::NEG_INFINITY,
        class: 0,
        finite: true,
    };
}

/// Scores of eight classes at most, from `class` on, go to the row's place in the output, or are compared with the best so far.
#[inline(always)]
fn put<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    products: S::Double,
    (row, class): (usize, usize),
    output: &mut Output<'_>,
    best: &mut Best,
) {
    let scores = scorer.scores();
    let intercepts = &scorer.intercepts[class..scores.min(class + DOUBLES)];
    let sums = simd.add(products, simd.load_some(intercepts));
    match output {
        Output::Classes(_) => {
            let mut lanes = [0.0; DOUBLES];
            simd.store(sums, &mut lanes);
            for (lane, &score) in lanes[..intercepts.len()].iter().enumerate() {
                best.finite &= score.is_finite();
                if score > best.score {
                    best.score = score;
                    best.class = (class + lane) as u32;
                }
            }
        }
        Output::Scores(all) | Output::Probabilities(all) => {
            let from = row * scores + class;
            simd.store_some(sums, &mut all[from..from + intercepts.len()]);
        }
    }
}

/// Completes the answer for a row, whose scores were [`put`].
#[inline(always)]
fn finish<S: Simd>(simd: S, scorer: &Scorer<'_>, row: usize, output: &mut Output<'_>, best: Best) -> Option<usize> {
    let width = scorer.scores();
    let finite = match output {
        Output::Classes(classes) => {
            classes[row] = best.class;
            best.finite
        }
        Output::Scores(scores) => all_finite(&scores[row * width..][..width]),
        Output::Probabilities(scores) => {
            let scores = &mut scores[row * width..][..width];
            let finite = all_finite(scores);
            softmax(simd, scores);
            finite
        }
    };
    (!finite).then_some(row)
}

#[inline(always)]
#[allow(clippy::eq_op, reason = "what is not finite has no difference from itself of zero")]
fn all_finite(scores: &[f64]) -> bool {
    let mut differences = 0.0;
    for score in scores {
        differences += score - score;
    }
    differences == 0.0
}

/// Some dense rows.
#[inline(always)]
pub(super) fn dense<S: Simd, C: Value, V: Value, const ROWS: usize>(
    simd: S,
    by: &By<'_, C>,
    values: &[V],
    first: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let scorer = &by.scorer;
    let columns = scorer.columns;
    let mut rows: [&[V]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        rows[row] = &values[row * columns..][..columns];
    }
    let mut best = [Best::NONE; ROWS];
    for class in (0..scorer.scores()).step_by(DOUBLES) {
        let mut sums = [simd.double(0.0); ROWS];
        for column in 0..columns {
            let coefficients = coefficients_at(simd, by.coefficients, column * scorer.stride + class);
            for row in 0..ROWS {
                let term = simd.mul(simd.double(rows[row][column].into()), coefficients);
                sums[row] = simd.add(sums[row], term);
            }
        }
        for row in 0..ROWS {
            put(simd, scorer, sums[row], (first + row, class), output, &mut best[row]);
        }
    }
    let mut not_finite = None;
    for row in 0..ROWS {
        not_finite = not_finite.or(finish(simd, scorer, first + row, output, best[row]));
    }
    not_finite
}

/// Asks for the coefficients of a sparse row to be brought near.
#[inline(always)]
pub(super) fn bring<S: Simd, C: Value, V: Value>(simd: S, by: &By<'_, C>, row: SparseRow<'_, V>) {
    let (stride, scores) = (by.scorer.stride, by.scorer.scores());
    for &column in row.columns {
        let from = column as usize * stride;
        Lines::over(&by.coefficients[from..from + scores]).bring_all(simd);
    }
}

/// A sparse row.
#[inline(always)]
pub(super) fn sparse<S: Simd, C: Value, V: Value>(
    simd: S,
    by: &By<'_, C>,
    values: SparseRow<'_, V>,
    row: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let scorer = &by.scorer;
    let mut best = Best::NONE;
    let mut class = 0;
    while class < scorer.scores() {
        let tiles = (scorer.scores() - class).div_ceil(DOUBLES).min(MOST_TILES);
        let at = (row, class);
        match tiles {
            1 => sparse_tiles::<S, C, V, 1>(simd, by, values, at, output, &mut best),
            2 => sparse_tiles::<S, C, V, 2>(simd, by, values, at, output, &mut best),
            3 => sparse_tiles::<S, C, V, 3>(simd, by, values, at, output, &mut best),
            _ => sparse_tiles::<S, C, V, MOST_TILES>(simd, by, values, at, output, &mut best),
        }
        class += tiles * DOUBLES;
    }
    finish(simd, scorer, row, output, best)
}

#[inline(always)]
fn sparse_tiles<S: Simd, C: Value, V: Value, const TILES: usize>(
    simd: S,
    by: &By<'_, C>,
    values: SparseRow<'_, V>,
    (row, class): (usize, usize),
    output: &mut Output<'_>,
    best: &mut Best,
) {
    let scorer = &by.scorer;
    let mut sums = [simd.double(0.0); TILES];
    for (column, value) in values.entries() {
        let value = simd.double(value);
        for tile in 0..TILES {
            let place = column * scorer.stride + class + tile * DOUBLES;
            let term = simd.mul(value, coefficients_at(simd, by.coefficients, place));
            sums[tile] = simd.add(sums[tile], term);
        }
    }
    for tile in 0..TILES {
        put(simd, scorer, sums[tile], (row, class + tile * DOUBLES), output, best);
    }
}

/// Scores to probabilities, in place, without overflow.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f64]) {
    let mut largest = f64::NEG_INFINITY;
    for &score in scores.iter() {
        if score > largest {
            largest = score;
        }
    }
    let largest = simd.double(largest);
    let (whole, rest) = scores.as_chunks_mut::<DOUBLES>();
    let mut sums = simd.double(0.0);
    for eight in whole.iter_mut() {
        let small = exponential(simd, simd.sub(simd.load(eight), largest));
        simd.store(small, eight);
        sums = simd.add(sums, small);
    }
    if !rest.is_empty() {
        let mut last = [f64::NEG_INFINITY; DOUBLES];
        last[..rest.len()].copy_from_slice(rest);
        let small = exponential(simd, simd.sub(simd.load(&last), largest));
        simd.store_some(small, rest);
        sums = simd.add(sums, small);
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(sums, &mut lanes);
    let mut sum = 0.0;
    for lane in lanes {
        sum += lane;
    }
    for score in scores {
        *score /= sum;
    }
}
