//! Loss and gradient of dense rows with more than two classes: eight rows at a time, each read once from memory.
//!
//! Coefficients and gradient lie column after column, the classes of a column in vectors of eight. Of eight rows and one vector of
//! classes the scores stay in registers; a score's terms are added column after column.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::packed::Lanes;
use crate::simd::{DOUBLES, Kernel, Simd, exponential};

/// Some dense rows, and what is added up over them.
pub(super) struct Several<'a> {
    /// Row after row.
    pub(super) rows: &'a [f64],
    pub(super) columns: usize,
    /// Column after column, in vectors of classes.
    pub(super) coefficients: &'a [Lanes],
    /// In vectors of classes; −∞ where there is no class.
    pub(super) intercepts: &'a [Lanes],
    pub(super) n_classes: usize,
    /// The class of each row.
    pub(super) classes: &'a [u32],
    /// One for each row; None for 1.
    pub(super) weights: Option<&'a [f64]>,
    /// The residuals times the rows are added to it; it lies as the coefficients do.
    pub(super) gradient: &'a mut [Lanes],
    /// The residuals are added to it.
    pub(super) by_intercept: &'a mut [Lanes],
    /// A place for the probability of each class for each row; none where they are not wanted.
    pub(super) probabilities: &'a mut [f64],
    /// Room for the scores of eight rows.
    pub(super) scores: &'a mut Vec<Lanes>,
}

impl Kernel for Several<'_> {
    /// The loss.
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let (columns, tiles) = (self.columns, self.intercepts.len());
        self.scores.resize(DOUBLES * tiles, [0.0; DOUBLES]);
        let mut loss = 0.0;
        for (group, classes) in self.classes.chunks(DOUBLES).enumerate() {
            let first = group * DOUBLES;
            // Where there are fewer than eight the first is repeated, and weighs nothing.
            let rows: [&[f64]; DOUBLES] = std::array::from_fn(|lane| {
                let row = first + if lane < classes.len() { lane } else { 0 };
                &self.rows[row * columns..][..columns]
            });
            for tile in 0..tiles {
                let mut sums = [simd.double(0.0); DOUBLES];
                for (column, coefficients) in self.coefficients.chunks_exact(tiles).enumerate().take(columns) {
                    let coefficients = simd.load(&coefficients[tile]);
                    for row in 0..DOUBLES {
                        sums[row] = simd.mul_add(simd.double(rows[row][column]), coefficients, sums[row]);
                    }
                }
                let intercepts = simd.load(&self.intercepts[tile]);
                for row in 0..DOUBLES {
                    simd.store(simd.add(sums[row], intercepts), &mut self.scores[row * tiles + tile]);
                }
            }
            for (row, scores) in self.scores.chunks_exact_mut(tiles).enumerate() {
                let Some(&class) = classes.get(row) else {
                    scores.fill([0.0; DOUBLES]);
                    continue;
                };
                let class = class as usize;
                let right = scores.as_flattened()[class];
                let (largest, sum) = exponentials(simd, scores);
                let weight = self.weights.map_or(1.0, |weights| weights[first + row]);
                loss += weight * (sum.ln() + (largest - right));
                let inverse = simd.double(1.0 / sum);
                let wanted = (first + row) * self.n_classes;
                let probabilities = self.probabilities.get_mut(wanted..wanted + self.n_classes);
                for scores in scores.iter_mut() {
                    simd.store(simd.mul(simd.load(scores), inverse), scores);
                }
                if let Some(probabilities) = probabilities {
                    probabilities.copy_from_slice(&scores.as_flattened()[..self.n_classes]);
                }
                for (scores, by_intercept) in scores.iter_mut().zip(self.by_intercept.iter_mut()) {
                    for lane in 0..DOUBLES {
                        scores[lane] *= weight;
                        by_intercept[lane] += scores[lane];
                    }
                }
                scores.as_flattened_mut()[class] -= weight;
                self.by_intercept.as_flattened_mut()[class] -= weight;
            }
            for tile in 0..tiles {
                let mut residuals = [simd.double(0.0); DOUBLES];
                for row in 0..DOUBLES {
                    residuals[row] = simd.load(&self.scores[row * tiles + tile]);
                }
                for (column, gradient) in self.gradient.chunks_exact_mut(tiles).enumerate().take(columns) {
                    let mut sum = simd.load(&gradient[tile]);
                    for row in 0..DOUBLES {
                        sum = simd.mul_add(simd.double(rows[row][column]), residuals[row], sum);
                    }
                    simd.store(sum, &mut gradient[tile]);
                }
            }
        }
        loss
    }
}

/// Replaces scores by exponentials of their distances from the largest, which neither overflow nor all vanish; gives the
/// largest score and the sum of the exponentials.
#[inline(always)]
fn exponentials<S: Simd>(simd: S, scores: &mut [Lanes]) -> (f64, f64) {
    let most = |scores: &[f64]| {
        scores.iter().fold(
            f64::NEG_INFINITY,
            |most, &score| if score > most { score } else { most },
        )
    };
    let largest = most(scores.as_flattened());
    let mut sums = simd.double(0.0);
    for scores in scores.iter_mut() {
        let small = exponential(simd, simd.sub(simd.load(scores), simd.double(largest)));
        simd.store(small, scores);
        sums = simd.add(sums, small);
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(sums, &mut lanes);
    (largest, lanes.iter().sum())
}
