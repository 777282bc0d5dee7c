//! Sums of outer products, of which only the lower triangle is kept.

use crate::packed::{LANES, Lanes};
use crate::simd::{Kernel, Simd, dispatch};

/// Vectors that are collected before their outer products are added.
const DEPTH: usize = 32;
/// From a place's vectors to those of the next: not a power of two, which would put the values of a row into the same places of a cache.
const STRIDE: usize = DEPTH + 1;

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
            panels: vec![[0.0; LANES]; size.div_ceil(LANES) * STRIDE],
            count: 0,
        }
    }

    /// Sets the current vector: a factor times the values, and times 1 after them if there is an intercept.
    pub(super) fn set_row(&mut self, values: &[f64], factor: f64, intercept: bool) {
        let (whole, rest) = values.as_chunks::<LANES>();
        let panels = self.panels.iter_mut().skip(self.count).step_by(STRIDE);
        let mut last = [0.0; LANES];
        for (last, value) in last.iter_mut().zip(rest) {
            *last = factor * value;
        }
        let last_used = !rest.is_empty() || intercept;
        if intercept {
            last[rest.len()] = factor;
        }
        let whole = whole.iter().map(|chunk| chunk.map(|value| factor * value));
        for (panel, lanes) in panels.zip(whole.chain(last_used.then_some(last))) {
            *panel = lanes;
        }
    }

    /// Sets values of the current vector, from a place on; all its places must be set.
    pub(super) fn set(&mut self, first: usize, values: impl Iterator<Item = f64>) {
        for (place, value) in (first..).zip(values) {
            self.panels[place / LANES * STRIDE + self.count][place % LANES] = value;
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
        dispatch(Flush {
            panels: &self.panels,
            count: self.count,
            tiles: &mut sums.tiles,
        });
        self.count = 0;
    }
}

/// Adds the outer products of a batch's vectors. Each sum has the same terms in the same order at every level of instructions;
/// whether a product is rounded before it is added depends on the level.
struct Flush<'a> {
    panels: &'a [Lanes],
    count: usize,
    tiles: &'a mut [[Lanes; LANES]],
}

impl Kernel for Flush<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let panel = |place: usize| &self.panels[place * STRIDE..][..self.count];
        let mut rest = self.tiles;
        for row in 0..self.panels.len() / STRIDE {
            let (tiles, later) = rest.split_at_mut(row + 1);
            rest = later;
            let left = panel(row);
            if S::REGISTERS < 2 * LANES {
                for (place, tile) in tiles.iter_mut().enumerate() {
                    let (upper, lower) = tile.split_at_mut(LANES / 2);
                    accumulate::<S, { LANES / 2 }, 1>(simd, [upper], left, 0, [panel(place)]);
                    accumulate::<S, { LANES / 2 }, 1>(simd, [lower], left, LANES / 2, [panel(place)]);
                }
                continue;
            }
            let (pairs, odd) = tiles.as_chunks_mut::<2>();
            for (place, [first, second]) in pairs.iter_mut().enumerate() {
                let panels = [panel(2 * place), panel(2 * place + 1)];
                let tiles = [first.as_mut_slice(), second.as_mut_slice()];
                accumulate::<S, LANES, 2>(simd, tiles, left, 0, panels);
            }
            if let [tile] = odd {
                accumulate::<S, LANES, 1>(simd, [tile.as_mut_slice()], left, 0, [panel(row)]);
            }
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the tiles are borrowed for this alone")]
/// Adds the outer products of some lanes of `left`, from `first` on, and those of each of the panels: all in registers.
#[inline(always)]
fn accumulate<S: Simd, const ROWS: usize, const PANELS: usize>(
    simd: S,
    tiles: [&mut [Lanes]; PANELS],
    left: &[Lanes],
    first: usize,
    right: [&[Lanes]; PANELS],
) {
    let mut sums = [[simd.double(0.0); PANELS]; ROWS];
    for row in 0..ROWS {
        for panel in 0..PANELS {
            sums[row][panel] = simd.load(&tiles[panel][row]);
        }
    }
    let right = right.map(|right| &right[..left.len()]);
    for (vector, left) in left.iter().enumerate() {
        let mut others = [simd.double(0.0); PANELS];
        for panel in 0..PANELS {
            others[panel] = simd.load(&right[panel][vector]);
        }
        for row in 0..ROWS {
            let value = simd.double(left[first + row]);
            for panel in 0..PANELS {
                sums[row][panel] = simd.mul_add(value, others[panel], sums[row][panel]);
            }
        }
    }
    for row in 0..ROWS {
        for panel in 0..PANELS {
            simd.store(sums[row][panel], &mut tiles[panel][row]);
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
}
