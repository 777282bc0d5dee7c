//! The objective and its gradient, in one pass over the rows.

use crate::blocks::Blocks;
use crate::interrupt::Interrupted;
use crate::logistic_regression::Parameters;
use crate::packed::{LANES, Lanes, Packed, add_scaled, dot};
use crate::sample::Sample;

/// The weighted mean loss plus the penalty, as a function of coefficients (row-major, one row for two classes, else one for
/// each class) followed by intercepts (as many, if there are any).
pub(crate) struct Objective<'a> {
    sample: Sample<'a>,
    classes: &'a [u32],
    /// Rows of coefficients.
    scores: usize,
    /// Factor of ‖w‖²/2.
    penalty: f64,
    fit_intercept: bool,
    blocks: Blocks,
    packed: Packed,
    partials: Vec<Partial>,
}

/// What the rows of one block say.
#[derive(Clone)]
struct Partial {
    loss: f64,
    /// Gradient of the coefficients: row-major for one row of them; laid out as [`Packed`] is for more.
    gradient: Vec<f64>,
    /// Gradient of the intercepts, one for each score, filled up to whole tiles.
    intercepts: Vec<f64>,
    /// One row's scores, then its residuals, in tiles.
    scores: Vec<Lanes>,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(sample: Sample<'a>, classes: &'a [u32], n_classes: usize, parameters: &Parameters) -> Self {
        let columns = sample.columns();
        let scores = if n_classes == 2 { 1 } else { n_classes };
        let tiles = scores.div_ceil(LANES);
        let row_work = 2 * scores * columns;
        let blocks = Blocks::new(sample.len(), sample.rows().row_values(), row_work, scores);
        let partial = Partial {
            loss: 0.0,
            gradient: vec![0.0; if scores == 1 { columns } else { tiles * LANES * columns }],
            intercepts: vec![0.0; tiles * LANES],
            scores: vec![[0.0; LANES]; tiles],
        };
        Self {
            sample,
            classes,
            scores,
            penalty: 1.0 / (parameters.c * sample.weight_sum()),
            fit_intercept: parameters.fit_intercept,
            blocks,
            packed: Packed::new(&vec![0.0; scores * columns], columns, 0.0),
            partials: vec![partial; blocks.count()],
        }
    }

    /// Coefficients and intercepts together.
    pub(crate) fn parameter_count(&self) -> usize {
        self.scores * (self.sample.columns() + usize::from(self.fit_intercept))
    }

    /// The coefficients, and the intercepts (zeros if none are fitted).
    pub(crate) fn split(&self, mut point: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let mut intercepts = point.split_off(self.scores * self.sample.columns());
        intercepts.resize(self.scores, 0.0);
        (point, intercepts)
    }

    /// The objective at `point`; its gradient is written to `gradient`.
    pub(crate) fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> Result<f64, Interrupted> {
        let (coefficients, intercepts) = point.split_at(self.scores * self.sample.columns());
        if self.scores == 1 {
            self.binary(coefficients, intercepts.first().copied().unwrap_or(0.0))?;
        } else {
            self.packed.set(coefficients);
            self.multinomial(intercepts)?;
        }

        let (total, others) = self.partials.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            total.loss += other.loss;
            add_scaled(&mut total.gradient, 1.0, &other.gradient);
            add_scaled(&mut total.intercepts, 1.0, &other.intercepts);
        }
        let weight = self.sample.weight_sum();
        let (by_coefficient, by_intercept) = gradient.split_at_mut(coefficients.len());
        for (index, (gradient, coefficient)) in by_coefficient.iter_mut().zip(coefficients).enumerate() {
            let (score, column) = (index / self.sample.columns(), index % self.sample.columns());
            let sum = if self.scores == 1 {
                total.gradient[column]
            } else {
                let tile = score / LANES * self.sample.columns() + column;
                total.gradient[tile * LANES + score % LANES]
            };
            *gradient = sum / weight + self.penalty * coefficient;
        }
        for (gradient, sum) in by_intercept.iter_mut().zip(&total.intercepts) {
            *gradient = sum / weight;
        }
        Ok(total.loss / weight + 0.5 * self.penalty * dot(coefficients, coefficients))
    }

    fn binary(&mut self, coefficients: &[f64], intercept: f64) -> Result<(), Interrupted> {
        let Self {
            sample,
            classes,
            blocks,
            partials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let row = row.dense();
                    let score = dot(coefficients, row) + intercept;
                    // The loss is ln(1 + exp(z)), where z is the score of the wrong class against the right one.
                    let sign = if classes[index] == 1 { -1.0 } else { 1.0 };
                    let wrong = sign * score;
                    let small = (-wrong.abs()).exp();
                    let weight = sample.weight(index);
                    partial.loss += weight * (wrong.max(0.0) + small.ln_1p());
                    let probability = if wrong >= 0.0 { 1.0 } else { small } / (1.0 + small);
                    let residual = weight * sign * probability;
                    add_scaled(&mut partial.gradient, residual, row);
                    partial.intercepts[0] += residual;
                }
            })
        })
    }

    fn multinomial(&mut self, intercepts: &[f64]) -> Result<(), Interrupted> {
        let Self {
            sample,
            classes,
            scores: score_count,
            blocks,
            packed,
            partials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let row = row.dense();
                    for (scores, products) in partial.scores.iter_mut().zip(packed.products(row)) {
                        *scores = products;
                    }
                    let scores = &mut partial.scores.as_flattened_mut()[..*score_count];
                    add_scaled(scores, 1.0, intercepts);
                    let class = classes[index] as usize;
                    let right = scores[class];
                    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let mut sum = 0.0;
                    for score in scores.iter_mut() {
                        *score = (*score - largest).exp();
                        sum += *score;
                    }
                    let weight = sample.weight(index);
                    partial.loss += weight * (sum.ln() + (largest - right));
                    let scale = weight / sum;
                    for score in scores.iter_mut() {
                        *score *= scale;
                    }
                    scores[class] -= weight;
                    add_scaled(&mut partial.intercepts, 1.0, scores);
                    for (residuals, gradient) in partial
                        .scores
                        .iter()
                        .zip(partial.gradient.chunks_exact_mut(columns * LANES))
                    {
                        for (value, lanes) in row.iter().zip(gradient.chunks_exact_mut(LANES)) {
                            add_scaled(lanes, *value, residuals);
                        }
                    }
                }
            })
        })
    }
}

impl Partial {
    fn clear(&mut self) {
        self.loss = 0.0;
        self.gradient.fill(0.0);
        self.intercepts.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use crate::rows::Rows;

    /// Values between −1 and 1 that follow no pattern.
    fn scattered(count: usize, seed: f64) -> Vec<f64> {
        (0..count).map(|index| (index as f64 * 12.9898 + seed).sin()).collect()
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        for n_classes in [2, 3, 8, 9, 17] {
            for fit_intercept in [false, true] {
                let (rows, columns) = (600, 5);
                let values = scattered(rows * columns, 0.1);
                let classes: Vec<u32> = (0..rows).map(|row| (row * 7 % n_classes) as u32).collect();
                let weights: Vec<f64> = scattered(rows, 0.7).into_iter().map(f64::abs).collect();
                let matrix = Rows::from_values(&values, rows, columns).unwrap();
                let sample = Sample::check(matrix, Some(&weights), &never).unwrap();
                let parameters = Parameters {
                    c: 0.01,
                    fit_intercept,
                    ..Parameters::default()
                };
                let mut objective = Objective::new(sample, &classes, n_classes, &parameters);
                assert!(objective.blocks.count() > 1);

                let mut point = scattered(objective.parameter_count(), 0.3);
                let mut gradient = vec![0.0; point.len()];
                let mut unused = gradient.clone();
                objective.evaluate(&point, &mut gradient).unwrap();
                for index in 0..point.len() {
                    let (middle, step) = (point[index], 1e-5);
                    point[index] = middle + step;
                    let above = objective.evaluate(&point, &mut unused).unwrap();
                    point[index] = middle - step;
                    let below = objective.evaluate(&point, &mut unused).unwrap();
                    point[index] = middle;
                    let slope = (above - below) / (2.0 * step);
                    assert!(
                        (slope - gradient[index]).abs() < 1e-9,
                        "{n_classes} {index}: {slope} {}",
                        gradient[index]
                    );
                }
            }
        }
    }

    #[test]
    fn losses_keep_their_digits_at_any_score() {
        // One row [1] of class 0, weight 1, no penalty: the loss at coefficient s is ln(1 + exp(s)).
        for (score, expected) in [
            (-800.0, 0.0),
            (-40.0, 4.248_354_255_291_589e-18),
            (40.0, 40.0),
            (800.0, 800.0),
        ] {
            let values = [1.0, 0.0];
            let matrix = Rows::from_values(&values, 2, 1).unwrap();
            let sample = Sample::check(matrix, Some(&[1.0, 0.0]), &never).unwrap();
            let parameters = Parameters {
                c: f64::INFINITY,
                fit_intercept: false,
                ..Parameters::default()
            };
            let mut objective = Objective::new(sample, &[0, 1], 2, &parameters);
            let loss = objective.evaluate(&[score], &mut [0.0]).unwrap();
            assert!((loss - expected).abs() <= 1e-15 * expected, "{score}: {loss}");
        }
    }
}
