//! Matrices on the wire: raw as they came, checked as the algorithms take them, and encoded again.

use bytes::Bytes;
use ferrule_algorithms::Rows;
use ferrule_proto::ferrule::v1::Matrix;

use crate::{config::Limits, error::Error};

/// A matrix whose sizes, values and names were checked.
pub(crate) struct CheckedMatrix {
    rows: usize,
    columns: usize,
    values: Values,
    feature_names: Vec<String>,
}

enum Values {
    Doubles(Vec<f64>),
    Bytes(Bytes),
}

/// How numbers travel; answers use the encoding of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Doubles,
    Bytes,
}

impl CheckedMatrix {
    /// Checks the matrix in `field` of a request.
    pub(crate) fn check(matrix: Option<Matrix>, field: &str, limits: &Limits) -> Result<Self, Error> {
        let invalid = |part: &str, problem: String| Err(Error::invalid(format!("{field}{part}"), problem));
        let Some(matrix) = matrix else {
            return invalid("", "expected a matrix, got none".into());
        };
        let Matrix {
            rows,
            columns,
            values,
            float64,
            float32,
            csr,
            feature_names,
        } = matrix;
        if !float32.is_empty() || csr.is_some() {
            return invalid(
                "",
                "expected values or float64: float32 and csr are not served yet".into(),
            );
        }
        if rows == 0 {
            return invalid(".rows", "expected at least 1, got 0".into());
        }
        if columns == 0 {
            return invalid(".columns", "expected at least 1, got 0".into());
        }
        let cells = u64::from(rows) * u64::from(columns);
        if cells > u64::from(limits.max_cells) {
            return Err(Error::OverLimit {
                what: "rows × columns",
                came: cells,
                limit: limits.max_cells.into(),
                setting: "limits.max_cells",
            });
        }
        let values = match (values.is_empty(), float64.is_empty()) {
            (false, false) => {
                return invalid("", "expected either values or float64, got both".into());
            }
            (true, true) => {
                return invalid("", format!("expected {cells} values, got none"));
            }
            (false, true) if values.len() as u64 == cells => Values::Doubles(values),
            (false, true) => {
                let problem = format!("expected rows × columns = {cells} values, got {}", values.len());
                return invalid(".values", problem);
            }
            (true, false) if float64.len() as u64 == cells * 8 => Values::Bytes(float64),
            (true, false) => {
                let problem = format!(
                    "expected rows × columns × 8 = {} bytes, got {}",
                    cells * 8,
                    float64.len()
                );
                return invalid(".float64", problem);
            }
        };
        if !feature_names.is_empty() && feature_names.len() != columns as usize {
            let problem = format!("expected none or {columns} names, got {}", feature_names.len());
            return invalid(".feature_names", problem);
        }
        let checked = Self {
            rows: rows as usize,
            columns: columns as usize,
            values,
            feature_names,
        };
        match checked.view().first_non_finite() {
            None => Ok(checked),
            Some((row, column)) => {
                let part = match checked.encoding() {
                    Encoding::Doubles => ".values",
                    Encoding::Bytes => ".float64",
                };
                invalid(
                    part,
                    format!("expected finite values, got NaN or infinity in row {row}, column {column}"),
                )
            }
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    pub(crate) fn encoding(&self) -> Encoding {
        match self.values {
            Values::Doubles(_) => Encoding::Doubles,
            Values::Bytes(_) => Encoding::Bytes,
        }
    }

    /// The matrix as the algorithms read it, where it lies.
    pub(crate) fn view(&self) -> Rows<'_> {
        match &self.values {
            Values::Doubles(values) => Rows::from_values(values, self.rows, self.columns),
            Values::Bytes(bytes) => Rows::from_le_bytes(bytes, self.rows, self.columns),
        }
        .expect("check() compared the length with rows × columns")
    }
}

/// A matrix for a response.
pub(crate) fn encoded(values: Vec<f64>, rows: usize, columns: usize, encoding: Encoding) -> Matrix {
    let (values, float64) = match encoding {
        Encoding::Doubles => (values, Bytes::new()),
        Encoding::Bytes => {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (Vec::new(), bytes.into())
        }
    };
    Matrix {
        rows: rows as u32,
        columns: columns as u32,
        values,
        float64,
        float32: Bytes::new(),
        csr: None,
        feature_names: Vec::new(),
    }
}
