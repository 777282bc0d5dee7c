//! Sums of outer products, of which only the lower triangle is kept.

use crate::packed::{LANES, Lanes};

/// Vectors that are collected before their outer products are added.
const DEPTH: usize = 32;

/// The lower triangle of a symmetric matrix, cut into square tiles.
#[derive(Debug, Clone)]
pub(super) struct Triangle {
    /// Row after row of tiles; those on the diagonal are whole.
    tiles: Vec<[Lanes; LANES]>,
}

impl Triangle {
    pub(super) fn zeros(size: usize) -> Self {
        let tiles = size.div_ceil(LANES);
        Self {
            tiles: vec![[[0.0; LANES]; LANES]; tiles * (tiles + 1) / 2],
        }
    }

    /// Numbers that a triangle of this size keeps.
    pub(super) fn len(size: usize) -> usize {
        let tiles = size.div_ceil(LANES);
        (tiles * (tiles + 1) / 2).saturating_mul(LANES * LANES)
    }

    /// The element of a row and a column up to it.
    pub(super) fn get(&self, row: usize, column: usize) -> f64 {
        self.tiles[place(row, column)][row % LANES][column % LANES]
    }

    /// Adds to the element of a row and a column up to it.
    pub(super) fn add(&mut self, row: usize, column: usize, value: f64) {
        self.tiles[place(row, column)][row % LANES][column % LANES] += value;
    }

    /// Adds a multiple of a sparse vector's outer product with itself; its places rise.
    pub(super) fn add_sparse(&mut self, entries: &[(usize, f64)], factor: f64) {
        for (index, &(row, value)) in entries.iter().enumerate() {
            let scaled = factor * value;
            for &(column, other) in &entries[..=index] {
                self.add(row, column, scaled * other);
            }
        }
    }

    /// Adds another triangle of the same size.
    pub(super) fn add_all(&mut self, other: &Self) {
        let own = self.tiles.as_flattened_mut().as_flattened_mut();
        crate::packed::add_scaled(own, 1.0, other.tiles.as_flattened().as_flattened());
    }
}

fn place(row: usize, column: usize) -> usize {
    let (row, column) = (row / LANES, column / LANES);
    row * (row + 1) / 2 + column
}

/// Dense vectors whose outer products are to be added.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// Tile after tile of places; in a tile, vector after vector.
    panels: Vec<Lanes>,
    count: usize,
}

impl Batch {
    pub(super) fn new(size: usize) -> Self {
        Self {
            panels: vec![[0.0; LANES]; size.div_ceil(LANES) * DEPTH],
            count: 0,
        }
    }

    /// Sets values of the current vector, from a place on; all its places must be set.
    pub(super) fn set(&mut self, first: usize, values: impl Iterator<Item = f64>) {
        for (place, value) in (first..).zip(values) {
            self.panels[place / LANES * DEPTH + self.count][place % LANES] = value;
        }
    }

    /// Goes on to the next vector; once there are enough, their outer products are added to `sums`.
    pub(super) fn advance(&mut self, sums: &mut Triangle) {
        self.count += 1;
        if self.count == DEPTH {
            self.flush(sums);
        }
    }

    /// Adds the outer products of the vectors so far.
    pub(super) fn flush(&mut self, sums: &mut Triangle) {
        let panels = || self.panels.chunks_exact(DEPTH).map(|panel| &panel[..self.count]);
        let mut tiles = sums.tiles.iter_mut();
        for (row, left) in panels().enumerate() {
            for (right, tile) in panels().take(row + 1).zip(&mut tiles) {
                accumulate(tile, left, right);
            }
        }
        self.count = 0;
    }
}

/// Adds the outer products of pairs of lanes. Whatever the machine's vectors, each sum has the same terms in the same order and
/// no fused operations: the same bits.
fn accumulate(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has the instructions.
            return unsafe { accumulate_avx512(tile, left, right) };
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has the instructions.
            return unsafe { accumulate_avx2(tile, left, right) };
        }
    }
    accumulate_rows::<2>(tile, left, right);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn accumulate_avx512(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    accumulate_rows::<8>(tile, left, right);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn accumulate_avx2(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    accumulate_rows::<4>(tile, left, right);
}

/// As many rows of the tile at a time as the machine's registers hold.
#[inline(always)]
fn accumulate_rows<const ROWS: usize>(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    for first in (0..LANES).step_by(ROWS) {
        let mut sums = [[0.0; LANES]; ROWS];
        sums.copy_from_slice(&tile[first..first + ROWS]);
        for (left, right) in left.iter().zip(right) {
            for (sums, left) in sums.iter_mut().zip(&left[first..first + ROWS]) {
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum += left * right;
                }
            }
        }
        tile[first..first + ROWS].copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_products_add_up() {
        for size in [1, 7, 8, 9, 30] {
            for count in [1, DEPTH - 1, DEPTH, 2 * DEPTH + 5] {
                let value = |vector: usize, place: usize| ((vector * 37 + place * 11) as f64).sin();
                let (mut dense, mut sparse) = (Triangle::zeros(size), Triangle::zeros(size));
                let mut batch = Batch::new(size);
                for vector in 0..count {
                    batch.set(0, (0..size / 2).map(|place| value(vector, place)));
                    batch.set(size / 2, (size / 2..size).map(|place| value(vector, place)));
                    batch.advance(&mut dense);
                    let entries: Vec<_> = (0..size).map(|place| (place, value(vector, place))).collect();
                    sparse.add_sparse(&entries, 1.0);
                }
                batch.flush(&mut dense);
                for row in 0..size {
                    for column in 0..=row {
                        let expected = sparse.get(row, column);
                        assert!((dense.get(row, column) - expected).abs() < 1e-12);
                        let direct: f64 = (0..count)
                            .map(|vector| value(vector, row) * value(vector, column))
                            .sum();
                        assert!((direct - expected).abs() < 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_of_instructions_gives_the_same_bits() {
        let lanes = |seed: f64| -> Vec<Lanes> {
            (0..DEPTH)
                .map(|vector| std::array::from_fn(|lane| (seed + (vector * LANES + lane) as f64).sin()))
                .collect()
        };
        let (left, right) = (lanes(0.1), lanes(0.7));
        let mut expected = [[0.25; LANES]; LANES];
        accumulate_rows::<1>(&mut expected, &left, &right);
        type Level = fn(&mut [Lanes; LANES], &[Lanes], &[Lanes]);
        let levels: [Level; 4] = [
            accumulate,
            accumulate_rows::<2>,
            accumulate_rows::<4>,
            accumulate_rows::<8>,
        ];
        for level in levels {
            let mut tile = [[0.25; LANES]; LANES];
            level(&mut tile, &left, &right);
            assert_eq!(tile, expected);
        }
    }
}
