//! Sparse rows column after column, for sums over rows: each sum is one loop, in the order of the rows, whatever thread runs it.

use std::ops::Range;

use rayon::prelude::*;

use super::census::{self, PARTS};
use crate::blocks;
use crate::csr::Csr;
use crate::interrupt::{self, Interrupt, Interrupted};

/// Values that are worth a thread's turn, at least.
const STRETCH: usize = 1 << 14;

/// A sparse matrix, column after column.
pub(super) struct ByColumn {
    /// Where each column begins.
    starts: Vec<usize>,
    /// How many values each has.
    lengths: Vec<u32>,
    /// The columns, stretch after stretch, in each the shortest first: neighbours are alike, and their loops foreseen.
    order: Vec<u32>,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// Columns with about [`STRETCH`] values together.
    stretches: Vec<Range<usize>>,
}

/// Calls [`Run::sums`] for columns of that many values, if they are few.
macro_rules! by_length {
    ($length:expr, $run:expr, $sums:expr; $($few:literal)*) => {
        match $length {
            $($few => $run.sums::<$few>($sums),)*
            length => $run.long_sums(length, $sums),
        }
    };
}

/// Neighbours in [`ByColumn::order`] that have as many values each.
struct Run<'a> {
    columns: &'a [u32],
    rows: &'a [u32],
    values: &'a [f64],
}

impl Run<'_> {
    /// Of `LENGTH` values each: their loop is written out.
    #[inline(always)]
    fn sums<const LENGTH: usize>(&self, mut each: impl FnMut(u32, &[u32], &[f64])) {
        let (rows, values) = (self.rows.as_chunks::<LENGTH>().0, self.values.as_chunks::<LENGTH>().0);
        for ((&column, rows), values) in self.columns.iter().zip(rows).zip(values) {
            each(column, rows, values);
        }
    }

    #[inline(always)]
    fn long_sums(&self, length: usize, mut each: impl FnMut(u32, &[u32], &[f64])) {
        for (index, &column) in self.columns.iter().enumerate() {
            let span = index * length..(index + 1) * length;
            each(column, &self.rows[span.clone()], &self.values[span]);
        }
    }
}

impl ByColumn {
    /// The matrix has less than 2³² rows.
    pub(super) fn new(csr: &Csr<'_>, interrupt: Interrupt<'_>) -> Result<Self, Interrupted> {
        let mut buffer = Vec::new();
        let tile = csr.tile(0..csr.rows(), None, &mut buffer);
        let lengths = census::counts(tile, csr.columns(), interrupt)?;
        let mut stretches = Vec::new();
        let (mut first, mut size) = (0, 0);
        for (column, &length) in lengths.iter().enumerate() {
            size += length as usize + 1;
            if size >= STRETCH || column + 1 == lengths.len() {
                stretches.push(first..column + 1);
                (first, size) = (column + 1, 0);
            }
        }
        let mut order: Vec<u32> = (0..lengths.len() as u64).map(|column| column as u32).collect();
        let mut parts = Vec::with_capacity(stretches.len());
        let mut rest = &mut order[..];
        for stretch in &stretches {
            let (part, after) = rest.split_at_mut(stretch.len());
            parts.push(part);
            rest = after;
        }
        blocks::map_parts::<_, _, ()>(census::work(lengths.len()), parts, |part| {
            part.sort_by_key(|&column| lengths[column as usize]);
        });
        let (mut starts, mut start) = (vec![0; lengths.len()], 0);
        for &column in &order {
            starts[column as usize] = start;
            start += lengths[column as usize] as usize;
        }
        let (mut rows, mut values) = (vec![0; csr.nonzeros()], vec![0.0; csr.nonzeros()]);
        let (mut parts, mut rest) = (Vec::new(), (&mut rows[..], &mut values[..]));
        for stretches in stretches.chunks(stretches.len().div_ceil(PARTS).max(1)) {
            let columns = stretches[0].start..stretches[stretches.len() - 1].end;
            let count: usize = lengths[columns.clone()].iter().map(|&length| length as usize).sum();
            let (rows, values) = (rest.0.split_at_mut(count), rest.1.split_at_mut(count));
            parts.push((columns, rows.0, values.0));
            rest = (rows.1, values.1);
        }
        blocks::map_parts::<_, _, Result<(), Interrupted>>(
            census::work(csr.nonzeros()),
            parts,
            |(columns, rows, values)| {
                let first = columns.start;
                let mut next = starts[columns.clone()].to_vec();
                // Where the part begins: its columns come in another order.
                let begin = next.iter().copied().min().unwrap_or(0);
                next.iter_mut().for_each(|next| *next -= begin);
                census::for_each_row(tile, &columns, interrupt, |index, row| {
                    for (column, value) in row.entries() {
                        let next = &mut next[column - first];
                        rows[*next] = index as u32;
                        values[*next] = value;
                        *next += 1;
                    }
                })
            },
        )?;
        Ok(Self {
            starts,
            lengths,
            order,
            rows,
            values,
            stretches,
        })
    }

    /// The rows that have a value in a column, and these values.
    #[inline]
    pub(super) fn column(&self, column: usize) -> (&[u32], &[f64]) {
        let span = self.starts[column]..self.starts[column] + self.lengths[column] as usize;
        (&self.rows[span.clone()], &self.values[span])
    }

    /// Writes to each column's output what `finish` makes of the sum of `term`, of its values and their rows' factors.
    pub(super) fn sums(
        &self,
        factors: &[f64],
        outputs: &mut [f64],
        term: impl Fn(f64, f64) -> f64 + Sync,
        finish: impl Fn(usize, f64) -> f64 + Sync,
        interrupt: Interrupt<'_>,
    ) -> Result<(), Interrupted> {
        let run = |(columns, outputs): (&Range<usize>, &mut [f64])| {
            interrupt::check(interrupt)?;
            let order = &self.order[columns.clone()];
            for run in order.chunk_by(|left, right| self.lengths[*left as usize] == self.lengths[*right as usize]) {
                let length = self.lengths[run[0] as usize] as usize;
                let start = self.starts[run[0] as usize];
                let span = start..start + length * run.len();
                let run = Run {
                    columns: run,
                    rows: &self.rows[span.clone()],
                    values: &self.values[span],
                };
                let each = |column: u32, rows: &[u32], values: &[f64]| {
                    let column = column as usize;
                    outputs[column - columns.start] = finish(column, sum(rows, values, factors, &term));
                };
                by_length!(length, run, each; 1 2 3 4 5 6 7 8);
            }
            Ok(())
        };
        let mut parts = Vec::with_capacity(self.stretches.len());
        let mut rest = outputs;
        for columns in &self.stretches {
            let (part, after) = rest.split_at_mut(columns.len());
            parts.push((columns, part));
            rest = after;
        }
        if parts.len() < 4 {
            parts.into_iter().try_for_each(run)
        } else {
            parts.into_par_iter().try_for_each(run)
        }
    }
}

/// The sum of values times their rows' factors.
pub(super) fn sparse_dot(rows: &[u32], values: &[f64], factors: &[f64]) -> f64 {
    sum(rows, values, factors, |value, factor| value * factor)
}

/// In four running sums.
#[inline(always)]
fn sum(rows: &[u32], values: &[f64], factors: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (four, last) = rows.as_chunks::<4>();
    let (four_values, last_values) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (rows, values) in four.iter().zip(four_values) {
        for lane in 0..4 {
            sums[lane] += term(values[lane], factors[rows[lane] as usize]);
        }
    }
    for ((lane, row), value) in last.iter().enumerate().zip(last_values) {
        sums[lane] += term(*value, factors[*row as usize]);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::CsrValues;
    use crate::interrupt::never;

    #[test]
    fn sums_are_those_of_the_rows() {
        // Enough values for several stretches; some columns have none.
        let (rows, columns) = (3000_usize, 700_usize);
        // And after these columns of 1, 2, 3 … values.
        let triangle = |row: usize| columns + (((8 * row + 1) as f64).sqrt() as usize - 1) / 2;
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..rows {
            for column in (row % 7..columns).step_by(23).filter(|column| column % 5 != 0) {
                indices.push(column as u32);
                values.push(((row * columns + column) as f64).sin());
            }
            indices.push(triangle(row) as u32);
            values.push((row as f64).sin());
            indptr.push(values.len() as u64);
        }
        let columns = triangle(rows - 1) + 1;
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns).unwrap();
        let by_column = ByColumn::new(&csr, &never).unwrap();
        assert!(by_column.stretches.len() > 4);
        let factors: Vec<f64> = (0..rows).map(|row| (row as f64).cos()).collect();
        let mut expected = vec![0.0; columns];
        let mut buffer = Vec::new();
        for (row, factor) in csr.tile(0..rows, None, &mut buffer).iter().zip(&factors) {
            for (column, value) in row.entries() {
                expected[column] += value * factor;
            }
        }
        let mut sums = vec![9.0; columns];
        let double = |column: usize, sum: f64| 2.0 * sum + column as f64;
        let term = |value: f64, factor: f64| value * factor;
        by_column.sums(&factors, &mut sums, term, double, &never).unwrap();
        for (column, (sum, expected)) in sums.iter().zip(&expected).enumerate() {
            assert!((sum - double(column, *expected)).abs() < 1e-12);
            let (rows, values) = by_column.column(column);
            assert!((sparse_dot(rows, values, &factors) - expected).abs() < 1e-12);
        }
    }
}
