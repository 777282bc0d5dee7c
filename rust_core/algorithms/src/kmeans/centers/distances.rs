//! Distances of rows, dense or sparse, to centres.
//!
//! A dense row's squared distance is the sum of its squared differences. A sparse row's is that sum over the columns it names,
//! plus the squares of the centre's values in the other columns, as the sum of all squares less those of the named columns.
//! These two sums keep about 106 bits each, so that little is lost where they are large and nearly equal: a row that names every
//! column has the same distance, to the last bit, as the dense row.

use crate::csr::SparseRow;
use crate::kmeans::centers::{Centers, LongSum};
use crate::packed::{LANES, Lanes, squared_distance};
use crate::rows::Row;

impl Centers {
    /// Squared distance of `row` to one centre: the bits that [`Centers::squared_distances`] gives.
    pub(crate) fn squared_distance(&self, row: Row<'_>, cluster: usize) -> f64 {
        let center = self.center(cluster);
        match row {
            Row::Dense(row) => squared_distance(row, center),
            Row::Sparse(row) => {
                let mut sum = 0.0;
                let mut named = LongSum::default();
                for (column, value) in row.entries() {
                    let difference = value - center[column];
                    sum += difference * difference;
                    named.add(center[column] * center[column]);
                }
                sum + self.squares().sums[cluster / LANES][cluster % LANES].without(named)
            }
        }
    }

    /// Calls `step` with the squared distances of `row` to the centres, tile after tile; lanes beyond the last centre hold
    /// infinity.
    fn each_tile(&self, row: Row<'_>, mut step: impl FnMut(Lanes)) {
        match row {
            Row::Dense(row) => self.packed().squared_distances(row).for_each(step),
            Row::Sparse(row) => {
                let mut left = self.count();
                for (tile, squares) in self.packed().tiles().zip(&self.squares().sums) {
                    let mut distances = sparse_squared_distances(row, tile, squares);
                    distances
                        .iter_mut()
                        .skip(left)
                        .for_each(|distance| *distance = f64::INFINITY);
                    left = left.saturating_sub(LANES);
                    step(distances);
                }
            }
        }
    }

    /// Writes the squared distances of `row` to the first centres, as many as `distances` has places for.
    pub(crate) fn squared_distances(&self, row: Row<'_>, distances: &mut [f64]) {
        let mut places = distances.iter_mut();
        self.each_tile(row, |tile| {
            for (distance, place) in tile.into_iter().zip(places.by_ref()) {
                *place = distance;
            }
        });
    }

    /// Index of the nearest centre and its squared distance; the lowest index among equals. `None` when no distance is a finite
    /// number.
    pub(crate) fn nearest(&self, row: Row<'_>) -> Option<(usize, f64)> {
        let sparse = match row {
            Row::Dense(row) => return self.packed().nearest(row),
            Row::Sparse(row) => row,
        };
        if let Some(cluster) = self.clearly_nearest(sparse) {
            return Some((cluster, self.squared_distance(row, cluster)));
        }
        let mut best = (usize::MAX, f64::INFINITY);
        let mut first = 0;
        self.each_tile(row, |distances| {
            for (lane, distance) in distances.into_iter().enumerate() {
                if distance < best.1 {
                    best = (first + lane, distance);
                }
            }
            first += LANES;
        });
        (best.0 != usize::MAX).then_some(best)
    }

    /// The nearest centre by the short formula ‖c‖² + Σ x(x − 2c), unless another is as near within its rounding error.
    ///
    /// That error is below (n + 4)ε(‖x‖² + ‖c‖²) for n named columns: n products, their sum, and two more terms. The limit
    /// below is four times the two errors of a difference, and so leaves room for the error of [`Centers::squared_distances`].
    fn clearly_nearest(&self, row: SparseRow<'_>) -> Option<usize> {
        let square: f64 = row.values.iter().map(|value| value * value).sum();
        let count = self.count();
        let (mut best, mut second) = ((0, f64::INFINITY), f64::INFINITY);
        for (index, (tile, squares)) in self.packed().tiles().zip(&self.squares().sums).enumerate() {
            let mut sums = [0.0; LANES];
            for (column, value) in row.entries() {
                for (sum, lane) in sums.iter_mut().zip(&tile[column]) {
                    *sum += value * (value - 2.0 * lane);
                }
            }
            let first = index * LANES;
            for (lane, (sum, square)) in sums.into_iter().zip(squares).take(count - first).enumerate() {
                let distance = sum + square.high;
                if distance < best.1 {
                    second = best.1;
                    best = (first + lane, distance);
                } else if distance < second {
                    second = distance;
                }
            }
        }
        let terms = (row.values.len() + 4) as f64;
        // Beside the relative error, each product that underflows loses up to the least normal number.
        let limit = 8.0 * terms * (f64::EPSILON * (square + self.squares().greatest) + f64::MIN_POSITIVE);
        // False where anything has overflowed: then the limit is infinite or NaN.
        (second - best.1 > limit).then_some(best.0)
    }
}

fn sparse_squared_distances(row: SparseRow<'_>, tile: &[Lanes], squares: &[LongSum; LANES]) -> Lanes {
    let mut sums = [0.0; LANES];
    // Apart, not as pairs, so that eight are added at once.
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    for (column, value) in row.entries() {
        let lanes = &tile[column];
        for lane in 0..LANES {
            let difference = value - lanes[lane];
            sums[lane] += difference * difference;
            let mut named = LongSum {
                high: high[lane],
                low: low[lane],
            };
            named.add(lanes[lane] * lanes[lane]);
            (high[lane], low[lane]) = (named.high, named.low);
        }
    }
    for lane in 0..LANES {
        let named = LongSum {
            high: high[lane],
            low: low[lane],
        };
        sums[lane] += squares[lane].without(named);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::rows::Rows;

    /// The rows as a sparse matrix that names what `named` says.
    fn sparse(values: &[f64], columns: usize, named: impl Fn(f64) -> bool) -> Csr<'static> {
        let (mut indptr, mut indices, mut kept) = (vec![0], Vec::new(), Vec::new());
        for row in values.chunks(columns) {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| named(**value)) {
                indices.push(column as u32);
                kept.push(value);
            }
            indptr.push(kept.len() as u64);
        }
        Csr::new(indptr.into(), indices.into(), CsrValues::Double(kept.into()), columns).unwrap()
    }

    fn distances(centers: &Centers, rows: Rows<'_>) -> Vec<Vec<f64>> {
        let mut buffer = Vec::new();
        rows.tile(0..rows.rows(), &mut buffer)
            .rows(rows.columns())
            .map(|row| {
                let mut distances = vec![0.0; centers.count()];
                centers.squared_distances(row, &mut distances);
                for (cluster, distance) in distances.iter().enumerate() {
                    assert_eq!(centers.squared_distance(row, cluster).to_bits(), distance.to_bits());
                }
                let (nearest, distance) = centers.nearest(row).unwrap();
                assert_eq!(distance, distances[nearest]);
                assert!(distances.iter().all(|other| *other >= distance));
                distances
            })
            .collect()
    }

    #[test]
    fn a_row_that_names_every_column_is_the_dense_row() {
        for offset in [0.0, 1e3, 1e9] {
            let values: Vec<f64> = (0..60).map(|index| offset + f64::from(index * 37 % 61) / 7.0).collect();
            let centers = Centers::new(values[..33].to_vec(), 3);
            let all = sparse(&values, 3, |_| true);
            let dense = Rows::from_values(&values, 20, 3).unwrap();
            assert_eq!(
                distances(&centers, Rows::from(&all)),
                distances(&centers, dense),
                "{offset}"
            );
        }
    }

    #[test]
    fn columns_that_are_not_named_are_zero() {
        // One column lies far from the origin; the digits of the others must survive it.
        let row = |index: i32| {
            let small = f64::from(index % 5) / 8.0;
            [1e8 + f64::from(index) / 16.0, 0.0, small, 0.0, -small]
        };
        let values: Vec<f64> = (0..40).flat_map(row).collect();
        let centers = Centers::new(values[..50].iter().map(|value| value + 0.25).collect(), 5);
        let named = sparse(&values, 5, |value| value != 0.0);
        let dense = distances(&centers, Rows::from_values(&values, 40, 5).unwrap());
        for (sparse, dense) in distances(&centers, Rows::from(&named)).iter().zip(&dense) {
            for (sparse, dense) in sparse.iter().zip(dense) {
                assert!((sparse - dense).abs() <= 4.0 * f64::EPSILON * dense, "{sparse} {dense}");
            }
        }
    }

    #[test]
    fn the_short_formula_says_nothing_of_near_ties() {
        // Between two centres: once just beside the middle, once clearly.
        let centers = Centers::new(vec![1e6, 0.0, 1e6 + 2.0, 0.0, 0.0, 3.0], 2);
        let rows = [1e6 + 1.0 - 1e-9, 1.0, 1e6 - 40.0, 2.0, 0.5, 3.0];
        let named = sparse(&rows, 2, |_| true);
        let mut buffer = Vec::new();
        let tile = Rows::from(&named).tile(0..3, &mut buffer);
        let clear: Vec<_> = tile
            .rows(2)
            .map(|row| match row {
                Row::Sparse(sparse) => (centers.clearly_nearest(sparse), centers.nearest(row).unwrap().0),
                Row::Dense(_) => unreachable!("the rows are sparse"),
            })
            .collect();
        assert_eq!(clear, [(None, 0), (Some(0), 0), (Some(2), 2)]);
    }

    #[test]
    fn an_empty_row_lies_at_the_origin() {
        let centers = Centers::new(vec![3.0, 4.0, 1.0, 1.0, 0.0, 1e200], 2);
        let empty = Csr::new(vec![0, 0].into(), vec![].into(), CsrValues::Double(vec![].into()), 2).unwrap();
        let mut buffer = Vec::new();
        let row = Rows::from(&empty).tile(0..1, &mut buffer).rows(2).next().unwrap();
        let mut distances = [0.0; 3];
        centers.squared_distances(row, &mut distances);
        assert_eq!(distances[..2], [25.0, 2.0]);
        assert!(!distances[2].is_finite());
        assert_eq!(centers.nearest(row), Some((1, 2.0)));
    }
}
