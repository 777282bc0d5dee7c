//! Solving a symmetric positive definite system.

use crate::interrupt::{self, Interrupt, Interrupted};
use crate::packed::{add_scaled, dot};
use crate::simd::{DOUBLES, Kernel, Simd, dispatch};

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
        let diagonal = current[row];
        let pivot = diagonal - dispatch(Eliminate { above, size, current });
        // Below this, what is left of the diagonal is the rounding of what was taken away.
        let rounding = size as f64 * f64::EPSILON * diagonal;
        if pivot.is_nan() || pivot <= rounding || pivot.is_infinite() {
            return Ok(Err(Singular));
        }
        current[row] = pivot.sqrt();
    }
    Ok(Ok(()))
}

/// Replaces a row of the matrix by that of the factor, up to the diagonal. Gives the sum of its squares there.
struct Eliminate<'a> {
    /// The factor's rows above it.
    above: &'a [f64],
    size: usize,
    current: &'a mut [f64],
}

impl Kernel for Eliminate<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        let rows = self.above.chunks_exact(self.size);
        let count = rows.len();
        for (column, factor) in rows.enumerate() {
            let sum = self.current[column] - product(simd, &factor[..column], &self.current[..column]);
            self.current[column] = sum / factor[column];
        }
        product(simd, &self.current[..count], &self.current[..count])
    }
}

/// The scalar product, in an order that the length decides.
#[inline(always)]
fn product<S: Simd>(simd: S, left: &[f64], right: &[f64]) -> f64 {
    let (left, left_rest) = left.as_chunks::<DOUBLES>();
    let (right, right_rest) = right.as_chunks::<DOUBLES>();
    let mut even = simd.mul(simd.load_some(left_rest), simd.load_some(right_rest));
    let mut odd = simd.double(0.0);
    let (left_pairs, left_last) = left.as_chunks::<2>();
    let (right_pairs, right_last) = right.as_chunks::<2>();
    for (left, right) in left_pairs.iter().zip(right_pairs) {
        even = simd.mul_add(simd.load(&left[0]), simd.load(&right[0]), even);
        odd = simd.mul_add(simd.load(&left[1]), simd.load(&right[1]), odd);
    }
    if let ([left], [right]) = (left_last, right_last) {
        odd = simd.mul_add(simd.load(left), simd.load(right), odd);
    }
    let mut lanes = [0.0; DOUBLES];
    simd.store(simd.add(even, odd), &mut lanes);
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
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
