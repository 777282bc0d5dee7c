//! Loss, gradient and products with the Hessian of sparse rows with two classes: a pass over the rows for what each says, and
//! one over the columns for their sums.

use super::by_column::{ByColumn, sparse_dot};
use super::loss::Objective;
use crate::csr::SparseRow;
use crate::interrupt::Interrupted;
use crate::rows::Tile;

/// The rows once more, and a number for each.
pub(super) struct SparsePairs {
    pub(super) columns: ByColumn,
    /// Of each row: its residual, or what a direction changes in that.
    factors: Vec<f64>,
}

impl SparsePairs {
    pub(super) fn new(columns: ByColumn, rows: usize) -> Self {
        Self {
            columns,
            factors: vec![0.0; rows],
        }
    }
}

impl Objective<'_> {
    /// Puts losses and residuals at a point where [`Objective::collect_pairs`] finds them.
    pub(super) fn pairs_at(&mut self, coefficients: &[f64], intercept: f64) -> Result<(), Interrupted> {
        let Self {
            sample,
            classes,
            blocks,
            partials,
            keeps,
            pairs: Some(pairs),
            ..
        } = self
        else {
            return Ok(());
        };
        let keeps = *keeps;
        blocks.write_reduce(&mut pairs.factors, partials, |block, residuals, partial| {
            partial.clear();
            partial.kept.resize(if keeps { block.len() } else { 0 }, 0.0);
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                let Tile::Sparse(rows) = rows else { return };
                for (index, row) in tile.zip(rows.iter()) {
                    let score = sparse_dot(row.columns, row.values, coefficients) + intercept;
                    // The loss is ln(1 + exp(z)), where z is the score of the wrong class against the right one.
                    let sign = if classes[index] == 1 { -1.0 } else { 1.0 };
                    let wrong = sign * score;
                    let small = (-wrong.abs()).exp();
                    let weight = sample.weight(index);
                    partial.loss += weight * (wrong.max(0.0) + small.ln_1p());
                    let probability = if wrong >= 0.0 { 1.0 } else { small } / (1.0 + small);
                    let residual = weight * sign * probability;
                    residuals[index - first] = residual;
                    partial.intercepts[0] += residual;
                    if let Some(kept) = partial.kept.get_mut(index - first) {
                        // p·(1 − p), without taking a number near 1 from 1.
                        *kept = weight * small / ((1.0 + small) * (1.0 + small));
                    }
                }
            })
        })
    }

    /// Puts the rows' second derivatives, which are kept, where [`Objective::collect_pairs`] finds them.
    pub(super) fn pairs_bend(&mut self) -> Result<(), Interrupted> {
        self.each_pair(|_, kept| kept)
    }

    /// Puts there how a direction changes the rows' residuals.
    pub(super) fn pairs_times(&mut self, coefficients: &[f64], intercept: f64) -> Result<(), Interrupted> {
        self.each_pair(|row, kept| kept * (sparse_dot(row.columns, row.values, coefficients) + intercept))
    }

    fn each_pair(&mut self, factor: impl Fn(SparseRow<'_>, f64) -> f64 + Sync) -> Result<(), Interrupted> {
        let Self {
            sample,
            blocks,
            partials,
            pairs: Some(pairs),
            ..
        } = self
        else {
            return Ok(());
        };
        blocks.write_reduce(&mut pairs.factors, partials, |block, factors, partial| {
            let first = block.start;
            let mut sum = 0.0;
            sample.tiles(blocks, block, |tile, rows| {
                let Tile::Sparse(rows) = rows else { return };
                for (index, row) in tile.zip(rows.iter()) {
                    let factor = factor(row, partial.kept[index - first]);
                    factors[index - first] = factor;
                    sum += factor;
                }
            })?;
            partial.intercepts[0] = sum;
            Ok(())
        })
    }

    /// Writes the sums over the rows of their factors times their values (times these once more, if `squared`), over the sum of the
    /// weights, plus the derivative of the penalty at `point`. False where the rows are no sparse pairs.
    pub(super) fn collect_pairs(
        &self,
        point: &[f64],
        derivative: &mut [f64],
        squared: bool,
    ) -> Result<bool, Interrupted> {
        let Some(pairs) = &self.pairs else {
            return Ok(false);
        };
        let inverse = 1.0 / self.sample.weight_sum();
        let (coefficients, intercepts) = point.split_at(self.coefficient_count());
        let (by_coefficient, by_intercept) = derivative.split_at_mut(coefficients.len());
        let l2 = self.penalty.coefficients.l2;
        let finish = |column: usize, sum: f64| sum * inverse + l2 * coefficients[column];
        let (columns, factors, interrupt) = (&pairs.columns, &pairs.factors, self.sample.interrupt);
        if squared {
            columns.sums(
                factors,
                by_coefficient,
                |value, factor| value * value * factor,
                finish,
                interrupt,
            )?;
        } else {
            columns.sums(
                factors,
                by_coefficient,
                |value, factor| value * factor,
                finish,
                interrupt,
            )?;
        }
        let sum: f64 = self.partials.iter().map(|partial| partial.intercepts[0]).sum();
        for (derivative, intercept) in by_intercept.iter_mut().zip(intercepts) {
            *derivative = sum * inverse + self.penalty.intercepts.l2 * intercept;
        }
        Ok(true)
    }
}
