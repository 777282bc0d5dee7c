//! The rows of a matrix, as callers hand them in and as loops read them.

use std::ops::Range;

use crate::csr::{Csr, Gather, SparseRow, SparseRows};
use crate::error::{PredictError, ShapeError};
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::precision::Precision;
use crate::scaling::Scaling;
use crate::simd::{DOUBLES, Kernel, SINGLES, Simd, dispatch};

/// Rows of a matrix with at least one column: dense (aligned values or raw little-endian bytes, float64 or float32) or sparse.
///
/// Loops read them a [`Tile`] at a time, in float64: borrowed where they lie so, else copied into a buffer of the size of a
/// first-level cache. Bytes that came over a wire are seldom aligned.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    storage: Storage<'a>,
    rows: usize,
    columns: usize,
    /// None, or at least one step, applied where rows are read.
    scaling: Option<&'a Scaling>,
}

#[derive(Debug, Clone, Copy)]
enum Storage<'a> {
    Double(&'a [f64]),
    DoubleBytes(&'a [[u8; 8]]),
    Single(&'a [f32]),
    SingleBytes(&'a [[u8; 4]]),
    Csr(&'a Csr<'a>),
}

/// Some rows, as loops read them.
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

/// Where rows are copied to that do not lie side by side.
#[derive(Default)]
pub(crate) struct Room {
    /// With a vector behind the last row that means nothing.
    doubles: Vec<f64>,
    singles: Vec<f32>,
    /// For rows that have to be converted.
    buffer: Vec<f64>,
}

/// Where rows lie that come next, so that they can be brought near in time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Ahead<'t> {
    /// Nothing comes, or its place does not matter.
    #[default]
    Unknown,
    Double(&'t [f64]),
    Single(&'t [f32]),
}

impl Ahead<'_> {
    /// The memory that is to be brought near.
    pub(crate) fn lines(self) -> Lines {
        match self {
            Self::Unknown => Lines::over::<f64>(&[]),
            Self::Double(values) => Lines::over(values),
            Self::Single(values) => Lines::over(values),
        }
    }
}

/// Memory that is brought near a few lines at a time, between other work.
pub(crate) struct Lines(Range<*const u8>);

/// Bytes of a line of memory.
pub(crate) const LINE: usize = 64;

impl Lines {
    /// All that lies there.
    pub(crate) fn over<T>(values: &[T]) -> Self {
        Self(bytes(values))
    }

    /// Asks for the next `N` lines.
    #[inline(always)]
    pub(crate) fn bring<S: Simd, const N: usize>(&mut self, simd: S) {
        self.bring_some(simd, N);
    }

    /// Asks for the next `count` lines.
    #[inline(always)]
    pub(crate) fn bring_some<S: Simd>(&mut self, simd: S, count: usize) {
        let Range { start, end } = self.0;
        if start < end {
            for line in 0..count {
                simd.prefetch(start.wrapping_add(line * LINE));
            }
            self.0.start = start.wrapping_add(count * LINE);
        }
    }

    /// Asks for all lines that are left.
    #[inline(always)]
    pub(crate) fn bring_all<S: Simd>(&mut self, simd: S) {
        while self.0.start < self.0.end {
            self.bring::<S, 1>(simd);
        }
    }
}

fn bytes<T>(values: &[T]) -> Range<*const u8> {
    let Range { start, end } = values.as_ptr_range();
    start.cast()..end.cast()
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'t> {
    /// A value for each column.
    Dense(&'t [f64]),
    /// The values that are named; others are zero.
    Sparse(SparseRow<'t>),
}

impl<'a> Rows<'a> {
    /// Rows over `rows × columns` values, row after row. There may be no rows; there must be a column.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_values(values: &'a [f64], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        check_length(values.len(), "values", 1, rows, columns)?;
        Ok(Self::over(Storage::Double(values), rows, columns))
    }

    /// [`Rows::from_values`] for float32.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_single_values(values: &'a [f32], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        check_length(values.len(), "values", 1, rows, columns)?;
        Ok(Self::over(Storage::Single(values), rows, columns))
    }

    /// Rows over `rows × columns × 8` bytes: little-endian float64 values, row after row, at any alignment.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_le_bytes(bytes: &'a [u8], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        check_length(bytes.len(), "bytes", 8, rows, columns)?;
        // SAFETY: every bit pattern is a valid f64.
        let aligned = unsafe { aligned_values(bytes) };
        let storage = aligned.map_or(Storage::DoubleBytes(bytes.as_chunks().0), Storage::Double);
        Ok(Self::over(storage, rows, columns))
    }

    /// [`Rows::from_le_bytes`] for float32: `rows × columns × 4` bytes.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_single_le_bytes(bytes: &'a [u8], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        check_length(bytes.len(), "bytes", 4, rows, columns)?;
        // SAFETY: every bit pattern is a valid f32.
        let aligned = unsafe { aligned_values(bytes) };
        let storage = aligned.map_or(Storage::SingleBytes(bytes.as_chunks().0), Storage::Single);
        Ok(Self::over(storage, rows, columns))
    }

    fn over(storage: Storage<'a>, rows: usize, columns: usize) -> Self {
        Self {
            storage,
            rows,
            columns,
            scaling: None,
        }
    }

    /// The same rows, read through `scaling`: tiles are copied and scaled in the reader's buffer.
    ///
    /// # Errors
    /// [`PredictError::Sparse`] when the rows are sparse and a step can't take them.
    pub(crate) fn scaled(self, scaling: &'a Scaling) -> Result<Self, PredictError> {
        match scaling.refuses_sparse() {
            Some(step) if self.is_sparse() => Err(PredictError::Sparse { step }),
            _ => Ok(Self {
                scaling: (!scaling.is_empty()).then_some(scaling),
                ..self
            }),
        }
    }

    /// Number of rows; may be 0.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The type of the values.
    pub fn precision(&self) -> Precision {
        match self.storage {
            Storage::Double(_) | Storage::DoubleBytes(_) => Precision::Double,
            Storage::Single(_) | Storage::SingleBytes(_) => Precision::Single,
            Storage::Csr(csr) => csr.precision(),
        }
    }

    /// Whether only some values are named.
    pub fn is_sparse(&self) -> bool {
        matches!(self.storage, Storage::Csr(_))
    }

    /// The sparse matrix that the rows are of, if they are sparse.
    pub(crate) fn as_csr(&self) -> Option<&'a Csr<'a>> {
        match self.storage {
            Storage::Csr(csr) => Some(csr),
            _ => None,
        }
    }

    /// Values that are stored for a row, at least 1: the columns of dense rows, the mean number of values of sparse ones.
    pub(crate) fn row_values(&self) -> usize {
        match self.storage {
            Storage::Csr(csr) => csr.nonzeros().div_ceil(self.rows.max(1)).max(1),
            _ => self.columns,
        }
    }

    /// The rows in `range`, borrowed where they are aligned float64 and not scaled, else copied into `buffer` (whose former content
    /// is lost). `range` is cut to the rows that exist.
    pub(crate) fn tile<'b>(&self, range: Range<usize>, buffer: &'b mut Vec<f64>) -> Tile<'b>
    where
        'a: 'b,
    {
        let end = range.end.min(self.rows);
        let start = range.start.min(end);
        let values = start * self.columns..end * self.columns;
        let length = values.len();
        match self.storage {
            Storage::Double(all) if self.scaling.is_none() => return Tile::Dense(&all[values]),
            Storage::Csr(csr) => return Tile::Sparse(csr.tile(start..end, self.scaling, buffer)),
            _ => buffer.resize(length.max(buffer.len()), 0.0),
        }
        let buffer = &mut buffer[..length];
        match self.storage {
            Storage::Double(all) => buffer.copy_from_slice(&all[values]),
            Storage::DoubleBytes(all) => {
                for (value, bytes) in buffer.iter_mut().zip(&all[values]) {
                    *value = f64::from_le_bytes(*bytes);
                }
            }
            Storage::Single(all) => dispatch(Widen(&all[values], buffer)),
            Storage::SingleBytes(all) => {
                for (value, bytes) in buffer.iter_mut().zip(&all[values]) {
                    *value = f64::from(f32::from_le_bytes(*bytes));
                }
            }
            Storage::Csr(_) => {}
        }
        if let Some(scaling) = self.scaling {
            let single = self.precision() == Precision::Single;
            for row in buffer.chunks_exact_mut(self.columns) {
                scaling.apply(row, single);
            }
        }
        Tile::Dense(buffer)
    }

    /// Copies dense rows into `room`, one after another.
    pub(crate) fn gather<'t>(&self, indices: &[usize], room: &'t mut Room) -> Lying<'t> {
        let length = indices.len() * self.columns;
        if let Some(all) = self.singles() {
            room.singles.resize(length, 0.0);
            for (index, row) in indices.iter().zip(room.singles.chunks_exact_mut(self.columns)) {
                row.copy_from_slice(&all[index * self.columns..(index + 1) * self.columns]);
            }
            return Lying::Single(&room.singles);
        }
        let Room {
            doubles: values,
            buffer,
            ..
        } = room;
        values.resize(length + DOUBLES, 0.0);
        match self.storage {
            Storage::Double(all) if self.scaling.is_none() => dispatch(Collect {
                all,
                columns: self.columns,
                indices,
                values,
            }),
            _ => {
                for (index, row) in indices.iter().zip(values.chunks_exact_mut(self.columns)) {
                    if let Tile::Dense(values) = self.tile(*index..*index + 1, buffer) {
                        row.copy_from_slice(values);
                    }
                }
            }
        }
        Lying::Double(&values[..length])
    }

    /// [`Rows::tile`] of rows as they lie in memory, where they can be read there.
    pub(crate) fn lying<'t>(&'t self, range: Range<usize>, buffer: &'t mut Vec<f64>) -> Lying<'t> {
        match self.singles() {
            Some(all) => Lying::Single(&all[range.start * self.columns..range.end * self.columns]),
            None => self.tile(range, buffer).into(),
        }
    }

    /// All sparse rows, where they are of float32 and can be read where they lie.
    pub(crate) fn sparse_singles(&self) -> Option<SparseRows<'a, f32>> {
        self.as_csr().filter(|_| self.scaling.is_none())?.singles()
    }

    /// All values, row after row, of float32 rows that can be read where they lie.
    pub(crate) fn singles(&self) -> Option<&'a [f32]> {
        match self.storage {
            Storage::Single(all) if self.scaling.is_none() => Some(all),
            _ => None,
        }
    }

    /// Where dense rows lie that are aligned; `range` is cut to the rows that exist.
    pub(crate) fn ahead(&self, range: Range<usize>) -> Ahead<'a> {
        let end = range.end.min(self.rows);
        let values = range.start.min(end) * self.columns..end * self.columns;
        match self.storage {
            Storage::Double(all) => Ahead::Double(&all[values]),
            Storage::Single(all) => Ahead::Single(&all[values]),
            _ => Ahead::Unknown,
        }
    }

    /// Writes the values of one row, zeros included, to `row`, which has a place for each column.
    pub(crate) fn copy_row(&self, index: usize, row: &mut [f64]) {
        match self.tile(index..index + 1, &mut Vec::new()) {
            Tile::Dense(values) => row.copy_from_slice(values),
            Tile::Sparse(rows) => {
                row.fill(0.0);
                for (column, value) in rows.iter().flat_map(|row| row.entries()) {
                    row[column] = value;
                }
            }
        }
    }

    /// A copy of some rows, in float64; any may come more than once.
    pub(crate) fn take(&self, indices: &[usize], interrupt: Interrupt<'_>) -> Result<Taken, Interrupted> {
        const STRETCH: usize = 1024;
        if let Storage::Csr(csr) = self.storage {
            let mut taken = Gather::new(csr.columns(), indices.len());
            for stretch in indices.chunks(STRETCH) {
                interrupt::check(interrupt)?;
                stretch.iter().for_each(|&index| taken.push(csr, index));
            }
            return Ok(Taken::Sparse(taken.csr()));
        }
        let mut values = vec![0.0; indices.len() * self.columns];
        let mut buffer = Vec::new();
        for (indices, rows) in indices.chunks(STRETCH).zip(values.chunks_mut(STRETCH * self.columns)) {
            interrupt::check(interrupt)?;
            for (&index, row) in indices.iter().zip(rows.chunks_exact_mut(self.columns)) {
                if let Tile::Dense(values) = self.tile(index..index + 1, &mut buffer) {
                    row.copy_from_slice(values);
                }
            }
        }
        Ok(Taken::Dense {
            values,
            rows: indices.len(),
            columns: self.columns,
        })
    }

    /// Row and column of the first NaN or infinity, if there is one.
    pub fn first_non_finite(&self) -> Option<(usize, usize)> {
        let index = match self.storage {
            Storage::Double(all) => all.iter().position(|value| !value.is_finite()),
            Storage::DoubleBytes(all) => all.iter().position(|bytes| !f64::from_le_bytes(*bytes).is_finite()),
            Storage::Single(all) => all.iter().position(|value| !value.is_finite()),
            Storage::SingleBytes(all) => all.iter().position(|bytes| !f32::from_le_bytes(*bytes).is_finite()),
            Storage::Csr(csr) => return csr.first_non_finite(),
        }?;
        Some((index / self.columns, index % self.columns))
    }
}

/// Copies float32 values as float64.
struct Widen<'a>(&'a [f32], &'a mut [f64]);

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (singles, last) = self.0.as_chunks::<SINGLES>();
        let (doubles, last_doubles) = self.1.as_chunks_mut::<SINGLES>();
        for (singles, doubles) in singles.iter().zip(doubles) {
            let [low, high] = simd.widen(simd.load_singles(singles));
            let (halves, _) = doubles.as_chunks_mut::<DOUBLES>();
            simd.store(low, &mut halves[0]);
            simd.store(high, &mut halves[1]);
        }
        for (single, double) in last.iter().zip(last_doubles) {
            *double = f64::from(*single);
        }
    }
}

/// Copies rows, each behind the one before; the last vector of one may reach into the next, which comes later.
struct Collect<'a> {
    all: &'a [f64],
    columns: usize,
    indices: &'a [usize],
    /// With room for a vector behind the last row.
    values: &'a mut [f64],
}

impl Kernel for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut place = 0;
        for index in self.indices {
            let row = &self.all[index * self.columns..(index + 1) * self.columns];
            let (vectors, last) = row.as_chunks::<DOUBLES>();
            let (to, _) = self.values[place..].as_chunks_mut::<DOUBLES>();
            for (vector, to) in vectors.iter().zip(&mut *to) {
                simd.store(simd.load(vector), to);
            }
            if let Some(to) = to.get_mut(vectors.len())
                && !last.is_empty()
            {
                simd.store(simd.load_some(last), to);
            }
            place += self.columns;
        }
    }
}

/// A copy of some rows.
pub(crate) enum Taken {
    /// Row after row.
    Dense {
        values: Vec<f64>,
        rows: usize,
        columns: usize,
    },
    /// As sparse as they were.
    Sparse(Csr<'static>),
}

impl Taken {
    /// The rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        match self {
            Self::Dense { values, rows, columns } => Rows::over(Storage::Double(values), *rows, *columns),
            Self::Sparse(csr) => csr.into(),
        }
    }
}

impl<'a> From<&'a Csr<'a>> for Rows<'a> {
    fn from(csr: &'a Csr<'a>) -> Self {
        Self::over(Storage::Csr(csr), csr.rows(), csr.columns())
    }
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

/// The number of units (values, or bytes of values of `width` bytes) is that of `rows × columns`.
fn check_length(got: usize, unit: &'static str, width: usize, rows: usize, columns: usize) -> Result<(), ShapeError> {
    let expected = value_count(rows, columns)? * width;
    if got == expected {
        return Ok(());
    }
    Err(ShapeError::Length {
        rows,
        columns,
        unit,
        expected,
        got,
    })
}

fn value_count(rows: usize, columns: usize) -> Result<usize, ShapeError> {
    if columns == 0 {
        return Err(ShapeError::NoColumns);
    }
    rows.checked_mul(columns)
        .filter(|count| {
            count
                .checked_mul(size_of::<f64>())
                .is_some_and(|bytes| isize::try_from(bytes).is_ok())
        })
        .ok_or(ShapeError::TooLarge { rows, columns })
}

/// The bytes as values, if they can be read in place: aligned, on a little-endian machine.
///
/// # Safety
/// Every bit pattern must be a valid `T`.
unsafe fn aligned_values<T>(bytes: &[u8]) -> Option<&[T]> {
    if cfg!(target_endian = "big") {
        return None;
    }
    // SAFETY: the caller promises that any bytes are values; `align_to` gives whole, aligned ones as its middle part.
    let (before, values, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::Step;

    /// The values as bytes that start `shift` bytes after an aligned address.
    fn shifted(values: &[f64], shift: usize) -> (Vec<f64>, usize) {
        let mut storage = vec![0.0; values.len() + 1];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        // SAFETY: the vector's memory is initialised, and any byte may be written to an f64's storage.
        let target = unsafe { storage.align_to_mut::<u8>().1 };
        target[shift..shift + bytes.len()].copy_from_slice(&bytes);
        (storage, shift)
    }

    fn bytes_of(storage: &[f64]) -> &[u8] {
        // SAFETY: f64 has no padding; all its bytes are initialised.
        unsafe { storage.align_to::<u8>().1 }
    }

    fn dense<'b>(rows: Rows<'b>, range: Range<usize>, buffer: &'b mut Vec<f64>) -> &'b [f64] {
        match rows.tile(range, buffer) {
            Tile::Dense(values) => values,
            Tile::Sparse(_) => panic!("expected dense rows"),
        }
    }

    #[test]
    fn single_precision_is_widened() {
        let values = [1.5_f32, -2.0, f32::MIN_POSITIVE, 3e38, 0.1, -0.0];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = values.map(f64::from);
        let mut buffer = Vec::new();
        let rows = Rows::from_single_values(&values, 2, 3).unwrap();
        assert_eq!(rows.precision(), Precision::Single);
        assert_eq!(dense(rows, 0..2, &mut buffer), expected);
        for shift in 0..4 {
            let mut shifted = vec![0; shift];
            shifted.extend(&bytes);
            let rows = Rows::from_single_le_bytes(&shifted[shift..], 2, 3).unwrap();
            assert_eq!(rows.precision(), Precision::Single);
            assert_eq!(dense(rows, 1..2, &mut buffer), &expected[3..]);
        }
    }

    #[test]
    fn a_row_is_copied_with_its_zeros() {
        let csr = Csr::new(
            vec![0, 1, 3].into(),
            vec![2, 0, 3].into(),
            crate::csr::CsrValues::Double(vec![5.0, 6.0, 7.0].into()),
            4,
        )
        .unwrap();
        let mut row = [9.0; 4];
        Rows::from(&csr).copy_row(1, &mut row);
        assert_eq!(row, [6.0, 0.0, 0.0, 7.0]);
        Rows::from_values(&[1.0, 2.0, 3.0, 4.0], 2, 2)
            .unwrap()
            .copy_row(1, &mut row[..2]);
        assert_eq!(row[..2], [3.0, 4.0]);
    }

    #[test]
    fn reads_bytes_at_every_alignment() {
        let values = [1.5, -2.0, f64::MIN_POSITIVE, 4e300, 5.0, -0.0];
        for shift in 0..8 {
            let (storage, shift) = shifted(&values, shift);
            let rows = Rows::from_le_bytes(&bytes_of(&storage)[shift..shift + 48], 3, 2).unwrap();
            assert_eq!((rows.rows(), rows.columns()), (3, 2));
            let mut buffer = Vec::new();
            assert_eq!(dense(rows, 0..3, &mut buffer), values);
            let mut buffer = vec![9.0; 3];
            assert_eq!(dense(rows, 1..3, &mut buffer), &values[2..]);
            assert_eq!(dense(rows, 2..9, &mut buffer), &values[4..]);
            assert_eq!(dense(rows, 1..1, &mut buffer), &[] as &[f64]);
            assert_eq!(rows.first_non_finite(), None);
            // Aligned bytes are borrowed, others copied.
            let borrowed = dense(rows, 0..1, &mut buffer).as_ptr().cast::<u8>() == bytes_of(&storage)[shift..].as_ptr();
            assert_eq!(borrowed, shift == 0);
        }
    }

    #[test]
    fn finds_the_first_value_that_is_not_finite() {
        let values = [0.0, 1.0, 2.0, f64::NEG_INFINITY, f64::NAN, 5.0];
        assert_eq!(
            Rows::from_values(&values, 2, 3).unwrap().first_non_finite(),
            Some((1, 0))
        );
        let (storage, shift) = shifted(&values, 3);
        let rows = Rows::from_le_bytes(&bytes_of(&storage)[shift..shift + 48], 3, 2).unwrap();
        assert_eq!(rows.first_non_finite(), Some((1, 1)));
    }

    #[test]
    fn scaled_rows_are_scaled_wherever_they_lie() {
        let steps = vec![Step::MaxAbsScaler {
            scale: vec![2.0, 4.0],
            clip: false,
        }];
        let scaling = Scaling::new(steps, 2).unwrap();
        let values = [2.0_f64, 4.0, 1.0, -8.0];
        let singles = values.map(|value| value as f32);
        let doubles: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut buffer = Vec::new();
        for rows in [
            Rows::from_values(&values, 2, 2).unwrap(),
            Rows::from_single_values(&singles, 2, 2).unwrap(),
            Rows::from_le_bytes(&doubles, 2, 2).unwrap(),
        ] {
            let rows = rows.scaled(&scaling).unwrap();
            assert_eq!(dense(rows, 0..2, &mut buffer), [1.0, 1.0, 0.5, -2.0]);
            assert_eq!(dense(rows, 1..2, &mut buffer), [0.5, -2.0]);
        }
        for values in [
            crate::csr::CsrValues::Double(vec![4.0, 2.0].into()),
            crate::csr::CsrValues::Single(vec![4.0, 2.0].into()),
        ] {
            let csr = Csr::new(vec![0, 1, 2].into(), vec![1, 0].into(), values, 2).unwrap();
            let rows = Rows::from(&csr).scaled(&scaling).unwrap();
            let mut row = [9.0; 2];
            rows.copy_row(0, &mut row);
            assert_eq!(row, [0.0, 1.0]);
            rows.copy_row(1, &mut row);
            assert_eq!(row, [1.0, 0.0]);
            let centred = Step::StandardScaler {
                mean: Some(vec![0.0; 2]),
                scale: None,
            };
            let centred = Scaling::new(vec![centred], 2).unwrap();
            let step = "StandardScaler with a mean";
            assert_eq!(
                Rows::from(&csr).scaled(&centred).unwrap_err(),
                PredictError::Sparse { step }
            );
        }
        // Without steps nothing is copied.
        let rows = Rows::from_values(&values, 2, 2).unwrap();
        let none = Scaling::default();
        assert_eq!(
            dense(rows.scaled(&none).unwrap(), 0..2, &mut buffer).as_ptr(),
            values.as_ptr()
        );
    }

    #[test]
    fn refuses_a_buffer_of_another_length() {
        assert_eq!(Rows::from_values(&[], 0, 0).unwrap_err(), ShapeError::NoColumns);
        assert!(matches!(
            Rows::from_values(&[1.0], usize::MAX, 2).unwrap_err(),
            ShapeError::TooLarge { .. }
        ));
        assert!(matches!(
            Rows::from_le_bytes(&[], usize::MAX / 8, 1).unwrap_err(),
            ShapeError::TooLarge { .. }
        ));
        let error = Rows::from_le_bytes(&[0; 15], 2, 1).unwrap_err();
        assert_eq!(
            error,
            ShapeError::Length {
                rows: 2,
                columns: 1,
                unit: "bytes",
                expected: 16,
                got: 15
            }
        );
        assert_eq!(error.to_string(), "expected 16 bytes for 2 rows of 1 columns, got 15");
        assert!(Rows::from_values(&[1.0; 3], 2, 2).is_err());
        assert!(Rows::from_single_values(&[1.0; 3], 2, 2).is_err());
        assert!(Rows::from_single_le_bytes(&[0; 15], 2, 2).is_err());
        assert_eq!(Rows::from_values(&[], 0, 3).unwrap().rows(), 0);
    }
}
