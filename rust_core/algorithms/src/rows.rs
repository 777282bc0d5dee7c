//! The rows of a dense matrix, as callers hand them in.

use std::ops::Range;

use crate::error::ShapeError;

const VALUE_BYTES: usize = size_of::<f64>();

/// Rows of a dense row-major float64 matrix, given as aligned values or as raw little-endian bytes.
///
/// Bytes that came over a wire are seldom aligned for `f64`; then a reader copies a few rows at a time with [`Rows::block`].
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    storage: Storage<'a>,
    rows: usize,
    columns: usize,
}

#[derive(Debug, Clone, Copy)]
enum Storage<'a> {
    Values(&'a [f64]),
    LittleEndian(&'a [[u8; VALUE_BYTES]]),
}

impl<'a> Rows<'a> {
    /// Rows over `rows × columns` values, row after row. There may be no rows; there must be a column.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_values(values: &'a [f64], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        let expected = value_count(rows, columns)?;
        if values.len() != expected {
            return Err(ShapeError::Length {
                rows,
                columns,
                unit: "values",
                expected,
                got: values.len(),
            });
        }
        Ok(Self {
            storage: Storage::Values(values),
            rows,
            columns,
        })
    }

    /// Rows over `rows × columns × 8` bytes: little-endian float64 values, row after row, at any alignment.
    ///
    /// # Errors
    /// [`ShapeError`] when the slice has another length.
    pub fn from_le_bytes(bytes: &'a [u8], rows: usize, columns: usize) -> Result<Self, ShapeError> {
        let expected = value_count(rows, columns)? * VALUE_BYTES;
        if bytes.len() != expected {
            return Err(ShapeError::Length {
                rows,
                columns,
                unit: "bytes",
                expected,
                got: bytes.len(),
            });
        }
        let storage = aligned_values(bytes).map_or(Storage::LittleEndian(bytes.as_chunks().0), Storage::Values);
        Ok(Self { storage, rows, columns })
    }

    /// Number of rows; may be 0.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The contiguous row-major values of the rows in `range`: borrowed where they are aligned, else copied into `buffer`
    /// (whose former content is lost). `range` is cut to the rows that exist.
    pub fn block<'b>(&self, range: Range<usize>, buffer: &'b mut Vec<f64>) -> &'b [f64]
    where
        'a: 'b,
    {
        let end = range.end.min(self.rows);
        let start = range.start.min(end);
        let values = start * self.columns..end * self.columns;
        match self.storage {
            Storage::Values(all) => &all[values],
            Storage::LittleEndian(all) => {
                buffer.clear();
                buffer.extend(all[values].iter().map(|bytes| f64::from_le_bytes(*bytes)));
                buffer
            }
        }
    }

    /// Row and column of the first NaN or infinity, if there is one.
    pub fn first_non_finite(&self) -> Option<(usize, usize)> {
        let index = match self.storage {
            Storage::Values(all) => all.iter().position(|value| !value.is_finite()),
            Storage::LittleEndian(all) => all.iter().position(|bytes| !f64::from_le_bytes(*bytes).is_finite()),
        }?;
        Some((index / self.columns, index % self.columns))
    }

    /// All values, row after row, in a new vector.
    pub fn to_vec(&self) -> Vec<f64> {
        match self.storage {
            Storage::Values(all) => all.to_vec(),
            Storage::LittleEndian(all) => all.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        }
    }
}

fn value_count(rows: usize, columns: usize) -> Result<usize, ShapeError> {
    if columns == 0 {
        return Err(ShapeError::NoColumns);
    }
    rows.checked_mul(columns)
        .filter(|count| {
            count
                .checked_mul(VALUE_BYTES)
                .is_some_and(|bytes| isize::try_from(bytes).is_ok())
        })
        .ok_or(ShapeError::TooLarge { rows, columns })
}

/// The bytes as values, if they can be read in place: aligned, on a little-endian machine.
fn aligned_values(bytes: &[u8]) -> Option<&[f64]> {
    if cfg!(target_endian = "big") {
        return None;
    }
    // SAFETY: every bit pattern is a valid f64, and `align_to` gives only whole, aligned values as its middle part.
    let (before, values, after) = unsafe { bytes.align_to::<f64>() };
    (before.is_empty() && after.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn reads_bytes_at_every_alignment() {
        let values = [1.5, -2.0, f64::MIN_POSITIVE, 4e300, 5.0, -0.0];
        for shift in 0..8 {
            let (storage, shift) = shifted(&values, shift);
            let rows = Rows::from_le_bytes(&bytes_of(&storage)[shift..shift + 48], 3, 2).unwrap();
            assert_eq!((rows.rows(), rows.columns()), (3, 2));
            assert_eq!(rows.to_vec(), values);
            let mut buffer = vec![9.0; 3];
            assert_eq!(rows.block(1..3, &mut buffer), &values[2..]);
            assert_eq!(rows.block(2..9, &mut buffer), &values[4..]);
            assert_eq!(rows.block(1..1, &mut buffer), &[] as &[f64]);
            assert_eq!(rows.first_non_finite(), None);
            // Aligned bytes are borrowed, others copied.
            let borrowed = rows.block(0..1, &mut buffer).as_ptr().cast::<u8>() == bytes_of(&storage)[shift..].as_ptr();
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
        assert_eq!(Rows::from_values(&[], 0, 3).unwrap().to_vec(), Vec::<f64>::new());
    }
}
