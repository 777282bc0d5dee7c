//! What sparse rows say of their clusters, cluster after cluster.
//!
//! Sums of sparse rows are as long as the centres, and rows write to them here and there: several sets of such sums, one for each
//! block of rows, would be slower to make and to add up than the rows are to read. So each cluster's rows are summed by themselves,
//! in order, into sums that stay in the cache.

use rayon::prelude::*;

use crate::interrupt::{self, Interrupted};
use crate::kmeans::centers::Centers;
use crate::kmeans::sums::{ClusterSums, Inertias, Sums};
use crate::rows::Tile;
use crate::sample::Sample;

/// Rows between two looks at the interrupt.
const STRETCH: usize = 4096;

/// Sums up the rows of each cluster: their deviations and weights, and the inertia.
pub(crate) fn sum(sample: Sample<'_>, centers: &Centers, labels: &[i32], sums: &mut Sums) -> Result<(), Interrupted> {
    let (columns, count) = (centers.columns(), centers.count());
    let ordered = by_label(labels, count);
    let size = centers.values().len();
    sums.deviations.resize(size, 0.0);
    sums.named.resize(size, 0.0);
    sums.weights.resize(count, 0.0);
    let inertias = sums
        .named
        .par_chunks_mut(columns)
        .zip(&mut sums.weights)
        .zip(sums.deviations.par_chunks_mut(columns))
        .zip(&ordered)
        .enumerate()
        .map(|(cluster, (((named, total), deviations), rows))| {
            named.fill(0.0);
            deviations.fill(0.0);
            *total = 0.0;
            let mut inertias = Inertias::default();
            let mut sums = ClusterSums {
                center: centers.center(cluster),
                deviations,
                named,
                inertias: &mut inertias,
            };
            let mut buffer = Vec::new();
            for rows in rows.chunks(STRETCH) {
                interrupt::check(sample.interrupt)?;
                for &row in rows {
                    let weight = sample.weight(row);
                    if let Tile::Sparse(of_row) = sample.rows().tile(row..row + 1, &mut buffer) {
                        of_row.iter().for_each(|row| sums.add(row, weight));
                    }
                    *total += weight;
                }
            }
            sums.finish(*total);
            Ok(inertias.as_flattened().iter().sum())
        })
        .collect::<Result<Vec<f64>, Interrupted>>()?;
    sums.inertia = inertias.iter().sum();
    Ok(())
}

/// The rows of each cluster, in order.
fn by_label(labels: &[i32], count: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); count];
    for (row, label) in labels.iter().enumerate() {
        rows[*label as usize].push(row);
    }
    rows
}
