//! What the rows of a block say of their clusters.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::csr::SparseRow;
use crate::interrupt::Interrupted;
use crate::kmeans::centers::Centers;
use crate::rows::Row;
use crate::simd::{DOUBLES, Simd};
use crate::values::Value;

/// Weighted sums over rows, in an order of additions that the shape alone decides, so that every kernel gives the same bits.
///
/// Of few short centres each sum is [`DOUBLES`] sums: a row's place in its block says which one it goes to, as if the rows came in
/// vectors. They are added up when the block ends. Other shapes have one sum for each value, row after row.
#[derive(Clone, Default)]
pub(crate) struct Sums {
    /// Weighted deviations of the rows from their centres, `n_clusters × columns`.
    pub(crate) deviations: Vec<f64>,
    /// Weight in each cluster.
    pub(crate) weights: Vec<f64>,
    /// Weights of the rows that name a column, `n_clusters × columns`; empty for dense rows, which name all.
    pub(crate) named: Vec<f64>,
    /// Weighted squared distances of the rows from their centres.
    pub(crate) inertia: f64,
    /// Parts of the inertia.
    pub(crate) inertias: Inertias,
    /// Sums of deviations in the last columns of each cluster, where those are no whole vector: apart, since a part of a vector
    /// that was just written is slow to read.
    pub(crate) tails: Vec<[f64; DOUBLES]>,
    /// The sums by lane, where there are such; else empty.
    pub(crate) lanes: Vec<ClusterLanes>,
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
        zero(&mut self.deviations, if gather { size } else { 0 }, &check)?;
        zero(&mut self.named, if sparse { size } else { 0 }, &check)?;
        zero(
            &mut self.weights,
            if gather || sparse { centers.count() } else { 0 },
            &check,
        )?;
        self.inertia = 0.0;
        self.inertias = Inertias::default();
        self.lanes.clear();
        self.tails.clear();
        if gather && by_lane(centers.count(), centers.columns()) {
            self.lanes.resize(centers.count(), ClusterLanes::default());
        } else if gather && !sparse && !centers.columns().is_multiple_of(DOUBLES) {
            self.tails.resize(centers.count(), [0.0; DOUBLES]);
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

    fn add_dense(&mut self, centers: &Centers, row: &[f64], weight: f64, cluster: usize, gather: bool) {
        let center = centers.center(cluster);
        let span = cluster * center.len()..(cluster + 1) * center.len();
        for (column, (value, center)) in row.iter().zip(center).enumerate() {
            let deviation = value - center;
            let weighted = weight * deviation;
            *of_column(&mut self.inertias, column) += weighted * deviation;
            if gather {
                self.deviations[span.start + column] += weighted;
            }
        }
        if gather {
            self.weights[cluster] += weight;
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
        gather: bool,
        inertias: &mut [S::Double; ABREAST],
    ) {
        let center = centers.center(cluster);
        let weights = simd.double(weight);
        let (values, last) = row.as_chunks::<DOUBLES>();
        let (values, rest) = values.as_chunks::<ABREAST>();
        let (means, last_mean) = center.as_chunks::<DOUBLES>();
        let (means, rest_means) = means.as_chunks::<ABREAST>();
        if !gather {
            for (values, means) in values.iter().zip(means) {
                for place in 0..ABREAST {
                    let (value, mean) = (V::load(simd, &values[place]), simd.load(&means[place]));
                    weigh(simd, weights, value, mean, &mut inertias[place]);
                }
            }
            for place in 0..ABREAST {
                if place < rest.len() {
                    let (value, mean) = (V::load(simd, &rest[place]), simd.load(&rest_means[place]));
                    weigh(simd, weights, value, mean, &mut inertias[place]);
                } else if place == rest.len() && !last.is_empty() {
                    let (value, mean) = (V::load_some(simd, last), simd.load_some(last_mean));
                    weigh(simd, weights, value, mean, &mut inertias[place]);
                }
            }
            return;
        }
        self.weights[cluster] += weight;
        let span = cluster * center.len()..(cluster + 1) * center.len();
        let (sums, _) = self.deviations[span].as_chunks_mut::<DOUBLES>();
        let (sums, rest_sums) = sums.as_chunks_mut::<ABREAST>();
        for ((values, means), sums) in values.iter().zip(means).zip(sums) {
            for place in 0..ABREAST {
                let (value, mean) = (V::load(simd, &values[place]), simd.load(&means[place]));
                let weighted = weigh(simd, weights, value, mean, &mut inertias[place]);
                simd.store(simd.add(simd.load(&sums[place]), weighted), &mut sums[place]);
            }
        }
        for place in 0..ABREAST {
            if place < rest.len() {
                let (value, mean) = (V::load(simd, &rest[place]), simd.load(&rest_means[place]));
                let weighted = weigh(simd, weights, value, mean, &mut inertias[place]);
                let sum = simd.add(simd.load(&rest_sums[place]), weighted);
                simd.store(sum, &mut rest_sums[place]);
            } else if place == rest.len() && !last.is_empty() {
                let (value, mean) = (V::load_some(simd, last), simd.load_some(last_mean));
                let weighted = weigh(simd, weights, value, mean, &mut inertias[place]);
                let tail = &mut self.tails[cluster];
                simd.store(simd.add(simd.load(tail), weighted), tail);
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
        for (tail, deviations) in self.tails.iter().zip(self.deviations.chunks_exact_mut(columns)) {
            let (_, last) = deviations.as_chunks_mut::<DOUBLES>();
            for (deviation, tail) in last.iter_mut().zip(tail) {
                *deviation += tail;
            }
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

/// Weighted deviations of some columns; their part of the inertia is added.
#[inline(always)]
fn weigh<S: Simd>(
    simd: S,
    weights: S::Double,
    values: S::Double,
    means: S::Double,
    inertias: &mut S::Double,
) -> S::Double {
    let deviations = simd.sub(values, means);
    let weighted = simd.mul(weights, deviations);
    *inertias = simd.add(*inertias, simd.mul(weighted, deviations));
    weighted
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
