//! Rows times coefficients, and back: the innermost loops of fits and predictions, for dense and sparse rows alike.

use crate::csr::SparseRow;
use crate::packed::{LANES, Lanes, dot};
use crate::rows::Row;
use crate::values::Value;

/// Scalar product of a row and a vector. A sparse row gives the bits of the dense row it stands for: zeros add nothing, and
/// the other terms are added in the same order (see [`dot`]).
pub(super) fn dot_row(vector: &[f64], row: Row<'_>) -> f64 {
    match row {
        Row::Dense(values) => dot(vector, values),
        Row::Sparse(row) => dot_sparse(vector, row),
    }
}

/// [`dot_row`] of a sparse row.
#[inline(always)]
pub(super) fn dot_sparse<C: Value, V: Value>(vector: &[C], row: SparseRow<'_, V>) -> f64 {
    let mut sums = [0.0; LANES];
    for (column, value) in row.entries() {
        sums[column % LANES] += vector[column].into() * value;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

/// `count` vectors, column after column: the first value of each vector, then the second of each, and so on, so that a value of
/// a sparse row meets one run of memory. The vectors are filled up to whole tiles of lanes with zeros.
#[derive(Debug, Clone)]
pub(super) struct FeatureMajor {
    /// Tiles for each column.
    tiles: usize,
    lanes: Vec<Lanes>,
}

impl FeatureMajor {
    /// Zeros.
    pub(super) fn zeros(count: usize, columns: usize) -> Self {
        let tiles = count.div_ceil(LANES);
        Self {
            tiles,
            lanes: vec![[0.0; LANES]; tiles * columns],
        }
    }

    /// Lays out row-major `vectors` (`count × columns`).
    pub(super) fn new(vectors: &[f64], count: usize, columns: usize) -> Self {
        let mut laid_out = Self::zeros(count, columns);
        laid_out.set(vectors, columns);
        laid_out
    }

    /// Replaces the vectors by as many others, row-major.
    pub(super) fn set(&mut self, vectors: &[f64], columns: usize) {
        for (index, vector) in vectors.chunks_exact(columns).enumerate() {
            for (tiles, value) in self.lanes.chunks_exact_mut(self.tiles).zip(vector) {
                tiles[index / LANES][index % LANES] = *value;
            }
        }
    }

    /// Value of one vector in one column.
    pub(super) fn get(&self, vector: usize, column: usize) -> f64 {
        self.lanes[column * self.tiles + vector / LANES][vector % LANES]
    }

    /// Column after column, in tiles.
    pub(super) fn tiles(&self) -> &[Lanes] {
        &self.lanes
    }

    /// The same, to be changed.
    pub(super) fn tiles_mut(&mut self) -> &mut [Lanes] {
        &mut self.lanes
    }

    /// All values, padding included.
    pub(super) fn values_mut(&mut self) -> &mut [f64] {
        self.lanes.as_flattened_mut()
    }

    /// All values, padding included.
    pub(super) fn values(&self) -> &[f64] {
        self.lanes.as_flattened()
    }

    /// Scalar products of a row with the vectors of one tile. The sums run over the columns in order, so a sparse row gives the
    /// bits of the dense row it stands for.
    pub(super) fn products(&self, row: Row<'_>, tile: usize) -> Lanes {
        let mut sums = [0.0; LANES];
        let mut add = |value: f64, lanes: &Lanes| {
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum += value * lane;
            }
        };
        match row {
            Row::Dense(values) => {
                for (value, tiles) in values.iter().zip(self.lanes.chunks_exact(self.tiles)) {
                    add(*value, &tiles[tile]);
                }
            }
            Row::Sparse(row) => {
                for (column, value) in row.entries() {
                    add(value, &self.lanes[column * self.tiles + tile]);
                }
            }
        }
        sums
    }

    /// Writes the scalar products of a row with all vectors; `products` has as many tiles as a column.
    pub(super) fn write_products(&self, row: Row<'_>, products: &mut [Lanes]) {
        for (tile, products) in products.iter_mut().enumerate() {
            *products = self.products(row, tile);
        }
    }

    /// Adds `factors[vector] × row` to each vector; `factors` has as many tiles as a column.
    pub(super) fn add_outer(&mut self, row: Row<'_>, factors: &[Lanes]) {
        let add = |value: f64, tiles: &mut [Lanes]| {
            for (lanes, factors) in tiles.iter_mut().zip(factors) {
                for (lane, factor) in lanes.iter_mut().zip(factors) {
                    *lane += value * factor;
                }
            }
        };
        match row {
            Row::Dense(values) => {
                for (value, tiles) in values.iter().zip(self.lanes.chunks_exact_mut(self.tiles)) {
                    add(*value, tiles);
                }
            }
            Row::Sparse(row) => {
                for (column, value) in row.entries() {
                    add(value, &mut self.lanes[column * self.tiles..][..self.tiles]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::SparseRow;

    /// A row of `columns` values, every third of which is not zero, dense and as a sparse row's columns and values.
    fn row(columns: usize) -> (Vec<f64>, Vec<u32>, Vec<f64>) {
        let mut dense = vec![0.0; columns];
        let named: Vec<u32> = (0..columns as u32).step_by(3).collect();
        let values: Vec<f64> = named.iter().map(|&column| (f64::from(column) + 0.3).sin()).collect();
        for (column, value) in named.iter().zip(&values) {
            dense[*column as usize] = *value;
        }
        (dense, named, values)
    }

    #[test]
    fn sparse_and_dense_rows_give_the_same_bits() {
        for columns in [1, 5, 8, 9, 40, 67] {
            let (dense, named, values) = row(columns);
            let sparse = Row::Sparse(SparseRow {
                columns: &named,
                values: &values,
            });
            for count in [1, 3, 8, 17] {
                let vectors: Vec<f64> = (0..count * columns).map(|index| (index as f64).cos()).collect();
                assert_eq!(dot_row(&vectors[..columns], sparse), dot(&vectors[..columns], &dense));
                let mut laid_out = FeatureMajor::new(&vectors, count, columns);
                for vector in 0..count {
                    assert_eq!(laid_out.get(vector, columns - 1), vectors[(vector + 1) * columns - 1]);
                    let product = laid_out.products(sparse, vector / LANES)[vector % LANES];
                    assert_eq!(
                        product,
                        laid_out.products(Row::Dense(&dense), vector / LANES)[vector % LANES]
                    );
                    let expected = dot(&vectors[vector * columns..][..columns], &dense);
                    assert!((product - expected).abs() < 1e-13, "{product} {expected}");
                }
                let factors = vec![[0.5; LANES]; count.div_ceil(LANES)];
                let mut other = laid_out.clone();
                laid_out.add_outer(sparse, &factors);
                other.add_outer(Row::Dense(&dense), &factors);
                assert_eq!(laid_out.values(), other.values());
                assert_eq!(laid_out.get(0, 0), vectors[0] + 0.5 * dense[0]);
            }
        }
    }
}
