//! Rows one by one, in float64: eight centres at once, each squared distance a sum over the columns in order.
//!
//! What this says is right by definition; other kernels ask it where they are in doubt.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::kmeans::assign::Task;
use crate::packed::{LANES, Packed};
use crate::rows::Row;
use crate::simd::{Kernel, Simd};
use crate::values::Value;

/// A tile of rows.
pub(crate) struct Exact<'a, 't, V>(pub(crate) Task<'a, 't, V>);

impl<V: Value> Kernel for Exact<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut task = self.0;
        let values = task.values;
        let by_lane = crate::kmeans::sums::by_lane(task.centers.count(), task.centers.columns());
        let mut inertias = task.outcome.sums.inertias(simd);
        let mut widened = Vec::new();
        for (index, row) in values.chunks_exact(task.centers.columns()).enumerate() {
            let Some(cluster) = nearest(simd, task.centers.packed(), row) else {
                task.outcome.not_finite = true;
                continue;
            };
            if by_lane {
                task.give(index, Row::Dense(V::widened(row, &mut widened)), cluster);
                continue;
            }
            task.settle(simd, index, row, cluster, &mut inertias);
        }
        if !by_lane {
            task.outcome.sums.set_inertias(simd, inertias);
        }
    }
}

/// Tiles of centres that are summed at once.
const ABREAST: usize = 4;

/// Lane by lane, the least distance so far and the tile that it came from.
struct Best<S: Simd> {
    distances: S::Double,
    tiles: S::Double,
    next: f64,
}

impl<S: Simd> Best<S> {
    #[inline(always)]
    fn take(&mut self, simd: S, distances: S::Double) {
        let nearer = simd.less(distances, self.distances);
        self.distances = simd.select(nearer, distances, self.distances);
        self.tiles = simd.select(nearer, simd.double(self.next), self.tiles);
        self.next += 1.0;
    }
}

/// [`Packed::nearest`], by vectors: the same bits.
#[inline(always)]
pub(crate) fn nearest<S: Simd, V: Value>(simd: S, packed: &Packed, row: &[V]) -> Option<usize> {
    let tiles = packed.lanes();
    let columns = row.len();
    let mut best = Best {
        distances: simd.double(f64::INFINITY),
        tiles: simd.double(0.0),
        next: 0.0,
    };
    let mut groups = tiles.chunks_exact(ABREAST * columns);
    for group in groups.by_ref() {
        let (one, rest) = group.split_at(columns);
        let (two, rest) = rest.split_at(columns);
        let (three, four) = rest.split_at(columns);
        let tiles = [one, two, three, four];
        let mut sums = [simd.double(0.0); ABREAST];
        for column in 0..columns {
            let value = simd.double(row[column].into());
            for tile in 0..ABREAST {
                let difference = simd.sub(value, simd.load(&tiles[tile][column]));
                sums[tile] = simd.add(sums[tile], simd.mul(difference, difference));
            }
        }
        for tile in 0..ABREAST {
            best.take(simd, sums[tile]);
        }
    }
    for tile in groups.remainder().chunks_exact(columns) {
        let mut sum = simd.double(0.0);
        for (value, lanes) in row.iter().zip(tile) {
            let difference = simd.sub(simd.double((*value).into()), simd.load(lanes));
            sum = simd.add(sum, simd.mul(difference, difference));
        }
        best.take(simd, sum);
    }
    let (mut distances, mut places) = ([0.0; LANES], [0.0; LANES]);
    simd.store(best.distances, &mut distances);
    simd.store(best.tiles, &mut places);
    let mut nearest = (f64::INFINITY, usize::MAX);
    for lane in 0..LANES {
        let cluster = places[lane] as usize * LANES + lane;
        let closer = distances[lane] < nearest.0 || (distances[lane] == nearest.0 && cluster < nearest.1);
        if closer && distances[lane] < f64::INFINITY {
            nearest = (distances[lane], cluster);
        }
    }
    (nearest.1 != usize::MAX).then_some(nearest.1)
}
