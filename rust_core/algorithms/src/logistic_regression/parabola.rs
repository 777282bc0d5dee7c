//! Minimising a parabola plus absolute values: coordinate descent finds out which numbers are zero and the others' signs, and
//! a linear system then gives the others exactly.

use super::cholesky;
use super::trial::least_subgradient;
use crate::interrupt::{self, Interrupt, Interrupted};
use crate::lbfgs::largest;
use crate::packed::{add_scaled, dot};

/// Rounds of coordinate descent and linear systems, at most.
const MOST_ROUNDS: usize = 100;
/// Passes of coordinate descent in a round.
const PASSES: usize = 4;
/// The subgradient is to fall to this fraction of the first, if rounding lets it.
const TOLERANCE: f64 = 1e-6;
/// Multiply-adds for linear systems, at most; beyond them coordinate descent is alone.
const MOST_SOLVED: f64 = 2e9;

/// The function gᵀ(z − start) + (z − start)ᵀH(z − start)/2 + Σ l1·|z|.
pub(super) struct Parabola {
    /// H, row-major and whole; positive semidefinite.
    pub(super) hessian: Vec<f64>,
    /// g.
    pub(super) gradient: Vec<f64>,
    pub(super) l1: Vec<f64>,
    pub(super) start: Vec<f64>,
}

impl Parabola {
    /// The function's fall from the start to `target`, by its slope: not above 0 if that is lower.
    pub(super) fn fall(&self, target: &[f64]) -> f64 {
        let mut fall = 0.0;
        for (index, target) in target.iter().enumerate() {
            let start = self.start[index];
            fall += self.gradient[index] * (target - start) + self.l1[index] * (target.abs() - start.abs());
        }
        fall
    }

    /// Where the function is lowest, nearly; None if it is not finite.
    pub(super) fn minimum(&self, interrupt: Interrupt<'_>) -> Result<Option<Vec<f64>>, Interrupted> {
        let size = self.start.len();
        if !self.hessian.iter().chain(&self.gradient).all(|value| value.is_finite()) {
            return Ok(None);
        }
        let mut target = self.start.clone();
        // The parabola's gradient at `target`.
        let mut slope = self.gradient.clone();
        let pull = |(index, start): (usize, &f64)| (self.hessian[index * size + index] * start).abs();
        let scale = self.start.iter().enumerate().map(pull).fold(0.0, f64::max);
        let scale = scale.max(largest(&self.gradient)).max(largest(&self.l1));
        let rounding = 4.0 * f64::EPSILON * (size as f64).sqrt() * scale;
        let tolerance = rounding.max(TOLERANCE * self.largest_subgradient(&target, &slope));
        let mut left = MOST_SOLVED;
        for _ in 0..MOST_ROUNDS {
            for _ in 0..PASSES {
                interrupt::check(interrupt)?;
                for index in 0..size {
                    let curvature = self.hessian[index * size + index];
                    if curvature <= 0.0 {
                        continue;
                    }
                    let free = target[index] - slope[index] / curvature;
                    let reach = self.l1[index] / curvature;
                    let moved = free - free.clamp(-reach, reach) - target[index];
                    if moved != 0.0 {
                        target[index] += moved;
                        add_scaled(&mut slope, moved, &self.hessian[index * size..][..size]);
                    }
                }
            }
            if self.largest_subgradient(&target, &slope) <= tolerance {
                break;
            }
            // A number that becomes zero on the way stays there, and the way goes on without it.
            while left > 0.0 {
                let (work, on) = self.step(&mut target, &mut slope, interrupt)?;
                left -= work;
                if !on {
                    break;
                }
            }
            if self.largest_subgradient(&target, &slope) <= tolerance {
                break;
            }
        }
        Ok(Some(target))
    }

    fn largest_subgradient(&self, target: &[f64], slope: &[f64]) -> f64 {
        let numbers = target.iter().zip(slope).zip(&self.l1);
        numbers.fold(0.0, |largest: f64, ((&value, &slope), &l1)| {
            largest.max(least_subgradient(value, slope, l1).abs())
        })
    }

    /// Goes to the minimum over the numbers that are not zero, or (true) to where the first of them becomes zero on the way. Also
    /// gives the multiply-adds that it took.
    fn step(
        &self,
        target: &mut [f64],
        slope: &mut [f64],
        interrupt: Interrupt<'_>,
    ) -> Result<(f64, bool), Interrupted> {
        let size = target.len();
        let active: Vec<usize> = (0..size)
            .filter(|&index| target[index] != 0.0 || self.l1[index] == 0.0)
            .collect();
        let count = active.len();
        let work = (count as f64).powi(3) / 6.0 + (size * size) as f64;
        let mut step: Vec<f64> = active
            .iter()
            .map(|&index| -least_subgradient(target[index], slope[index], self.l1[index]))
            .collect();
        // A little more on the diagonal makes a singular system one that can be solved.
        for ridge in [0.0, 1e-12, 1e-8] {
            let mut factor = vec![0.0; count * count];
            for (row, &index) in active.iter().enumerate() {
                for (column, &other) in active[..=row].iter().enumerate() {
                    factor[row * count + column] = self.hessian[index * size + other];
                }
                factor[row * count + row] *= 1.0 + ridge;
            }
            if cholesky::factorise(&mut factor, count, interrupt)?.is_ok() {
                cholesky::solve(&factor, &mut step);
                return Ok((work, self.advance(&active, &step, target, slope)));
            }
        }
        Ok((work, false))
    }

    /// Takes a step in the active numbers. Those that would change their sign become zero, if the function falls that way; else
    /// the step goes up to where the first of them is zero. True if one is zero now.
    fn advance(&self, active: &[usize], step: &[f64], target: &mut [f64], slope: &mut [f64]) -> bool {
        let crossing = |index: usize, step: f64| {
            let fraction = -target[index] / step;
            (self.l1[index] > 0.0 && fraction > 0.0 && fraction < 1.0).then_some(fraction)
        };
        let steps = || active.iter().copied().zip(step.iter().copied());
        let first = steps()
            .filter_map(|(index, step)| Some((crossing(index, step)?, index)))
            .min_by(|left, right| left.0.total_cmp(&right.0));
        let mut moved = vec![0.0; target.len()];
        for (index, step) in steps() {
            moved[index] = crossing(index, step).map_or(step, |_| -target[index]);
        }
        let mut change = self.times(&moved);
        if let Some((fraction, first)) = first {
            let mut fall = 0.5 * dot(&change, &moved) + dot(slope, &moved);
            for ((target, moved), l1) in target.iter().zip(&moved).zip(&self.l1) {
                fall += l1 * ((target + moved).abs() - target.abs());
            }
            if fall.is_nan() || fall >= 0.0 {
                for (index, step) in steps() {
                    moved[index] = if index == first {
                        -target[index]
                    } else {
                        fraction * step
                    };
                }
                change = self.times(&moved);
            }
        }
        add_scaled(slope, 1.0, &change);
        add_scaled(target, 1.0, &moved);
        first.is_some()
    }

    /// H times a vector.
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let rows = self.hessian.chunks_exact(vector.len());
        rows.map(|row| dot(row, vector)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;

    #[test]
    fn the_minimum_has_no_subgradient_however_long_the_valley() {
        let size = 30;
        for scale in [1.0, 1e3, 1e6] {
            // Columns of very different lengths, and no more rows than needed.
            let value = |row: usize, column: usize| {
                (((row * 31 + 7) * (column * 17 + 3)) as f64).sin() * f64::powf(scale, column as f64 / size as f64)
            };
            let mut hessian = vec![0.0; size * size];
            for row in 0..size {
                for column in 0..size {
                    hessian[row * size + column] = (0..size + 5).map(|k| value(k, row) * value(k, column)).sum();
                }
            }
            let parabola = Parabola {
                hessian,
                gradient: (0..size).map(|index| 50.0 * (index as f64).cos()).collect(),
                l1: (0..size).map(|index| if index == 7 { 0.0 } else { 20.0 }).collect(),
                start: (0..size).map(|index| (index % 3) as f64 - 1.0).collect(),
            };
            let target = parabola.minimum(&never).unwrap().unwrap();
            let moved: Vec<f64> = target.iter().zip(&parabola.start).map(|(to, from)| to - from).collect();
            let slope: Vec<f64> = parabola
                .hessian
                .chunks_exact(size)
                .zip(&parabola.gradient)
                .map(|(row, gradient)| gradient + dot(row, &moved))
                .collect();
            let first = parabola.largest_subgradient(&parabola.start, &parabola.gradient);
            let left = parabola.largest_subgradient(&target, &slope);
            // The Hessian's numbers span `scale`²: so much is lost to rounding.
            assert!(left <= 1e-4 * first, "{scale}: {left} of {first}");
            assert!(target.contains(&0.0) && target.iter().any(|value| *value != 0.0));
            assert!(parabola.fall(&target) < 0.0);
        }
    }
}
