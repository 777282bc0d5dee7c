//! Answers for a tile of rows: eight rows at a time where there are two classes, else eight classes.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

mod several;
mod two;

use super::products::dot_sparse;
use super::scorer::{Coefficients, Scorer};
use crate::csr::SparseRows;
use crate::rows::{Ahead, Lying};
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// Where answers go: the classes, scores or probabilities of a tile's rows.
pub(super) enum Output<'o> {
    Classes(&'o mut [u32]),
    Scores(&'o mut [f64]),
    Probabilities(&'o mut [f64]),
}

/// Answers for the rows of a tile; as many rows are brought near meanwhile. Gives the first whose scores are not finite.
pub(super) fn answer(scorer: Scorer<'_>, tile: Lying<'_>, ahead: Ahead<'_>, output: Output<'_>) -> Option<usize> {
    match scorer.coefficients {
        Coefficients::Double(coefficients) => answer_by(scorer, coefficients, tile, ahead, output),
        Coefficients::Single(coefficients) => answer_by(scorer, coefficients, tile, ahead, output),
    }
}

fn answer_by<C: Value>(
    scorer: Scorer<'_>,
    coefficients: &[C],
    tile: Lying<'_>,
    ahead: Ahead<'_>,
    output: Output<'_>,
) -> Option<usize> {
    let by = By { scorer, coefficients };
    match tile {
        Lying::Double(values) => dispatch(Dense(by, values, ahead, output)),
        Lying::Single(values) => dispatch(Dense(by, values, ahead, output)),
        Lying::Sparse(rows) => dispatch(Sparse(by, rows, output)),
        Lying::SparseSingle(rows) => dispatch(Sparse(by, rows, output)),
    }
}

/// A scorer, and its coefficients as they lie in memory.
struct By<'a, C> {
    scorer: Scorer<'a>,
    coefficients: &'a [C],
}

/// Dense rows, and those that are brought near meanwhile.
struct Dense<'a, 't, 'o, C, V>(By<'a, C>, &'t [V], Ahead<'t>, Output<'o>);

impl<C: Value, V: Value> Kernel for Dense<'_, '_, '_, C, V> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<usize> {
        let Self(by, values, ahead, mut output) = self;
        let (scorer, mut ahead) = (&by.scorer, ahead.lines());
        let count = values.len() / scorer.columns;
        let mut first = None;
        let mut start = 0;
        while start < count {
            let used = DOUBLES.min(count - start);
            let from = &values[start * scorer.columns..];
            let (found, more) = if scorer.scores() == 1 {
                // Where there are fewer than eight the first is repeated, and not asked for.
                let mut rows = [&from[..scorer.columns]; DOUBLES];
                for lane in 1..used {
                    rows[lane] = &from[lane * scorer.columns..][..scorer.columns];
                }
                let products = two::eight_products(simd, &rows, by.coefficients, &mut ahead);
                let found = two::finish(simd, scorer, products, start..start + used, &mut output);
                (found, used)
            } else if used == DOUBLES {
                (
                    several::dense::<S, C, V, DOUBLES>(simd, &by, from, start, &mut output),
                    DOUBLES,
                )
            } else {
                (several::dense::<S, C, V, 1>(simd, &by, from, start, &mut output), 1)
            };
            first = first.or(found);
            start += more;
        }
        first
    }
}

/// Sparse rows.
struct Sparse<'a, 't, 'o, C, V>(By<'a, C>, SparseRows<'t, V>, Output<'o>);

impl<C: Value, V: Value> Kernel for Sparse<'_, '_, '_, C, V> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<usize> {
        let Self(by, rows, mut output) = self;
        let mut first = None;
        if by.scorer.scores() > 1 {
            let mut next = rows.iter().skip(1);
            for (index, row) in rows.iter().enumerate() {
                if let Some(next) = next.next() {
                    several::bring(simd, &by, next);
                }
                first = first.or(several::sparse(simd, &by, row, index, &mut output));
            }
            return first;
        }
        let mut scores = [0.0; DOUBLES];
        let (mut start, mut used) = (0, 0);
        let count = rows.iter().len();
        for row in rows.iter() {
            scores[used] = dot_sparse(by.coefficients, row);
            used += 1;
            if used == DOUBLES || start + used == count {
                let eight = simd.load(&scores);
                first = first.or(two::finish(simd, &by.scorer, eight, start..start + used, &mut output));
                (start, used) = (start + used, 0);
            }
        }
        first
    }
}
