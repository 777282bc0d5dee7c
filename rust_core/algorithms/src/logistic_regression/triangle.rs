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
    accumulate_portable(tile, left, right);
}

/// The tile in eight registers. Written out because the compiler alone keeps it in memory.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn accumulate_avx512(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    use std::arch::x86_64::{
        _mm512_add_pd, _mm512_loadu_pd, _mm512_mul_pd, _mm512_set1_pd, _mm512_setzero_pd, _mm512_storeu_pd,
    };
    let mut sums = [_mm512_setzero_pd(); LANES];
    for (sum, row) in sums.iter_mut().zip(tile.iter()) {
        // SAFETY: a row is as long as the register.
        *sum = unsafe { _mm512_loadu_pd(row.as_ptr()) };
    }
    for (left, right) in left.iter().zip(right) {
        // SAFETY: lanes are as long as the register.
        let right = unsafe { _mm512_loadu_pd(right.as_ptr()) };
        for (sum, left) in sums.iter_mut().zip(left) {
            *sum = _mm512_add_pd(*sum, _mm512_mul_pd(_mm512_set1_pd(*left), right));
        }
    }
    for (row, sum) in tile.iter_mut().zip(sums) {
        // SAFETY: a row is as long as the register.
        unsafe { _mm512_storeu_pd(row.as_mut_ptr(), sum) };
    }
}

/// Half the tile at a time in eight registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn accumulate_avx2(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    use std::arch::x86_64::{
        _mm256_add_pd, _mm256_loadu_pd, _mm256_mul_pd, _mm256_set1_pd, _mm256_setzero_pd, _mm256_storeu_pd,
    };
    const HALF: usize = LANES / 2;
    for (half, rows) in tile.chunks_exact_mut(HALF).enumerate() {
        let mut sums = [[_mm256_setzero_pd(); 2]; HALF];
        for (sums, row) in sums.iter_mut().zip(rows.iter()) {
            // SAFETY: a row is as long as two registers.
            *sums = unsafe { [_mm256_loadu_pd(row.as_ptr()), _mm256_loadu_pd(row.as_ptr().add(HALF))] };
        }
        for (left, right) in left.iter().zip(right) {
            // SAFETY: lanes are as long as two registers.
            let right = unsafe {
                [
                    _mm256_loadu_pd(right.as_ptr()),
                    _mm256_loadu_pd(right.as_ptr().add(HALF)),
                ]
            };
            for (sums, left) in sums.iter_mut().zip(&left.as_chunks::<HALF>().0[half]) {
                let left = _mm256_set1_pd(*left);
                sums[0] = _mm256_add_pd(sums[0], _mm256_mul_pd(left, right[0]));
                sums[1] = _mm256_add_pd(sums[1], _mm256_mul_pd(left, right[1]));
            }
        }
        for (row, sums) in rows.iter_mut().zip(sums) {
            // SAFETY: a row is as long as two registers.
            unsafe {
                _mm256_storeu_pd(row.as_mut_ptr(), sums[0]);
                _mm256_storeu_pd(row.as_mut_ptr().add(HALF), sums[1]);
            }
        }
    }
}

fn accumulate_portable(tile: &mut [Lanes; LANES], left: &[Lanes], right: &[Lanes]) {
    for (left, right) in left.iter().zip(right) {
        for (sums, left) in tile.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
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
        accumulate_portable(&mut expected, &left, &right);
        type Level = fn(&mut [Lanes; LANES], &[Lanes], &[Lanes]);
        let mut levels: Vec<Level> = vec![accumulate];
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the machine has the instructions.
                levels.push(|tile, left, right| unsafe { accumulate_avx2(tile, left, right) });
            }
            if std::is_x86_feature_detected!("avx512f") {
                // SAFETY: the machine has the instructions.
                levels.push(|tile, left, right| unsafe { accumulate_avx512(tile, left, right) });
            }
        }
        for level in levels {
            let mut tile = [[0.25; LANES]; LANES];
            level(&mut tile, &left, &right);
            assert_eq!(tile, expected);
        }
    }
}
