//! Sums of squares that keep about 106 bits.

use crate::packed::LANES;

/// A sum whose rounding errors are summed too (D. E. Knuth, The Art of Computer Programming 2, 4.2.2, theorem B).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LongSum {
    pub(super) high: f64,
    pub(super) low: f64,
}

impl LongSum {
    /// The sum of the values' squares.
    pub(super) fn of_squares(values: &[f64]) -> Self {
        let mut sum = Self::default();
        for value in values {
            sum.add(value * value);
        }
        sum
    }

    pub(crate) fn add(&mut self, term: f64) {
        let sum = self.high + term;
        let added = sum - self.high;
        self.low += (self.high - (sum - added)) + (term - added);
        self.high = sum;
    }

    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    /// What is left of this sum of squares when those of `part` are taken away.
    pub(super) fn without(self, part: Self) -> f64 {
        let rest = (self.high - part.high) + (self.low - part.low);
        // Not `max`: NaN, where squares overflow, must not become 0.
        if rest < 0.0 { 0.0 } else { rest }
    }
}

/// Sums of the centres' squares.
#[derive(Debug, Clone)]
pub(super) struct Squares {
    /// Tile after tile.
    pub(super) sums: Vec<[LongSum; LANES]>,
    /// The greatest of them.
    pub(super) greatest: f64,
}

impl Squares {
    /// With the sums of the centres in order.
    pub(super) fn new(sums: &[LongSum]) -> Self {
        let mut squares = Self {
            sums: vec![[LongSum::default(); LANES]; sums.len().div_ceil(LANES)],
            greatest: 0.0,
        };
        for (cluster, square) in sums.iter().enumerate() {
            squares.sums[cluster / LANES][cluster % LANES] = *square;
            // Not `max`: NaN must stay.
            if square.high > squares.greatest || square.high.is_nan() {
                squares.greatest = square.high;
            }
        }
        squares
    }
}
