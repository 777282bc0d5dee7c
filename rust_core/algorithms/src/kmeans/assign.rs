//! Giving rows to their nearest centres: what kernels are handed, and what they hand back.

use std::cell::Cell;
use std::ops::Range;

use crate::blocks::Blocks;
use crate::csr::SparseRows;
use crate::interrupt::Interrupted;
use crate::kmeans::bounds::Edges;
use crate::kmeans::centers::Centers;
use crate::kmeans::exact::Exact;
use crate::kmeans::few::Few;
use crate::kmeans::margins::{Kept, Ways};
use crate::kmeans::route::Route;
use crate::kmeans::scores::Scores;
use crate::kmeans::sparse::Sparse;
use crate::kmeans::sums::{ABREAST, Sums, Wanted};
use crate::kmeans::tally::{Cuts, Tally};
use crate::rows::{Ahead, Lying, Row};
use crate::sample::Sample;
use crate::simd::{DOUBLES, Simd, dispatch};
use crate::values::Value;

/// How a pass compares rows with centres, and what for.
pub(crate) struct Pass<'a> {
    pub(crate) centers: &'a Centers,
    pub(crate) route: Route,
    pub(crate) look: Look,
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// Whether labels are written, or only compared.
    pub(crate) write: bool,
    /// Whether deviations and weights are gathered.
    pub(crate) gather: bool,
    /// Whether the inertia is wanted; only by [`Route::Scores`] are deviations gathered without it.
    pub(crate) inertia: bool,
    /// Whether scores note rows' margins.
    pub(crate) margins: bool,
}

/// One tile of dense rows in the hands of a kernel.
pub(crate) struct Task<'a, 't, V = f64> {
    pub(crate) centers: &'a Centers,
    /// Row after row.
    pub(crate) values: &'t [V],
    /// The first row's place in its block, a multiple of [`DOUBLES`].
    pub(crate) place: usize,
    pub(crate) labels: &'t mut [i32],
    /// One for each row; None is 1 for each.
    pub(crate) weights: Option<&'t [f64]>,
    pub(crate) outcome: &'t mut Outcome,
    pub(crate) look: Look,
    /// Where rows that change their label are carried from one sum to another.
    pub(crate) carrier: Option<Carrier<'t>>,
    /// Where scores leave bounds of distances.
    pub(crate) edges: Option<Edges<'t>>,
}

/// Sums that follow the labels.
pub(crate) struct Carrier<'t> {
    pub(crate) cuts: &'t Cuts,
    pub(crate) tally: &'t mut Tally,
}

/// Some rows of a block, or their values.
pub(crate) struct Stretch<'t, R> {
    pub(crate) rows: R,
    /// The rows that come next.
    pub(crate) ahead: Ahead<'t>,
    /// The first row's place in its block, a multiple of [`DOUBLES`] where that matters to sums.
    pub(crate) place: usize,
    pub(crate) labels: &'t mut [i32],
    /// One for each row; None is 1 for each.
    pub(crate) weights: Option<&'t [f64]>,
    pub(crate) carrier: Option<Carrier<'t>>,
    pub(crate) edges: Option<Edges<'t>>,
}

impl<'t, R> Stretch<'t, R> {
    /// Rows that weigh 1 each, of which nothing is carried or bounded.
    pub(crate) fn new(rows: R, place: usize, labels: &'t mut [i32]) -> Self {
        Self {
            rows,
            ahead: Ahead::Unknown,
            place,
            labels,
            weights: None,
            carrier: None,
            edges: None,
        }
    }

    /// The same with its rows in another form.
    pub(crate) fn over<T>(self, rows: T) -> Stretch<'t, T> {
        let Self {
            ahead,
            place,
            labels,
            weights,
            carrier,
            edges,
            ..
        } = self;
        Stretch {
            rows,
            ahead,
            place,
            labels,
            weights,
            carrier,
            edges,
        }
    }
}

/// What the rows of one block say.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) sums: Sums,
    pub(crate) changes: Changes,
    /// A row has no finite distance.
    pub(crate) not_finite: bool,
    /// Sparse rows whose first scores left doubt.
    pub(crate) doubtful: usize,
    /// Margins of the rows, where they are asked for and come from scores.
    pub(crate) margins: Vec<f32>,
}

/// Which rows have another label than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) any: bool,
    /// Any that weighs something: only those move centres.
    pub(crate) weighted: bool,
}

impl Outcome {
    /// Nothing seen yet; see [`Sums::clear`].
    pub(crate) fn clear(
        &mut self,
        centers: &Centers,
        gather: bool,
        sparse: bool,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        self.changes = Changes::default();
        self.not_finite = false;
        self.doubtful = 0;
        self.margins.clear();
        self.sums.clear(centers, gather, sparse, check)
    }
}

impl Changes {
    pub(crate) fn join(&mut self, other: Self) {
        self.any |= other.any;
        self.weighted |= other.weighted;
    }
}

impl Pass<'_> {
    /// Does it with the rows of a block.
    pub(crate) fn block(
        &self,
        sample: Sample<'_>,
        blocks: &Blocks,
        block: Range<usize>,
        labels: &mut [i32],
        outcome: &mut Outcome,
    ) -> Result<(), Interrupted> {
        let first = block.start;
        sample.lying(blocks, block, |tile, rows| {
            let places = tile.start - first..tile.end - first;
            let stretch = Stretch {
                ahead: sample.rows().ahead(tile.end..tile.end + tile.len()),
                weights: sample.weights_of(tile),
                ..Stretch::new(rows, places.start, &mut labels[places])
            };
            self.rows(stretch, outcome);
        })
    }

    /// Does it with some rows.
    pub(crate) fn rows(&self, stretch: Stretch<'_, Lying<'_>>, outcome: &mut Outcome) {
        match stretch.rows {
            Lying::Double(values) => self.dense(stretch.over(values), outcome),
            Lying::Single(values) => self.dense(stretch.over(values), outcome),
            Lying::Sparse(rows) => self.sparse(stretch.over(rows), outcome),
            Lying::SparseSingle(rows) => self.sparse(stretch.over(rows), outcome),
        }
    }

    fn sparse<V: Value>(&self, stretch: Stretch<'_, SparseRows<'_, V>>, outcome: &mut Outcome) {
        let rows = stretch.rows;
        let mut task = self.task(stretch.over(&[] as &[f64]), outcome);
        let planes = (self.route == Route::SparseScores).then(|| self.centers.planes());
        if let Some(planes) = planes.flatten() {
            let mut scratch = SCRATCH.take();
            dispatch(Sparse {
                task,
                rows,
                planes,
                scratch: &mut scratch,
            });
            SCRATCH.set(scratch);
            return;
        }
        let mut widened = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            task.one(index, Row::Sparse(row.widened(&mut widened)));
        }
    }

    fn dense<V: Value>(&self, stretch: Stretch<'_, &[V]>, outcome: &mut Outcome) {
        let ahead = stretch.ahead;
        let task = self.task(stretch, outcome);
        let panels = (self.route == Route::Scores).then(|| self.centers.panels());
        match (self.route, panels.flatten()) {
            (Route::Few, _) => dispatch(Few(task)),
            (_, Some(panels)) => {
                let mut scratch = SCRATCH.take();
                dispatch(Scores {
                    task,
                    panels,
                    ahead,
                    scratch: &mut scratch,
                });
                SCRATCH.set(scratch);
            }
            (_, None) => dispatch(Exact(task)),
        }
    }

    /// [`Pass::rows`] of dense rows that were labelled before the centres went these `ways`; `margins` are theirs.
    pub(crate) fn kept(&self, stretch: Stretch<'_, Lying<'_>>, outcome: &mut Outcome, margins: &[f32], ways: &Ways) {
        match stretch.rows {
            Lying::Double(values) => {
                let task = self.task(stretch.over(values), outcome);
                dispatch(Kept { task, margins, ways });
            }
            Lying::Single(values) => {
                let task = self.task(stretch.over(values), outcome);
                dispatch(Kept { task, margins, ways });
            }
            Lying::Sparse(_) | Lying::SparseSingle(_) => debug_assert!(false, "sparse rows have no margins"),
        }
    }

    fn task<'t, V>(&'t self, stretch: Stretch<'t, &'t [V]>, outcome: &'t mut Outcome) -> Task<'t, 't, V> {
        debug_assert_eq!(stretch.place % DOUBLES, 0);
        Task {
            centers: self.centers,
            values: stretch.rows,
            place: stretch.place,
            labels: stretch.labels,
            weights: stretch.weights,
            outcome,
            look: self.look,
            carrier: stretch.carrier,
            edges: stretch.edges,
        }
    }
}

impl<V> Task<'_, '_, V> {
    /// Labels the row at `index` of the tile, and adds what it says, without vectors.
    pub(crate) fn one(&mut self, index: usize, row: Row<'_>) {
        match self.centers.nearest(row) {
            Some((cluster, _)) => self.give(index, row, cluster),
            None => self.outcome.not_finite = true,
        }
    }

    /// [`Task::one`] for a row whose cluster is known.
    pub(crate) fn give(&mut self, index: usize, row: Row<'_>, cluster: usize) {
        self.relabel(index, cluster);
        if self.look.inertia {
            let weight = self.weight(index);
            let place = self.place + index;
            self.outcome
                .sums
                .add(self.centers, place, row, weight, cluster, self.look.gather);
        }
    }

    /// Notes a row's cluster.
    #[inline(always)]
    pub(crate) fn relabel(&mut self, index: usize, cluster: usize) {
        let new = cluster as i32;
        if self.labels[index] != new {
            let weighs = self.weight(index) > 0.0;
            self.outcome.changes.join(Changes {
                any: true,
                weighted: weighs,
            });
            if self.look.write {
                self.labels[index] = new;
            }
        }
    }

    /// Notes a dense row's cluster and adds what the row says, by vectors. The inertia's parts stay with the caller.
    #[inline(always)]
    pub(crate) fn settle<S: Simd>(
        &mut self,
        simd: S,
        index: usize,
        row: &[V],
        cluster: usize,
        inertias: &mut [S::Double; ABREAST],
    ) where
        V: Value,
    {
        if let Some(Carrier { cuts, tally }) = &mut self.carrier {
            let from = self.labels[index];
            if from != cluster as i32 {
                tally.carry(simd, cuts, row, from, cluster as i32);
            }
        }
        self.relabel(index, cluster);
        let wanted = Wanted {
            gather: self.look.gather,
            inertia: self.look.inertia,
        };
        let weight = self.weight(index);
        let sums = &mut self.outcome.sums;
        sums.add_vectors(simd, self.centers, row, weight, cluster, wanted, inertias);
    }

    #[inline(always)]
    pub(crate) fn weight(&self, index: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[index])
    }
}

thread_local! {
    /// Where a thread turns dense rows, or keeps the scores of a sparse one: kept between calls.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}
