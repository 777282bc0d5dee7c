//! What a fit learns from: rows and their weights, checked.

use std::ops::Range;

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::interrupt::{Interrupt, Interrupted};
use crate::rows::{Rows, Tile};

/// Finite rows, each with a finite weight that is not negative (1 where none are given), and not all zero.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    rows: Rows<'a>,
    weights: Option<&'a [f64]>,
    weight_sum: f64,
    pub(crate) interrupt: Interrupt<'a>,
}

impl<'a> Sample<'a> {
    /// Checks rows and weights.
    pub(crate) fn check(
        rows: Rows<'a>,
        weights: Option<&'a [f64]>,
        interrupt: Interrupt<'a>,
    ) -> Result<Self, FitError> {
        let weight_sum = weight_sum(weights, rows.rows())?;
        let blocks = Blocks::new(rows.rows(), rows.row_values(), rows.row_values(), 1);
        let mut finite = true;
        blocks.row_tiles(rows, 0..rows.rows(), interrupt, |_, tile| {
            let values = match tile {
                Tile::Dense(values) => values,
                Tile::Sparse(rows) => rows.values(),
            };
            // Without an early exit the test of a whole tile is a few vector instructions.
            finite &= values.iter().fold(true, |finite, value| finite & value.is_finite());
        })?;
        if !finite && let Some((row, column)) = rows.first_non_finite() {
            let got = format!("NaN or infinity at row {row}, column {column}");
            return Err(FitError::invalid(Field::Rows, "finite values", got));
        }
        Ok(Self {
            rows,
            weights,
            weight_sum,
            interrupt,
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.rows()
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.rows.columns()
    }

    /// The rows.
    pub(crate) fn rows(&self) -> Rows<'a> {
        self.rows
    }

    /// The values of one row, zeros included.
    pub(crate) fn row(&self, index: usize) -> Vec<f64> {
        let mut row = vec![0.0; self.columns()];
        self.rows.copy_row(index, &mut row);
        row
    }

    /// Calls `step` with the indices and values of a block's rows, a few at a time, unless interrupted.
    pub(crate) fn tiles(
        &self,
        blocks: &Blocks,
        block: Range<usize>,
        step: impl FnMut(Range<usize>, Tile<'_>),
    ) -> Result<(), Interrupted> {
        blocks.row_tiles(self.rows, block, self.interrupt, step)
    }

    /// The weight of one row.
    pub(crate) fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index])
    }

    /// Sum of all weights: above 0, and finite.
    pub(crate) fn weight_sum(&self) -> f64 {
        self.weight_sum
    }
}

fn weight_sum(weights: Option<&[f64]>, rows: usize) -> Result<f64, FitError> {
    let invalid = |expected: &str, got: String| Err(FitError::invalid(Field::SampleWeight, expected, got));
    let Some(weights) = weights else {
        return Ok(rows as f64);
    };
    if weights.len() != rows {
        return invalid(
            &format!("one weight for each of the {rows} rows"),
            weights.len().to_string(),
        );
    }
    if let Some(index) = weights
        .iter()
        .position(|weight| !(weight.is_finite() && *weight >= 0.0))
    {
        return invalid(
            "finite weights, none negative",
            format!("{} at row {index}", weights[index]),
        );
    }
    let sum: f64 = weights.iter().sum();
    if sum == 0.0 {
        return invalid("at least one weight above zero", "only zeros".into());
    }
    if !sum.is_finite() {
        return invalid("weights with a finite sum", "an overflow".into());
    }
    Ok(sum)
}
