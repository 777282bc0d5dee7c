//! One answer for each row: what every prediction has in common.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::blocks::Blocks;
use crate::error::PredictError;
use crate::interrupt::{Interrupt, Interrupted};
use crate::rows::{Ahead, Lying, Row, Rows, Tile};
use crate::simd::{DOUBLES, Kernel, SINGLES, Simd, dispatch};

/// Rows are brought near this many rows before they are read, or a tile before where that has fewer: what is brought earlier lies further
/// from the registers again by then, the more so the longer the rows are.
const ROWS_AHEAD: usize = 2 * DOUBLES;

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

    /// [`Prediction::write`] for some rows at a time: `answer` gives the first of them whose result is not finite. It can bring as many rows
    /// near, those that come [`ROWS_AHEAD`] later or a tile later.
    pub(crate) fn write_tiles<T: Send>(
        &self,
        outputs: &mut [T],
        answer: impl Fn(Tile<'_>, Ahead<'_>, &mut [T]) -> Option<usize> + Sync,
    ) -> Result<(), PredictError> {
        let (rows, interrupt) = (self.rows, self.interrupt);
        self.write_blocks(outputs, |blocks, block, put| {
            blocks.row_tiles(rows, block, interrupt, |tile, values| {
                put(tile, &mut |ahead, outputs| answer(values, ahead, outputs));
            })
        })
    }

    /// [`Prediction::write_tiles`] of rows as they lie in memory, where they can be read there.
    pub(crate) fn write_lying<T: Send>(
        &self,
        outputs: &mut [T],
        answer: impl Fn(Lying<'_>, Ahead<'_>, &mut [T]) -> Option<usize> + Sync,
    ) -> Result<(), PredictError> {
        let (rows, interrupt) = (self.rows, self.interrupt);
        self.write_blocks(outputs, |blocks, block, put| {
            blocks.lying_tiles(rows, block, interrupt, |tile, values| {
                put(tile, &mut |ahead, outputs| answer(values, ahead, outputs));
            })
        })
    }

    /// [`Prediction::write_lying`] to numbers of either type; the answers themselves are in float64, and rounded once.
    pub(crate) fn write_numbers(
        &self,
        outputs: NumbersMut<'_>,
        answer: impl Fn(Lying<'_>, Ahead<'_>, &mut [f64]) -> Option<usize> + Sync,
    ) -> Result<(), PredictError> {
        match outputs {
            NumbersMut::Double(outputs) => self.write_lying(outputs, answer),
            NumbersMut::Single(outputs) => self.write_lying(outputs, |rows, ahead, outputs| {
                let mut wide = WIDE.take();
                if wide.len() < outputs.len() {
                    wide.resize(outputs.len(), 0.0);
                }
                let answers = &mut wide[..outputs.len()];
                let first = answer(rows, ahead, answers);
                dispatch(Narrow(answers, outputs));
                if wide.capacity() <= KEPT_WIDE {
                    WIDE.set(wide);
                }
                first
            }),
        }
    }

    /// Calls `step` with each block, and with what it is to call with each of the block's tiles.
    fn write_blocks<T: Send>(
        &self,
        outputs: &mut [T],
        step: impl Fn(&Blocks, Range<usize>, &mut Put<'_, T>) -> Result<(), Interrupted> + Sync,
    ) -> Result<(), PredictError> {
        let Self {
            rows,
            columns,
            width,
            row_work,
            ..
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
            step(&blocks, block, &mut |tile: Range<usize>, answer| {
                let outputs = &mut outputs[(tile.start - first) * width..(tile.end - first) * width];
                let distance = ROWS_AHEAD.min(tile.len());
                let ahead = rows.ahead(tile.start + distance..tile.end + distance);
                if let Some(index) = answer(ahead, outputs) {
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

/// Takes the answers for a tile of rows.
type Put<'p, T> = dyn FnMut(Range<usize>, &mut dyn FnMut(Ahead<'_>, &mut [T]) -> Option<usize>) + 'p;

/// Where numbers go: to float64 or to float32.
#[derive(Debug)]
pub enum NumbersMut<'o> {
    /// float64.
    Double(&'o mut [f64]),
    /// float32.
    Single(&'o mut [f32]),
}

impl<'o> From<&'o mut [f64]> for NumbersMut<'o> {
    fn from(values: &'o mut [f64]) -> Self {
        Self::Double(values)
    }
}

impl<'o> From<&'o mut [f32]> for NumbersMut<'o> {
    fn from(values: &'o mut [f32]) -> Self {
        Self::Single(values)
    }
}

/// A buffer of answers above this length (in values) is given back rather than kept by the thread.
const KEPT_WIDE: usize = 1 << 17;

thread_local! {
    /// Where answers are before they are rounded: kept between calls, so that a small prediction allocates nothing.
    static WIDE: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

/// Copies float64 values as float32.
struct Narrow<'a>(&'a [f64], &'a mut [f32]);

impl Kernel for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (doubles, last_doubles) = self.0.as_chunks::<SINGLES>();
        let (singles, last) = self.1.as_chunks_mut::<SINGLES>();
        for (doubles, singles) in doubles.iter().zip(singles) {
            let (halves, _) = doubles.as_chunks::<DOUBLES>();
            simd.store_singles(simd.narrow(simd.load(&halves[0]), simd.load(&halves[1])), singles);
        }
        for (double, single) in last_doubles.iter().zip(last) {
            *single = *double as f32;
        }
    }
}
