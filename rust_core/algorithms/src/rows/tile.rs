//! Some rows, as loops read them.

use crate::csr::{SparseRow, SparseRows};

/// Some rows, dense ones in float64.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tile<'t> {
    /// Row after row, `rows × columns` values.
    Dense(&'t [f64]),
    /// Row after row.
    Sparse(SparseRows<'t>),
}

/// Some rows, dense ones in the type of the memory that they lie in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lying<'t> {
    Double(&'t [f64]),
    Single(&'t [f32]),
    Sparse(SparseRows<'t>),
    SparseSingle(SparseRows<'t, f32>),
}

impl<'t> From<Tile<'t>> for Lying<'t> {
    fn from(tile: Tile<'t>) -> Self {
        match tile {
            Tile::Dense(values) => Self::Double(values),
            Tile::Sparse(rows) => Self::Sparse(rows),
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'t> {
    /// A value for each column.
    Dense(&'t [f64]),
    /// The values that are named; others are zero.
    Sparse(SparseRow<'t>),
}

impl<'t> Tile<'t> {
    /// The rows, in order; dense ones have `columns` values.
    pub(crate) fn rows(self, columns: usize) -> impl Iterator<Item = Row<'t>> {
        let (dense, sparse) = match self {
            Self::Dense(values) => (Some(values.chunks_exact(columns)), None),
            Self::Sparse(rows) => (None, Some(rows.iter())),
        };
        let dense = dense.into_iter().flatten().map(Row::Dense);
        dense.chain(sparse.into_iter().flatten().map(Row::Sparse))
    }
}
