//! Newton's method with a Cholesky decomposition of the Hessian, for objectives without absolute values.
//!
//! Source: S. Boyd and L. Vandenberghe, "Convex Optimization" (2004), section 9.5, with halved steps as the line search.

use super::cholesky;
use super::curvature::{Chosen, Share};
use super::loss::Objective;
use super::trial::Trial;
use crate::interrupt::Interrupted;
use crate::packed::dot;

/// The objective must fall by this fraction of what the slope promises.
pub(super) const DECREASE: f64 = 1e-4;
/// A relative change of the objective that is no more than rounding.
pub(super) const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// How close to the minimum the objective must come, relative to it, by the method's own estimate.
pub(super) const PRECISION: f64 = 1e-10;
/// With a Hessian of some rows, the fall that a step promises must be at most this part of what the one before promised; else
/// the Hessian of all rows is taken from then on.
pub(super) const SLOW: f64 = 0.2;
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
    point: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let chosen = Chosen::new(objective, |_| true);
    let size = point.len();
    let mut here = Trial::at(objective, point)?;
    let mut trial = here.clone();
    let mut direction = vec![0.0; size];
    let mut n_iter = 0;
    let (mut sampled, mut promised) = (true, f64::INFINITY);
    let why = loop {
        if !here.value.is_finite() {
            break Why::Stuck;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        let share = if sampled {
            Share::enough(objective, size)
        } else {
            Share::WHOLE
        };
        let mut hessian = objective.hessian(&here.point, &chosen, share)?;
        if cholesky::factorise(&mut hessian, size, objective.sample.interrupt)?.is_err() {
            if share != Share::WHOLE {
                sampled = false;
                continue;
            }
            break Why::Stuck;
        }
        // The Hessian's rows are ordered as `chosen` is.
        let mut step: Vec<f64> = chosen.indices.iter().map(|&index| -here.gradient[index]).collect();
        cholesky::solve(&hessian, &mut step);
        drop(hessian);
        for (&index, step) in chosen.indices.iter().zip(step) {
            direction[index] = step;
        }
        let slope = dot(&here.gradient, &direction);
        if slope.is_nan() || slope >= 0.0 || !trial.search(objective, &here, &direction)? {
            if share != Share::WHOLE {
                sampled = false;
                continue;
            }
            break if here.is_flat(tol) { Why::Converged } else { Why::Stuck };
        }
        // Half the slope is how far the minimum of the local parabola lies below.
        let close = -slope / 2.0 <= PRECISION * here.value.abs();
        sampled &= -slope <= SLOW * promised;
        promised = -slope;
        n_iter += 1;
        std::mem::swap(&mut here, &mut trial);
        objective.report(n_iter, here.value);
        if close && here.is_flat(tol) {
            break Why::Converged;
        }
    };
    Ok(here.ended(n_iter, why))
}
