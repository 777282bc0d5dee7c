//! The objective and its gradient, in one pass over the rows.

use super::Parameters;
use super::by_column::ByColumn;
use super::pairs::Pairs;
use super::penalty::{Penalty, Strength};
use super::products::{FeatureMajor, dot_row};
use super::several::Several;
use super::sparse_pairs::SparsePairs;
use crate::blocks::Blocks;
use crate::interrupt::{Interrupted, Iteration};
use crate::packed::{LANES, Lanes, add_scaled};
use crate::rows::{Row, Tile};
use crate::sample::Sample;
use crate::simd::dispatch;

/// The weighted mean loss plus the penalty, as a function of coefficients (row-major, one row for two classes, else one for
/// each class) followed by intercepts (as many, if there are any).
pub(crate) struct Objective<'a> {
    pub(super) sample: Sample<'a>,
    pub(super) classes: &'a [u32],
    /// Rows of coefficients.
    pub(super) scores: usize,
    pub(super) penalty: Penalty,
    pub(super) fit_intercept: bool,
    pub(super) blocks: Blocks,
    /// The coefficients of the point that is evaluated, where there are more than two classes.
    pub(super) coefficients: FeatureMajor,
    pub(super) partials: Vec<Partial>,
    /// Sparse rows of two classes, of which [`Partial::binary`] says nothing.
    pub(super) pairs: Option<SparsePairs>,
    /// Whether an evaluation keeps what second derivatives need of each row.
    pub(super) keeps: bool,
    /// The point that was evaluated last.
    at: Vec<f64>,
    /// Iterations of searches before this one.
    pub(super) before: usize,
}

/// What the rows of one block say.
#[derive(Clone)]
pub(super) struct Partial {
    pub(super) loss: f64,
    /// Gradient of the coefficients; empty for more than two classes, and for sparse rows.
    pub(super) binary: Vec<f64>,
    /// The same for more than two classes; empty for two.
    pub(super) multinomial: FeatureMajor,
    /// Gradient of the intercepts, one for each score, filled up to whole tiles.
    pub(super) intercepts: Vec<f64>,
    /// One row's scores, then its residuals, in tiles.
    pub(super) scores: Vec<Lanes>,
    /// What second derivatives need of each row, if they are wanted: see [`Objective::kept`].
    pub(super) kept: Vec<f64>,
    /// Room for the scores of eight rows.
    eight: Vec<Lanes>,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(
        sample: Sample<'a>,
        classes: &'a [u32],
        n_classes: usize,
        parameters: &Parameters,
    ) -> Result<Self, Interrupted> {
        let columns = sample.columns();
        let scores = if n_classes == 2 { 1 } else { n_classes };
        let lanes = if scores == 1 { 1 } else { scores.next_multiple_of(LANES) };
        let row_values = sample.rows().row_values();
        let by_column = match sample.rows().as_csr() {
            Some(csr) if scores == 1 => Some(ByColumn::new(csr, sample.interrupt)?),
            _ => None,
        };
        let pairs = by_column.map(|columns| SparsePairs::new(columns, sample.len()));
        let summed = if pairs.is_some() {
            1
        } else {
            lanes.saturating_mul(columns)
        };
        let partial_rows = summed.div_ceil(row_values);
        let blocks = Blocks::new(sample.len(), row_values, 2 * lanes * row_values, partial_rows);
        let (binary, multinomial) = match pairs {
            Some(_) => (0, 0),
            None if scores == 1 => (columns, 0),
            None => (0, columns),
        };
        let partial = Partial {
            loss: 0.0,
            binary: vec![0.0; binary],
            multinomial: FeatureMajor::zeros(scores, multinomial),
            intercepts: vec![0.0; scores.next_multiple_of(LANES)],
            scores: vec![[0.0; LANES]; scores.div_ceil(LANES)],
            kept: Vec::new(),
            eight: Vec::new(),
        };
        Ok(Self {
            sample,
            classes,
            scores,
            penalty: Penalty::new(parameters, sample.weight_sum()),
            fit_intercept: parameters.fit_intercept,
            blocks,
            coefficients: partial.multinomial.clone(),
            partials: vec![partial; blocks.count()],
            pairs,
            keeps: false,
            at: Vec::new(),
            before: 0,
        })
    }

    /// Coefficients and intercepts together.
    pub(crate) fn parameter_count(&self) -> usize {
        self.coefficient_count() + if self.fit_intercept { self.scores } else { 0 }
    }

    /// Coefficients without intercepts.
    pub(super) fn coefficient_count(&self) -> usize {
        self.scores * self.sample.columns()
    }

    /// How strongly one parameter is penalised.
    pub(super) fn strength(&self, index: usize) -> Strength {
        if index < self.coefficient_count() {
            self.penalty.coefficients
        } else {
            self.penalty.intercepts
        }
    }

    /// The part of the penalty that [`Objective::evaluate`] leaves out: the absolute values.
    pub(super) fn absolute_values(&self, point: &[f64]) -> f64 {
        if self.penalty.is_smooth() {
            return 0.0;
        }
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        let sum = |values: &[f64]| values.iter().map(|value| value.abs()).sum::<f64>();
        self.penalty.coefficients.l1 * sum(coefficients) + self.penalty.intercepts.l1 * sum(intercepts)
    }

    /// Tells the caller that an iteration is over.
    pub(super) fn report(&self, n_iter: usize, objective: f64) {
        self.sample.interrupt.iteration(Iteration {
            run: 1,
            n_iter: self.before + n_iter,
            objective,
        });
    }

    /// The objective at `point` but for absolute values; its gradient is written to `gradient`.
    pub(crate) fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> Result<f64, Interrupted> {
        self.at.clear();
        self.at.extend_from_slice(point);
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        let intercept = intercepts.first().copied().unwrap_or(0.0);
        if self.pairs.is_some() {
            self.pairs_at(coefficients, intercept)?;
        } else if self.scores == 1 {
            self.binary(coefficients, intercept)?;
        } else {
            self.coefficients.set(coefficients, self.sample.columns());
            self.multinomial(intercepts)?;
        }

        self.collect(point, gradient)?;
        let loss: f64 = self.partials.iter().map(|partial| partial.loss).sum();
        let Penalty {
            coefficients: Strength { l2, .. },
            intercepts: Strength { l2: intercept_l2, .. },
        } = self.penalty;
        let penalty = 0.5 * l2 * squared_norm(coefficients) + 0.5 * intercept_l2 * squared_norm(intercepts);
        Ok(loss / self.sample.weight_sum() + penalty)
    }

    /// Sees to it that what was kept of the rows is that of `point`.
    pub(super) fn go_to(&mut self, point: &[f64]) -> Result<(), Interrupted> {
        if !self.keeps || self.at != point {
            self.keeps = true;
            self.evaluate(point, &mut vec![0.0; point.len()])?;
        }
        Ok(())
    }

    /// What was kept of one row: for two classes its weight times p·(1 − p), else the probability of each class.
    pub(super) fn kept<'p>(partials: &'p [Partial], blocks: &Blocks, row: usize, scores: usize) -> &'p [f64] {
        let (block, row) = (row / blocks.block_rows(), row % blocks.block_rows());
        &partials[block].kept[row * scores..][..scores]
    }

    /// Writes what the blocks' sums come to, over the sum of the weights, plus the derivative of the penalty at `point`.
    pub(super) fn collect(&mut self, point: &[f64], derivative: &mut [f64]) -> Result<(), Interrupted> {
        if self.collect_pairs(point, derivative, false)? {
            return Ok(());
        }
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        let (total, others) = self.partials.split_at_mut(1);
        let total = &mut total[0];
        for other in others {
            add_scaled(&mut total.binary, 1.0, &other.binary);
            add_scaled(total.multinomial.values_mut(), 1.0, other.multinomial.values());
            add_scaled(&mut total.intercepts, 1.0, &other.intercepts);
        }
        let weight = self.sample.weight_sum();
        let columns = self.sample.columns();
        let (by_coefficient, by_intercept) = derivative.split_at_mut(coefficients.len());
        let Penalty {
            coefficients: Strength { l2, .. },
            intercepts: Strength { l2: intercept_l2, .. },
        } = self.penalty;
        for (score, (derivative, coefficients)) in by_coefficient
            .chunks_exact_mut(columns)
            .zip(coefficients.chunks_exact(columns))
            .enumerate()
        {
            for (column, (derivative, coefficient)) in derivative.iter_mut().zip(coefficients).enumerate() {
                let sum = if self.scores == 1 {
                    total.binary[column]
                } else {
                    total.multinomial.get(score, column)
                };
                *derivative = sum / weight + l2 * coefficient;
            }
        }
        for ((derivative, intercept), sum) in by_intercept.iter_mut().zip(intercepts).zip(&total.intercepts) {
            *derivative = sum / weight + intercept_l2 * intercept;
        }
        Ok(())
    }

    fn binary(&mut self, coefficients: &[f64], intercept: f64) -> Result<(), Interrupted> {
        let Self {
            sample,
            classes,
            blocks,
            partials,
            keeps,
            ..
        } = self;
        let keeps = *keeps;
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            partial.kept.resize(if keeps { block.len() } else { 0 }, 0.0);
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                let kept = if keeps {
                    tile.start - first..tile.end - first
                } else {
                    0..0
                };
                match rows {
                    Tile::Dense(rows) => {
                        let sums = dispatch(Pairs {
                            rows,
                            ahead: sample.rows().ahead(tile.end..tile.end + tile.len()),
                            coefficients,
                            intercept,
                            classes: &classes[tile.clone()],
                            weights: sample.weights_of(tile),
                            gradient: &mut partial.binary,
                            curvatures: &mut partial.kept[kept],
                        });
                        partial.loss += sums.loss;
                        partial.intercepts[0] += sums.residuals;
                    }
                    // See `pairs_at`.
                    Tile::Sparse(_) => {}
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
            coefficients,
            partials,
            keeps,
            ..
        } = self;
        let keeps = *keeps;
        let columns = sample.columns();
        let mut tiles_of_intercepts = vec![[0.0; LANES]; score_count.div_ceil(LANES)];
        tiles_of_intercepts.as_flattened_mut()[..intercepts.len()].copy_from_slice(intercepts);
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            partial
                .kept
                .resize(if keeps { block.len() * *score_count } else { 0 }, 0.0);
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                let kept = if keeps {
                    tile.start - first..tile.end - first
                } else {
                    0..0
                };
                let kept = kept.start * *score_count..kept.end * *score_count;
                match rows {
                    Tile::Dense(rows) => {
                        partial.loss += dispatch(Several {
                            rows,
                            columns,
                            ahead: sample.rows().ahead(tile.end..tile.end + tile.len()),
                            coefficients: coefficients.tiles(),
                            intercepts: &tiles_of_intercepts,
                            n_classes: *score_count,
                            classes: &classes[tile.clone()],
                            weights: sample.weights_of(tile),
                            gradient: partial.multinomial.tiles_mut(),
                            by_intercept: partial.intercepts.as_chunks_mut().0,
                            probabilities: &mut partial.kept[kept],
                            scores: &mut partial.eight,
                        });
                    }
                    Tile::Sparse(rows) => {
                        let mut kept = partial.kept[kept].chunks_exact_mut(*score_count);
                        for (index, row) in tile.zip(rows.iter()) {
                            let row = Row::Sparse(row);
                            coefficients.write_products(row, &mut partial.scores);
                            let scores = &mut partial.scores.as_flattened_mut()[..*score_count];
                            add_scaled(scores, 1.0, intercepts);
                            let class = classes[index] as usize;
                            let right = scores[class];
                            let (largest, sum) = exponentials(scores);
                            if let Some(kept) = kept.next() {
                                for (kept, score) in kept.iter_mut().zip(scores.iter()) {
                                    *kept = score / sum;
                                }
                            }
                            let weight = sample.weight(index);
                            partial.loss += weight * (sum.ln() + (largest - right));
                            let scale = weight / sum;
                            for score in scores.iter_mut() {
                                *score *= scale;
                            }
                            scores[class] -= weight;
                            add_scaled(&mut partial.intercepts, 1.0, scores);
                            partial.multinomial.add_outer(row, &partial.scores);
                        }
                    }
                }
            })
        })
    }

    /// Whether the scores at `point` put every row that weighs something on the right side: then larger coefficients always
    /// fit better, and without a penalty there is no minimum.
    pub(super) fn separates(&mut self, point: &[f64]) -> Result<bool, Interrupted> {
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        let intercept = intercepts.first().copied().unwrap_or(0.0);
        if self.scores > 1 {
            self.coefficients.set(coefficients, self.sample.columns());
        }
        let Self {
            sample,
            classes,
            scores: score_count,
            blocks,
            coefficients: laid_out,
            partials,
            ..
        } = self;
        let columns = sample.columns();
        blocks.reduce(partials, |block, partial| {
            // Counts the rows on the wrong side.
            partial.loss = 0.0;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let class = classes[index] as usize;
                    let right = if *score_count == 1 {
                        let score = dot_row(coefficients, row) + intercept;
                        if class == 1 { score > 0.0 } else { score < 0.0 }
                    } else {
                        laid_out.write_products(row, &mut partial.scores);
                        let scores = &mut partial.scores.as_flattened_mut()[..*score_count];
                        add_scaled(scores, 1.0, intercepts);
                        let best = scores[class];
                        scores
                            .iter()
                            .enumerate()
                            .all(|(other, score)| other == class || *score < best)
                    };
                    if !right && sample.weight(index) > 0.0 {
                        partial.loss += 1.0;
                    }
                }
            })
        })?;
        Ok(partials.iter().all(|partial| partial.loss == 0.0))
    }
}

impl Partial {
    pub(super) fn clear(&mut self) {
        self.loss = 0.0;
        self.binary.fill(0.0);
        self.multinomial.values_mut().fill(0.0);
        self.intercepts.fill(0.0);
    }
}

/// Replaces scores by exponentials of their distances from the largest, which neither overflow nor all vanish; gives the
/// largest score and the sum of the exponentials.
pub(super) fn exponentials(scores: &mut [f64]) -> (f64, f64) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    (largest, sum)
}

/// Scores to probabilities, in place, without overflow.
pub(super) fn softmax(scores: &mut [f64]) {
    let (_, sum) = exponentials(scores);
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

fn squared_norm(values: &[f64]) -> f64 {
    crate::packed::dot(values, values)
}

#[cfg(test)]
mod tests {
    use super::super::curvature::Chosen;
    use super::super::share::Share;
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::interrupt::never;
    use crate::rows::Rows;

    /// Values between −1 and 1 that follow no pattern.
    fn scattered(count: usize, seed: f64) -> Vec<f64> {
        (0..count).map(|index| (index as f64 * 12.9898 + seed).sin()).collect()
    }

    /// The same rows, dense and sparse; two thirds of the values are zero.
    fn rows_both_ways(rows: usize, columns: usize) -> (Vec<f64>, Csr<'static>) {
        let mut dense = scattered(rows * columns, 0.1);
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in dense.chunks_exact_mut(columns) {
            for (column, value) in row.iter_mut().enumerate() {
                if (*value * 1e4) as i64 % 3 == 0 {
                    indices.push(column as u32);
                    values.push(*value);
                } else {
                    *value = 0.0;
                }
            }
            indptr.push(values.len() as u64);
        }
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns);
        (dense, csr.unwrap())
    }

    #[test]
    fn derivatives_are_those_of_the_value() {
        for n_classes in [2, 3, 8, 9, 17] {
            for (fit_intercept, intercept_scaling) in [(false, None), (true, None), (true, Some(0.5))] {
                let (rows, columns) = (600, 5);
                let (values, csr) = rows_both_ways(rows, columns);
                let classes: Vec<u32> = (0..rows).map(|row| (row * 7 % n_classes) as u32).collect();
                let weights: Vec<f64> = scattered(rows, 0.7).into_iter().map(f64::abs).collect();
                for matrix in [Rows::from_values(&values, rows, columns).unwrap(), Rows::from(&csr)] {
                    let sample = Sample::check(matrix, Some(&weights), &never).unwrap();
                    let parameters = Parameters {
                        c: 0.01,
                        fit_intercept,
                        intercept_scaling,
                        ..Parameters::default()
                    };
                    let mut objective = Objective::new(sample, &classes, n_classes, &parameters).unwrap();
                    assert!(objective.blocks.count() > 1 || n_classes == 17);
                    check_derivatives(&mut objective);
                }
            }
        }
    }

    /// Compares gradient and Hessian with differences.
    fn check_derivatives(objective: &mut Objective<'_>) {
        let mut point = scattered(objective.parameter_count(), 0.3);
        let size = point.len();
        let mut gradient = vec![0.0; size];
        objective.evaluate(&point, &mut gradient).unwrap();
        let chosen = Chosen::new(objective, |index| index % 3 != 1);
        let hessian = objective.hessian(&point, &chosen, Share::WHOLE).unwrap();
        let direction = scattered(size, 0.5);
        let mut product = vec![0.0; size];
        objective.bend(&point, &mut vec![0.0; size]).unwrap();
        objective.hessian_times(&direction, &mut product).unwrap();
        check_product(objective, &point, &direction, &product);
        for (place, &index) in chosen.indices.iter().enumerate() {
            let (middle, step) = (point[index], 1e-5);
            let (mut right, mut left) = (vec![0.0; size], vec![0.0; size]);
            point[index] = middle + step;
            let above = objective.evaluate(&point, &mut right).unwrap();
            point[index] = middle - step;
            let below = objective.evaluate(&point, &mut left).unwrap();
            point[index] = middle;
            let slope = (above - below) / (2.0 * step);
            assert!((slope - gradient[index]).abs() < 1e-9, "{slope} {}", gradient[index]);
            for (other_place, &other) in chosen.indices.iter().enumerate() {
                let curvature = (right[other] - left[other]) / (2.0 * step);
                let got = hessian[place * chosen.len() + other_place];
                assert!((curvature - got).abs() < 1e-9, "{index} {other}: {curvature} {got}");
            }
        }
    }

    /// Compares a product with the Hessian with differences of gradients, and the Hessian's diagonal with products.
    fn check_product(objective: &mut Objective<'_>, point: &[f64], direction: &[f64], product: &[f64]) {
        let size = point.len();
        let gradients = [1e-5, -1e-5].map(|step| {
            let (mut there, mut gradient) = (point.to_vec(), vec![0.0; size]);
            add_scaled(&mut there, step, direction);
            objective.evaluate(&there, &mut gradient).unwrap();
            gradient
        });
        for (index, product) in product.iter().enumerate() {
            let difference = (gradients[0][index] - gradients[1][index]) / 2e-5;
            assert!((difference - product).abs() < 1e-9, "{index}: {difference} {product}");
        }
        let (mut diagonal, mut column) = (vec![0.0; size], vec![0.0; size]);
        objective.bend(point, &mut diagonal).unwrap();
        for (index, diagonal) in diagonal.iter().enumerate() {
            let mut unit = vec![0.0; size];
            unit[index] = 1.0;
            objective.hessian_times(&unit, &mut column).unwrap();
            assert!(
                (column[index] - diagonal).abs() < 1e-12,
                "{index}: {} {diagonal}",
                column[index]
            );
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
            let mut objective = Objective::new(sample, &[0, 1], 2, &parameters).unwrap();
            let loss = objective.evaluate(&[score], &mut [0.0]).unwrap();
            assert!((loss - expected).abs() <= 1e-15 * expected, "{score}: {loss}");
        }
    }
}
