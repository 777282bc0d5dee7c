//! Columns by new numbers, in the order in which rows first name them: frequent ones come among the first, and stand together in the cache.

use std::hint::select_unpredictable;

use crate::csr::SparseRows;
use crate::interrupt::{self, Interrupt, Interrupted};

/// Stands for the number of a column that no row names: the place of a coefficient that is 0.
pub(super) const NONE: u32 = 0;

/// Values between two looks at the interrupt.
const LOOK: usize = 1 << 18;

/// The new numbers, from 1 on.
pub(super) struct Numbers {
    /// Of each column.
    pub(super) of: Vec<u32>,
    /// Of each value's column.
    pub(super) of_values: Vec<u32>,
    /// How many there are, [`NONE`] included.
    pub(super) count: usize,
}

impl Numbers {
    /// There are less than 2³² − 1 values.
    pub(super) fn new<V>(
        rows: SparseRows<'_, V>,
        columns: usize,
        interrupt: Interrupt<'_>,
    ) -> Result<Self, Interrupted> {
        let names = rows.columns();
        let mut of = vec![NONE; columns];
        let slots = &mut of[..];
        let mut next = NONE + 1;
        let mut of_values = Vec::with_capacity(names.len());
        for names in names.chunks(LOOK) {
            interrupt::check(interrupt)?;
            of_values.extend(names.iter().map(|&column| {
                let slot = &mut slots[column as usize];
                let is_new = *slot == NONE;
                *slot = select_unpredictable(is_new, next, *slot);
                next += u32::from(is_new);
                *slot
            }));
        }
        Ok(Self {
            of,
            of_values,
            count: next as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::interrupt::never;

    #[test]
    fn columns_are_numbered_as_rows_name_them() {
        let values = CsrValues::Double(vec![1.0; 6].into());
        let csr = Csr::new(vec![0, 2, 2, 6].into(), vec![3, 5, 0, 3, 5, 7].into(), values, 9).unwrap();
        let mut buffer = Vec::new();
        let numbers = Numbers::new(csr.tile(0..3, None, &mut buffer), 9, &never).unwrap();
        assert_eq!(numbers.of, [3, 0, 0, 1, 0, 2, 0, 4, 0]);
        assert_eq!(numbers.of_values, [1, 2, 3, 1, 2, 4]);
        assert_eq!(numbers.count, 5);
    }
}
