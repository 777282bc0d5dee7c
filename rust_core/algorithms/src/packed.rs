//! Vectors of equal length laid out so that several are compared with a row at once.

/// Vectors side by side in one tile.
pub(crate) const LANES: usize = 8;

/// One value for each vector of a tile.
pub(crate) type Lanes = [f64; LANES];

/// `count` vectors of `columns` values. Eight vectors make a tile; a tile holds the first value of each of its vectors, then the
/// second of each, and so on, which the compiler turns into vector instructions. Each vector's sum still runs over the columns in
/// order, so a result depends on the row and the vector alone. The last tile is filled up with vectors of `padding`.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    columns: usize,
    lanes: Vec<Lanes>,
}

impl Packed {
    /// Packs row-major `vectors` (`count × columns`).
    pub(crate) fn new(vectors: &[f64], columns: usize, padding: f64) -> Self {
        let count = vectors.len() / columns;
        let lanes = vec![[padding; LANES]; count.div_ceil(LANES) * columns];
        let mut packed = Self { columns, lanes };
        packed.set(vectors);
        packed
    }

    /// Replaces the vectors by as many others.
    pub(crate) fn set(&mut self, vectors: &[f64]) {
        let groups = vectors.chunks(LANES * self.columns);
        for (tile, group) in self.lanes.chunks_exact_mut(self.columns).zip(groups) {
            for (column, lanes) in tile.iter_mut().enumerate() {
                for (lane, vector) in lanes.iter_mut().zip(group.chunks_exact(self.columns)) {
                    *lane = vector[column];
                }
            }
        }
    }

    /// All tiles, one after another.
    pub(crate) fn lanes(&self) -> &[Lanes] {
        &self.lanes
    }

    /// The tiles: the values of their vectors, column after column.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = &[Lanes]> {
        self.lanes.chunks_exact(self.columns)
    }

    /// Squared Euclidean distances of `row` to the vectors, tile after tile. Direct differences, so rows far from the origin
    /// keep their digits. Padded lanes hold what `padding` gives.
    pub(crate) fn squared_distances<'p>(&'p self, row: &'p [f64]) -> impl Iterator<Item = Lanes> + 'p {
        self.lanes.chunks_exact(self.columns).map(|tile| {
            let mut sums = [0.0; LANES];
            for (value, lanes) in row.iter().zip(tile) {
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    let difference = value - lane;
                    *sum += difference * difference;
                }
            }
            sums
        })
    }

    /// Index of the nearest vector and its squared distance; the lowest index among equals. `None` when no distance is a finite
    /// number. Needs an infinite `padding`.
    pub(crate) fn nearest(&self, row: &[f64]) -> Option<(usize, f64)> {
        let mut best = (usize::MAX, f64::INFINITY);
        for (tile, distances) in self.squared_distances(row).enumerate() {
            // All lanes at once, without a branch for each: most tiles have nothing nearer.
            if !distances
                .iter()
                .fold(false, |nearer, &distance| nearer | (distance < best.1))
            {
                continue;
            }
            for (lane, distance) in distances.into_iter().enumerate() {
                if distance < best.1 {
                    best = (tile * LANES + lane, distance);
                }
            }
        }
        (best.0 != usize::MAX).then_some(best)
    }
}

/// Squared Euclidean distance, in the order of additions of [`Packed::squared_distances`]: the same bits.
pub(crate) fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).fold(0.0, |sum, (left, right)| {
        let difference = left - right;
        sum + difference * difference
    })
}

/// [`squared_distance`] in eight sums, which do not wait for each other: other last bits.
pub(crate) fn quick_squared_distance(left: &[f64], right: &[f64]) -> f64 {
    let (left_lanes, left_rest) = left.as_chunks::<LANES>();
    let (right_lanes, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (left, right) in left_lanes.iter().zip(right_lanes) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            let difference = left - right;
            *sum += difference * difference;
        }
    }
    sums.iter().sum::<f64>() + squared_distance(left_rest, right_rest)
}

/// Scalar product in a fixed order of additions: eight running sums, of which a column belongs to the one of its number modulo 8,
/// then a tree.
pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left_lanes, left_rest) = left.as_chunks::<LANES>();
    let (right_lanes, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (left, right) in left_lanes.iter().zip(right_lanes) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    for ((sum, left), right) in sums.iter_mut().zip(left_rest).zip(right_rest) {
        *sum += left * right;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

/// `target += factor × vector`.
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, vector: &[f64]) {
    for (target, value) in target.iter_mut().zip(vector) {
        *target += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_equals_is_the_lowest() {
        for count in 1..20 {
            let vectors: Vec<f64> = (0..count).flat_map(|_| [1.0, 2.0]).collect();
            assert_eq!(
                Packed::new(&vectors, 2, f64::INFINITY).nearest(&[1.0, 1.0]),
                Some((0, 1.0))
            );
        }
    }

    #[test]
    fn every_vector_can_be_the_nearest() {
        let vectors: Vec<f64> = (0..19).map(f64::from).collect();
        let packed = Packed::new(&vectors, 1, f64::INFINITY);
        for (index, vector) in vectors.iter().enumerate() {
            assert_eq!(packed.nearest(&[vector + 0.25]), Some((index, 0.0625)));
        }
        assert_eq!(packed.nearest(&[f64::NAN]), None);
        assert_eq!(packed.nearest(&[1e200]), None);
    }

    #[test]
    fn vectors_can_be_replaced() {
        let mut packed = Packed::new(&[0.0; 10], 1, f64::INFINITY);
        packed.set(&[9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 2.0]);
        assert_eq!(packed.nearest(&[0.0]), Some((8, 1.0)));
        assert_eq!(packed.squared_distances(&[0.0]).nth(1).unwrap()[2], f64::INFINITY);
    }

    #[test]
    fn dot_adds_every_term() {
        for length in 0..40_u32 {
            let left: Vec<f64> = (0..length).map(f64::from).collect();
            let right = vec![2.0; left.len()];
            assert_eq!(dot(&left, &right), f64::from(length) * (f64::from(length) - 1.0));
        }
    }
}
