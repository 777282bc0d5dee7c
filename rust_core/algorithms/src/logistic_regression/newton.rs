//! Newton's method with a Cholesky decomposition of the Hessian, for objectives without absolute values.
//!
//! Source: S. Boyd and L. Vandenberghe, "Convex Optimization" (2004), section 9.5, with halved steps as the line search.

use super::cholesky;
use super::curvature::Chosen;
use super::loss::Objective;
use crate::interrupt::Interrupted;
use crate::lbfgs::largest;
use crate::packed::{add_scaled, dot};

/// The objective must fall by this fraction of what the slope promises.
pub(super) const DECREASE: f64 = 1e-4;
/// A relative change of the objective that is no more than rounding.
pub(super) const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// How close to the minimum the objective must come, relative to it, by the method's own estimate.
pub(super) const PRECISION: f64 = 1e-10;
/// A step is halved at most so often.
pub(super) const MOST_HALVINGS: usize = 40;

/// Where a search ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) point: Vec<f64>,
    /// The objective, absolute values included.
    pub(super) value: f64,
    pub(super) n_iter: usize,
    pub(super) why: Why,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The stopping tests were met.
    Converged,
    /// As many iterations as were allowed.
    Exhausted,
    /// The Hessian is not positive definite, or no step along Newton's direction lowers the objective.
    Stuck,
}

/// Searches from `point`, for a gradient whose components are at most `tol`.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    mut point: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let chosen = Chosen::new(objective, |_| true);
    let size = point.len();
    let mut gradient = vec![0.0; size];
    let mut value = objective.evaluate(&point, &mut gradient)?;
    let mut direction = vec![0.0; size];
    let mut trial = Trial::new(size);
    let mut n_iter = 0;
    let why = loop {
        if !value.is_finite() {
            break Why::Stuck;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        let mut hessian = objective.hessian(&point, &chosen)?;
        if cholesky::factorise(&mut hessian, size, objective.sample.interrupt)?.is_err() {
            break Why::Stuck;
        }
        // The Hessian's rows are ordered as `chosen` is.
        let mut step: Vec<f64> = chosen.indices.iter().map(|&index| -gradient[index]).collect();
        cholesky::solve(&hessian, &mut step);
        drop(hessian);
        for (&index, step) in chosen.indices.iter().zip(step) {
            direction[index] = step;
        }
        let slope = dot(&gradient, &direction);
        let flat = largest(&gradient) <= tol;
        if slope.is_nan() || slope >= 0.0 {
            break if flat { Why::Converged } else { Why::Stuck };
        }
        // Half the slope is how far the minimum of the local parabola lies below.
        let close = -slope / 2.0 <= PRECISION * value.abs();
        if !trial.search(objective, (&point, value, &gradient), &direction, slope)? {
            break if flat { Why::Converged } else { Why::Stuck };
        }
        n_iter += 1;
        value = trial.value;
        std::mem::swap(&mut point, &mut trial.point);
        std::mem::swap(&mut gradient, &mut trial.gradient);
        objective.report(n_iter, value);
        if close && largest(&gradient) <= tol {
            break Why::Converged;
        }
    };
    Ok(Ended {
        point,
        value,
        n_iter,
        why,
    })
}

/// A point that is tried.
struct Trial {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Trial {
    fn new(size: usize) -> Self {
        Self {
            point: vec![0.0; size],
            value: 0.0,
            gradient: vec![0.0; size],
        }
    }

    /// Tries the whole step, then half of it, and so on; false when none lowers the objective. Where the fall that is promised
    /// drowns in rounding, the gradient must fall instead.
    fn search(
        &mut self,
        objective: &mut Objective<'_>,
        (point, value, gradient): (&[f64], f64, &[f64]),
        direction: &[f64],
        slope: f64,
    ) -> Result<bool, Interrupted> {
        let rounding = ROUNDING * value.abs();
        let mut step = 1.0;
        for _ in 0..MOST_HALVINGS {
            self.point.copy_from_slice(point);
            add_scaled(&mut self.point, step, direction);
            self.value = objective.evaluate(&self.point, &mut self.gradient)?;
            let promised = DECREASE * step * slope;
            if self.value <= value + promised {
                return Ok(true);
            }
            if -step * slope <= rounding
                && self.value <= value + rounding
                && largest(&self.gradient) < largest(gradient)
            {
                return Ok(true);
            }
            step *= 0.5;
        }
        Ok(false)
    }
}
