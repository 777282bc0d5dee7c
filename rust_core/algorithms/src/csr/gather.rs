//! Rows picked from a matrix.

use super::{Csr, CsrValues};

/// Rows of a [`Csr`] gathered into another, in float64.
pub(crate) struct Gather {
    indptr: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f64>,
    columns: usize,
    buffer: Vec<f64>,
}

impl Gather {
    /// Room for `rows` rows of a matrix of `columns` columns.
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        let mut indptr = Vec::with_capacity(rows + 1);
        indptr.push(0);
        Self {
            indptr,
            indices: Vec::new(),
            values: Vec::new(),
            columns,
            buffer: Vec::new(),
        }
    }

    /// Adds a row of `csr`, which has as many columns.
    pub(crate) fn push(&mut self, csr: &Csr<'_>, row: usize) {
        let rows = csr.tile(row..row + 1, None, &mut self.buffer);
        self.indices.extend_from_slice(rows.columns);
        self.values.extend_from_slice(rows.values);
        self.indptr.push(self.values.len() as u64);
    }

    /// The matrix.
    pub(crate) fn csr(self) -> Csr<'static> {
        Csr {
            indptr: self.indptr.into(),
            indices: self.indices.into(),
            values: CsrValues::Double(self.values.into()),
            columns: self.columns,
        }
    }
}
