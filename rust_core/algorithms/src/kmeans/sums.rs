//! What the rows of a block say of their clusters.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use std::ops::Range;

use crate::csr::SparseRow;
use crate::interrupt::Interrupted;
use crate::kmeans::centers::Centers;
use crate::rows::{LINE, Row};
use crate::simd::{DOUBLES, Simd};
use crate::values::Value;

/// Weighted sums over rows, in an order of additions that the shape alone decides, so that every kernel gives the same bits.
///
/// Of few short centres each sum is [`DOUBLES`] sums: a row's place in its block says which one it goes to, as if the rows came in
/// vectors. They are added up when the block ends. Other shapes have one sum for each value, row after row.
#[derive(Clone, Default)]
pub(crate) struct Sums {
    /// Weighted deviations of the rows from their centres, `n_clusters × columns`. Of dense rows, until the block ends: `lined`.
    pub(crate) deviations: Vec<f64>,
    /// Weight in each cluster.
    pub(crate) weights: Vec<f64>,
    /// Weights of the rows that name a column, `n_clusters × columns`; empty for dense rows, which name all.
    pub(crate) named: Vec<f64>,
    /// Weighted squared distances of the rows from their centres.
    pub(crate) inertia: f64,
    /// Parts of the inertia.
    pub(crate) inertias: Inertias,
    /// How the deviations lie meanwhile, where they are summed by vectors.
    lined: Option<Lined>,
    /// The sums by lane, where there are such; else empty.
    pub(crate) lanes: Vec<ClusterLanes>,
}

/// Sums of each cluster's columns, filled up to whole vectors, each on a line of memory of its own: one that lies on two takes two
/// reads and two writes, and part of a vector that was just written is slow to read.
#[derive(Clone, Copy)]
struct Lined {
    /// Where the first one begins.
    first: usize,
    /// Values of a cluster.
    length: usize,
}

impl Lined {
    /// The place of a cluster's sums.
    #[inline(always)]
    fn span(self, cluster: usize) -> Range<usize> {
        let start = self.first + cluster * self.length;
        start..start + self.length
    }
}

/// Parts of an inertia: the first eight by lane; where there is one sum for each value, all of them by column. A sum waits for
/// the one before it, so that several are under way at once.
pub(crate) type Inertias = [[f64; DOUBLES]; ABREAST];

/// Vectors of columns whose inertia is summed apart.
pub(crate) const ABREAST: usize = 4;

/// The part for a column.
pub(crate) fn of_column(inertias: &mut Inertias, column: usize) -> &mut f64 {
    &mut inertias[column / DOUBLES % ABREAST][column % DOUBLES]
}

/// Sums of one cluster, by lane.
#[derive(Clone, Copy, Default)]
pub(crate) struct ClusterLanes {
    pub(crate) deviations: [[f64; DOUBLES]; MOST_SHORT],
    pub(crate) weights: [f64; DOUBLES],
}

/// Most columns of short centres.
pub(crate) const MOST_SHORT: usize = 4;

/// Most short centres that are few.
pub(crate) const MOST_FEW: usize = 4;

/// Whether sums are kept by lane.
pub(crate) fn by_lane(n_clusters: usize, columns: usize) -> bool {
    n_clusters <= MOST_FEW && columns <= MOST_SHORT
}

impl Sums {
    /// Nothing seen yet. Room to gather deviations of dense rows or sparse ones, where `gather` is true.
    pub(crate) fn clear(
        &mut self,
        centers: &Centers,
        gather: bool,
        sparse: bool,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        let size = centers.values().len();
        let length = centers.columns().next_multiple_of(DOUBLES);
        let by_vectors = gather && !sparse && !by_lane(centers.count(), centers.columns());
        let deviations = match (gather, by_vectors) {
            (_, true) => centers.count() * length + DOUBLES,
            (true, false) => size,
            (false, false) => 0,
        };
        zero(&mut self.deviations, deviations, &check)?;
        self.lined = by_vectors.then(|| Lined {
            first: self.deviations.as_ptr().align_offset(LINE).min(DOUBLES),
            length,
        });
        zero(&mut self.named, if sparse { size } else { 0 }, &check)?;
        zero(
            &mut self.weights,
            if gather || sparse { centers.count() } else { 0 },
            &check,
        )?;
        self.inertia = 0.0;
        self.inertias = Inertias::default();
        self.lanes.clear();
        if gather && by_lane(centers.count(), centers.columns()) {
            self.lanes.resize(centers.count(), ClusterLanes::default());
        }
        Ok(())
    }

    /// Adds a row: the one at `place` in its block, of `cluster`, at the squared `distance` from that centre (None where the caller
    /// does not know it).
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        centers: &Centers,
        place: usize,
        row: Row<'_>,
        weight: f64,
        cluster: usize,
        gather: bool,
    ) {
        if by_lane(centers.count(), centers.columns()) {
            self.add_to_lane(centers, place % DOUBLES, row, weight, cluster, gather);
        } else {
            match row {
                Row::Dense(row) => self.add_dense(centers, row, weight, cluster, gather),
                Row::Sparse(row) => self.add_sparse(centers, row, weight, cluster, gather),
            }
        }
    }

    fn add_to_lane(&mut self, centers: &Centers, lane: usize, row: Row<'_>, weight: f64, cluster: usize, gather: bool) {
        let center = centers.center(cluster);
        let mut distance = 0.0;
        let mut add = |column: usize, value: f64| {
            let deviation = value - center[column];
            distance += deviation * deviation;
            if gather {
                self.lanes[cluster].deviations[column][lane] += weight * deviation;
            }
        };
        match row {
            Row::Dense(row) => row.iter().enumerate().for_each(|(column, value)| add(column, *value)),
            Row::Sparse(row) => {
                for (column, value) in row.entries() {
                    add(column, value);
                    self.named[cluster * center.len() + column] += weight;
                }
                self.weights[cluster] += weight;
            }
        }
        self.inertias[0][lane] += weight * distance;
        if gather {
            self.lanes[cluster].weights[lane] += weight;
        }
    }

    /// Adds what a dense row says of the inertia, column after column: for a few rows that came apart.
    fn add_dense(&mut self, centers: &Centers, row: &[f64], weight: f64, cluster: usize, gather: bool) {
        debug_assert!(!gather, "dense rows are gathered by vectors or by lane");
        let center = centers.center(cluster);
        for (column, (value, center)) in row.iter().zip(center).enumerate() {
            let deviation = value - center;
            *of_column(&mut self.inertias, column) += weight * deviation * deviation;
        }
    }

    /// The parts of the inertia, for [`Sums::add_vectors`].
    #[inline(always)]
    pub(crate) fn inertias<S: Simd>(&self, simd: S) -> [S::Double; ABREAST] {
        let mut inertias = [simd.double(0.0); ABREAST];
        for place in 0..ABREAST {
            inertias[place] = simd.load(&self.inertias[place]);
        }
        inertias
    }

    /// Keeps the parts of the inertia.
    #[inline(always)]
    pub(crate) fn set_inertias<S: Simd>(&mut self, simd: S, inertias: [S::Double; ABREAST]) {
        for place in 0..ABREAST {
            simd.store(inertias[place], &mut self.inertias[place]);
        }
    }

    /// [`Sums::add`] of a dense row where there is one sum for each value, by vectors. The inertia's parts stay with the caller.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "what is in registers")]
    pub(crate) fn add_vectors<S: Simd, V: Value>(
        &mut self,
        simd: S,
        centers: &Centers,
        row: &[V],
        weight: f64,
        cluster: usize,
        wanted: Wanted,
        inertias: &mut [S::Double; ABREAST],
    ) {
        match (wanted.gather, wanted.inertia) {
            (true, true) => self.add_wanted::<S, V, true, true>(simd, centers, row, weight, cluster, inertias),
            (true, false) => self.add_wanted::<S, V, true, false>(simd, centers, row, weight, cluster, inertias),
            (false, true) => self.add_wanted::<S, V, false, true>(simd, centers, row, weight, cluster, inertias),
            (false, false) => {}
        }
    }

    #[inline(always)]
    fn add_wanted<S: Simd, V: Value, const GATHER: bool, const INERTIA: bool>(
        &mut self,
        simd: S,
        centers: &Centers,
        row: &[V],
        weight: f64,
        cluster: usize,
        inertias: &mut [S::Double; ABREAST],
    ) {
        let (values, last) = row.as_chunks::<DOUBLES>();
        let (values, rest) = values.as_chunks::<ABREAST>();
        // The last vector, which may not be whole, is among the rest.
        let whole = values.len() * ABREAST;
        let (means, rest_means) = centers.lines(cluster).split_at(whole);
        let (means, _) = means.as_chunks::<ABREAST>();
        let span = match self.lined {
            Some(lined) if GATHER => lined.span(cluster),
            _ => 0..0,
        };
        let (sums, _) = self.deviations[span].as_chunks_mut::<DOUBLES>();
        let (sums, rest_sums) = sums.split_at_mut(if GATHER { whole } else { 0 });
        let (sums, _) = sums.as_chunks_mut::<ABREAST>();
        let weights = simd.double(weight);
        if GATHER {
            self.weights[cluster] += weight;
        }
        for (index, (values, means)) in values.iter().zip(means).enumerate() {
            let mut weighted = [simd.double(0.0); ABREAST];
            for place in 0..ABREAST {
                let deviations = simd.sub(V::load(simd, &values[place]), simd.load(&means[place].0));
                weighted[place] = simd.mul(weights, deviations);
                if INERTIA {
                    let squares = simd.mul(weighted[place], deviations);
                    inertias[place] = simd.add(inertias[place], squares);
                }
            }
            if GATHER {
                let sums = &mut sums[index];
                for place in 0..ABREAST {
                    simd.store(simd.add(simd.load(&sums[place]), weighted[place]), &mut sums[place]);
                }
            }
        }
        for place in 0..ABREAST {
            let value = match rest.get(place) {
                Some(values) => V::load(simd, values),
                None if place == rest.len() && !last.is_empty() => V::load_some(simd, last),
                None => continue,
            };
            let deviations = simd.sub(value, simd.load(&rest_means[place].0));
            let weighted = simd.mul(weights, deviations);
            if INERTIA {
                inertias[place] = simd.add(inertias[place], simd.mul(weighted, deviations));
            }
            if GATHER {
                let sums = &mut rest_sums[place];
                simd.store(simd.add(simd.load(sums), weighted), sums);
            }
        }
    }

    fn add_sparse(&mut self, centers: &Centers, row: SparseRow<'_>, weight: f64, cluster: usize, gather: bool) {
        let columns = centers.columns();
        let span = cluster * columns..(cluster + 1) * columns;
        self.weights[cluster] += weight;
        ClusterSums {
            center: centers.center(cluster),
            deviations: if gather {
                &mut self.deviations[span.clone()]
            } else {
                &mut []
            },
            named: &mut self.named[span],
            inertias: &mut self.inertias,
        }
        .add(row, weight);
    }

    /// Ends the block: adds up the lanes, and what sparse rows say of the columns that they do not name: there they are zero. The
    /// weight of a column that all of a cluster's rows name is, to the last bit, the cluster's.
    pub(crate) fn finish(
        &mut self,
        centers: &Centers,
        gather: bool,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        let columns = centers.columns();
        if let Some(lined) = self.lined.take() {
            for cluster in 0..centers.count() {
                check()?;
                let start = lined.span(cluster).start;
                self.deviations.copy_within(start..start + columns, cluster * columns);
            }
            self.deviations.truncate(centers.values().len());
        }
        for (lanes, deviations) in self.lanes.iter().zip(self.deviations.chunks_exact_mut(columns)) {
            for (deviation, lanes) in deviations.iter_mut().zip(&lanes.deviations) {
                *deviation = lanes.iter().sum();
            }
        }
        let mut inertias = self.inertias;
        for (cluster, named) in self.named.chunks_exact_mut(columns).enumerate() {
            check()?;
            ClusterSums {
                center: centers.center(cluster),
                deviations: if gather {
                    &mut self.deviations[cluster * columns..(cluster + 1) * columns]
                } else {
                    &mut []
                },
                named,
                inertias: &mut inertias,
            }
            .finish(self.weights[cluster]);
        }
        for (weight, lanes) in self.weights.iter_mut().zip(&self.lanes) {
            *weight = lanes.weights.iter().sum();
        }
        self.inertia += inertias.as_flattened().iter().sum::<f64>();
        Ok(())
    }
}

/// What dense rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Deviations and weights.
    pub(crate) gather: bool,
    pub(crate) inertia: bool,
}

/// What sparse rows say of one cluster.
pub(crate) struct ClusterSums<'s> {
    pub(crate) center: &'s [f64],
    /// Empty where they are not gathered.
    pub(crate) deviations: &'s mut [f64],
    pub(crate) named: &'s mut [f64],
    /// By column.
    pub(crate) inertias: &'s mut Inertias,
}

impl ClusterSums<'_> {
    /// Adds the columns that a row names.
    pub(crate) fn add(&mut self, row: SparseRow<'_>, weight: f64) {
        for (column, value) in row.entries() {
            let deviation = value - self.center[column];
            let weighted = weight * deviation;
            *of_column(self.inertias, column) += weighted * deviation;
            self.named[column] += weight;
            if let Some(sum) = self.deviations.get_mut(column) {
                *sum += weighted;
            }
        }
    }

    /// Adds the columns that rows of this `weight` together do not name: nothing where all name them.
    pub(crate) fn finish(&mut self, weight: f64) {
        for (column, (named, center)) in self.named.iter().zip(self.center).enumerate() {
            let unnamed = center * (weight - named);
            *of_column(self.inertias, column) += center * unnamed;
            if let Some(sum) = self.deviations.get_mut(column) {
                *sum -= unnamed;
            }
        }
    }
}

/// Values between two looks at the interrupt.
const STRETCH: usize = 1 << 18;

/// Makes `values` that many zeros.
fn zero(values: &mut Vec<f64>, size: usize, check: impl Fn() -> Result<(), Interrupted>) -> Result<(), Interrupted> {
    values.clear();
    values.reserve_exact(size);
    while values.len() < size {
        check()?;
        values.resize(size.min(values.len() + STRETCH), 0.0);
    }
    Ok(())
}
