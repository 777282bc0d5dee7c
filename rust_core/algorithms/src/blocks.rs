//! Cutting rows into blocks, and running over them on one thread or several with the same result.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use crate::interrupt::{self, Interrupt, Interrupted};
use crate::rows::{Lying, Rows, Tile};
use crate::simd::DOUBLES;

/// At most this many blocks, so that their partial results stay small beside the rows.
const MOST_BLOCKS: usize = 64;
const LEAST_BLOCK_ROWS: usize = 256;
/// Multiply-adds below which handing blocks to other threads costs more than it saves (about 0.1 ms with vector instructions).
const PARALLEL_WORK: usize = 1 << 19;
/// Values that a tile copies from unaligned rows: 32 KiB, the size of a first-level cache.
const TILE_VALUES: usize = 4096;
/// Rows of a tile, where they are not longer than ...
const LEAST_TILE_ROWS: usize = 64;
/// ... this many values together: 512 KiB, less than a second-level cache.
const MOST_TILE_VALUES: usize = 1 << 16;
/// Multiply-adds between two looks at the interrupt (about 1 ms without vector instructions).
const TILE_WORK: usize = 1 << 21;
/// A scratch buffer above this length (in values) is given back rather than kept by the thread.
const KEPT_SCRATCH: usize = 1 << 17;

/// Rows cut into blocks of equal size, except the last. The cut depends on the shape alone, never on the number of threads:
/// partial results of blocks, combined in block order, are the same bits everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    rows: usize,
    block_rows: usize,
    tile_rows: usize,
    parallel: bool,
}

/// Does `work` on a thread of a pool, where `size` multiply-adds are worth other threads: its loops then meet them awake. The
/// pool is its own: in a shared one a thread that waits for a block might take up another caller's whole fit.
pub(crate) fn on_pool<T: Send>(size: usize, work: impl FnOnce() -> T + Send) -> T {
    if size < PARALLEL_WORK || rayon::current_thread_index().is_some() {
        return work();
    }
    let threads = rayon::current_num_threads();
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// What `step` makes of each part, in their order: on several threads, where `size` multiply-adds are worth it.
pub(crate) fn map_parts<P: Send, R: Send, C>(size: usize, parts: Vec<P>, step: impl Fn(P) -> R + Send + Sync) -> C
where
    C: FromIterator<R> + FromParallelIterator<R>,
{
    if size < PARALLEL_WORK {
        parts.into_iter().map(step).collect()
    } else {
        parts.into_par_iter().map(step).collect()
    }
}

impl Blocks {
    /// Blocks for `rows` rows of `row_values` values (see [`Rows::row_values`]), at `row_work` multiply-adds for each row. Each block's partial result is worth
    /// `partial_rows` rows of memory; blocks have at least four times as many rows, so that partial results take at most a quarter of
    /// the rows' memory.
    pub(crate) fn new(rows: usize, row_values: usize, row_work: usize, partial_rows: usize) -> Self {
        let block_rows = LEAST_BLOCK_ROWS
            .max(partial_rows.saturating_mul(4))
            .max(rows.div_ceil(MOST_BLOCKS));
        let tile_rows = (TILE_VALUES / row_values)
            .max(LEAST_TILE_ROWS.min(MOST_TILE_VALUES / row_values))
            .min(TILE_WORK / row_work.max(1));
        // Whole vectors, so that a row's lane is that of its place in the block.
        let tile_rows = (tile_rows / DOUBLES * DOUBLES).max(DOUBLES);
        let parallel = rows > block_rows && rows.saturating_mul(row_work) >= PARALLEL_WORK;
        Self {
            rows,
            block_rows,
            tile_rows,
            parallel,
        }
    }

    /// Rows of each block but the last.
    pub(crate) fn block_rows(&self) -> usize {
        self.block_rows
    }

    /// Number of blocks.
    pub(crate) fn count(&self) -> usize {
        self.rows.div_ceil(self.block_rows)
    }

    /// Calls `step` with each block's rows and its part of `outputs` (`width` values for each row).
    pub(crate) fn write<T: Send>(
        &self,
        outputs: &mut [T],
        width: usize,
        step: impl Fn(Range<usize>, &mut [T]) -> Result<(), Interrupted> + Sync,
    ) -> Result<(), Interrupted> {
        let length = self.block_rows.saturating_mul(width).max(1);
        if self.parallel {
            outputs
                .par_chunks_mut(length)
                .enumerate()
                .try_for_each(|(block, part)| step(self.range(block), part))
        } else {
            outputs
                .chunks_mut(length)
                .enumerate()
                .try_for_each(|(block, part)| step(self.range(block), part))
        }
    }

    /// Calls `step` with each block's rows and its partial result; there is one partial result for each block.
    pub(crate) fn reduce<P: Send>(
        &self,
        partials: &mut [P],
        step: impl Fn(Range<usize>, &mut P) -> Result<(), Interrupted> + Sync,
    ) -> Result<(), Interrupted> {
        if self.parallel {
            partials
                .par_iter_mut()
                .enumerate()
                .try_for_each(|(block, partial)| step(self.range(block), partial))
        } else {
            partials
                .iter_mut()
                .enumerate()
                .try_for_each(|(block, partial)| step(self.range(block), partial))
        }
    }

    /// [`Blocks::write`] (with one output value for each row) and [`Blocks::reduce`] in one.
    pub(crate) fn write_reduce<T: Send, P: Send>(
        &self,
        outputs: &mut [T],
        partials: &mut [P],
        step: impl Fn(Range<usize>, &mut [T], &mut P) -> Result<(), Interrupted> + Sync,
    ) -> Result<(), Interrupted> {
        if self.parallel {
            outputs
                .par_chunks_mut(self.block_rows)
                .zip(partials)
                .enumerate()
                .try_for_each(|(block, (part, partial))| step(self.range(block), part, partial))
        } else {
            outputs
                .chunks_mut(self.block_rows)
                .zip(partials)
                .enumerate()
                .try_for_each(|(block, (part, partial))| step(self.range(block), part, partial))
        }
    }

    /// A block's rows, a few at a time, with a look at the interrupt before each.
    pub(crate) fn tiles(
        &self,
        block: Range<usize>,
        interrupt: Interrupt<'_>,
        mut step: impl FnMut(Range<usize>),
    ) -> Result<(), Interrupted> {
        let mut start = block.start;
        while start < block.end {
            interrupt::check(interrupt)?;
            let end = block.end.min(start + self.tile_rows);
            step(start..end);
            start = end;
        }
        Ok(())
    }

    /// [`Blocks::tiles`] with the rows' values.
    pub(crate) fn row_tiles(
        &self,
        rows: Rows<'_>,
        block: Range<usize>,
        interrupt: Interrupt<'_>,
        mut step: impl FnMut(Range<usize>, Tile<'_>),
    ) -> Result<(), Interrupted> {
        let mut buffer = SCRATCH.take();
        let outcome = self.tiles(block, interrupt, |tile| {
            step(tile.clone(), rows.tile(tile, &mut buffer));
        });
        if buffer.capacity() <= KEPT_SCRATCH {
            SCRATCH.set(buffer);
        }
        outcome
    }

    /// [`Blocks::row_tiles`] of rows as they lie in memory, where they can be read there.
    pub(crate) fn lying_tiles(
        &self,
        rows: Rows<'_>,
        block: Range<usize>,
        interrupt: Interrupt<'_>,
        mut step: impl FnMut(Range<usize>, Lying<'_>),
    ) -> Result<(), Interrupted> {
        let columns = rows.columns();
        if let Some(all) = rows.sparse_singles() {
            return self.tiles(block, interrupt, |tile| {
                step(tile.clone(), Lying::SparseSingle(all.part(tile)));
            });
        }
        match rows.singles() {
            Some(all) => self.tiles(block, interrupt, |tile| {
                let values = &all[tile.start * columns..tile.end * columns];
                step(tile, Lying::Single(values));
            }),
            None => self.row_tiles(rows, block, interrupt, |tile, values| step(tile, values.into())),
        }
    }

    /// The rows of a block.
    pub(crate) fn range(&self, block: usize) -> Range<usize> {
        let start = block * self.block_rows;
        start..self.rows.min(start + self.block_rows)
    }
}

thread_local! {
    /// Where a thread copies unaligned rows: kept between calls, so that a small prediction allocates nothing.
    static SCRATCH: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn blocks_cover_the_rows_once_and_in_order() {
        for rows in [0, 1, 255, 256, 257, 5000, 16_384, 16_385, 100_000] {
            let blocks = Blocks::new(rows, 3, 30, 10);
            let mut ranges = vec![0..0; blocks.count()];
            blocks
                .reduce(&mut ranges, |range, slot| {
                    *slot = range;
                    Ok(())
                })
                .unwrap();
            let mut next = 0;
            for range in ranges {
                assert_eq!(range.start, next);
                assert!(range.end > range.start);
                next = range.end;
            }
            assert_eq!(next, rows);
            assert!(blocks.count() <= MOST_BLOCKS);
        }
    }

    #[test]
    fn partial_results_stay_small_beside_the_rows() {
        let blocks = Blocks::new(1_000_000, 10, 10, 50_000);
        assert_eq!(blocks.count(), 5);
    }

    #[test]
    fn outputs_belong_to_their_rows() {
        let blocks = Blocks::new(1000, 2, 1 << 20, 1);
        let mut outputs = vec![0; 3000];
        blocks
            .write(&mut outputs, 3, |range, part| {
                assert_eq!(part.len(), 3 * range.len());
                for (row, values) in range.zip(part.chunks_mut(3)) {
                    values.fill(row);
                }
                Ok(())
            })
            .unwrap();
        assert!(outputs.iter().enumerate().all(|(index, value)| *value == index / 3));
    }

    #[test]
    fn tiles_stop_when_told() {
        let blocks = Blocks::new(1000, 4096, 1, 1);
        let mut seen = 0;
        let outcome = blocks.tiles(0..1000, &|| true, |_| seen += 1);
        assert_eq!((outcome, seen), (Err(Interrupted), 0));
        blocks.tiles(10..15, &never, |tile| seen += tile.len()).unwrap();
        assert_eq!(seen, 5);
    }
}
