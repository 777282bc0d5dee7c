//! Sums and sums of squares of the columns of dense rows, in one pass.

use crate::blocks::Blocks;
use crate::interrupt::{Interrupt, Interrupted};
use crate::rows::{Rows, Tile};
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};
use crate::values::Value;

/// Of each column, relative to the first row's value: far from the origin, sums of the values would lose digits.
pub(crate) struct Moments {
    pub(crate) sums: Vec<f64>,
    pub(crate) squares: Vec<f64>,
}

/// Columns above which the sums of a block are long beside its rows.
pub(crate) const MOST_COLUMNS: usize = 1024;

/// Vectors after which sums come round again: so many additions are under way at once.
const LEAST_ROUND: usize = 16;

impl Moments {
    /// Of dense rows of at most [`MOST_COLUMNS`] columns, at least one row. Not finite where a value is not.
    pub(crate) fn of(rows: Rows<'_>, interrupt: Interrupt<'_>) -> Result<Self, Interrupted> {
        let columns = rows.columns();
        let mut first = vec![0.0; columns];
        rows.copy_row(0, &mut first);
        // A round of vectors is a whole number of rows.
        let rows_of_vectors = DOUBLES / gcd(columns, DOUBLES);
        let round = columns * rows_of_vectors / DOUBLES;
        let round = round * LEAST_ROUND.div_ceil(round);
        let mut offsets = vec![[0.0; DOUBLES]; round];
        for (place, offset) in offsets.as_flattened_mut().iter_mut().enumerate() {
            *offset = first[place % columns];
        }
        let blocks = Blocks::new(rows.rows(), columns, columns, 2 * DOUBLES * round / columns);
        let mut partials = vec![Partial::default(); blocks.count()];
        blocks.reduce(&mut partials, |block, partial| {
            partial.sums.resize(round, [0.0; DOUBLES]);
            partial.squares.resize(round, [0.0; DOUBLES]);
            let offsets = &offsets;
            match rows.singles() {
                Some(all) => blocks.tiles(block, interrupt, |tile| {
                    let values = &all[tile.start * columns..tile.end * columns];
                    dispatch(Accumulate {
                        values,
                        offsets,
                        partial,
                    });
                }),
                None => blocks.row_tiles(rows, block, interrupt, |_, tile| {
                    if let Tile::Dense(values) = tile {
                        dispatch(Accumulate {
                            values,
                            offsets,
                            partial,
                        });
                    }
                }),
            }
        })?;
        let mut moments = Self {
            sums: vec![0.0; columns],
            squares: vec![0.0; columns],
        };
        for partial in &partials {
            for (total, partial) in [
                (&mut moments.sums, &partial.sums),
                (&mut moments.squares, &partial.squares),
            ] {
                for (place, value) in partial.as_flattened().iter().enumerate() {
                    total[place % columns] += value;
                }
            }
        }
        Ok(moments)
    }

    /// Whether all values were finite, and no square too great.
    pub(crate) fn are_finite(&self) -> bool {
        self.squares.iter().all(|square| square.is_finite())
    }
}

/// Sums of one block, by the place of a value in a round.
#[derive(Clone, Default)]
struct Partial {
    sums: Vec<[f64; DOUBLES]>,
    squares: Vec<[f64; DOUBLES]>,
}

struct Accumulate<'a, V> {
    /// Whole rows.
    values: &'a [V],
    offsets: &'a [[f64; DOUBLES]],
    partial: &'a mut Partial,
}

impl<V: Value> Kernel for Accumulate<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (sums, squares) = (&mut self.partial.sums, &mut self.partial.squares);
        for round in self.values.chunks(self.offsets.len() * DOUBLES) {
            let (vectors, last) = round.as_chunks::<DOUBLES>();
            let places = self.offsets.iter().zip(&mut *sums).zip(&mut *squares);
            for (values, ((offset, sum), square)) in vectors.iter().zip(places) {
                let offset = simd.sub(V::load(simd, values), simd.load(offset));
                simd.store(simd.add(simd.load(sum), offset), sum);
                simd.store(simd.add(simd.load(square), simd.mul(offset, offset)), square);
            }
            for (lane, value) in last.iter().enumerate() {
                let value: f64 = (*value).into();
                let offset = value - self.offsets[vectors.len()][lane];
                sums[vectors.len()][lane] += offset;
                squares[vectors.len()][lane] += offset * offset;
            }
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn every_value_goes_to_its_column() {
        for columns in 1..40 {
            for rows in [1, 7, 8, 9, 1000] {
                let values: Vec<f64> = (0..rows * columns)
                    .map(|place| (place / columns * (place % columns + 1)) as f64)
                    .collect();
                let moments = Moments::of(Rows::from_values(&values, rows, columns).unwrap(), &never).unwrap();
                let sum = (rows * (rows - 1) / 2) as f64;
                let square = ((rows - 1) * rows * (2 * rows - 1) / 6) as f64;
                for column in 0..columns {
                    let factor = (column + 1) as f64;
                    assert_eq!(moments.sums[column], factor * sum, "{rows} × {columns}");
                    assert_eq!(moments.squares[column], factor * factor * square, "{rows} × {columns}");
                }
            }
        }
    }
}
