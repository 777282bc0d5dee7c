//! How many values each column of sparse rows has, counted by several threads, each of which takes columns of its own.

use std::ops::Range;

use super::reduced::Known;
use crate::blocks;
use crate::csr::{SparseRow, SparseRows};
use crate::interrupt::{self, Interrupt, Interrupted};

/// Parts of the columns, each of which a thread takes at a time. It reads of every row what concerns them.
pub(super) const PARTS: usize = 4;
/// Rows between two looks at the interrupt.
const ROWS: usize = 4096;
/// Multiply-adds that take as long as it takes to count or move a value.
const VALUE_WORK: usize = 8;

/// The work of a pass over so many values, or columns, in multiply-adds.
pub(super) fn work(values: usize) -> usize {
    values.saturating_mul(VALUE_WORK)
}

/// The values of a row in some columns.
fn within<'r>(row: SparseRow<'r>, columns: &Range<usize>) -> SparseRow<'r> {
    let start = row.columns.partition_point(|&column| (column as usize) < columns.start);
    let length = row.columns[start..].partition_point(|&column| (column as usize) < columns.end);
    SparseRow {
        columns: &row.columns[start..start + length],
        values: &row.values[start..start + length],
    }
}

/// Calls `step` with the number of each row and its values in some columns, unless interrupted.
pub(super) fn for_each_row<'r>(
    rows: SparseRows<'r>,
    columns: &Range<usize>,
    interrupt: Interrupt<'_>,
    mut step: impl FnMut(usize, SparseRow<'r>),
) -> Result<(), Interrupted> {
    for (index, row) in rows.iter().enumerate() {
        if index.is_multiple_of(ROWS) {
            interrupt::check(interrupt)?;
        }
        step(index, within(row, columns));
    }
    Ok(())
}

/// The number of values in each column.
pub(super) fn counts(rows: SparseRows<'_>, columns: usize, interrupt: Interrupt<'_>) -> Result<Vec<u32>, Interrupted> {
    let mut counts = vec![0_u32; columns];
    let width = columns.div_ceil(PARTS);
    let parts = counts.chunks_mut(width.max(1)).enumerate().collect();
    let counted: Result<(), Interrupted> = blocks::map_parts(work(rows.values().len()), parts, |(part, counts)| {
        let first = part * width;
        for_each_row(rows, &(first..first + counts.len()), interrupt, |_, row| {
            for &column in row.columns {
                counts[column as usize - first] += 1;
            }
        })
    });
    counted.map(|()| counts)
}

/// Sets to 0 the count of each column whose coefficient is 0 at the minimum, whatever the others are, but never of all.
///
/// A residual is between 0 and the row's weight, or for the right class between that below 0 and 0; so the residuals times a
/// column's values are between a sum of what may be below 0 and one of what may be above.
pub(super) fn leave_out(
    counts: &mut [u32],
    rows: SparseRows<'_>,
    known: Known<'_>,
    l1: f64,
    interrupt: Interrupt<'_>,
) -> Result<(), Interrupted> {
    let two = known.n_classes == 2;
    let width = counts.len().div_ceil(PARTS);
    let parts = counts.chunks(width.max(1)).enumerate().collect();
    let held = |(part, counts): (usize, &[u32])| {
        let first = part * width;
        let mut bounds = vec![[0.0; 2]; counts.len()];
        for_each_row(rows, &(first..first + counts.len()), interrupt, |index, row| {
            let weight = known.weights.map_or(1.0, |weights| weights[index]);
            let sign = if known.classes[index] == 1 { -weight } else { weight };
            for (column, value) in row.entries() {
                let bounds = &mut bounds[column - first];
                let pull = sign * value;
                if two {
                    bounds[0] += pull.max(0.0);
                    bounds[1] -= pull.min(0.0);
                } else {
                    bounds[0] += pull.abs();
                }
            }
        })?;
        // By more than the sums' rounding.
        let held = |bounds: &[f64; 2]| bounds[0].max(bounds[1]) * (1.0 + 1e-9) < l1;
        Ok(bounds.iter().map(held).collect())
    };
    let held: Result<Vec<Vec<bool>>, Interrupted> = blocks::map_parts(work(rows.values().len()), parts, held);
    let held = held?;
    if held.iter().flatten().any(|held| !held) {
        for (count, held) in counts.iter_mut().zip(held.iter().flatten()) {
            if *held {
                *count = 0;
            }
        }
    }
    Ok(())
}
