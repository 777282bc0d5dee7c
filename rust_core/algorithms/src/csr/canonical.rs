//! The canonical form: the columns of each row rise.

use super::{Csr, CsrValues};
use crate::simd::{Kernel, Simd, dispatch};

impl<'a> Csr<'a> {
    /// Whether each row's columns rise, and end within the matrix.
    pub(super) fn is_canonical(&self) -> bool {
        dispatch(IsCanonical(self))
    }

    /// A copy with sorted rows, in which values of the same column are added in the order they came.
    pub(super) fn canonical(&self) -> Csr<'a> {
        let (indptr, indices, values) = match &self.values {
            CsrValues::Single(values) => {
                let (indptr, indices, values) = sorted(&self.indptr, &self.indices, values);
                (indptr, indices, CsrValues::Single(values.into()))
            }
            CsrValues::Double(values) => {
                let (indptr, indices, values) = sorted(&self.indptr, &self.indices, values);
                (indptr, indices, CsrValues::Double(values.into()))
            }
        };
        Csr {
            indptr: indptr.into(),
            indices: indices.into(),
            values,
            columns: self.columns,
        }
    }
}

struct IsCanonical<'c>(&'c Csr<'c>);

impl Kernel for IsCanonical<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> bool {
        let Self(csr) = self;
        csr.indptr.windows(2).all(|ends| {
            let row = &csr.indices[ends[0] as usize..ends[1] as usize];
            // Without an early exit the test is a few vector instructions.
            let pairs = row.iter().zip(row.iter().skip(1));
            pairs.fold(true, |rises, (left, right)| rises & (left < right))
                && row.last().is_none_or(|&last| (last as usize) < csr.columns)
        })
    }
}

/// Offsets, indices and values of [`Csr::canonical`].
fn sorted<T: Copy + std::ops::AddAssign>(
    indptr: &[u64],
    indices: &[u32],
    values: &[T],
) -> (Vec<u64>, Vec<u32>, Vec<T>) {
    let mut offsets = Vec::with_capacity(indptr.len());
    let mut columns = Vec::with_capacity(indices.len());
    let mut sums: Vec<T> = Vec::with_capacity(values.len());
    offsets.push(0);
    let mut row = Vec::new();
    for ends in indptr.windows(2) {
        let span = ends[0] as usize..ends[1] as usize;
        row.clear();
        row.extend(indices[span.clone()].iter().copied().zip(values[span].iter().copied()));
        row.sort_by_key(|&(column, _)| column);
        let first = columns.len();
        for &(column, value) in &row {
            match sums.last_mut() {
                Some(sum) if columns.len() > first && columns.last() == Some(&column) => *sum += value,
                _ => {
                    columns.push(column);
                    sums.push(value);
                }
            }
        }
        offsets.push(columns.len() as u64);
    }
    (offsets, columns, sums)
}
