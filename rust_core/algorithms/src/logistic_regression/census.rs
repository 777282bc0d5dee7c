//! How many values each column of sparse rows has, counted by several threads, each of which takes columns of its own.

use rayon::prelude::*;

use super::reduced::Known;
use crate::csr::{SparseRow, SparseRows};
use crate::interrupt::{self, Interrupt, Interrupted};

/// Parts of the columns, each of which a thread takes at a time. It reads of every row what concerns them.
pub(super) const PARTS: usize = 4;
/// Rows between two looks at the interrupt.
const ROWS: usize = 4096;

/// The values of a row in the columns from `first` on.
pub(super) fn from_column(row: SparseRow<'_>, first: usize) -> SparseRow<'_> {
    let start = row.columns.partition_point(|&column| (column as usize) < first);
    SparseRow {
        columns: &row.columns[start..],
        values: &row.values[start..],
    }
}

/// Calls `step` with the number and the values of each row in the columns from `first` on, unless interrupted.
pub(super) fn for_each_row<'r>(
    rows: SparseRows<'r>,
    first: usize,
    interrupt: Interrupt<'_>,
    mut step: impl FnMut(usize, SparseRow<'r>),
) -> Result<(), Interrupted> {
    for (index, row) in rows.iter().enumerate() {
        if index.is_multiple_of(ROWS) {
            interrupt::check(interrupt)?;
        }
        step(index, from_column(row, first));
    }
    Ok(())
}

/// The number of values in each column.
pub(super) fn counts(rows: SparseRows<'_>, columns: usize, interrupt: Interrupt<'_>) -> Result<Vec<u32>, Interrupted> {
    let mut counts = vec![0_u32; columns];
    let width = columns.div_ceil(PARTS);
    let parts = counts.par_chunks_mut(width).enumerate();
    parts.try_for_each(|(part, counts)| {
        let first = part * width;
        for_each_row(rows, first, interrupt, |_, row| {
            for &column in row.columns {
                let Some(count) = counts.get_mut(column as usize - first) else {
                    break;
                };
                *count += 1;
            }
        })
    })?;
    Ok(counts)
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
    let parts = counts.par_chunks(width).enumerate();
    let held: Vec<Vec<bool>> = parts
        .map(|(part, counts)| {
            let first = part * width;
            let mut bounds = vec![[0.0; 2]; counts.len()];
            for_each_row(rows, first, interrupt, |index, row| {
                let weight = known.weights.map_or(1.0, |weights| weights[index]);
                let sign = if known.classes[index] == 1 { -weight } else { weight };
                for (column, value) in row.entries() {
                    let Some(bounds) = bounds.get_mut(column - first) else {
                        break;
                    };
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
        })
        .collect::<Result<_, Interrupted>>()?;
    if held.iter().flatten().any(|held| !held) {
        for (count, held) in counts.iter_mut().zip(held.iter().flatten()) {
            if *held {
                *count = 0;
            }
        }
    }
    Ok(())
}
