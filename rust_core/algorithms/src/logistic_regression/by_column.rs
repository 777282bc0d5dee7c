//! Sparse rows column after column, for sums over rows: each sum is one loop, in the order of the rows, whatever thread runs it.

use std::ops::Range;

use rayon::prelude::*;

use crate::csr::Csr;
use crate::interrupt::{self, Interrupt, Interrupted};

/// Values that are worth a thread's turn, at least.
const STRETCH: usize = 1 << 14;

/// A sparse matrix, column after column.
pub(super) struct ByColumn {
    /// Where each column begins, and the last one ends.
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// Columns with about [`STRETCH`] values together.
    stretches: Vec<Range<usize>>,
}

impl ByColumn {
    /// None where there are more rows than 2³².
    pub(super) fn new(csr: &Csr<'_>) -> Option<Self> {
        let count = u32::try_from(csr.rows()).ok()?;
        let mut buffer = Vec::new();
        let tile = csr.tile(0..csr.rows(), None, &mut buffer);
        let mut starts = vec![0; csr.columns() + 1];
        for row in tile.iter() {
            for &column in row.columns {
                starts[column as usize + 1] += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; csr.nonzeros()], vec![0.0; csr.nonzeros()]);
        for (index, row) in (0..count).zip(tile.iter()) {
            for (column, value) in row.entries() {
                let place = next[column];
                next[column] += 1;
                rows[place] = index;
                values[place] = value;
            }
        }
        let mut stretches = Vec::new();
        let mut first = 0;
        for column in 0..csr.columns() {
            let size = starts[column + 1] - starts[first] + (column - first);
            if size >= STRETCH || column + 1 == csr.columns() {
                stretches.push(first..column + 1);
                first = column + 1;
            }
        }
        Some(Self {
            starts,
            rows,
            values,
            stretches,
        })
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
            for (column, output) in columns.clone().zip(outputs) {
                let span = self.starts[column]..self.starts[column + 1];
                let sum = sum(&self.rows[span.clone()], &self.values[span], factors, &term);
                *output = finish(column, sum);
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
