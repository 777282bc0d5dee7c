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
