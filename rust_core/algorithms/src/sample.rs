//! What a fit learns from: rows and their weights, checked.

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::interrupt::Interrupt;
use crate::rows::Rows;

/// Finite rows, each with a finite weight that is not negative (1 where none are given), and not all zero.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    values: &'a [f64],
    columns: usize,
    weights: Option<&'a [f64]>,
    weight_sum: f64,
    pub(crate) interrupt: Interrupt<'a>,
}

impl<'a> Sample<'a> {
    /// Checks rows and weights. Rows that are not aligned are copied into `copy`, once: a fit passes over them many times.
    pub(crate) fn check(
        rows: Rows<'a>,
        weights: Option<&'a [f64]>,
        copy: &'a mut Vec<f64>,
        interrupt: Interrupt<'a>,
    ) -> Result<Self, FitError> {
        let weight_sum = weight_sum(weights, rows.rows())?;
        let columns = rows.columns();
        let values = rows.block(0..rows.rows(), copy);
        let blocks = Blocks::new(rows.rows(), columns, columns, 1);
        let mut bad = None;
        blocks.tiles(0..rows.rows(), interrupt, |tile| {
            if bad.is_none() {
                let start = tile.start * columns;
                let tile = &values[start..tile.end * columns];
                // Without an early exit the test of a whole tile is a few vector instructions.
                if !tile.iter().fold(true, |finite, value| finite & value.is_finite()) {
                    bad = tile
                        .iter()
                        .position(|value| !value.is_finite())
                        .map(|index| start + index);
                }
            }
        })?;
        match bad {
            None => Ok(Self {
                values,
                columns,
                weights,
                weight_sum,
                interrupt,
            }),
            Some(index) => {
                let (row, column) = (index / columns, index % columns);
                let got = format!("{} at row {row}, column {column}", values[index]);
                Err(FitError::invalid(Field::Rows, "finite values", got))
            }
        }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The values of one row.
    pub(crate) fn row(&self, index: usize) -> &'a [f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
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
