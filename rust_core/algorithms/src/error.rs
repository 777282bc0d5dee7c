//! What can be wrong with the arguments of a fit, a prediction or a model.

use std::fmt;

use crate::interrupt::Interrupted;

/// The argument at fault, so that a caller can name the field of its own request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The matrix of rows.
    Rows,
    /// The class index of each row.
    Classes,
    /// The weight of each row.
    SampleWeight,
    /// K-Means: the number of clusters.
    NClusters,
    /// K-Means: the initial centres.
    Init,
    /// K-Means: the number of runs.
    NInit,
    /// The most iterations allowed.
    MaxIter,
    /// The tolerance of the stopping test.
    Tol,
    /// Mini-batch K-Means: the rows of a step.
    BatchSize,
    /// Mini-batch K-Means: the rows that first centres are drawn from.
    InitSize,
    /// Mini-batch K-Means: which centres are moved.
    ReassignmentRatio,
    /// Logistic regression: the inverse of the penalty's strength.
    C,
    /// Logistic regression: the part of the absolute values in the penalty.
    L1Ratio,
    /// Logistic regression: the solver.
    Solver,
    /// Logistic regression: how the intercept is penalised.
    InterceptScaling,
    /// Logistic regression: the weight of each class.
    ClassWeight,
    /// Logistic regression: the model to start from.
    Start,
    /// Logistic regression: the number of classes.
    NClasses,
}

impl Field {
    /// The name scikit-learn users know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "X",
            Self::Classes => "y",
            Self::SampleWeight => "sample_weight",
            Self::NClusters => "n_clusters",
            Self::Init => "init",
            Self::NInit => "n_init",
            Self::MaxIter => "max_iter",
            Self::Tol => "tol",
            Self::BatchSize => "batch_size",
            Self::InitSize => "init_size",
            Self::ReassignmentRatio => "reassignment_ratio",
            Self::C => "C",
            Self::L1Ratio => "l1_ratio",
            Self::Solver => "solver",
            Self::InterceptScaling => "intercept_scaling",
            Self::ClassWeight => "class_weight",
            Self::Start => "start",
            Self::NClasses => "n_classes",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A buffer does not hold `rows × columns` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A matrix needs at least one column.
    #[error("expected at least one column")]
    NoColumns,
    /// The size in bytes does not fit in memory's address range.
    #[error("{rows} rows of {columns} columns are more than memory can address")]
    TooLarge {
        /// Rows announced.
        rows: usize,
        /// Columns announced.
        columns: usize,
    },
    /// The buffer has another length, in values ([`Rows::from_values`](crate::Rows::from_values)) or in bytes
    /// ([`Rows::from_le_bytes`](crate::Rows::from_le_bytes)).
    #[error("expected {expected} {unit} for {rows} rows of {columns} columns, got {got}")]
    Length {
        /// Rows announced.
        rows: usize,
        /// Columns announced.
        columns: usize,
        /// `"values"` or `"bytes"`.
        unit: &'static str,
        /// The length that the shape asks for.
        expected: usize,
        /// The buffer's length.
        got: usize,
    },
}

/// Arrays do not make a sparse matrix ([`Csr::new`](crate::Csr::new)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// A matrix has at least one column, and its indices are 32-bit.
    #[error("expected 1 to 4294967296 columns, got {got}")]
    Columns {
        /// Columns announced.
        got: usize,
    },
    /// There is one more offset than rows, so at least one.
    #[error("indptr: expected at least one offset, got none")]
    NoOffsets,
    /// Offsets rise from 0 to the number of values.
    #[error("indptr[{row}]: expected {expected}, got {got}")]
    Offset {
        /// Index of the offset.
        row: usize,
        /// What it should have been.
        expected: String,
        /// What it was.
        got: u64,
    },
    /// There is one index for each value.
    #[error("indices: expected {expected}, one for each value, got {got}")]
    Indices {
        /// Number of values.
        expected: usize,
        /// Number of indices.
        got: usize,
    },
    /// An index is no column.
    #[error("indices[{position}]: expected a column below {columns}, got {got}")]
    Index {
        /// Its place among the indices.
        position: usize,
        /// Number of columns.
        columns: usize,
        /// What it was.
        got: u32,
    },
}

/// Why a fit gave no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// An argument is not what the algorithm can work with.
    #[error("{field}: expected {expected}, got {got}")]
    Invalid {
        /// The argument at fault.
        field: Field,
        /// What it should have been.
        expected: String,
        /// What it was.
        got: String,
    },
    /// The rows are finite but so large, or the parameters so extreme, that an intermediate result is not a finite number.
    #[error("the values are too large: {quantity} is not a finite number")]
    Overflow {
        /// What overflowed.
        quantity: &'static str,
    },
    /// The caller's [`Interrupt`](crate::Interrupt) said stop.
    #[error("interrupted")]
    Interrupted,
}

impl FitError {
    pub(crate) fn invalid(field: Field, expected: impl Into<String>, got: impl fmt::Display) -> Self {
        Self::Invalid {
            field,
            expected: expected.into(),
            got: got.to_string(),
        }
    }
}

impl From<Interrupted> for FitError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Why a prediction gave no answer. The output may be partly written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// The rows have another number of columns than the model.
    #[error("expected {expected} columns, got {got}")]
    Columns {
        /// The model's columns.
        expected: usize,
        /// The rows' columns.
        got: usize,
    },
    /// The output slice has the wrong length.
    #[error("expected an output of {expected} values, got {got}")]
    OutputLength {
        /// The length that rows and model ask for.
        expected: usize,
        /// The slice's length.
        got: usize,
    },
    /// The rows are sparse, and a scaling step would make their zeros into other numbers.
    #[error("expected dense rows: {step} in front of the model can't take sparse ones")]
    Sparse {
        /// The step.
        step: &'static str,
    },
    /// The first row whose answer is not a finite number: it holds NaN or infinity, or values so large that the computation
    /// overflows.
    #[error("row {row}: the result is not a finite number")]
    NotFinite {
        /// Index of the row, from 0.
        row: usize,
    },
    /// The caller's [`Interrupt`](crate::Interrupt) said stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<Interrupted> for PredictError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// Why arrays do not make a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A count is out of range.
    #[error("{name}: expected {expected}, got {got}")]
    Count {
        /// Which count.
        name: &'static str,
        /// The range it must be in.
        expected: &'static str,
        /// What it was.
        got: usize,
    },
    /// An array has the wrong length.
    #[error("{name}: expected {expected} values, got {got}")]
    Length {
        /// Which array.
        name: &'static str,
        /// The length that the counts ask for.
        expected: usize,
        /// The array's length.
        got: usize,
    },
    /// A value that divides is 0.
    #[error("{name}: value {index} is 0")]
    Zero {
        /// Which array.
        name: &'static str,
        /// Index of the first such value.
        index: usize,
    },
    /// A range has no room.
    #[error("{name}: expected a range that is not empty")]
    EmptyRange {
        /// Which range.
        name: &'static str,
    },
    /// An array holds NaN or infinity.
    #[error("{name}: value {index} is not finite")]
    NotFinite {
        /// Which array.
        name: &'static str,
        /// Index of the first such value.
        index: usize,
    },
}
