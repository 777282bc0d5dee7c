//! What the rows of a block say of their clusters.

use crate::csr::SparseRow;
use crate::interrupt::Interrupted;
use crate::kmeans::centers::Centers;
use crate::rows::Row;
use crate::simd::{DOUBLES, Simd};

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
    /// Parts of the inertia: by lane, or where there is one sum for each value, by column.
    pub(crate) inertias: [f64; DOUBLES],
    /// The sums by lane, where there are such; else empty.
    pub(crate) lanes: Vec<ClusterLanes>,
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
        self.inertias = [0.0; DOUBLES];
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
        self.inertias[lane] += weight * distance;
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
            self.inertias[column % DOUBLES] += weighted * deviation;
            if gather {
                self.deviations[span.start + column] += weighted;
            }
        }
        if gather {
            self.weights[cluster] += weight;
        }
    }

    /// [`Sums::add`] of a dense row where there is one sum for each value, by vectors.
    #[inline(always)]
    pub(crate) fn add_vectors<S: Simd>(
        &mut self,
        simd: S,
        centers: &Centers,
        row: &[f64],
        weight: f64,
        cluster: usize,
        gather: bool,
    ) {
        let center = centers.center(cluster);
        let mut inertias = simd.load(&self.inertias);
        let weights = simd.double(weight);
        let (values, last) = row.as_chunks::<DOUBLES>();
        let (means, last_mean) = center.as_chunks::<DOUBLES>();
        if gather {
            self.weights[cluster] += weight;
            let span = cluster * center.len()..(cluster + 1) * center.len();
            let (sums, last_sum) = self.deviations[span].as_chunks_mut::<DOUBLES>();
            for ((values, means), sums) in values.iter().zip(means).zip(sums) {
                let deviation = simd.sub(simd.load(values), simd.load(means));
                let weighted = simd.mul(weights, deviation);
                simd.store(simd.add(simd.load(sums), weighted), sums);
                inertias = simd.add(inertias, simd.mul(weighted, deviation));
            }
            if !last.is_empty() {
                let deviation = simd.sub(simd.load_some(last), simd.load_some(last_mean));
                let weighted = simd.mul(weights, deviation);
                simd.store_some(simd.add(simd.load_some(last_sum), weighted), last_sum);
                inertias = simd.add(inertias, simd.mul(weighted, deviation));
            }
        } else {
            for (values, means) in values.iter().zip(means) {
                let deviation = simd.sub(simd.load(values), simd.load(means));
                inertias = simd.add(inertias, simd.mul(simd.mul(weights, deviation), deviation));
            }
            if !last.is_empty() {
                let deviation = simd.sub(simd.load_some(last), simd.load_some(last_mean));
                inertias = simd.add(inertias, simd.mul(simd.mul(weights, deviation), deviation));
            }
        }
        simd.store(inertias, &mut self.inertias);
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
        self.inertia += inertias.iter().sum::<f64>();
        Ok(())
    }
}

/// What sparse rows say of one cluster.
pub(crate) struct ClusterSums<'s> {
    pub(crate) center: &'s [f64],
    /// Empty where they are not gathered.
    pub(crate) deviations: &'s mut [f64],
    pub(crate) named: &'s mut [f64],
    /// By column.
    pub(crate) inertias: &'s mut [f64; DOUBLES],
}

impl ClusterSums<'_> {
    /// Adds the columns that a row names.
    pub(crate) fn add(&mut self, row: SparseRow<'_>, weight: f64) {
        for (column, value) in row.entries() {
            let deviation = value - self.center[column];
            let weighted = weight * deviation;
            self.inertias[column % DOUBLES] += weighted * deviation;
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
            self.inertias[column % DOUBLES] += center * unnamed;
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
