//! More than two classes: the scores of eight classes in a vector.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use super::Output;
use crate::csr::SparseRow;
use crate::logistic_regression::scorer::Scorer;
use crate::simd::{DOUBLES, Simd, exponential};

/// Vectors of classes whose sums stay in registers for a sparse row.
const MOST_TILES: usize = 4;

/// Eight coefficients of a column, from a place on; what lies behind them where there are fewer is no score's.
#[inline(always)]
fn coefficients_at<S: Simd>(simd: S, coefficients: &[f64], place: usize) -> S::Double {
    let from = &coefficients[place..];
    match from.first_chunk() {
        Some(eight) => simd.load(eight),
        None => simd.load_some(from),
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
pub(super) fn dense<S: Simd, const ROWS: usize>(
    simd: S,
    scorer: &Scorer<'_>,
    values: &[f64],
    first: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let columns = scorer.columns;
    let mut rows: [&[f64]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        rows[row] = &values[row * columns..][..columns];
    }
    let mut best = [Best::NONE; ROWS];
    for class in (0..scorer.scores()).step_by(DOUBLES) {
        let mut sums = [simd.double(0.0); ROWS];
        for column in 0..columns {
            let coefficients = coefficients_at(simd, scorer.coefficients, column * scorer.stride + class);
            for row in 0..ROWS {
                let term = simd.mul(simd.double(rows[row][column]), coefficients);
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

/// A sparse row.
#[inline(always)]
pub(super) fn sparse<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    values: SparseRow<'_>,
    row: usize,
    output: &mut Output<'_>,
) -> Option<usize> {
    let mut best = Best::NONE;
    let mut class = 0;
    while class < scorer.scores() {
        let tiles = (scorer.scores() - class).div_ceil(DOUBLES).min(MOST_TILES);
        let at = (row, class);
        match tiles {
            1 => sparse_tiles::<S, 1>(simd, scorer, values, at, output, &mut best),
            2 => sparse_tiles::<S, 2>(simd, scorer, values, at, output, &mut best),
            3 => sparse_tiles::<S, 3>(simd, scorer, values, at, output, &mut best),
            _ => sparse_tiles::<S, MOST_TILES>(simd, scorer, values, at, output, &mut best),
        }
        class += tiles * DOUBLES;
    }
    finish(simd, scorer, row, output, best)
}

#[inline(always)]
fn sparse_tiles<S: Simd, const TILES: usize>(
    simd: S,
    scorer: &Scorer<'_>,
    values: SparseRow<'_>,
    (row, class): (usize, usize),
    output: &mut Output<'_>,
    best: &mut Best,
) {
    let mut sums = [simd.double(0.0); TILES];
    for (column, value) in values.entries() {
        let value = simd.double(value);
        for tile in 0..TILES {
            let place = column * scorer.stride + class + tile * DOUBLES;
            let term = simd.mul(value, coefficients_at(simd, scorer.coefficients, place));
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
