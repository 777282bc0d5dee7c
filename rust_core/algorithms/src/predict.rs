//! One answer for each row: what every prediction has in common.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::blocks::Blocks;
use crate::error::PredictError;
use crate::interrupt::Interrupt;
use crate::rows::{Ahead, Row, Rows, Tile};

/// What a model needs, to answer for one row.
pub(crate) struct Prediction<'a> {
    /// The rows to answer for.
    pub(crate) rows: Rows<'a>,
    /// The model's number of columns.
    pub(crate) columns: usize,
    /// Output values for each row.
    pub(crate) width: usize,
    /// Multiply-adds for each row.
    pub(crate) row_work: usize,
    /// When to stop.
    pub(crate) interrupt: Interrupt<'a>,
}

impl Prediction<'_> {
    /// Calls `answer` with each row and its part of `outputs`; `answer` says whether the result is finite. A row's answer depends
    /// on that row alone. Small predictions run on the calling thread and allocate nothing.
    pub(crate) fn write<T: Send>(
        &self,
        outputs: &mut [T],
        answer: impl Fn(Row<'_>, &mut [T]) -> bool + Sync,
    ) -> Result<(), PredictError> {
        self.write_tiles(outputs, |tile, _, outputs| {
            let outputs = outputs.chunks_exact_mut(self.width);
            let mut first = None;
            for (index, (row, output)) in tile.rows(self.columns).zip(outputs).enumerate() {
                if !answer(row, output) && first.is_none() {
                    first = Some(index);
                }
            }
            first
        })
    }

    /// [`Prediction::write`] for some rows at a time, which are followed by others: `answer` gives the first of them whose result is not
    /// finite.
    pub(crate) fn write_tiles<T: Send>(
        &self,
        outputs: &mut [T],
        answer: impl Fn(Tile<'_>, Ahead<'_>, &mut [T]) -> Option<usize> + Sync,
    ) -> Result<(), PredictError> {
        let Self {
            rows,
            columns,
            width,
            row_work,
            interrupt,
        } = *self;
        if rows.columns() != columns {
            return Err(PredictError::Columns {
                expected: columns,
                got: rows.columns(),
            });
        }
        let expected = rows.rows().saturating_mul(width);
        if outputs.len() != expected {
            return Err(PredictError::OutputLength {
                expected,
                got: outputs.len(),
            });
        }
        let blocks = Blocks::new(rows.rows(), rows.row_values(), row_work, 1);
        // The lowest such row, so that the error is the same on any number of threads.
        let not_finite = AtomicUsize::new(usize::MAX);
        blocks.write(outputs, width, |block, outputs| {
            let first = block.start;
            blocks.row_tiles(rows, block, interrupt, |tile, values| {
                let outputs = &mut outputs[(tile.start - first) * width..(tile.end - first) * width];
                let ahead = rows.ahead(tile.end..tile.end + tile.len());
                if let Some(index) = answer(values, ahead, outputs) {
                    not_finite.fetch_min(tile.start + index, Ordering::Relaxed);
                }
            })
        })?;
        match not_finite.into_inner() {
            usize::MAX => Ok(()),
            row => Err(PredictError::NotFinite { row }),
        }
    }
}
