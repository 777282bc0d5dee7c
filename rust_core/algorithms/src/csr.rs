//! Sparse rows: compressed sparse row format, checked.

mod canonical;
mod gather;
mod narrow;
#[cfg(test)]
mod tests;

pub(crate) use gather::Gather;

use std::borrow::Cow;
use std::ops::Range;

use crate::error::CsrError;
use crate::precision::Precision;
use crate::scaling::Scaling;
use crate::values::Value;

/// A sparse matrix whose offsets and indices were checked. Within each row the columns rise, each at most once.
///
/// What is not named is zero; a named value may be zero too.
#[derive(Debug, Clone)]
pub struct Csr<'a> {
    indptr: Cow<'a, [u64]>,
    indices: Cow<'a, [u32]>,
    values: CsrValues<'a>,
    columns: usize,
}

/// The values of a [`Csr`].
#[derive(Debug, Clone)]
pub enum CsrValues<'a> {
    /// float32.
    Single(Cow<'a, [f32]>),
    /// float64.
    Double(Cow<'a, [f64]>),
}

impl CsrValues<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }
}

impl<'a> Csr<'a> {
    /// A matrix of `indptr.len() - 1` rows: row `i` has the values from `indptr[i]` up to `indptr[i + 1]`, in the columns that
    /// `indices` names. Columns may come in any order and more than once within a row (their values are added): then the
    /// matrix is copied, else nothing is.
    ///
    /// # Errors
    /// [`CsrError`]: no column, or more than 2³² of them; offsets that do not rise from 0 to the number of values; another number of
    /// indices than of values; an index that is no column.
    pub fn new(
        indptr: Cow<'a, [u64]>,
        indices: Cow<'a, [u32]>,
        values: CsrValues<'a>,
        columns: usize,
    ) -> Result<Self, CsrError> {
        if columns == 0 || columns as u64 > 1 << 32 {
            return Err(CsrError::Columns { got: columns });
        }
        if indices.len() != values.len() {
            return Err(CsrError::Indices {
                expected: values.len(),
                got: indices.len(),
            });
        }
        check_offsets(&indptr, values.len() as u64)?;
        let csr = Self {
            indptr,
            indices,
            values,
            columns,
        };
        if csr.is_canonical() {
            return Ok(csr);
        }
        let outside = csr.indices.iter().position(|&column| column as usize >= columns);
        match outside {
            Some(position) => Err(CsrError::Index {
                position,
                columns,
                got: csr.indices[position],
            }),
            None => Ok(csr.canonical()),
        }
    }

    /// Number of rows; may be 0.
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of values.
    pub fn nonzeros(&self) -> usize {
        self.values.len()
    }

    /// The type of the values.
    pub fn precision(&self) -> Precision {
        match self.values {
            CsrValues::Single(_) => Precision::Single,
            CsrValues::Double(_) => Precision::Double,
        }
    }

    /// The arrays.
    pub(crate) fn stored(&self) -> Stored<'_> {
        Stored {
            indptr: &self.indptr,
            indices: &self.indices,
            values: &self.values,
        }
    }

    /// The rows in `range`; float32 values are widened into `buffer`, and values are scaled there.
    pub(crate) fn tile<'b>(
        &'b self,
        range: Range<usize>,
        scaling: Option<&Scaling>,
        buffer: &'b mut Vec<f64>,
    ) -> SparseRows<'b> {
        let offsets = &self.indptr[range.start..=range.end];
        let span = offsets[0] as usize..offsets[offsets.len() - 1] as usize;
        let columns = &self.indices[span.clone()];
        buffer.clear();
        match &self.values {
            CsrValues::Double(values) if scaling.is_none() => {
                let values = &values[span];
                return SparseRows {
                    offsets,
                    columns,
                    values,
                };
            }
            CsrValues::Double(values) => buffer.extend_from_slice(&values[span]),
            CsrValues::Single(values) => buffer.extend(values[span].iter().map(|&value| f64::from(value))),
        }
        if let Some(scaling) = scaling {
            for ends in offsets.windows(2) {
                let row = (ends[0] - offsets[0]) as usize..(ends[1] - offsets[0]) as usize;
                scaling.apply_sparse(&columns[row.clone()], &mut buffer[row]);
            }
        }
        SparseRows {
            offsets,
            columns,
            values: buffer,
        }
    }

    /// All rows as they lie in memory, where they are of float32.
    pub(crate) fn singles(&self) -> Option<SparseRows<'_, f32>> {
        match &self.values {
            CsrValues::Single(values) => Some(SparseRows {
                offsets: &self.indptr,
                columns: &self.indices,
                values,
            }),
            CsrValues::Double(_) => None,
        }
    }

    /// Row and column of the first NaN or infinity, if there is one.
    pub(crate) fn first_non_finite(&self) -> Option<(usize, usize)> {
        let position = match &self.values {
            CsrValues::Single(values) => values.iter().position(|value| !value.is_finite()),
            CsrValues::Double(values) => values.iter().position(|value| !value.is_finite()),
        }?;
        let row = self.indptr.partition_point(|&offset| offset <= position as u64) - 1;
        Some((row, self.indices[position] as usize))
    }
}

/// Offsets rise from 0 to the number of values. They are 64-bit throughout: a matrix may have more values than 2³².
fn check_offsets(indptr: &[u64], values: u64) -> Result<(), CsrError> {
    let wrong = |row: usize, expected: String, got: u64| Err(CsrError::Offset { row, expected, got });
    let (Some(&first), Some(&last)) = (indptr.first(), indptr.last()) else {
        return Err(CsrError::NoOffsets);
    };
    if first != 0 {
        return wrong(0, "0".into(), first);
    }
    if let Some(row) = indptr.windows(2).position(|ends| ends[0] > ends[1]) {
        return wrong(row + 1, format!("at least {}", indptr[row]), indptr[row + 1]);
    }
    if last != values {
        return wrong(indptr.len() - 1, format!("the number of values, {values}"), last);
    }
    Ok(())
}

/// The arrays of a [`Csr`], for loops that take values as they are stored.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) indptr: &'a [u64],
    pub(crate) indices: &'a [u32],
    pub(crate) values: &'a CsrValues<'a>,
}

/// Some rows of a [`Csr`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SparseRows<'t, V = f64> {
    /// Where each row begins, and the last one ends, in the whole matrix.
    offsets: &'t [u64],
    columns: &'t [u32],
    values: &'t [V],
}

impl<'t, V> SparseRows<'t, V> {
    /// Those of the rows that are in `range`.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        let offsets = &self.offsets[range.start..=range.end];
        let first = self.offsets[0];
        let span = (offsets[0] - first) as usize..(offsets[offsets.len() - 1] - first) as usize;
        Self {
            offsets,
            columns: &self.columns[span.clone()],
            values: &self.values[span],
        }
    }

    /// All values of all rows.
    pub(crate) fn values(self) -> &'t [V] {
        self.values
    }

    /// The column of each value.
    pub(crate) fn columns(self) -> &'t [u32] {
        self.columns
    }

    /// Number of rows.
    pub(crate) fn count(self) -> usize {
        self.offsets.len() - 1
    }

    /// The rows, in order.
    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = SparseRow<'t, V>> + Clone {
        let first = self.offsets[0];
        self.offsets.windows(2).map(move |ends| {
            let span = (ends[0] - first) as usize..(ends[1] - first) as usize;
            SparseRow {
                columns: &self.columns[span.clone()],
                values: &self.values[span],
            }
        })
    }
}

/// One row: the columns that have a value, in rising order, and the values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SparseRow<'t, V = f64> {
    pub(crate) columns: &'t [u32],
    pub(crate) values: &'t [V],
}

impl<'t, V: Value> SparseRow<'t, V> {
    /// Columns and values, pair by pair.
    pub(crate) fn entries(self) -> impl Iterator<Item = (usize, f64)> + 't {
        let columns = self.columns.iter().map(|&column| column as usize);
        columns.zip(self.values.iter().map(|&value| value.into()))
    }

    /// The row in float64, its values as [`Value::widened`] gives them.
    pub(crate) fn widened<'b>(self, room: &'b mut Vec<f64>) -> SparseRow<'b>
    where
        't: 'b,
    {
        SparseRow {
            columns: self.columns,
            values: V::widened(self.values, room),
        }
    }
}
