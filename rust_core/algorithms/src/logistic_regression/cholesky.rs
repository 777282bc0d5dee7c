//! Solving a symmetric positive definite system.

use crate::interrupt::{self, Interrupt, Interrupted};
use crate::packed::{add_scaled, dot};

/// The matrix is not positive definite, as far as rounding lets one see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Singular;

/// Replaces the lower triangle of the symmetric, row-major `matrix` by that of its Cholesky factor.
pub(super) fn factorise(
    matrix: &mut [f64],
    size: usize,
    interrupt: Interrupt<'_>,
) -> Result<Result<(), Singular>, Interrupted> {
    for row in 0..size {
        interrupt::check(interrupt)?;
        let (above, current) = matrix.split_at_mut(row * size);
        for (column, factor) in above.chunks_exact(size).enumerate() {
            let sum = current[column] - dot(&factor[..column], &current[..column]);
            current[column] = sum / factor[column];
        }
        let diagonal = current[row];
        let pivot = diagonal - dot(&current[..row], &current[..row]);
        // Below this, what is left of the diagonal is the rounding of what was taken away.
        let rounding = size as f64 * f64::EPSILON * diagonal;
        if pivot.is_nan() || pivot <= rounding || pivot.is_infinite() {
            return Ok(Err(Singular));
        }
        current[row] = pivot.sqrt();
    }
    Ok(Ok(()))
}

/// Replaces `vector` by the solution of the system whose Cholesky factor is given.
pub(super) fn solve(factor: &[f64], vector: &mut [f64]) {
    let size = vector.len();
    for (row, values) in factor.chunks_exact(size).enumerate() {
        vector[row] = (vector[row] - dot(&values[..row], &vector[..row])) / values[row];
    }
    for (row, values) in factor.chunks_exact(size).enumerate().rev() {
        let solved = vector[row] / values[row];
        vector[row] = solved;
        add_scaled(&mut vector[..row], -solved, &values[..row]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn solves_what_it_factorised() {
        for size in [1, 2, 9, 40] {
            // A Gram matrix of more rows than columns, plus a little on the diagonal.
            let value = |row: usize, column: usize| ((row * 31 + column * 17) as f64).sin();
            let mut matrix = vec![0.0; size * size];
            for row in 0..size {
                for column in 0..size {
                    let gram: f64 = (0..3 * size).map(|k| value(k, row) * value(k, column)).sum();
                    matrix[row * size + column] = gram + if row == column { 0.1 } else { 0.0 };
                }
            }
            let expected: Vec<f64> = (0..size).map(|index| (index as f64).cos()).collect();
            let mut vector: Vec<f64> = matrix.chunks_exact(size).map(|row| dot(row, &expected)).collect();
            factorise(&mut matrix, size, &never).unwrap().unwrap();
            solve(&matrix, &mut vector);
            for (got, expected) in vector.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-9, "{size}: {got} {expected}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        for mut matrix in [
            vec![0.0],
            vec![-1.0],
            vec![f64::NAN],
            vec![f64::INFINITY],
            vec![1.0, 0.0, 1.0, 1.0],
            vec![1.0, 0.0, 2.0, 1.0],
        ] {
            let size = matrix.len().isqrt();
            assert_eq!(factorise(&mut matrix, size, &never), Ok(Err(Singular)));
        }
        assert_eq!(factorise(&mut [1.0], 1, &|| true), Err(Interrupted));
    }
}
