//! Products of the objective's Hessian with vectors, which need no more memory than the rows' probabilities, and cost what a
//! gradient costs.

use super::loss::{Objective, Partial};
use super::products::dot_row;
use crate::csr::SparseRow;
use crate::interrupt::Interrupted;
use crate::packed::add_scaled;
use crate::rows::Row;

/// Probabilities that may be kept whatever the size of the rows: 32 MiB.
const KEPT_IN_ANY_CASE: usize = 1 << 22;
/// And beyond that so many for each value of the rows.
const KEPT_FOR_EACH_VALUE: usize = 4;

impl Objective<'_> {
    /// Whether the rows' probabilities, which [`Objective::bend`] keeps, take memory in proportion to the rows.
    pub(super) fn can_bend(&self) -> bool {
        let rows = self.sample.len();
        let values = rows.saturating_mul(self.sample.rows().row_values());
        rows.saturating_mul(self.scores) <= KEPT_IN_ANY_CASE.max(values.saturating_mul(KEPT_FOR_EACH_VALUE))
    }

    /// Goes to `point` for later calls of [`Objective::hessian_times`], and writes the Hessian's diagonal there.
    ///
    /// With weight s, probabilities p and row x a row's second derivatives are s·(diag(p) − p·pᵀ) ⊗ x·xᵀ.
    pub(super) fn bend(&mut self, point: &[f64], diagonal: &mut [f64]) -> Result<(), Interrupted> {
        self.go_to(point)?;
        let ones = vec![1.0; point.len()];
        if self.pairs.is_some() {
            self.pairs_bend()?;
            self.collect_pairs(&ones, diagonal, true)?;
            return Ok(());
        }
        let Self {
            sample,
            scores: score_count,
            blocks,
            partials,
            ..
        } = self;
        let (columns, score_count) = (sample.columns(), *score_count);
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            let first = block.start;
            let mut squares = Vec::new();
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let kept = &partial.kept[(index - first) * score_count..][..score_count];
                    let factors = &mut partial.scores.as_flattened_mut()[..score_count];
                    if score_count == 1 {
                        factors.copy_from_slice(kept);
                    } else {
                        let weight = sample.weight(index);
                        for (factor, probability) in factors.iter_mut().zip(kept) {
                            *factor = weight * probability * (1.0 - probability);
                        }
                    }
                    partial.add(squared(row, &mut squares));
                }
            })
        })?;
        self.collect(&ones, diagonal)
    }

    /// Writes the product of a vector with the Hessian at the point that [`Objective::bend`] went to.
    pub(super) fn hessian_times(&mut self, vector: &[f64], product: &mut [f64]) -> Result<(), Interrupted> {
        let (by_coefficient, by_intercept) = vector.split_at(self.coefficient_count());
        if self.pairs.is_some() {
            self.pairs_times(by_coefficient, by_intercept.first().copied().unwrap_or(0.0))?;
            return self.collect(vector, product);
        }
        let columns = self.sample.columns();
        let several = self.scores > 1;
        if several {
            self.coefficients.set(by_coefficient, columns);
        }
        let Self {
            sample,
            scores: score_count,
            blocks,
            coefficients: laid_out,
            partials,
            ..
        } = self;
        blocks.reduce(partials, |block, partial| {
            partial.clear();
            let first = block.start;
            sample.tiles(blocks, block, |tile, rows| {
                for (index, row) in tile.zip(rows.rows(columns)) {
                    let kept = (index - first) * *score_count;
                    if several {
                        laid_out.write_products(row, &mut partial.scores);
                        let probabilities = &partial.kept[kept..][..*score_count];
                        let changes = &mut partial.scores.as_flattened_mut()[..*score_count];
                        add_scaled(changes, 1.0, by_intercept);
                        let mean = crate::packed::dot(probabilities, changes);
                        let weight = sample.weight(index);
                        for (change, probability) in changes.iter_mut().zip(probabilities) {
                            *change = weight * probability * (*change - mean);
                        }
                    } else {
                        let change = dot_row(by_coefficient, row) + by_intercept.first().copied().unwrap_or(0.0);
                        partial.scores[0][0] = partial.kept[kept] * change;
                    }
                    partial.add(row);
                }
            })
        })?;
        self.collect(vector, product)
    }

    /// Takes from a step what no probability notices: that numbers of all classes move together, where nothing penalises it.
    pub(super) fn settle(&self, step: &mut [f64]) {
        if self.scores == 1 {
            return;
        }
        let (by_coefficient, by_intercept) = step.split_at_mut(self.coefficient_count());
        for (numbers, strength) in [
            (by_coefficient, self.penalty.coefficients),
            (by_intercept, self.penalty.intercepts),
        ] {
            let count = numbers.len() / self.scores;
            if strength.l1 != 0.0 || strength.l2 != 0.0 || count == 0 {
                continue;
            }
            let mut mean = vec![0.0; count];
            for numbers in numbers.chunks_exact(count) {
                add_scaled(&mut mean, 1.0 / self.scores as f64, numbers);
            }
            for numbers in numbers.chunks_exact_mut(count) {
                add_scaled(numbers, -1.0, &mean);
            }
        }
    }
}

impl Partial {
    /// Adds a row, times the number in `scores` for each class.
    fn add(&mut self, row: Row<'_>) {
        match row {
            Row::Dense(values) if !self.binary.is_empty() => {
                let factor = self.scores[0][0];
                self.intercepts[0] += factor;
                add_scaled(&mut self.binary, factor, values);
            }
            _ => {
                add_scaled(&mut self.intercepts, 1.0, self.scores.as_flattened());
                self.multinomial.add_outer(row, &self.scores);
            }
        }
    }
}

/// The row with its values squared, which are kept in `squares`.
fn squared<'r>(row: Row<'r>, squares: &'r mut Vec<f64>) -> Row<'r> {
    let values = match row {
        Row::Dense(values) => values,
        Row::Sparse(row) => row.values,
    };
    squares.clear();
    squares.extend(values.iter().map(|value| value * value));
    match row {
        Row::Dense(_) => Row::Dense(squares),
        Row::Sparse(row) => Row::Sparse(SparseRow {
            columns: row.columns,
            values: squares,
        }),
    }
}
