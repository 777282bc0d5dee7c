//! New places for empty clusters.

use crate::blocks::Blocks;
use crate::error::FitError;
use crate::packed::squared_distance;
use crate::sample::Sample;

/// Gives each cluster without weight one of the rows farthest from their own centres: the farthest row to the lowest such
/// cluster, and so on (the lowest row among equals). The row's weight and deviation leave the sums of its former cluster.
/// Nothing happens when every row sits on its centre.
///
/// Returns the moves as (cluster, row); a moved cluster's new centre is that row.
pub(crate) fn relocate(
    sample: Sample<'_>,
    blocks: &Blocks,
    labels: &[i32],
    centers: &[f64],
    deviations: &mut [f64],
    cluster_weights: &mut [f64],
) -> Result<Vec<(usize, usize)>, FitError> {
    let empty: Vec<usize> = (0..cluster_weights.len())
        .filter(|&cluster| cluster_weights[cluster] == 0.0)
        .collect();
    if empty.is_empty() {
        return Ok(Vec::new());
    }
    let columns = sample.columns();
    let span = |cluster: usize| cluster * columns..(cluster + 1) * columns;
    let mut far = vec![(0.0, 0); labels.len()];
    blocks.write(&mut far, 1, |block, far| {
        let first = block.start;
        sample.tiles(blocks, block, |tile, rows| {
            for (row, values) in tile.zip(rows.rows(columns)) {
                let center = &centers[span(labels[row] as usize)];
                far[row - first] = (squared_distance(values.dense(), center), row);
            }
        })
    })?;
    let by_distance = |left: &(f64, usize), right: &(f64, usize)| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1));
    // There are no more clusters than rows, and not all are empty: `far` is longer than `empty`.
    far.select_nth_unstable_by(empty.len() - 1, by_distance);
    far.truncate(empty.len());
    far.sort_unstable_by(by_distance);
    if far[0].0 == 0.0 {
        return Ok(Vec::new());
    }

    let moves: Vec<(usize, usize)> = empty.into_iter().zip(far.into_iter().map(|(_, row)| row)).collect();
    for &(cluster, row) in &moves {
        let weight = sample.weight(row);
        let donor = labels[row] as usize;
        for ((sum, value), center) in deviations[span(donor)]
            .iter_mut()
            .zip(&sample.row(row))
            .zip(&centers[span(donor)])
        {
            *sum -= weight * (value - center);
        }
        cluster_weights[cluster] = weight;
        cluster_weights[donor] -= weight;
    }
    Ok(moves)
}
