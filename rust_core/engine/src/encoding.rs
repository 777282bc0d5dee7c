//! How the numbers of a matrix travel.

use bytes::Bytes;
use ferrule_proto::ferrule::v1::Matrix;

use crate::error::Error;

/// The encodings that a matrix may have; answers use that of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Values,
    Float64,
    Float32,
}

/// Numbers as they came.
pub(crate) enum Numbers {
    Values(Vec<f64>),
    Float64(Bytes),
    Float32(Bytes),
}

impl Encoding {
    /// The name of the field.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Float64 => "float64",
            Self::Float32 => "float32",
        }
    }

    /// Bytes of one number.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Values | Self::Float64 => 8,
            Self::Float32 => 4,
        }
    }

    /// Numbers as a dense matrix of a response, row after row.
    ///
    /// # Errors
    /// The first row that has a number too large for the encoding.
    pub(crate) fn encode(self, numbers: Vec<f64>, rows: usize, columns: usize) -> Result<Matrix, usize> {
        let mut matrix = Matrix {
            rows: rows as u32,
            columns: columns as u32,
            ..Matrix::default()
        };
        match self {
            Self::Values => matrix.values = numbers,
            Self::Float64 => matrix.float64 = numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Self::Float32 => {
                if let Some(place) = numbers.iter().position(|&number| (number as f32).is_infinite()) {
                    return Err(place / columns);
                }
                matrix.float32 = numbers
                    .iter()
                    .flat_map(|&number| (number as f32).to_le_bytes())
                    .collect();
            }
        }
        Ok(matrix)
    }
}

impl Numbers {
    /// The numbers of the matrix in `field`, which has them in one encoding at most; none when it has no number.
    pub(crate) fn only(values: Vec<f64>, float64: Bytes, float32: Bytes, field: &str) -> Result<Option<Self>, Error> {
        let given = (!values.is_empty(), !float64.is_empty(), !float32.is_empty());
        let (first, second) = match given {
            (false, false, false) => return Ok(None),
            (true, false, false) => return Ok(Some(Self::Values(values))),
            (false, true, false) => return Ok(Some(Self::Float64(float64))),
            (false, false, true) => return Ok(Some(Self::Float32(float32))),
            (true, true, _) => ("values", "float64"),
            (true, false, true) => ("values", "float32"),
            (false, true, true) => ("float64", "float32"),
        };
        let problem = format!("expected one of values, float64 and float32, got {first} and {second}");
        Err(Error::invalid(field, problem))
    }

    pub(crate) fn encoding(&self) -> Encoding {
        match self {
            Self::Values(_) => Encoding::Values,
            Self::Float64(_) => Encoding::Float64,
            Self::Float32(_) => Encoding::Float32,
        }
    }

    /// The length of the field: numbers or bytes.
    fn length(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Float64(bytes) | Self::Float32(bytes) => bytes.len(),
        }
    }

    /// Checks that there are `count` numbers; `what` is how messages call that.
    pub(crate) fn check_count(&self, count: u64, what: &str, field: &str) -> Result<(), Error> {
        let (encoding, length) = (self.encoding(), self.length());
        let problem = match encoding {
            Encoding::Values if length as u64 != count => format!("expected {what} = {count} values, got {length}"),
            Encoding::Float64 | Encoding::Float32 if length as u64 != count * encoding.width() as u64 => {
                let width = encoding.width();
                let expected = count * width as u64;
                format!("expected {what} × {width} = {expected} bytes, got {length}")
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(format!("{field}.{}", encoding.name()), problem))
    }

    /// How many there are.
    pub(crate) fn count(&self, field: &str) -> Result<usize, Error> {
        let (encoding, length) = (self.encoding(), self.length());
        let width = match encoding {
            Encoding::Values => return Ok(length),
            Encoding::Float64 | Encoding::Float32 => encoding.width(),
        };
        if length.is_multiple_of(width) {
            return Ok(length / width);
        }
        let problem = format!("expected a multiple of {width} bytes, got {length}");
        Err(Error::invalid(format!("{field}.{}", encoding.name()), problem))
    }

    /// The numbers, each of whole bytes.
    pub(crate) fn into_doubles(self) -> Vec<f64> {
        match self {
            Self::Values(values) => values,
            Self::Float64(bytes) => bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect(),
            Self::Float32(bytes) => {
                let singles = bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes);
                singles.map(f64::from).collect()
            }
        }
    }
}
