//! What a fit learns from: rows and their weights, checked.

use std::ops::Range;

use crate::blocks::Blocks;
use crate::error::{Field, FitError};
use crate::finite::all_finite;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::precision::Precision;
use crate::rows::{Lying, Rows, Tile};

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
        let weight_sum = weight_sum(weights, rows.rows(), interrupt)?;
        let blocks = Blocks::new(rows.rows(), rows.row_values(), rows.row_values(), 1);
        let mut finite = vec![true; blocks.count()];
        let columns = rows.columns();
        blocks.reduce(&mut finite, |block, finite| match rows.singles() {
            Some(all) => blocks.tiles(block, interrupt, |tile| {
                *finite &= all_finite(&all[tile.start * columns..tile.end * columns]);
            }),
            None => blocks.row_tiles(rows, block, interrupt, |_, tile| {
                *finite &= all_finite(match tile {
                    Tile::Dense(values) => values,
                    Tile::Sparse(rows) => rows.values(),
                });
            }),
        })?;
        let finite = finite.into_iter().all(|finite| finite);
        if !finite && let Some(error) = not_finite(rows) {
            return Err(error);
        }
        Ok(Self {
            rows,
            weights,
            weight_sum,
            interrupt,
        })
    }

    /// Checks the weights of rows that are known to be finite.
    pub(crate) fn of_finite(
        rows: Rows<'a>,
        weights: Option<&'a [f64]>,
        interrupt: Interrupt<'a>,
    ) -> Result<Self, FitError> {
        Ok(Self {
            rows,
            weights,
            weight_sum: weight_sum(weights, rows.rows(), interrupt)?,
            interrupt,
        })
    }

    /// The same rows with other weights.
    pub(crate) fn with_weights(self, weights: Option<&'a [f64]>) -> Result<Self, FitError> {
        Ok(Self {
            weights,
            weight_sum: weight_sum(weights, self.rows.rows(), self.interrupt)?,
            ..self
        })
    }

    /// The same weights with other rows, which are as many, and finite.
    pub(crate) fn with_rows(self, rows: Rows<'a>) -> Self {
        Self { rows, ..self }
    }

    /// Rows and weights of a sample that was checked. Here all weights may be zero: see [`Sample::check_weight_sum`].
    pub(crate) fn of_checked(rows: Rows<'a>, weights: Option<&'a [f64]>, interrupt: Interrupt<'a>) -> Self {
        let weight_sum = weights.map_or(rows.rows() as f64, |weights| weights.iter().sum());
        Self {
            rows,
            weights,
            weight_sum,
            interrupt,
        }
    }

    /// Some row can be drawn by weight.
    pub(crate) fn check_weight_sum(&self) -> Result<(), FitError> {
        if self.weight_sum > 0.0 {
            return Ok(());
        }
        let expected = "at least one weight above zero among the rows drawn for first centres";
        Err(FitError::invalid(Field::SampleWeight, expected, "only zeros"))
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

    /// [`Sample::tiles`] of rows as they lie in memory, where they can be read there.
    pub(crate) fn lying(
        &self,
        blocks: &Blocks,
        block: Range<usize>,
        mut step: impl FnMut(Range<usize>, Lying<'_>),
    ) -> Result<(), Interrupted> {
        let columns = self.columns();
        if let Some(csr) = self.rows.sparse_singles() {
            return blocks.tiles(block, self.interrupt, |tile| {
                if let Some(rows) = csr.singles(tile.clone()) {
                    step(tile, Lying::SparseSingle(rows));
                }
            });
        }
        match self.rows.singles() {
            Some(all) => blocks.tiles(block, self.interrupt, |tile| {
                let values = &all[tile.start * columns..tile.end * columns];
                step(tile, Lying::Single(values));
            }),
            None => self.tiles(blocks, block, |tile, rows| step(tile, rows.into())),
        }
    }

    /// The weight of one row.
    pub(crate) fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index])
    }

    /// The weights of some rows, where any are given.
    pub(crate) fn weights_of(&self, rows: Range<usize>) -> Option<&'a [f64]> {
        self.weights.map(|weights| &weights[rows])
    }

    /// Whether all rows weigh the same because no weights are given.
    pub(crate) fn is_plain(&self) -> bool {
        self.weights.is_none()
    }

    /// The weight of one row over the sum of all, as NumPy computes it with values of the rows' type.
    pub(crate) fn odds(&self, index: usize) -> f64 {
        match self.rows.precision() {
            Precision::Double => self.weight(index) / self.weight_sum,
            Precision::Single => f64::from(self.weight(index) as f32 / self.weight_sum as f32),
        }
    }

    /// Number of rows with a weight above zero.
    pub(crate) fn possible(&self) -> Result<usize, Interrupted> {
        let Some(weights) = self.weights else {
            return Ok(self.len());
        };
        let mut possible = 0;
        for weights in weights.chunks(STRETCH) {
            interrupt::check(self.interrupt)?;
            possible += weights.iter().filter(|weight| **weight > 0.0).count();
        }
        Ok(possible)
    }

    /// Sum of all weights: above 0, and finite.
    pub(crate) fn weight_sum(&self) -> f64 {
        self.weight_sum
    }
}

/// What is wrong with rows that have a NaN or infinity.
pub(crate) fn not_finite(rows: Rows<'_>) -> Option<FitError> {
    let (row, column) = rows.first_non_finite()?;
    let got = format!("NaN or infinity at row {row}, column {column}");
    Some(FitError::invalid(Field::Rows, "finite values", got))
}

/// Weights between two looks at the interrupt.
const STRETCH: usize = 1 << 20;

fn weight_sum(weights: Option<&[f64]>, rows: usize, interrupt: Interrupt<'_>) -> Result<f64, FitError> {
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
    let mut sum = 0.0;
    for (stretch, part) in weights.chunks(STRETCH).enumerate() {
        interrupt::check(interrupt)?;
        if let Some(index) = part.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            let row = stretch * STRETCH + index;
            return invalid("finite weights, none negative", format!("{} at row {row}", part[index]));
        }
        sum = part.iter().fold(sum, |sum, weight| sum + weight);
    }
    if sum == 0.0 {
        return invalid("at least one weight above zero", "only zeros".into());
    }
    if !sum.is_finite() {
        return invalid("weights with a finite sum", "an overflow".into());
    }
    Ok(sum)
}
