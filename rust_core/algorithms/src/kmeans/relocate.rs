//! New places for empty clusters.

use std::cmp::Ordering;

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::kmeans::centers::Centers;
use crate::sample::Sample;

/// Finds for each cluster without weight one of the rows farthest from their own centres: the farthest row for the lowest such
/// cluster, and so on (the lowest row among equals). None where every row sits on its centre.
///
/// Returns the moves as (cluster, row); a moved cluster's new centre is that row.
pub(crate) fn moves(
    sample: Sample<'_>,
    blocks: &Blocks,
    labels: &[i32],
    centers: &Centers,
    cluster_weights: &[f64],
) -> Result<Vec<(usize, usize)>, FitError> {
    let empty: Vec<usize> = (0..cluster_weights.len())
        .filter(|&cluster| cluster_weights[cluster] == 0.0)
        .collect();
    if empty.is_empty() {
        return Ok(Vec::new());
    }
    let columns = sample.columns();
    // Each block keeps its farthest rows: there are no more clusters than rows, so together they are enough.
    let mut far = vec![Vec::new(); blocks.count()];
    blocks.reduce(&mut far, |block, far| {
        sample.tiles(blocks, block, |tile, rows| {
            for (row, values) in tile.zip(rows.rows(columns)) {
                far.push((centers.squared_distance(values, labels[row] as usize), row));
                if far.len() >= 2 * empty.len() + SPARE {
                    keep_farthest(far, empty.len());
                }
            }
        })
    })?;
    let mut far = far.concat();
    keep_farthest(&mut far, empty.len());
    far.sort_unstable_by(by_distance);
    if far[0].0 == 0.0 {
        return Ok(Vec::new());
    }
    Ok(empty.into_iter().zip(far.into_iter().map(|(_, row)| row)).collect())
}

/// [`moves`]; the weights and deviations of the rows that move leave the sums of their former clusters.
pub(crate) fn relocate(
    sample: Sample<'_>,
    blocks: &Blocks,
    labels: &[i32],
    centers: &Centers,
    deviations: &mut [f64],
    cluster_weights: &mut [f64],
) -> Result<Vec<(usize, usize)>, FitError> {
    let moves = moves(sample, blocks, labels, centers, cluster_weights)?;
    let columns = sample.columns();
    for &(cluster, row) in &moves {
        let weight = sample.weight(row);
        let donor = labels[row] as usize;
        for ((sum, value), center) in deviations[donor * columns..(donor + 1) * columns]
            .iter_mut()
            .zip(&sample.row(row))
            .zip(centers.center(donor))
        {
            *sum -= weight * (value - center);
        }
        cluster_weights[cluster] = weight;
        cluster_weights[donor] -= weight;
    }
    Ok(moves)
}

/// Rows that a block gathers beyond those it needs before it drops the nearer ones.
const SPARE: usize = 256;

/// The farther row first; of rows as far, the lower one.
fn by_distance(left: &(f64, usize), right: &(f64, usize)) -> Ordering {
    right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
}

fn keep_farthest(far: &mut Vec<(f64, usize)>, count: usize) {
    if far.len() > count {
        far.select_nth_unstable_by(count - 1, by_distance);
        far.truncate(count);
    }
}
