//! Matrices of requests: raw as they came, checked as the algorithms take them.

use std::fmt;

use ferrule_algorithms::{Csr, Rows};
use ferrule_proto::ferrule::v1::Matrix;

use crate::{
    config::Limits,
    encoding::{Encoding, Numbers},
    error::{Error, over_limit, shown},
    sparse,
};

/// A matrix whose sizes, values and names were checked.
pub(crate) struct CheckedMatrix {
    rows: usize,
    columns: usize,
    content: Content,
    encoding: Encoding,
    feature_names: Vec<String>,
}

enum Content {
    /// As it came.
    Dense(Numbers),
    Sparse(Box<Csr<'static>>),
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
        if rows == 0 {
            return invalid(".rows", "expected at least 1, got 0".into());
        }
        if columns == 0 {
            return invalid(".columns", "expected at least 1, got 0".into());
        }
        let cells = u64::from(rows) * u64::from(columns);
        if csr.is_none() {
            over_limit("rows × columns", cells, limits.max_cells, "limits.max_cells")?;
        }
        let numbers = Numbers::only(values, float64, float32, field)?;
        // A sparse matrix without a value has no encoding that says so.
        let encoding = numbers.as_ref().map_or(Encoding::Float64, Numbers::encoding);
        let content = match (csr, numbers) {
            (None, None) => return invalid("", format!("expected {cells} values, got none")),
            (None, Some(numbers)) => {
                numbers.check_count(cells, "rows × columns", field)?;
                Content::Dense(numbers)
            }
            (Some(csr), numbers) => {
                let csr = sparse::check(&csr, numbers, rows, columns, field, limits)?;
                Content::Sparse(Box::new(csr))
            }
        };
        if !feature_names.is_empty() && feature_names.len() != columns as usize {
            let problem = format!("expected none or {columns} names, got {}", feature_names.len());
            return invalid(".feature_names", problem);
        }
        let checked = Self {
            rows: rows as usize,
            columns: columns as usize,
            content,
            encoding,
            feature_names,
        };
        match checked.view().first_non_finite() {
            None => Ok(checked),
            Some((row, column)) => Err(Error::invalid(
                format!("{field}.{}", encoding.name()),
                format!("expected finite values, got NaN or infinity in row {row}, column {column}"),
            )),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// How many values are looked at to read all rows.
    pub(crate) fn stored(&self) -> usize {
        match &self.content {
            Content::Dense(_) => self.rows * self.columns,
            Content::Sparse(csr) => csr.nonzeros() + self.rows,
        }
    }

    pub(crate) fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// Checks the names against `expected` when both have any; `who_expects` begins the message.
    pub(crate) fn check_names(
        &self,
        expected: &[String],
        who_expects: fmt::Arguments<'_>,
        field: &str,
    ) -> Result<(), Error> {
        let names = expected.iter().zip(&self.feature_names).enumerate();
        match names.into_iter().find(|(_, (expected, got))| expected != got) {
            None => Ok(()),
            Some((column, (expected, got))) => {
                let problem = format!("{who_expects} {:?}, got {:?}", shown(expected), shown(got));
                Err(Error::invalid(format!("{field}.feature_names[{column}]"), problem))
            }
        }
    }

    /// The values, row after row; none when the matrix is sparse.
    pub(crate) fn into_dense(self) -> Option<Vec<f64>> {
        match self.content {
            Content::Dense(numbers) => Some(numbers.into_doubles()),
            Content::Sparse(_) => None,
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The matrix as the algorithms read it, where it lies.
    pub(crate) fn view(&self) -> Rows<'_> {
        let (rows, columns) = (self.rows, self.columns);
        match &self.content {
            Content::Dense(Numbers::Values(values)) => Rows::from_values(values, rows, columns),
            Content::Dense(Numbers::Float64(bytes)) => Rows::from_le_bytes(bytes, rows, columns),
            Content::Dense(Numbers::Float32(bytes)) => Rows::from_single_le_bytes(bytes, rows, columns),
            Content::Sparse(csr) => return Rows::from(&**csr),
        }
        .expect("check() compared the length with rows × columns")
    }
}
