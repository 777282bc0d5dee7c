//! Sparse rows column after column, for sums over rows: each sum is one loop, in the order of the rows, whatever thread runs it.

use std::ops::Range;

use rayon::prelude::*;

use crate::csr::Csr;
use crate::interrupt::{self, Interrupt, Interrupted};

/// Values that are worth a thread's turn, at least.
const STRETCH: usize = 1 << 14;

/// Rows between two looks at the interrupt.
const ROWS: usize = 4096;

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

impl ByColumn {
    /// The matrix has less than 2³² rows.
    pub(super) fn new(csr: &Csr<'_>, interrupt: Interrupt<'_>) -> Result<Self, Interrupted> {
        let mut buffer = Vec::new();
        let tile = csr.tile(0..csr.rows(), None, &mut buffer);
        let mut lengths = vec![0_u32; csr.columns()];
        for (index, row) in tile.iter().enumerate() {
            if index.is_multiple_of(ROWS) {
                interrupt::check(interrupt)?;
            }
            for &column in row.columns {
                lengths[column as usize] += 1;
            }
        }
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
        for stretch in &stretches {
            order[stretch.clone()].sort_by_key(|&column| lengths[column as usize]);
        }
        let (mut starts, mut start) = (vec![0; lengths.len()], 0);
        for &column in &order {
            starts[column as usize] = start;
            start += lengths[column as usize] as usize;
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; csr.nonzeros()], vec![0.0; csr.nonzeros()]);
        for (index, row) in (0..=u32::MAX).zip(tile.iter()) {
            if (index as usize).is_multiple_of(ROWS) {
                interrupt::check(interrupt)?;
            }
            for (column, value) in row.entries() {
                let place = next[column];
                next[column] += 1;
                rows[place] = index;
                values[place] = value;
            }
        }
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
            for &column in &self.order[columns.clone()] {
                let column = column as usize;
                let (rows, values) = self.column(column);
                outputs[column - columns.start] = finish(column, sum(rows, values, factors, &term));
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
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..rows {
            for column in (row % 7..columns).step_by(23).filter(|column| column % 5 != 0) {
                indices.push(column as u32);
                values.push(((row * columns + column) as f64).sin());
            }
            indptr.push(values.len() as u64);
        }
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
