//! Sparse rows: compressed sparse row format, checked.

mod narrow;

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
        // Without an early exit the test of all indices is a few vector instructions.
        if indices
            .iter()
            .copied()
            .max()
            .is_some_and(|most| most as usize >= columns)
        {
            let position = indices
                .iter()
                .position(|&column| column as usize >= columns)
                .unwrap_or(0);
            return Err(CsrError::Index {
                position,
                columns,
                got: indices[position],
            });
        }
        let csr = Self {
            indptr,
            indices,
            values,
            columns,
        };
        Ok(if csr.is_canonical() { csr } else { csr.canonical() })
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

    fn is_canonical(&self) -> bool {
        self.indptr.windows(2).all(|ends| {
            let row = &self.indices[ends[0] as usize..ends[1] as usize];
            // As above, without an early exit.
            let next = row.iter().skip(1);
            row.iter()
                .zip(next)
                .fold(true, |rises, (left, right)| rises & (left < right))
        })
    }

    /// A copy with sorted rows, in which values of the same column are added in the order they came.
    fn canonical(&self) -> Csr<'a> {
        let values = match &self.values {
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
            indptr: values.0.into(),
            indices: values.1.into(),
            values: values.2,
            columns: self.columns,
        }
    }
}

fn sorted<T: Copy + std::ops::AddAssign>(
    indptr: &[u64],
    indices: &[u32],
    values: &[T],
) -> (Vec<u64>, Vec<u32>, Vec<T>) {
    let mut result = (
        Vec::with_capacity(indptr.len()),
        Vec::with_capacity(indices.len()),
        Vec::with_capacity(values.len()),
    );
    result.0.push(0);
    let mut row = Vec::new();
    for ends in indptr.windows(2) {
        let span = ends[0] as usize..ends[1] as usize;
        row.clear();
        row.extend(indices[span.clone()].iter().copied().zip(values[span].iter().copied()));
        row.sort_by_key(|&(column, _)| column);
        let first = result.1.len();
        for &(column, value) in &row {
            if result.1.len() > first && result.1.last() == Some(&column) {
                let last = result.2.len() - 1;
                result.2[last] += value;
            } else {
                result.1.push(column);
                result.2.push(value);
            }
        }
        result.0.push(result.1.len() as u64);
    }
    result
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

    /// The same rows, whose values are in other columns, one for each value.
    pub(crate) fn with_columns<'c>(self, columns: &'c [u32]) -> SparseRows<'c, V>
    where
        't: 'c,
    {
        debug_assert_eq!(columns.len(), self.values.len());
        SparseRows { columns, ..self }
    }

    /// The row at a place among these.
    #[inline(always)]
    pub(crate) fn row(self, index: usize) -> SparseRow<'t, V> {
        let first = self.offsets[0];
        let span = (self.offsets[index] - first) as usize..(self.offsets[index + 1] - first) as usize;
        SparseRow {
            columns: &self.columns[span.clone()],
            values: &self.values[span],
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn csr(indptr: &[u64], indices: &[u32], values: &[f64], columns: usize) -> Result<Csr<'static>, CsrError> {
        Csr::new(
            indptr.to_vec().into(),
            indices.to_vec().into(),
            CsrValues::Double(values.to_vec().into()),
            columns,
        )
    }

    fn entries(csr: &Csr<'_>) -> Vec<Vec<(usize, f64)>> {
        let mut buffer = Vec::new();
        let rows = csr.tile(0..csr.rows(), None, &mut buffer);
        rows.iter().map(|row| row.entries().collect()).collect()
    }

    #[test]
    fn rows_come_as_they_are_or_sorted_with_duplicates_added() {
        let plain = csr(&[0, 2, 2, 3], &[0, 3, 1], &[1.0, 2.0, 3.0], 4).unwrap();
        assert_eq!((plain.rows(), plain.columns(), plain.nonzeros()), (3, 4, 3));
        assert_eq!(entries(&plain), [vec![(0, 1.0), (3, 2.0)], vec![], vec![(1, 3.0)]]);
        let mixed = csr(&[0, 4, 4, 5], &[3, 0, 3, 1, 1], &[1.0, 2.0, 0.5, 4.0, 7.0], 4).unwrap();
        assert_eq!(
            entries(&mixed),
            [vec![(0, 2.0), (1, 4.0), (3, 1.5)], vec![], vec![(1, 7.0)]]
        );
    }

    #[test]
    fn nothing_is_copied_that_is_in_order() {
        let (indptr, indices, values) = ([0, 1, 2], [1, 0], [1.0_f32, 2.0]);
        let single = Csr::new(
            (&indptr).into(),
            (&indices).into(),
            CsrValues::Single((&values).into()),
            2,
        )
        .unwrap();
        assert!(matches!(&single.indices, Cow::Borrowed(_)));
        assert!(matches!(&single.values, CsrValues::Single(Cow::Borrowed(_))));
        assert_eq!(single.precision(), Precision::Single);
        let mut buffer = Vec::new();
        let row = single.tile(1..2, None, &mut buffer).iter().next().unwrap();
        assert_eq!((row.columns, row.values), (&[0][..], &[2.0][..]));
    }

    #[test]
    fn offsets_are_checked_also_beyond_32_bits() {
        let most = 5_000_000_000;
        assert_eq!(check_offsets(&[0, 4_294_967_296, most], most), Ok(()));
        for (indptr, values) in [
            (&[0, 4_294_967_296, most][..], most - (1 << 32)),
            (&[1, most], most),
            (&[0, most, most - 1], most - 1),
            (&[0, u64::MAX], most),
            (&[], 0),
        ] {
            assert!(check_offsets(indptr, values).is_err(), "{indptr:?}");
        }
        assert_eq!(
            check_offsets(&[0, 3, 2, 5], 5).unwrap_err().to_string(),
            "indptr[2]: expected at least 3, got 2"
        );
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(matches!(
            csr(&[0, 1], &[4], &[1.0], 4),
            Err(CsrError::Index { position: 0, .. })
        ));
        assert!(matches!(
            csr(&[0, 1], &[0, 1], &[1.0], 4),
            Err(CsrError::Indices { .. })
        ));
        assert!(matches!(csr(&[0], &[], &[], 0), Err(CsrError::Columns { got: 0 })));
        assert_eq!(csr(&[0], &[], &[], 1).unwrap().rows(), 0);
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_found_by_its_place() {
        let bad = csr(&[0, 1, 1, 3], &[2, 0, 5], &[1.0, 2.0, f64::NAN], 6).unwrap();
        assert_eq!(bad.first_non_finite(), Some((2, 5)));
    }
}
