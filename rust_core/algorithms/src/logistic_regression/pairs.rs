//! Loss and gradient of dense rows with two classes, each row read once from memory.
//!
//! As many rows as the first-level cache holds go through three steps. First their scores: those of eight rows are eight running
//! vectors, whose lanes are added up in the order of [`crate::packed::dot`]. Then losses and residuals, a lane for each row. Then
//! the rows are added to the gradient, some columns of all of them after another. Meanwhile the rows that come next are brought near.
//! Sums run over the rows in an order that the shape decides alone.

#![allow(
    clippy::needless_range_loop,
    reason = "registers have numbers, and closures would not be inlined"
)]

use crate::rows::{Ahead, Lines};
use crate::simd::{DOUBLES, Kernel, Simd, exponential, logarithm_of_one_plus};

/// Groups of eight rows that go through the steps together, at most, ...
const MOST_GROUPS: usize = 16;
/// ... and at most as many as have so many values: 32 KiB.
const NEAR_VALUES: usize = 4096;
/// Factors of at most 2 whose product is far from infinity.
const MOST_FACTORS: usize = 512;

/// Some dense rows, and what is added up over them.
pub(super) struct Pairs<'a> {
    /// Row after row.
    pub(super) rows: &'a [f64],
    /// The rows that come after them.
    pub(super) ahead: Ahead<'a>,
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
        let groups = (NEAR_VALUES / columns / DOUBLES).clamp(1, MOST_GROUPS);
        let mut ahead = self.ahead.lines();
        let mut losses = Losses::new(simd);
        let mut curvatures = self.curvatures.chunks_mut(groups * DOUBLES);
        for (stretch, classes) in self.classes.chunks(groups * DOUBLES).enumerate() {
            let first = stretch * groups * DOUBLES;
            let rows = &self.rows[first * columns..][..classes.len() * columns];
            // Scores, which residuals take the place of.
            let mut numbers = [[0.0; DOUBLES]; MOST_GROUPS];
            for (rows, scores) in rows.chunks(DOUBLES * columns).zip(&mut numbers) {
                let sums = scores_of(simd, rows, self.coefficients, &mut ahead);
                simd.store(simd.add(sums, simd.double(self.intercept)), scores);
            }
            let weights = self.weights.map(|weights| &weights[first..][..classes.len()]);
            let curvatures = curvatures.next().unwrap_or_default();
            losses.add(simd, classes, weights, &mut numbers, curvatures);
            let factors = &numbers.as_flattened()[..classes.len()];
            add_rows(simd, rows, factors, self.gradient, &mut ahead);
        }
        losses.sums(simd)
    }
}

/// Losses and residuals so far, in lanes.
struct Losses<S: Simd> {
    loss: S::Double,
    residuals: S::Double,
    /// A product of (1 + exp(−|score|)), less 1, which stands for the sum of the logarithms: so one logarithm is enough for many rows.
    /// Small exponentials keep their digits.
    product: S::Double,
    factors: usize,
}

impl<S: Simd> Losses<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let zero = simd.double(0.0);
        Self {
            loss: zero,
            residuals: zero,
            product: zero,
            factors: 0,
        }
    }

    /// Takes in rows by their scores, and writes residuals in their place; second derivatives too, where there is place.
    #[inline(always)]
    fn add(
        &mut self,
        simd: S,
        classes: &[u32],
        weights: Option<&[f64]>,
        numbers: &mut [[f64; DOUBLES]; MOST_GROUPS],
        curvatures: &mut [f64],
    ) {
        let (zero, one) = (simd.double(0.0), simd.double(1.0));
        if self.factors + MOST_GROUPS > MOST_FACTORS {
            self.take_logarithms(simd);
        }
        self.factors += MOST_GROUPS;
        for (group, classes) in classes.chunks(DOUBLES).enumerate() {
            let scores = simd.load(&numbers[group]);
            // Where there are fewer than eight the others weigh nothing.
            let (class, weight) = match (classes.first_chunk(), weights) {
                (Some(classes), None) => (simd.load_integers(classes), one),
                (whole, weights) => {
                    let mut filled = [0; DOUBLES];
                    filled[..classes.len()].copy_from_slice(classes);
                    let weight = match weights {
                        Some(weights) => simd.load_some(&weights[group * DOUBLES..][..classes.len()]),
                        None => simd.load_some(&[1.0; DOUBLES][..classes.len()]),
                    };
                    (simd.load_integers(whole.unwrap_or(&filled)), weight)
                }
            };
            let sign = simd.sub(one, simd.add(class, class));
            // The loss is ln(1 + exp(z)), where z is the score of the wrong class against the right one.
            let wrong = simd.mul(sign, scores);
            let small = exponential(simd, simd.min(simd.sub(zero, wrong), wrong));
            let whole = simd.add(one, small);
            if weights.is_some() {
                let rounded = logarithm_of_one_plus(simd, small);
                self.loss = simd.mul_add(weight, simd.add(simd.max(wrong, zero), rounded), self.loss);
            } else {
                self.loss = simd.mul_add(weight, simd.max(wrong, zero), self.loss);
                let factor = simd.add(one, self.product);
                self.product = simd.mul_add(simd.mul(weight, small), factor, self.product);
            }
            let inverse = simd.div(one, whole);
            let probability = simd.mul(simd.select(simd.less(wrong, zero), small, one), inverse);
            let residual = simd.mul(simd.mul(weight, sign), probability);
            self.residuals = simd.add(self.residuals, residual);
            simd.store(residual, &mut numbers[group]);
            if let Some(curvatures) = curvatures.get_mut(group * DOUBLES..group * DOUBLES + classes.len()) {
                // p·(1 − p), without taking a number near 1 from 1.
                let curvature = simd.mul(simd.mul(weight, small), simd.mul(inverse, inverse));
                simd.store_some(curvature, curvatures);
            }
        }
    }

    #[inline(always)]
    fn take_logarithms(&mut self, simd: S) {
        let mut products = [0.0; DOUBLES];
        simd.store(self.product, &mut products);
        let logarithms = products.map(f64::ln_1p);
        self.loss = simd.add(self.loss, simd.load(&logarithms));
        self.product = simd.double(0.0);
        self.factors = 0;
    }

    #[inline(always)]
    fn sums(mut self, simd: S) -> Sums {
        self.take_logarithms(simd);
        Sums {
            loss: sum(simd, self.loss),
            residuals: sum(simd, self.residuals),
        }
    }
}

/// The scalar product of each of at most eight rows with the coefficients, a lane for each.
#[inline(always)]
fn scores_of<S: Simd>(simd: S, rows: &[f64], coefficients: &[f64], ahead: &mut Lines) -> S::Double {
    let (columns, count) = (coefficients.len(), rows.len() / coefficients.len());
    let (whole, rest) = coefficients.as_chunks::<DOUBLES>();
    // Where there are fewer than eight the first is repeated.
    let rows: [&[f64]; DOUBLES] = std::array::from_fn(|lane| {
        let row = if lane < count { lane } else { 0 };
        &rows[row * columns..][..columns]
    });
    let mut sums = [simd.double(0.0); DOUBLES];
    let chunks: [&[[f64; DOUBLES]]; DOUBLES] = rows.map(|row| &row.as_chunks::<DOUBLES>().0[..whole.len()]);
    for (index, coefficients) in whole.iter().enumerate() {
        // Half of what comes next.
        ahead.bring::<S, { DOUBLES / 2 }>(simd);
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
fn add_rows<S: Simd>(simd: S, rows: &[f64], factors: &[f64], target: &mut [f64], ahead: &mut Lines) {
    let columns = target.len();
    let mut from = 0;
    while from < columns {
        let rest = &mut target[from..];
        let vectors = rest.len().div_ceil(DOUBLES);
        let most = if S::REGISTERS < 2 * DOUBLES {
            DOUBLES / 2
        } else {
            DOUBLES
        };
        let sweep = Sweep {
            rows,
            columns,
            from,
            factors,
        };
        from += DOUBLES
            * match vectors.min(most) {
                1 => sweep.run::<S, 1>(simd, rest, ahead),
                2 => sweep.run::<S, 2>(simd, rest, ahead),
                3 => sweep.run::<S, 3>(simd, rest, ahead),
                4 => sweep.run::<S, 4>(simd, rest, ahead),
                5 => sweep.run::<S, 5>(simd, rest, ahead),
                6 => sweep.run::<S, 6>(simd, rest, ahead),
                7 => sweep.run::<S, 7>(simd, rest, ahead),
                _ => sweep.run::<S, DOUBLES>(simd, rest, ahead),
            };
    }
}

/// Rows of which some columns are added up in registers.
struct Sweep<'a> {
    rows: &'a [f64],
    columns: usize,
    from: usize,
    factors: &'a [f64],
}

impl Sweep<'_> {
    /// Adds `V` vectors of columns of each row; the last may have fewer lanes. Gives `V`.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S, target: &mut [f64], ahead: &mut Lines) -> usize {
        let whole = (target.len() / DOUBLES).min(V);
        if whole == V {
            let target = &mut target.as_chunks_mut::<DOUBLES>().0[..V];
            let mut sums = [simd.double(0.0); V];
            for vector in 0..V {
                sums[vector] = simd.load(&target[vector]);
            }
            for (row, factor) in self.rows.chunks_exact(self.columns).zip(self.factors) {
                ahead.bring::<S, 4>(simd);
                let factor = simd.double(*factor);
                let values = &row[self.from..].as_chunks::<DOUBLES>().0[..V];
                for vector in 0..V {
                    sums[vector] = simd.mul_add(factor, simd.load(&values[vector]), sums[vector]);
                }
            }
            for vector in 0..V {
                simd.store(sums[vector], &mut target[vector]);
            }
        } else {
            let (target, last) = target.split_at_mut((V - 1) * DOUBLES);
            let target = target.as_chunks_mut::<DOUBLES>().0;
            let mut sums = [simd.double(0.0); V];
            for vector in 0..V - 1 {
                sums[vector] = simd.load(&target[vector]);
            }
            sums[V - 1] = simd.load_some(last);
            for (row, factor) in self.rows.chunks_exact(self.columns).zip(self.factors) {
                ahead.bring::<S, 4>(simd);
                let factor = simd.double(*factor);
                let (values, rest) = row[self.from..].split_at((V - 1) * DOUBLES);
                let values = &values.as_chunks::<DOUBLES>().0[..V - 1];
                for vector in 0..V - 1 {
                    sums[vector] = simd.mul_add(factor, simd.load(&values[vector]), sums[vector]);
                }
                sums[V - 1] = simd.mul_add(factor, simd.load_some(&rest[..last.len()]), sums[V - 1]);
            }
            for vector in 0..V - 1 {
                simd.store(sums[vector], &mut target[vector]);
            }
            simd.store_some(sums[V - 1], last);
        }
        V
    }
}

/// The sum of the lanes.
#[inline(always)]
fn sum<S: Simd>(simd: S, vector: S::Double) -> f64 {
    let mut lanes = [0.0; DOUBLES];
    simd.store(vector, &mut lanes);
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{add_scaled, dot};
    use crate::simd::dispatch;

    /// Loss, sum of the residuals, gradient and second derivatives, one row after another.
    fn plainly(rows: &[f64], coefficients: &[f64], intercept: f64, classes: &[u32]) -> (f64, f64, Vec<f64>, Vec<f64>) {
        let (mut loss, mut residuals, mut gradient) = (0.0, 0.0, vec![0.0; coefficients.len()]);
        let mut curvatures = Vec::new();
        for (row, &class) in rows.chunks_exact(coefficients.len()).zip(classes) {
            let score = dot(row, coefficients) + intercept;
            let wrong = if class == 1 { -score } else { score };
            loss += wrong.max(0.0) + (-wrong.abs()).exp().ln_1p();
            let probability = 1.0 / (1.0 + (-score).exp());
            let residual = probability - f64::from(class);
            residuals += residual;
            add_scaled(&mut gradient, residual, row);
            curvatures.push(probability * (1.0 - probability));
        }
        (loss, residuals, gradient, curvatures)
    }

    #[test]
    fn sums_are_those_of_single_rows() {
        for (count, columns) in [
            (1, 1),
            (7, 3),
            (4096, 1),
            (129, 8),
            (200, 50),
            (83, 64),
            (70, 65),
            (17, 130),
            (9, 600),
        ] {
            let value = |index: usize| ((index * 37 % 1009) as f64 / 504.0 - 1.0) * 0.7;
            let rows: Vec<f64> = (0..count * columns).map(value).collect();
            let coefficients: Vec<f64> = (0..columns).map(|column| value(column * 11 + 5)).collect();
            let classes: Vec<u32> = (0..count).map(|row| u32::from(row * 7 % 5 < 2)).collect();
            let expected = plainly(&rows, &coefficients, 0.25, &classes);
            let ones = vec![1.0; count];
            for weights in [None, Some(ones.as_slice())] {
                let (mut gradient, mut curvatures) = (vec![0.0; columns], vec![0.0; count]);
                let sums = dispatch(Pairs {
                    rows: &rows,
                    ahead: Ahead::Unknown,
                    coefficients: &coefficients,
                    intercept: 0.25,
                    classes: &classes,
                    weights,
                    gradient: &mut gradient,
                    curvatures: &mut curvatures,
                });
                let close = |got: f64, expected: f64| {
                    assert!(
                        (got - expected).abs() < 1e-12 * count as f64,
                        "{count} × {columns}: {got} {expected}"
                    );
                };
                close(sums.loss, expected.0);
                close(sums.residuals, expected.1);
                gradient
                    .iter()
                    .zip(&expected.2)
                    .for_each(|(got, expected)| close(*got, *expected));
                curvatures
                    .iter()
                    .zip(&expected.3)
                    .for_each(|(got, expected)| close(*got, *expected));
            }
        }
    }
}
