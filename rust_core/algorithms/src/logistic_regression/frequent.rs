//! The columns that many sparse rows name, as a preconditioner sees them: together, where a diagonal sees each alone.
//!
//! Such columns have much to do with each other and with the intercept (rows that name two of them are many), others little. So the
//! diagonal is joined by the correlations of the most frequent ones. These hardly change from step to step: those of the first
//! point do for all, while the diagonal follows.
//!
//! Source: the block diagonal preconditioners of Y. Saad, "Iterative Methods for Sparse Linear Systems" (2003), chapter 10.

use super::cholesky;
use super::loss::Objective;
use crate::blocks::Blocks;
use crate::interrupt::Interrupted;
use crate::packed::add_scaled;
use crate::rows::Tile;

/// Columns that are taken together, at most: a product with the inverse of their correlations costs little beside one with a Hessian.
const MOST: usize = 128;
/// A column is frequent where it has a value in one of so many rows.
const SELDOM: usize = 64;
/// Stands for the number of a column that is not frequent.
const ABSENT: u8 = u8::MAX;
/// What correlations lack of 1 on the diagonal, so that columns which are multiples of each other do no harm.
const RIDGE: f64 = 1e-4;

/// The most frequent columns, and the intercept, if there is one.
pub(super) struct Frequent {
    /// Their places in a point, rising.
    places: Vec<usize>,
    /// Cholesky factor of their correlations.
    factor: Vec<f64>,
    residual: Vec<f64>,
}

impl Frequent {
    /// Of the parabola at `point`. None where there are no sparse rows of two classes, or no two columns are frequent.
    pub(super) fn new(objective: &mut Objective<'_>, point: &[f64]) -> Result<Option<Self>, Interrupted> {
        let Some(mut places) = frequent(objective) else {
            return Ok(None);
        };
        objective.go_to(point)?;
        let columns = places.len();
        let size = columns + usize::from(objective.fit_intercept);
        // The number of each column up to the last frequent one among these.
        let mut numbers = vec![ABSENT; places.last().map_or(0, |last| last + 1)];
        for (number, &place) in (0..ABSENT).zip(&places) {
            numbers[place] = number;
        }
        places.extend((columns < size).then_some(objective.coefficient_count()));

        let mut matrix = objective.products_of(&numbers, size)?;
        let weight = objective.sample.weight_sum();
        for (index, &place) in places.iter().enumerate() {
            matrix[index * size + index] += weight * objective.strength(place).l2;
        }
        // Without curvature a column has nothing to do with others.
        let root = |curvature: f64| {
            if curvature > 0.0 {
                curvature.sqrt()
            } else {
                f64::INFINITY
            }
        };
        let roots: Vec<f64> = (0..size).map(|index| root(matrix[index * size + index])).collect();
        for (row, values) in matrix.chunks_exact_mut(size).enumerate() {
            for (value, root) in values.iter_mut().zip(&roots).take(row) {
                *value *= (1.0 - RIDGE) / (roots[row] * root);
            }
            values[row] = 1.0;
        }
        let usable = cholesky::factorise(&mut matrix, size, objective.sample.interrupt)?.is_ok();
        Ok(usable.then_some(Self {
            places,
            factor: matrix,
            residual: vec![0.0; size],
        }))
    }

    /// Replaces what the `diagonal` alone made of a residual. Gives by how much that raises the product of both.
    pub(super) fn correct(&mut self, residual: &[f64], diagonal: &[f64], downhill: &mut [f64]) -> f64 {
        for (scaled, &place) in self.residual.iter_mut().zip(&self.places) {
            // Without curvature there is no residual either.
            *scaled = if diagonal[place] > 0.0 {
                residual[place] / diagonal[place].sqrt()
            } else {
                0.0
            };
        }
        cholesky::solve(&self.factor, &mut self.residual);
        let mut raised = 0.0;
        for (solved, &place) in self.residual.iter().zip(&self.places) {
            if diagonal[place] > 0.0 {
                let corrected = solved / diagonal[place].sqrt();
                raised += residual[place] * (corrected - downhill[place]);
                downhill[place] = corrected;
            }
        }
        raised
    }
}

impl Objective<'_> {
    /// The sums over the rows of their second derivatives times the products of values in numbered columns, and of the intercept, whose
    /// number is the last below `size` if no column has it: the lower triangle, row-major. The point is the one that was evaluated last.
    fn products_of(&self, numbers: &[u8], size: usize) -> Result<Vec<f64>, Interrupted> {
        let (sample, known, known_blocks) = (self.sample, &self.partials, &self.blocks);
        let (row_values, intercept) = (sample.rows().row_values(), self.fit_intercept);
        let row_work = row_values.min(size).pow(2);
        let blocks = Blocks::new(sample.len(), row_values, row_work, (size * size).div_ceil(row_values));
        let mut partials = vec![vec![0.0; size * size]; blocks.count()];
        blocks.reduce(&mut partials, |block, sums| {
            let mut named: Vec<(usize, f64)> = Vec::with_capacity(size);
            sample.tiles(&blocks, block, |tile, rows| {
                let Tile::Sparse(rows) = rows else { return };
                for (index, row) in tile.zip(rows.iter()) {
                    named.clear();
                    for (column, value) in row.entries() {
                        match numbers.get(column) {
                            None => break,
                            Some(&ABSENT) => {}
                            Some(&number) => named.push((usize::from(number), value)),
                        }
                    }
                    named.extend(intercept.then_some((size - 1, 1.0)));
                    let curvature = Self::kept(known, known_blocks, index, 1)[0];
                    for (last, &(row, value)) in named.iter().enumerate() {
                        let factor = curvature * value;
                        let sums = &mut sums[row * size..][..size];
                        for &(column, value) in &named[..=last] {
                            sums[column] += factor * value;
                        }
                    }
                }
            })
        })?;
        let mut partials = partials.into_iter();
        let mut total = partials.next().unwrap_or_default();
        for other in partials {
            add_scaled(&mut total, 1.0, &other);
        }
        Ok(total)
    }
}

/// The most frequent columns, in order.
fn frequent(objective: &Objective<'_>) -> Option<Vec<usize>> {
    let pairs = objective.pairs.as_ref()?;
    let least = objective.sample.len().div_ceil(SELDOM).max(2);
    let length = |column: usize| pairs.columns.column(column).0.len();
    let mut columns: Vec<usize> = (0..objective.coefficient_count())
        .filter(|&column| length(column) >= least)
        .collect();
    columns.sort_by_key(|&column| std::cmp::Reverse(length(column)));
    columns.truncate(MOST);
    columns.sort_unstable();
    (columns.len() > 1).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{Csr, CsrValues};
    use crate::interrupt::never;
    use crate::logistic_regression::Parameters;
    use crate::sample::Sample;

    #[test]
    fn frequent_columns_are_solved_together_and_others_left_alone() {
        // Columns 2 and 5 are in many rows, the others in few.
        let (rows, columns) = (300_usize, 40_usize);
        let value = |row: usize, column: usize| 1.0 + ((row * 7 + column * 13) as f64).sin();
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..rows {
            let seldom = 6 + row % (columns - 6);
            for column in [2, 5, seldom] {
                if column == seldom && row >= 34 || column == 5 && row % 3 == 0 {
                    continue;
                }
                indices.push(column as u32);
                values.push(value(row, column));
            }
            indptr.push(values.len() as u64);
        }
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns).unwrap();
        let classes: Vec<u32> = (0..rows).map(|row| u32::from(row % 5 < 2)).collect();
        let sample = Sample::check((&csr).into(), None, &never).unwrap();
        let mut objective = Objective::new(sample, &classes, 2, &Parameters::default()).unwrap();
        let point = vec![0.1; columns + 1];
        let mut frequent = Frequent::new(&mut objective, &point).unwrap().unwrap();
        assert_eq!(frequent.places, [2, 5, columns]);

        let mut diagonal = vec![0.0; columns + 1];
        objective.bend(&point, &mut diagonal).unwrap();
        let residual: Vec<f64> = (0..=columns).map(|index| (index as f64).cos()).collect();
        let alone: Vec<f64> = residual
            .iter()
            .zip(&diagonal)
            .map(|(left, right)| left / right)
            .collect();
        let mut together = alone.clone();
        let raised = frequent.correct(&residual, &diagonal, &mut together);

        let product = |left: &[f64]| -> f64 { left.iter().zip(&residual).map(|(left, right)| left * right).sum() };
        assert!((raised - (product(&together) - product(&alone))).abs() < 1e-9 * product(&together));
        // The Hessian's rows and columns of these places, a little more diagonal, times what came out.
        let mut unit = vec![0.0; columns + 1];
        let mut row = vec![0.0; columns + 1];
        for &place in &frequent.places {
            unit.fill(0.0);
            unit[place] = 1.0;
            objective.hessian_times(&unit, &mut row).unwrap();
            let sum: f64 = frequent
                .places
                .iter()
                .map(|&other| {
                    let part = if other == place { 1.0 } else { 1.0 - RIDGE };
                    part * row[other] * together[other]
                })
                .sum();
            assert!(
                (sum - residual[place]).abs() < 1e-9,
                "{place}: {sum} {}",
                residual[place]
            );
        }
        for place in 0..columns {
            assert!(frequent.places.contains(&place) || together[place] == alone[place]);
        }
    }

    #[test]
    fn a_frequent_column_without_curvature_leaves_the_others_together() {
        let rows = 90_usize;
        let indices = [0_u32, 1, 2].repeat(rows);
        let values = (0..rows).flat_map(|row| [1.0 + (row % 5) as f64, 0.0, (row % 7) as f64]);
        let values: Vec<f64> = values.collect();
        let indptr: Vec<u64> = (0..=rows as u64).map(|row| 3 * row).collect();
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), 3).unwrap();
        let classes: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
        let sample = Sample::check((&csr).into(), None, &never).unwrap();
        let free = Parameters {
            c: f64::INFINITY,
            ..Parameters::default()
        };
        let mut objective = Objective::new(sample, &classes, 2, &free).unwrap();
        let mut frequent = Frequent::new(&mut objective, &[0.0; 4]).unwrap().unwrap();
        let mut diagonal = [0.0; 4];
        objective.bend(&[0.0; 4], &mut diagonal).unwrap();
        assert_eq!(diagonal[1], 0.0);
        let mut downhill = [9.0; 4];
        frequent.correct(&[1.0, 0.0, 1.0, 1.0], &diagonal, &mut downhill);
        assert_eq!(downhill[1], 9.0);
        let mut product = [0.0; 4];
        downhill[1] = 0.0;
        objective.hessian_times(&downhill, &mut product).unwrap();
        for place in [0, 2, 3] {
            assert!((product[place] - 1.0).abs() < 0.05, "{product:?}");
        }
    }

    #[test]
    fn columns_that_are_multiples_of_each_other_do_no_harm() {
        let rows = 100_usize;
        let indices = [0_u32, 1].repeat(rows);
        let values: Vec<f64> = (0..rows).flat_map(|row| [row as f64, 3.0 * row as f64]).collect();
        let indptr: Vec<u64> = (0..=rows as u64).map(|row| 2 * row).collect();
        let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), 2).unwrap();
        let classes: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
        let sample = Sample::check((&csr).into(), None, &never).unwrap();
        let free = Parameters {
            c: f64::INFINITY,
            ..Parameters::default()
        };
        let mut objective = Objective::new(sample, &classes, 2, &free).unwrap();
        let mut frequent = Frequent::new(&mut objective, &[0.0; 3]).unwrap().unwrap();
        let mut downhill = [1.0; 3];
        frequent.correct(&[1.0; 3], &[1.0, 9.0, 1.0], &mut downhill);
        assert!(downhill.iter().all(|value| value.is_finite()));
    }
}
