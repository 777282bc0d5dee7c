//! Few short centres: all of them against eight rows at once, in float64, sums by lane.
//!
//! The rows are read as they lie and turned into columns in registers. Distances and sums have the bits of one row after another.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::kmeans::assign::{Changes, Task};
use crate::kmeans::sums::MOST_FEW;
use crate::rows::Row;
use crate::simd::{DOUBLES, Kernel, Simd};
use crate::values::Value;

/// A tile of rows of at most [`super::sums::MOST_SHORT`] columns, and at most [`MOST_FEW`] centres.
pub(crate) struct Few<'a, 't, V>(pub(crate) Task<'a, 't, V>);

impl<V: Value> Kernel for Few<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.0.centers.columns() {
            1 => of_columns::<S, V, 1>(simd, self.0),
            2 => of_columns::<S, V, 2>(simd, self.0),
            3 => of_columns::<S, V, 3>(simd, self.0),
            _ => of_columns::<S, V, 4>(simd, self.0),
        }
    }
}

#[inline(always)]
fn of_columns<S: Simd, V: Value, const D: usize>(simd: S, task: Task<'_, '_, V>) {
    match task.centers.count() {
        1 => of_centers::<S, V, D, 1>(simd, task),
        2 => of_centers::<S, V, D, 2>(simd, task),
        3 => of_centers::<S, V, D, 3>(simd, task),
        _ => of_centers::<S, V, D, MOST_FEW>(simd, task),
    }
}

#[inline(always)]
fn of_centers<S: Simd, V: Value, const D: usize, const K: usize>(simd: S, task: Task<'_, '_, V>) {
    match (task.look.gather, task.weights.is_some()) {
        (false, false) => tile::<S, V, D, K, false, false>(simd, task),
        (false, true) => tile::<S, V, D, K, false, true>(simd, task),
        (true, false) => tile::<S, V, D, K, true, false>(simd, task),
        (true, true) => tile::<S, V, D, K, true, true>(simd, task),
    }
}

#[inline(always)]
fn tile<S: Simd, V: Value, const D: usize, const K: usize, const GATHER: bool, const WEIGHTED: bool>(
    simd: S,
    mut task: Task<'_, '_, V>,
) {
    let (rows, _) = task.values.as_chunks::<D>();
    let (eights, _) = rows.as_chunks::<DOUBLES>();
    let (weights, _) = task.weights.unwrap_or_default().as_chunks::<DOUBLES>();
    let (labels, _) = task.labels.as_chunks_mut::<DOUBLES>();
    let (given, _) = task.centers.values().as_chunks::<D>();
    let (one, infinity) = (simd.double(1.0), simd.double(f64::INFINITY));
    let mut centers = [[one; D]; K];
    let mut numbers = [one; K];
    for cluster in 0..K {
        numbers[cluster] = simd.double(cluster as f64);
        for column in 0..D {
            centers[cluster][column] = simd.double(given[cluster][column]);
        }
    }

    let sums = &mut task.outcome.sums;
    let mut deviation_sums = [[one; D]; K];
    let mut weight_sums = [one; K];
    if GATHER {
        for cluster in 0..K {
            let lanes = &sums.lanes[cluster];
            for column in 0..D {
                deviation_sums[cluster][column] = simd.load(&lanes.deviations[column]);
            }
            weight_sums[cluster] = simd.load(&lanes.weights);
        }
    }
    let mut inertia = simd.load(&sums.inertias[0]);
    // Infinite where a row has no finite distance.
    let mut worst = simd.double(0.0);
    let mut differences = [0; DOUBLES];
    let mut weighed = [0; DOUBLES];
    for (index, (rows, labels)) in eights.iter().zip(labels).enumerate() {
        let row = V::columns(simd, rows);
        let weight = if WEIGHTED { simd.load(&weights[index]) } else { one };
        let mut deviations = [[one; D]; K];
        let mut best = infinity;
        let mut label = numbers[0];
        for cluster in 0..K {
            let mut distance = one;
            for column in 0..D {
                let deviation = simd.sub(row[column], centers[cluster][column]);
                let square = simd.mul(deviation, deviation);
                distance = if column == 0 {
                    square
                } else {
                    simd.add(distance, square)
                };
                deviations[cluster][column] = deviation;
            }
            let nearer = simd.less(distance, best);
            best = simd.select(nearer, distance, best);
            label = simd.select(nearer, numbers[cluster], label);
        }
        worst = simd.max(best, worst);
        inertia = simd.add(inertia, if WEIGHTED { simd.mul(weight, best) } else { best });
        if GATHER {
            for cluster in 0..K {
                let own = simd.equal(label, numbers[cluster]);
                for column in 0..D {
                    let deviation = deviations[cluster][column];
                    let deviation = if WEIGHTED {
                        simd.mul(weight, deviation)
                    } else {
                        deviation
                    };
                    let sum = deviation_sums[cluster][column];
                    deviation_sums[cluster][column] = simd.select(own, simd.add(sum, deviation), sum);
                }
                let sum = weight_sums[cluster];
                weight_sums[cluster] = simd.select(own, simd.add(sum, weight), sum);
            }
        }
        let new = simd.integers(label);
        for lane in 0..DOUBLES {
            let difference = new[lane] ^ labels[lane];
            differences[lane] |= difference;
            if WEIGHTED && weights[index][lane] > 0.0 {
                weighed[lane] |= difference;
            }
        }
        if task.look.write {
            *labels = new;
        }
    }
    if GATHER {
        for cluster in 0..K {
            let lanes = &mut sums.lanes[cluster];
            for column in 0..D {
                simd.store(deviation_sums[cluster][column], &mut lanes.deviations[column]);
            }
            simd.store(weight_sums[cluster], &mut lanes.weights);
        }
    }
    simd.store(inertia, &mut sums.inertias[0]);
    let infinite = simd.bits(simd.equal(worst, infinity)) != 0;
    task.outcome.not_finite |= infinite;
    let any = differences.iter().any(|difference| *difference != 0);
    task.outcome.changes.join(Changes {
        any,
        weighted: if WEIGHTED {
            weighed.iter().any(|difference| *difference != 0)
        } else {
            any
        },
    });

    let first = eights.len() * DOUBLES;
    for (index, row) in rows.iter().enumerate().skip(first) {
        task.one(index, Row::Dense(&row.map(Into::into)));
    }
}
