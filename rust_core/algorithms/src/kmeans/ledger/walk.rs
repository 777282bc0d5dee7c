//! A walk over the rows that leaves out those whose bounds say that they keep their label.

use std::ops::Range;

use crate::blocks::Blocks;
use crate::interrupt::Interrupted;
use crate::kmeans::assign::{Carrier, Outcome, Pass, Stretch};
use crate::kmeans::bounds::{Drift, Edges};
use crate::kmeans::scores::ROWS;
use crate::kmeans::tally::{Cuts, Tally};
use crate::rows::{Ahead, Lying, Room, Rows};
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};

/// Rows of [`ROWS`] that are compared where they lie, together with the others: to gather them would take longer.
const MANY: u32 = 44;

/// One block of rows in the hands of a thread.
pub(super) struct Part<'t> {
    /// Index of the first row.
    pub(super) first: usize,
    pub(super) labels: &'t mut [i32],
    pub(super) upper: &'t mut [f32],
    pub(super) lower: &'t mut [f32],
    pub(super) outcome: &'t mut Outcome,
    pub(super) tally: Tally,
}

/// A walk over the rows.
pub(super) struct Walk<'a> {
    pub(super) sample: Sample<'a>,
    pub(super) pass: Pass<'a>,
    pub(super) cuts: &'a Cuts,
    /// What `Bounds::step` gave.
    pub(super) factor: Option<f32>,
    /// None where every row is compared.
    pub(super) drift: Option<&'a Drift>,
}

/// Rows that are not side by side, to be compared together.
#[derive(Default)]
struct Gathered {
    /// The rows' indices.
    indices: Vec<usize>,
    labels: Vec<i32>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    room: Room,
    buffer: Vec<f64>,
}

impl Walk<'_> {
    /// Compares the rows of a block that may have changed their label, or all.
    pub(super) fn block(&self, blocks: &Blocks, block: Range<usize>, part: &mut Part<'_>) -> Result<(), Interrupted> {
        let rows = self.sample.rows();
        let Some(drift) = self.drift else {
            return self.sample.lying(blocks, block, |tile, values| {
                let ahead = rows.ahead(tile.end..tile.end + tile.len());
                self.side_by_side(tile, values, ahead, part);
            });
        };
        let mut gathered = Gathered::default();
        let (first, end) = (block.start, block.end);
        blocks.tiles(block, self.sample.interrupt, |tile| {
            for start in tile.clone().step_by(ROWS) {
                let some = start..tile.end.min(start + ROWS);
                let places = some.start - first..some.end - first;
                let (upper, lower) = (&mut part.upper[places.clone()], &mut part.lower[places.clone()]);
                let mut open = drift.sweep(&part.labels[places], upper, lower);
                if open.count_ones() >= MANY {
                    let ahead = rows.ahead(some.end..end.min(some.end + ROWS));
                    let values = rows.lying(some.clone(), &mut gathered.buffer);
                    self.side_by_side(some, values, ahead, part);
                    continue;
                }
                dispatch(BringNear { rows, start, open });
                while open != 0 {
                    gathered.indices.push(start + open.trailing_zeros() as usize);
                    open &= open - 1;
                    if gathered.indices.len() == ROWS {
                        self.apart(&mut gathered, part);
                    }
                }
            }
        })?;
        self.apart(&mut gathered, part);
        Ok(())
    }

    /// Compares rows that lie side by side.
    fn side_by_side(&self, tile: Range<usize>, rows: Lying<'_>, ahead: Ahead<'_>, part: &mut Part<'_>) {
        let places = tile.start - part.first..tile.end - part.first;
        let stretch = Stretch {
            rows,
            ahead,
            place: places.start,
            labels: &mut part.labels[places.clone()],
            weights: None,
            carrier: Some(Carrier {
                cuts: self.cuts,
                tally: &mut part.tally,
            }),
            edges: self.factor.map(|factor| Edges {
                upper: &mut part.upper[places.clone()],
                lower: &mut part.lower[places],
                factor,
            }),
        };
        self.pass.rows(stretch, part.outcome);
    }

    /// Compares the rows that were gathered, and forgets them.
    fn apart(&self, gathered: &mut Gathered, part: &mut Part<'_>) {
        let Gathered {
            indices,
            labels,
            upper,
            lower,
            room,
            ..
        } = gathered;
        let count = indices.len();
        let rows = self.sample.rows().gather(indices, room);
        labels.clear();
        labels.extend(indices.iter().map(|index| part.labels[index - part.first]));
        upper.resize(count, 0.0);
        lower.resize(count, 0.0);
        let stretch = Stretch {
            rows,
            ahead: Ahead::Unknown,
            place: 0,
            labels,
            weights: None,
            carrier: Some(Carrier {
                cuts: self.cuts,
                tally: &mut part.tally,
            }),
            edges: self.factor.map(|factor| Edges { upper, lower, factor }),
        };
        self.pass.rows(stretch, part.outcome);
        for (at, index) in indices.drain(..).enumerate() {
            let place = index - part.first;
            part.labels[place] = labels[at];
            if self.factor.is_some() {
                part.upper[place] = upper[at];
                part.lower[place] = lower[at];
            }
        }
    }
}

/// Asks for rows that are soon to be gathered: those with a bit in `open`, from `start` on.
struct BringNear<'a> {
    rows: Rows<'a>,
    start: usize,
    open: u64,
}

impl Kernel for BringNear<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut open = self.open;
        while open != 0 {
            let row = self.start + open.trailing_zeros() as usize;
            open &= open - 1;
            self.rows.ahead(row..row + 1).lines().bring_all(simd);
        }
    }
}
