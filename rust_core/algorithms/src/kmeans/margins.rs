//! Rows whose label outlasts a step of the centres.
//!
//! A row's margin is how much farther every other centre lies than its own, or less. No centre comes nearer to a row by more than
//! it moves, nor does the row's own go farther: while the margin is greater than both ways together, the label stays. Margins come
//! from scores and are rounded down, ways are rounded up, by more than the rounding errors of the definition's distances, and the
//! comparison is strict: where there could be a tie, the row is compared.
//!
//! Source: G. Hamerly, "Making k-means even faster", SDM 2010, for one step and one bound.

use crate::kmeans::assign::Task;
use crate::kmeans::scores::ROWS;
use crate::kmeans::sums::Wanted;
use crate::kmeans::{bounds, exact};
use crate::packed::quick_squared_distance;
use crate::simd::{Kernel, Simd};
use crate::values::Value;

/// Adds the margins of the first rows, from their squared distances to their centres, or more, and to any other, or less. That of
/// a row with a bit in `doubtful` is 0.
#[inline(always)]
pub(crate) fn note(margins: &mut Vec<f32>, rows: usize, nearest: &[f32; ROWS], next: &[f32; ROWS], doubtful: u64) {
    let mut found = [0.0; ROWS];
    for index in 0..ROWS {
        let margin = next[index].sqrt() * (1.0 - bounds::MARGIN) - nearest[index].sqrt() * (1.0 + bounds::MARGIN);
        found[index] = if doubtful >> index & 1 == 1 { 0.0 } else { margin };
    }
    margins.extend_from_slice(&found[..rows]);
}

/// How far centres have moved.
pub(crate) struct Ways {
    /// For each of them: its own way and the greatest of all, or more.
    together: Vec<f32>,
}

impl Ways {
    /// From `old` to `new` centres, multiplied by `scale` as margins are.
    pub(crate) fn new(old: &[f64], new: &[f64], columns: usize, scale: f64) -> Self {
        let centers = old.chunks_exact(columns).zip(new.chunks_exact(columns));
        let mut together: Vec<f32> = centers
            .map(|(old, new)| bounds::above(quick_squared_distance(old, new), scale))
            .collect();
        let greatest = together.iter().copied().fold(0.0, f32::max);
        for way in &mut together {
            *way = (*way + greatest) * (1.0 + bounds::MARGIN);
        }
        Self { together }
    }

    /// Whether a row of this cluster and margin keeps its label; false where the margin is NaN.
    #[inline(always)]
    pub(crate) fn keep(&self, cluster: usize, margin: f32) -> bool {
        margin > self.together[cluster]
    }
}

/// A tile of rows whose labels were right before the centres moved.
pub(crate) struct Kept<'a, 't, V> {
    pub(crate) task: Task<'a, 't, V>,
    /// One for each row.
    pub(crate) margins: &'t [f32],
    pub(crate) ways: &'t Ways,
}

impl<V: Value> Kernel for Kept<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            mut task,
            margins,
            ways,
        } = self;
        let values = task.values;
        let mut inertias = task.outcome.sums.inertias(simd);
        let rows = values.chunks_exact(task.centers.columns()).zip(margins);
        for (index, (row, &margin)) in rows.enumerate() {
            let mut cluster = task.labels[index] as usize;
            if !ways.keep(cluster, margin) {
                match exact::nearest(simd, task.centers.packed(), row) {
                    Some(nearest) => cluster = nearest,
                    None => {
                        task.outcome.not_finite = true;
                        continue;
                    }
                }
                task.relabel(index, cluster);
            }
            let weight = task.weight(index);
            let wanted = Wanted {
                gather: false,
                inertia: true,
            };
            let sums = &mut task.outcome.sums;
            sums.add_vectors(simd, task.centers, row, weight, cluster, wanted, &mut inertias);
        }
        task.outcome.sums.set_inertias(simd, inertias);
    }
}
