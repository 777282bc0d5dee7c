//! Two classes: the scores of eight rows in a vector.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use std::ops::Range;

use super::Output;
use crate::logistic_regression::scorer::Scorer;
use crate::rows::{LINE, Lines};
use crate::simd::{DOUBLES, Simd, exponential};
use crate::values::Value;

/// The scalar product of each row with the coefficients, a lane for each.
#[inline(always)]
pub(super) fn eight_products<S: Simd, C: Value, V: Value>(
    simd: S,
    rows: &[&[V]; DOUBLES],
    coefficients: &[C],
    ahead: &mut Lines,
) -> S::Double {
    let (whole, rest) = coefficients.as_chunks::<DOUBLES>();
    let mut sums = [simd.double(0.0); DOUBLES];
    let mut chunks: [&[[V; DOUBLES]]; DOUBLES] = [&[]; DOUBLES];
    for row in 0..DOUBLES {
        chunks[row] = &rows[row].as_chunks::<DOUBLES>().0[..whole.len()];
    }
    for (index, coefficients) in whole.iter().enumerate() {
        ahead.bring_some(simd, size_of::<[V; DOUBLES]>() * DOUBLES / LINE);
        let coefficients = C::load(simd, coefficients);
        for row in 0..DOUBLES {
            sums[row] = simd.add(sums[row], simd.mul(coefficients, V::load(simd, &chunks[row][index])));
        }
    }
    if !rest.is_empty() {
        // As many lines as eight rows have, in all.
        ahead.bring_some(simd, (rest.len() * size_of::<[V; DOUBLES]>()).div_ceil(LINE));
        let from = whole.len() * DOUBLES;
        let coefficients = C::load_some(simd, rest);
        for row in 0..DOUBLES {
            let values = V::load_some(simd, &rows[row][from..]);
            sums[row] = simd.add(sums[row], simd.mul(coefficients, values));
        }
    }
    simd.sums(&sums)
}

/// Writes the answers for some rows of two classes, at most eight, from their scalar products.
#[inline(always)]
pub(super) fn finish<S: Simd>(
    simd: S,
    scorer: &Scorer<'_>,
    products: S::Double,
    rows: Range<usize>,
    output: &mut Output<'_>,
) -> Option<usize> {
    let (zero, one) = (simd.double(0.0), simd.double(1.0));
    let score = simd.add(products, simd.double(scorer.intercepts[0]));
    match output {
        Output::Classes(classes) => {
            let above = simd.bits(simd.less(zero, score));
            for (lane, class) in classes[rows.clone()].iter_mut().enumerate() {
                *class = (above >> lane) & 1;
            }
        }
        Output::Scores(scores) => simd.store_some(score, &mut scores[rows.clone()]),
        Output::Probabilities(probabilities) => {
            // 1 / (1 + exp(−|score|)) and the rest, neither of which overflows.
            let small = exponential(simd, simd.min(simd.sub(zero, score), score));
            let whole = simd.add(one, small);
            let (larger, smaller) = (simd.div(one, whole), simd.div(small, whole));
            let negative = simd.less(score, zero);
            let mut both = [[0.0; DOUBLES]; 2];
            simd.store(simd.select(negative, larger, smaller), &mut both[0]);
            simd.store(simd.select(negative, smaller, larger), &mut both[1]);
            let (pairs, _) = probabilities.as_chunks_mut::<2>();
            for (lane, pair) in pairs[rows.clone()].iter_mut().enumerate() {
                *pair = [both[0][lane], both[1][lane]];
            }
        }
    }
    // The difference of what is not finite from itself is not a number.
    let finite = simd.bits(simd.equal(simd.sub(score, score), zero));
    let first = rows.start + (!finite).trailing_zeros() as usize;
    (first < rows.end).then_some(first)
}
