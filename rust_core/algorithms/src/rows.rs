//! The rows of a matrix, as callers hand them in and as loops read them.
//!
//! Callers have rows in many forms: aligned values or the bytes of a message, float64 or float32, dense or sparse, before scaling or
//! without. [`Rows`] is a view of any of them, and owns nothing. Loops are written for few forms, and read some rows at a time:
//!
//! - as a [`Tile`], always in float64: what lies so is borrowed, all else is copied, widened and scaled in a buffer that the
//!   first-level cache holds. The form that every loop can take.
//! - as [`Lying`] rows, where a kernel widens float32 in registers (`values.rs`), and so reads half the memory.
//! - copied out one by one, where they do not lie side by side (`copies.rs`).
//!
//! Blocks and tiles are cut by the shape alone (`blocks.rs`), so results do not tell the forms apart. While a loop computes, it can ask
//! for the memory that comes next (`ahead.rs`).

mod ahead;
mod copies;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use ahead::{Ahead, LINE, Lines};
pub(crate) use copies::{Room, Taken};
pub(crate) use tile::{Lying, Row, Tile};

use std::ops::Range;

use crate::csr::{Csr, SparseRows};
use crate::error::{PredictError, ShapeError};
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

impl<'a> From<&'a Csr<'a>> for Rows<'a> {
    fn from(csr: &'a Csr<'a>) -> Self {
        Self::over(Storage::Csr(csr), csr.rows(), csr.columns())
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
