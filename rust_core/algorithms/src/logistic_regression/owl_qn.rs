//! Quasi-Newton search for objectives with absolute values, in any number of parameters.
//!
//! Source: G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", ICML 2007 (OWL-QN).

use super::loss::Objective;
use super::newton::{DECREASE, Ended, MOST_HALVINGS, PRECISION, ROUNDING, Why};
use crate::interrupt::Interrupted;
use crate::lbfgs::{Memory, largest};
use crate::packed::dot;

/// The least subgradient of l1·|w| plus a smooth function whose derivative at w is `gradient`.
pub(super) fn least_subgradient(value: f64, gradient: f64, l1: f64) -> f64 {
    if value > 0.0 {
        gradient + l1
    } else if value < 0.0 {
        gradient - l1
    } else {
        // Gradients within ±l1 leave the number at 0.
        gradient - gradient.clamp(-l1, l1)
    }
}

/// Searches from `point`, for a least subgradient whose components are at most `tol`.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    mut point: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let size = point.len();
    let mut gradient = vec![0.0; size];
    let mut value = objective.evaluate(&point, &mut gradient)? + objective.absolute_values(&point);
    let mut subgradient = vec![0.0; size];
    let mut direction = vec![0.0; size];
    let (mut trial_point, mut trial_gradient) = (vec![0.0; size], vec![0.0; size]);
    let mut memory = Memory::default();
    let mut n_iter = 0;
    let mut fall = f64::INFINITY;
    let why = loop {
        if !value.is_finite() {
            break Why::Stuck;
        }
        for (index, slot) in subgradient.iter_mut().enumerate() {
            *slot = least_subgradient(point[index], gradient[index], objective.strength(index).l1);
        }
        let flat = largest(&subgradient) <= tol;
        if flat && (fall <= PRECISION * value.abs() || largest(&subgradient) == 0.0) {
            break Why::Converged;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        memory.descend(&subgradient, &mut direction);
        for (direction, subgradient) in direction.iter_mut().zip(&subgradient) {
            if *direction * subgradient >= 0.0 {
                *direction = 0.0;
            }
        }
        let mut step = if memory.is_empty() {
            1.0 / dot(&direction, &direction).sqrt().max(1.0)
        } else {
            1.0
        };
        let mut accepted = None;
        for _ in 0..MOST_HALVINGS {
            let mut promised = 0.0;
            for (index, slot) in trial_point.iter_mut().enumerate() {
                let (from, to) = (point[index], point[index] + step * direction[index]);
                // No number changes its sign within a step.
                let side = if from == 0.0 { -subgradient[index] } else { from };
                *slot = if objective.strength(index).l1 > 0.0 && to * side <= 0.0 {
                    0.0
                } else {
                    to
                };
                promised += subgradient[index] * (*slot - from);
            }
            let trial =
                objective.evaluate(&trial_point, &mut trial_gradient)? + objective.absolute_values(&trial_point);
            if promised < 0.0 && trial <= value + DECREASE * promised {
                accepted = Some(trial);
                break;
            }
            step *= 0.5;
        }
        let Some(trial) = accepted else {
            if memory.is_empty() {
                break if flat { Why::Converged } else { Why::Stuck };
            }
            memory.forget();
            continue;
        };
        n_iter += 1;
        fall = value - trial;
        memory.remember((&point, &gradient), (&trial_point, &trial_gradient), 0.0);
        std::mem::swap(&mut point, &mut trial_point);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        value = trial;
        objective.report(n_iter, value);
        if fall <= ROUNDING * value.abs() && !memory.is_empty() {
            // What is left may be rounding, or a memory that misleads.
            memory.forget();
        }
    };
    Ok(Ended {
        point,
        value,
        n_iter,
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_subgradient_is_zero_where_nothing_pulls() {
        assert_eq!(least_subgradient(0.0, 0.5, 1.0), 0.0);
        assert_eq!(least_subgradient(0.0, 1.5, 1.0), 0.5);
        assert_eq!(least_subgradient(0.0, -1.5, 1.0), -0.5);
        assert_eq!(least_subgradient(2.0, -1.0, 1.0), 0.0);
        assert_eq!(least_subgradient(-2.0, -1.0, 1.0), -2.0);
        assert_eq!(least_subgradient(0.0, 0.25, 0.0), 0.25);
    }
}
