//! What a run keeps from one iteration to the next: sums that follow the labels, and bounds that save comparisons.

use std::ops::Range;
use std::sync::Mutex;

use crate::blocks::Blocks;
use crate::interrupt::{self, Interrupted};
use crate::kmeans::assign::{Carrier, Changes, Outcome, Pass, Route, Stretch};
use crate::kmeans::bounds::{Bounds, Drifts, Edges};
use crate::kmeans::centers::Centers;
use crate::kmeans::scores::{LINE, ROWS};
use crate::kmeans::sums::Sums;
use crate::kmeans::tally::{Cuts, Tally};
use crate::rows::{Ahead, Rows, Tile};
use crate::sample::Sample;
use crate::simd::{Kernel, Simd, dispatch};

/// Sums and bounds of a run over dense rows.
pub(crate) struct Ledger<'c> {
    cuts: &'c Cuts,
    tally: Tally,
    bounds: Bounds,
    /// Empty sums that threads change, to be added to `tally`.
    spare: Mutex<Vec<Tally>>,
}

/// Memory of a cluster's sums, as values for each of its own.
pub(crate) const TALLY_VALUES: usize = 3;

/// One block of rows in the hands of a thread.
struct Part<'t> {
    outcome: &'t mut Outcome,
    upper: &'t mut [f32],
    lower: &'t mut [f32],
}

impl<'c> Ledger<'c> {
    /// Of rows without labels.
    pub(crate) fn new(cuts: &'c Cuts, rows: usize, n_clusters: usize, columns: usize) -> Self {
        Self {
            cuts,
            tally: Tally::new(n_clusters, columns),
            bounds: Bounds::new(rows),
            spare: Mutex::default(),
        }
    }

    /// Gives the rows that may have changed their label to their nearest centre, and follows with the sums. `old` are the centres
    /// before: those that the labels were made with. With `inertia`, every row is compared, and outcomes have the inertia.
    #[allow(clippy::too_many_arguments, reason = "the parts of a run, which it borrows apart")]
    pub(crate) fn pass(
        &mut self,
        sample: Sample<'_>,
        blocks: &Blocks,
        old: &[f64],
        centers: &Centers,
        labels: &mut [i32],
        outcomes: &mut [Outcome],
        inertia: bool,
    ) -> Result<Changes, Interrupted> {
        let scale = centers.panels().map(|panels| panels.scale());
        let factor = self.bounds.step(old, centers, scale, sample.interrupt)?;
        let Self {
            cuts,
            tally,
            bounds,
            spare,
        } = self;
        let (upper, lower, drifts) = bounds.parts();
        let drifts = drifts.filter(|_| !inertia);
        let length = blocks.block_rows();
        let mut parts: Vec<Part<'_>> = outcomes
            .iter_mut()
            .zip(upper.chunks_mut(length).zip(lower.chunks_mut(length)))
            .map(|(outcome, (upper, lower))| Part { outcome, upper, lower })
            .collect();
        let walk = Walk {
            sample,
            pass: Pass {
                centers,
                route: Route::Scores,
                write: true,
                gather: false,
                inertia,
            },
            cuts,
            factor,
            drifts,
        };
        let empty = || Tally::new(centers.count(), centers.columns());
        blocks.write_reduce(labels, &mut parts, |block, labels, part| {
            part.outcome
                .clear(centers, false, false, || interrupt::check(sample.interrupt))?;
            let mut tally = spare.lock().map_or(None, |mut spare| spare.pop()).unwrap_or_else(empty);
            let walked = walk.block(blocks, block, labels, part, &mut tally);
            if let Ok(mut spare) = spare.lock() {
                spare.push(tally);
            }
            walked?;
            part.outcome.sums.finish(centers, false, || Ok(()))
        })?;
        for other in spare.get_mut().expect("no thread panicked, or this one would have") {
            tally.absorb(other);
        }
        let mut changes = Changes::default();
        for outcome in outcomes {
            changes.join(outcome.changes);
        }
        Ok(changes)
    }

    /// Each cluster's weight and deviations.
    pub(crate) fn state(&self, centers: &Centers, sums: &mut Sums) {
        self.tally.state(centers.values(), centers.columns(), sums);
    }
}

/// A walk over the rows.
struct Walk<'a> {
    sample: Sample<'a>,
    pass: Pass<'a>,
    cuts: &'a Cuts,
    /// See [`Bounds::step`].
    factor: Option<f32>,
    /// None where every row is compared.
    drifts: Option<Drifts<'a>>,
}

/// Rows that are not side by side, to be compared together.
#[derive(Default)]
struct Gathered {
    /// The row's place in its block.
    places: Vec<usize>,
    labels: Vec<i32>,
    values: Vec<f64>,
    weights: Vec<f64>,
    upper: Vec<f32>,
    lower: Vec<f32>,
    buffer: Vec<f64>,
}

impl Walk<'_> {
    fn block(
        &self,
        blocks: &Blocks,
        block: Range<usize>,
        labels: &mut [i32],
        part: &mut Part<'_>,
        tally: &mut Tally,
    ) -> Result<(), Interrupted> {
        let first = block.start;
        let rows = self.sample.rows();
        let Some(drifts) = self.drifts else {
            return self.sample.tiles(blocks, block, |tile, values| {
                let ahead = rows.ahead(tile.end..tile.end + tile.len());
                self.side_by_side(first, tile, values, ahead, labels, part, tally);
            });
        };
        let mut gathered = Gathered::default();
        let mut buffer = Vec::new();
        let (start, end) = (block.start, block.end);
        blocks.tiles(block, self.sample.interrupt, |tile| {
            for from in tile.clone().step_by(ROWS) {
                let some = from..tile.end.min(from + ROWS);
                let places = some.start - start..some.end - start;
                let (upper, lower) = (&mut part.upper[places.clone()], &mut part.lower[places.clone()]);
                let mut open = drifts.sweep(&labels[places], upper, lower);
                if open == u64::MAX {
                    let values = rows.tile(some.clone(), &mut buffer);
                    let ahead = rows.ahead(some.end..end.min(some.end + ROWS));
                    self.side_by_side(first, some, values, ahead, labels, part, tally);
                    continue;
                }
                dispatch(BringNear {
                    rows,
                    first: some.start,
                    open,
                });
                while open != 0 {
                    let place = some.start - start + open.trailing_zeros() as usize;
                    open &= open - 1;
                    gathered.places.push(place);
                    if gathered.places.len() == ROWS {
                        self.apart(start, &mut gathered, labels, part, tally);
                    }
                }
            }
        })?;
        self.apart(start, &mut gathered, labels, part, tally);
        Ok(())
    }

    /// Compares rows that lie side by side.
    #[allow(clippy::too_many_arguments, reason = "what a block consists of")]
    fn side_by_side(
        &self,
        first: usize,
        tile: Range<usize>,
        rows: Tile<'_>,
        ahead: Ahead<'_>,
        labels: &mut [i32],
        part: &mut Part<'_>,
        tally: &mut Tally,
    ) {
        let places = tile.start - first..tile.end - first;
        let stretch = Stretch {
            rows,
            ahead,
            place: places.start,
            labels: &mut labels[places.clone()],
            weights: self.sample.weights_of(tile),
            carrier: Some(Carrier { cuts: self.cuts, tally }),
            edges: self.factor.map(|factor| Edges {
                upper: &mut part.upper[places.clone()],
                lower: &mut part.lower[places],
                factor,
            }),
        };
        self.pass.rows(stretch, part.outcome);
    }

    /// Compares the rows that were gathered, and forgets them.
    fn apart(&self, first: usize, gathered: &mut Gathered, labels: &mut [i32], part: &mut Part<'_>, tally: &mut Tally) {
        let columns = self.sample.columns();
        let Gathered {
            places,
            labels: own,
            values,
            weights,
            upper,
            lower,
            buffer,
        } = gathered;
        let count = places.len();
        own.clear();
        own.extend(places.iter().map(|place| labels[*place]));
        values.resize(count * columns, 0.0);
        for (place, row) in places.iter().zip(values.chunks_exact_mut(columns)) {
            let place = first + place;
            if let Tile::Dense(values) = self.sample.rows().tile(place..place + 1, buffer) {
                row.copy_from_slice(values);
            }
        }
        weights.clear();
        if !self.sample.is_plain() {
            weights.extend(places.iter().map(|place| self.sample.weight(first + place)));
        }
        upper.resize(count, 0.0);
        lower.resize(count, 0.0);
        let stretch = Stretch {
            rows: Tile::Dense(values),
            ahead: Ahead::Unknown,
            place: 0,
            labels: own,
            weights: (!self.sample.is_plain()).then_some(weights),
            carrier: Some(Carrier { cuts: self.cuts, tally }),
            edges: self.factor.map(|factor| Edges { upper, lower, factor }),
        };
        self.pass.rows(stretch, part.outcome);
        let found = own.iter().zip(&*upper).zip(&*lower);
        for (place, ((label, upper), lower)) in places.drain(..).zip(found) {
            labels[place] = *label;
            if self.factor.is_some() {
                part.upper[place] = *upper;
                part.lower[place] = *lower;
            }
        }
    }
}

/// Asks for rows that are soon to be gathered: those with a bit in `open`, from `first` on.
struct BringNear<'a> {
    rows: Rows<'a>,
    first: usize,
    open: u64,
}

impl Kernel for BringNear<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut open = self.open;
        while open != 0 {
            let row = self.first + open.trailing_zeros() as usize;
            open &= open - 1;
            let Range { mut start, end } = self.rows.ahead(row..row + 1).span();
            while start < end {
                simd.prefetch(start);
                start = start.wrapping_add(LINE);
            }
        }
    }
}

/// Adds the inertia of rows whose labels are known.
pub(crate) struct Inertia<'a> {
    pub(crate) centers: &'a Centers,
    pub(crate) values: &'a [f64],
    pub(crate) labels: &'a [i32],
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) sums: &'a mut Sums,
}

impl Kernel for Inertia<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut inertias = self.sums.inertias(simd);
        let rows = self.values.chunks_exact(self.centers.columns()).zip(self.labels);
        for (index, (row, label)) in rows.enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[index]);
            self.sums
                .add_vectors(simd, self.centers, row, weight, *label as usize, false, &mut inertias);
        }
        self.sums.set_inertias(simd, inertias);
    }
}

/// The inertia of the rows of a sample, all of them labelled, block by block.
pub(crate) fn inertia(
    sample: Sample<'_>,
    blocks: &Blocks,
    centers: &Centers,
    labels: &mut [i32],
    outcomes: &mut [Outcome],
) -> Result<(), Interrupted> {
    let check = || interrupt::check(sample.interrupt);
    blocks.write_reduce(labels, outcomes, |block, labels, outcome| {
        outcome.clear(centers, false, false, check)?;
        let first = block.start;
        sample.tiles(blocks, block, |tile, rows| {
            if let Tile::Dense(values) = rows {
                dispatch(Inertia {
                    centers,
                    values,
                    labels: &labels[tile.start - first..tile.end - first],
                    weights: sample.weights_of(tile),
                    sums: &mut outcome.sums,
                });
            }
        })?;
        outcome.sums.finish(centers, false, check)
    })
}
