//! Answers for a tile of rows: eight rows at a time where there are two classes, else eight classes.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

mod several;
mod two;

use super::products::dot_row;
use super::scorer::Scorer;
use crate::rows::{Ahead, Row, Tile};
use crate::simd::{DOUBLES, Kernel, Simd};

/// Where answers go: the classes, scores or probabilities of a tile's rows.
pub(super) enum Output<'o> {
    Classes(&'o mut [u32]),
    Scores(&'o mut [f64]),
    Probabilities(&'o mut [f64]),
}

/// Answers for the rows of a tile, which others follow; gives the first whose scores are not finite.
pub(super) struct Answer<'a, 't, 'o>(
    pub(super) Scorer<'a>,
    pub(super) Tile<'t>,
    pub(super) Ahead<'t>,
    pub(super) Output<'o>,
);

impl Kernel for Answer<'_, '_, '_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<usize> {
        let Self(scorer, tile, ahead, mut output) = self;
        let mut ahead = ahead.lines();
        match (scorer.scores(), tile) {
            (1, Tile::Dense(values)) => {
                let mut first = None;
                let count = values.len() / scorer.columns;
                for start in (0..count).step_by(DOUBLES) {
                    let used = DOUBLES.min(count - start);
                    // Where there are fewer than eight the first is repeated, and not asked for.
                    let mut rows = [&values[start * scorer.columns..][..scorer.columns]; DOUBLES];
                    for lane in 1..used {
                        rows[lane] = &values[(start + lane) * scorer.columns..][..scorer.columns];
                    }
                    let scores = two::eight_products(simd, &rows, scorer.coefficients, &mut ahead);
                    first = first.or(two::finish(simd, &scorer, scores, start..start + used, &mut output));
                }
                first
            }
            (1, Tile::Sparse(rows)) => {
                let mut first = None;
                let mut scores = [0.0; DOUBLES];
                let (mut start, mut used) = (0, 0);
                for row in rows.iter() {
                    scores[used] = dot_row(scorer.coefficients, Row::Sparse(row));
                    used += 1;
                    if used == DOUBLES {
                        let eight = simd.load(&scores);
                        first = first.or(two::finish(simd, &scorer, eight, start..start + used, &mut output));
                        (start, used) = (start + used, 0);
                    }
                }
                if used > 0 {
                    let eight = simd.load(&scores);
                    first = first.or(two::finish(simd, &scorer, eight, start..start + used, &mut output));
                }
                first
            }
            (_, Tile::Dense(values)) => {
                let mut first = None;
                let count = values.len() / scorer.columns;
                let mut start = 0;
                while start < count {
                    let rows = &values[start * scorer.columns..];
                    let (found, more) = if count - start >= DOUBLES {
                        (
                            several::dense::<S, DOUBLES>(simd, &scorer, rows, start, &mut output),
                            DOUBLES,
                        )
                    } else {
                        (several::dense::<S, 1>(simd, &scorer, rows, start, &mut output), 1)
                    };
                    first = first.or(found);
                    start += more;
                }
                first
            }
            (_, Tile::Sparse(rows)) => {
                let mut first = None;
                for (index, row) in rows.iter().enumerate() {
                    first = first.or(several::sparse(simd, &scorer, row, index, &mut output));
                }
                first
            }
        }
    }
}
