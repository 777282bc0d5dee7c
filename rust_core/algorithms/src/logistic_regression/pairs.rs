//! Loss and gradient of dense rows with two classes: eight rows at a time, each read once from memory.
//!
//! The scores of eight rows are eight running vectors, whose lanes are added up in the order of [`crate::packed::dot`]; then
//! losses and residuals are those of one vector, a lane for each row; then the rows, which lie in the first-level cache by now, are added
//! to the gradient, all eight to one part of it after another. Sums run over the rows in an order that the place in the block
//! decides alone.

use crate::simd::{DOUBLES, Kernel, Simd, exponential, logarithm_of_one_plus};

/// Some dense rows, and what is added up over them.
pub(super) struct Pairs<'a> {
    /// Row after row.
    pub(super) rows: &'a [f64],
    pub(super) coefficients: &'a [f64],
    pub(super) intercept: f64,
    /// 0 or 1 for each row.
    pub(super) classes: &'a [u32],
    /// One for each row; None for 1.
    pub(super) weights: Option<&'a [f64]>,
    /// The residuals times the rows are added to it.
    pub(super) gradient: &'a mut [f64],
    /// A place for each row's second derivative of the loss by its score; none where they are not wanted.
    pub(super) curvatures: &'a mut [f64],
}

/// What comes of [`Pairs`] beside the gradient.
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) residuals: f64,
}

impl Kernel for Pairs<'_> {
    type Output = Sums;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Sums {
        let columns = self.coefficients.len();
        let (mut loss, mut residuals) = (simd.double(0.0), simd.double(0.0));
        for (group, classes) in self.classes.chunks(DOUBLES).enumerate() {
            let first = group * DOUBLES;
            // Where there are fewer than eight the first is repeated, and weighs nothing.
            let rows: [&[f64]; DOUBLES] = std::array::from_fn(|lane| {
                let row = first + if lane < classes.len() { lane } else { 0 };
                &self.rows[row * columns..][..columns]
            });
            let scores = simd.add(scores(simd, &rows, self.coefficients), simd.double(self.intercept));
            let mut signs = [-1.0; DOUBLES];
            let mut weights = [0.0; DOUBLES];
            for (lane, class) in classes.iter().enumerate() {
                signs[lane] = if *class == 1 { -1.0 } else { 1.0 };
                weights[lane] = self.weights.map_or(1.0, |weights| weights[first + lane]);
            }
            let (sign, weight) = (simd.load(&signs), simd.load(&weights));
            let (zero, one) = (simd.double(0.0), simd.double(1.0));
            // The loss is ln(1 + exp(z)), where z is the score of the wrong class against the right one.
            let wrong = simd.mul(sign, scores);
            let small = exponential(simd, simd.min(simd.sub(zero, wrong), wrong));
            let rounded = logarithm_of_one_plus(simd, small);
            loss = simd.mul_add(weight, simd.add(simd.max(wrong, zero), rounded), loss);
            let inverse = simd.div(one, simd.add(one, small));
            let probability = simd.mul(simd.select(simd.less(wrong, zero), small, one), inverse);
            let residual = simd.mul(simd.mul(weight, sign), probability);
            residuals = simd.add(residuals, residual);
            if let Some(curvatures) = self.curvatures.get_mut(first..first + classes.len()) {
                // p·(1 − p), without taking a number near 1 from 1.
                let curvature = simd.mul(simd.mul(weight, small), simd.mul(inverse, inverse));
                simd.store_some(curvature, curvatures);
            }
            let mut factors = [0.0; DOUBLES];
            simd.store(residual, &mut factors);
            add_rows(simd, &rows, factors, self.gradient);
        }
        Sums {
            loss: sum(simd, loss),
            residuals: sum(simd, residuals),
        }
    }
}

/// The scalar product of each row with the coefficients, a lane for each.
#[inline(always)]
fn scores<S: Simd>(simd: S, rows: &[&[f64]; DOUBLES], coefficients: &[f64]) -> S::Double {
    let (whole, rest) = coefficients.as_chunks::<DOUBLES>();
    let mut sums = [simd.double(0.0); DOUBLES];
    let chunks: [&[[f64; DOUBLES]]; DOUBLES] = rows.map(|row| &row.as_chunks::<DOUBLES>().0[..whole.len()]);
    for (index, coefficients) in whole.iter().enumerate() {
        let coefficients = simd.load(coefficients);
        for row in 0..DOUBLES {
            sums[row] = simd.mul_add(simd.load(&chunks[row][index]), coefficients, sums[row]);
        }
    }
    if !rest.is_empty() {
        let from = whole.len() * DOUBLES;
        let coefficients = simd.load_some(rest);
        for row in 0..DOUBLES {
            sums[row] = simd.mul_add(simd.load_some(&rows[row][from..]), coefficients, sums[row]);
        }
    }
    simd.sums(&sums)
}

/// Adds each row, times its factor, to the target.
#[inline(always)]
fn add_rows<S: Simd>(simd: S, rows: &[&[f64]; DOUBLES], factors: [f64; DOUBLES], target: &mut [f64]) {
    let mut vectors = [simd.double(0.0); DOUBLES];
    for row in 0..DOUBLES {
        vectors[row] = simd.double(factors[row]);
    }
    let (whole, rest) = target.as_chunks_mut::<DOUBLES>();
    let chunks: [&[[f64; DOUBLES]]; DOUBLES] = rows.map(|row| &row.as_chunks::<DOUBLES>().0[..whole.len()]);
    let from = whole.len() * DOUBLES;
    for (index, target) in whole.iter_mut().enumerate() {
        let mut sum = simd.load(target);
        for row in 0..DOUBLES {
            sum = simd.mul_add(vectors[row], simd.load(&chunks[row][index]), sum);
        }
        simd.store(sum, target);
    }
    if !rest.is_empty() {
        let mut sum = simd.load_some(rest);
        for row in 0..DOUBLES {
            sum = simd.mul_add(vectors[row], simd.load_some(&rows[row][from..]), sum);
        }
        simd.store_some(sum, rest);
    }
}

/// The sum of the lanes.
#[inline(always)]
fn sum<S: Simd>(simd: S, vector: S::Double) -> f64 {
    let mut lanes = [0.0; DOUBLES];
    simd.store(vector, &mut lanes);
    lanes.iter().sum()
}
