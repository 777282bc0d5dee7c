//! Loss and gradient of dense rows with more than two classes: eight rows at a time, each read once from memory.
//!
//! Coefficients and gradient lie column after column, the classes of a column in vectors of eight. Of eight rows and one vector of
//! classes the scores stay in registers; a score's terms are added column after column. Then the scores are turned: between them and the
//! gradient a vector holds eight rows of a class, so that no row waits for the one before, and classes that only fill a vector take no time.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::packed::Lanes;
use crate::rows::Ahead;
use crate::simd::{DOUBLES, Kernel, Simd, exponential};

/// From here on a product of sums of exponentials becomes a logarithm: the next factor is at most the number of classes.
const LARGE: f64 = 1e280;

/// Some dense rows, and what is added up over them.
pub(super) struct Several<'a> {
    /// Row after row.
    pub(super) rows: &'a [f64],
    pub(super) columns: usize,
    /// The rows that come next.
    pub(super) ahead: Ahead<'a>,
    /// Column after column, in vectors of classes.
    pub(super) coefficients: &'a [Lanes],
    /// In vectors of classes.
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
    /// Room for the scores of eight rows, class after class.
    pub(super) scores: &'a mut Vec<Lanes>,
}

impl Kernel for Several<'_> {
    /// The loss.
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let (columns, tiles) = (self.columns, self.intercepts.len());
        let (zero, one) = (simd.double(0.0), simd.double(1.0));
        let mut ahead = self.ahead.lines();
        self.scores.resize(DOUBLES * tiles, [0.0; DOUBLES]);
        let mut loss = Loss {
            sum: zero,
            product: one,
        };
        for (group, classes) in self.classes.chunks(DOUBLES).enumerate() {
            let first = group * DOUBLES;
            // Where there are fewer than eight the first is repeated, and weighs nothing.
            let rows: [&[f64]; DOUBLES] = std::array::from_fn(|lane| {
                let row = first + if lane < classes.len() { lane } else { 0 };
                &self.rows[row * columns..][..columns]
            });
            let weights = match self.weights {
                Some(weights) => simd.load_some(&weights[first..first + classes.len()]),
                None => simd.load_some(&[1.0; DOUBLES][..classes.len()]),
            };
            for tile in 0..tiles {
                let mut sums = [zero; DOUBLES];
                for (column, coefficients) in self.coefficients.chunks_exact(tiles).enumerate().take(columns) {
                    // Eight rows of float64 have a line for each column.
                    if tile == 0 {
                        ahead.bring::<S, 1>(simd);
                    }
                    let coefficients = simd.load(&coefficients[tile]);
                    for row in 0..DOUBLES {
                        sums[row] = simd.mul_add(simd.double(rows[row][column]), coefficients, sums[row]);
                    }
                }
                let intercepts = simd.load(&self.intercepts[tile]);
                for row in 0..DOUBLES {
                    sums[row] = simd.add(sums[row], intercepts);
                }
                for (scores, to) in simd.turn(sums).into_iter().zip(&mut self.scores[tile * DOUBLES..]) {
                    simd.store(scores, to);
                }
            }
            let mut own = [0; DOUBLES];
            own[..classes.len()].copy_from_slice(classes);
            let own = simd.load_integers(&own);
            let (scores, none) = self.scores.split_at_mut(self.n_classes);
            none.fill([0.0; DOUBLES]);
            let softmax = softmax(simd, scores, own);
            loss.add(simd, &softmax, weights, self.weights.is_some());
            for tile in 0..tiles {
                let mut residuals = [zero; DOUBLES];
                for lane in 0..DOUBLES {
                    residuals[lane] = simd.load(&self.scores[tile * DOUBLES + lane]);
                }
                let used = DOUBLES.min(self.n_classes - tile * DOUBLES);
                if !self.probabilities.is_empty() {
                    for (row, probabilities) in simd.turn(residuals).into_iter().enumerate().take(classes.len()) {
                        let place = (first + row) * self.n_classes + tile * DOUBLES;
                        simd.store_some(probabilities, &mut self.probabilities[place..place + used]);
                    }
                }
                for lane in 0..used {
                    let right = simd.equal(own, simd.double((tile * DOUBLES + lane) as f64));
                    let right = simd.select(right, weights, zero);
                    residuals[lane] = simd.sub(simd.mul(weights, residuals[lane]), right);
                }
                let residuals = simd.turn(residuals);
                let mut sum = simd.load(&self.by_intercept[tile]);
                for row in 0..DOUBLES {
                    sum = simd.add(sum, residuals[row]);
                }
                simd.store(sum, &mut self.by_intercept[tile]);
                for (column, gradient) in self.gradient.chunks_exact_mut(tiles).enumerate().take(columns) {
                    let mut sum = simd.load(&gradient[tile]);
                    for row in 0..DOUBLES {
                        sum = simd.mul_add(simd.double(rows[row][column]), residuals[row], sum);
                    }
                    simd.store(sum, &mut gradient[tile]);
                }
            }
        }
        loss.total(simd)
    }
}

/// What the losses of eight rows are made of.
struct Softmax<S: Simd> {
    /// The largest score.
    largest: S::Double,
    /// The score of the row's own class.
    right: S::Double,
    /// The exponentials of all scores' distances from the largest, added up.
    sum: S::Double,
}

/// Replaces the scores of eight rows by probabilities, from exponentials of their distances from the largest, which neither overflow
/// nor all vanish.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [Lanes], own: S::Double) -> Softmax<S> {
    let (mut largest, mut right) = (simd.double(f64::NEG_INFINITY), simd.double(0.0));
    for (class, scores) in scores.iter().enumerate() {
        let scores = simd.load(scores);
        largest = simd.max(largest, scores);
        right = simd.select(simd.equal(own, simd.double(class as f64)), scores, right);
    }
    let mut sum = simd.double(0.0);
    for scores in scores.iter_mut() {
        let small = exponential(simd, simd.sub(simd.load(scores), largest));
        simd.store(small, scores);
        sum = simd.add(sum, small);
    }
    let inverse = simd.div(simd.double(1.0), sum);
    for scores in scores {
        simd.store(simd.mul(simd.load(scores), inverse), scores);
    }
    Softmax { largest, right, sum }
}

/// The loss of rows, a lane for each of eight. Where they weigh the same one logarithm stands for many.
struct Loss<S: Simd> {
    sum: S::Double,
    /// Its logarithm is yet to be added.
    product: S::Double,
}

impl<S: Simd> Loss<S> {
    /// Adds eight rows, of which those that are not there weigh nothing.
    #[inline(always)]
    fn add(&mut self, simd: S, rows: &Softmax<S>, weights: S::Double, weighted: bool) {
        let short = simd.sub(rows.largest, rows.right);
        self.sum = simd.mul_add(weights, short, self.sum);
        if weighted {
            self.sum = simd.mul_add(weights, logarithms(simd, rows.sum), self.sum);
            return;
        }
        let there = simd.less(simd.double(0.0), weights);
        self.product = simd.mul(self.product, simd.select(there, rows.sum, simd.double(1.0)));
        if simd.bits(simd.less(simd.double(LARGE), self.product)) != 0 {
            self.take_logarithms(simd);
        }
    }

    #[inline(always)]
    fn take_logarithms(&mut self, simd: S) {
        self.sum = simd.add(self.sum, logarithms(simd, self.product));
        self.product = simd.double(1.0);
    }

    #[inline(always)]
    fn total(mut self, simd: S) -> f64 {
        self.take_logarithms(simd);
        let mut lanes = [0.0; DOUBLES];
        simd.store(self.sum, &mut lanes);
        lanes.iter().sum()
    }
}

#[inline(always)]
fn logarithms<S: Simd>(simd: S, vector: S::Double) -> S::Double {
    let mut lanes = [0.0; DOUBLES];
    simd.store(vector, &mut lanes);
    simd.load(&lanes.map(f64::ln))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic_regression::products::FeatureMajor;
    use crate::simd::dispatch;

    /// Loss, gradient by column and class, residuals by class, and probabilities, one row after another.
    fn plainly(
        (rows, columns): (&[f64], usize),
        coefficients: &[f64],
        intercepts: &[f64],
        classes: &[u32],
        weights: &[f64],
    ) -> (f64, Vec<f64>, Vec<f64>, Vec<f64>) {
        let scores = intercepts.len();
        let (mut loss, mut gradient, mut residuals) = (0.0, vec![0.0; scores * columns], vec![0.0; scores]);
        let mut probabilities = Vec::new();
        for ((row, &class), weight) in rows.chunks_exact(columns).zip(classes).zip(weights) {
            let score = |score: usize| -> f64 {
                let products = row.iter().zip(&coefficients[score * columns..]);
                products.map(|(value, other)| value * other).sum::<f64>() + intercepts[score]
            };
            let powers: Vec<f64> = (0..scores).map(|index| score(index).exp()).collect();
            let sum: f64 = powers.iter().sum();
            loss += weight * (sum.ln() - score(class as usize));
            for (index, power) in powers.iter().enumerate() {
                probabilities.push(power / sum);
                let residual = weight * (power / sum - f64::from(u8::from(index == class as usize)));
                residuals[index] += residual;
                for (column, value) in row.iter().enumerate() {
                    gradient[index * columns + column] += residual * value;
                }
            }
        }
        (loss, gradient, residuals, probabilities)
    }

    #[test]
    fn sums_are_those_of_single_rows() {
        // The last has so many rows that products become logarithms on the way.
        for (count, columns, scores) in [(1, 1, 3), (9, 4, 3), (83, 50, 5), (70, 9, 8), (41, 3, 9), (6000, 2, 20)] {
            let value = |index: usize| (index * 37 % 1009) as f64 / 504.0 - 1.0;
            let rows: Vec<f64> = (0..count * columns).map(value).collect();
            let coefficients: Vec<f64> = (0..columns * scores).map(|place| value(place * 11 + 5)).collect();
            let intercepts: Vec<f64> = (0..scores).map(|score| value(score * 13 + 1)).collect();
            let classes: Vec<u32> = (0..count).map(|row| (row * 7 % scores) as u32).collect();
            let (ones, some) = (vec![1.0; count], (0..count).map(|row| (row % 3) as f64).collect());
            for weights in [None, Some(ones.clone()), Some(some)] {
                let expected = plainly(
                    (&rows, columns),
                    &coefficients,
                    &intercepts,
                    &classes,
                    weights.as_ref().unwrap_or(&ones),
                );
                let close = |got: f64, expected: f64| {
                    assert!(
                        (got - expected).abs() < 1e-13 * count as f64,
                        "{count} × {columns}, {scores}: {got} {expected}"
                    );
                };
                let tiles = scores.div_ceil(DOUBLES);
                let mut padded = vec![[0.0; DOUBLES]; tiles];
                padded.as_flattened_mut()[..scores].copy_from_slice(&intercepts);
                let mut gradient = FeatureMajor::zeros(scores, columns);
                let mut by_intercept = vec![[0.0; DOUBLES]; tiles];
                let mut probabilities = vec![0.0; count * scores];
                let loss = dispatch(Several {
                    rows: &rows,
                    columns,
                    ahead: Ahead::Unknown,
                    coefficients: FeatureMajor::new(&coefficients, scores, columns).tiles(),
                    intercepts: &padded,
                    n_classes: scores,
                    classes: &classes,
                    weights: weights.as_deref(),
                    gradient: gradient.tiles_mut(),
                    by_intercept: &mut by_intercept,
                    probabilities: &mut probabilities,
                    scores: &mut Vec::new(),
                });
                close(loss, expected.0);
                for (index, expected) in expected.1.iter().enumerate() {
                    close(gradient.get(index / columns, index % columns), *expected);
                }
                for (got, expected) in by_intercept.as_flattened().iter().zip(&expected.2) {
                    close(*got, *expected);
                }
                for (got, expected) in probabilities.iter().zip(&expected.3) {
                    close(*got, *expected);
                }
            }
        }
    }
}
