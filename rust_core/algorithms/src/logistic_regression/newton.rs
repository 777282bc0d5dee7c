//! Newton's method with a Cholesky decomposition of the Hessian, for objectives without absolute values.
//!
//! A Hessian costs as much as many gradients. So it is taken from few rows, and kept for several steps, in which the gradients met since
//! correct it as they do in L-BFGS: the two-loop recursion starts from the kept Hessian in place of a multiple of the identity. With m
//! rows for each parameter, such steps come nearer by a factor of about √m each, as conjugate gradients do that have this Hessian for a
//! preconditioner. The first is taken again after some steps, since curvatures far from the minimum say little about those near it; then
//! only where steps become slow, from more rows.
//!
//! Sources: S. Boyd and L. Vandenberghe, "Convex Optimization" (2004), section 9.5, with halved steps as the line search; J. Nocedal and
//! S. J. Wright, "Numerical Optimization" (2006), section 7.2, for the recursion with a given first matrix; M. Pilanci and
//! M. J. Wainwright, "Newton sketch", SIAM J. Optim. 27 (2017), for Hessians of some rows.

use super::cholesky;
use super::curvature::Chosen;
use super::loss::Objective;
use super::share::Share;
use super::trial::Trial;
use crate::interrupt::Interrupted;
use crate::lbfgs::Memory;
use crate::packed::dot;

/// The objective must fall by this fraction of what the slope promises.
pub(super) const DECREASE: f64 = 1e-4;
/// A relative change of the objective that is no more than rounding.
pub(super) const ROUNDING: f64 = 64.0 * f64::EPSILON;
/// How close to the minimum the objective must come, relative to it, by the method's own estimate.
pub(super) const PRECISION: f64 = 1e-10;
/// With a Hessian of some rows, the fall that a step promises must be at most this part of what the one before promised, or, where
/// gradients correct the Hessian, the one [`PATIENCE`] steps before; else the next Hessian has more rows.
pub(super) const SLOW: f64 = 0.2;
/// The first Hessian is taken again after so many steps, and others at the earliest.
const PATIENCE: usize = 3;
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
    /// The Hessian is not positive definite, or no step along Newton's direction lowers the objective; in the dual, epochs bring too
    /// little, or rounding hides what is left.
    Stuck,
}

/// Searches from `point`, for a gradient whose components are at most `tol`. The first Hessian has the share `begin` of the rows.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    point: Vec<f64>,
    begin: Share,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let chosen = Chosen::new(objective, |_| true);
    let size = point.len();
    let mut here = Trial::at(objective, point)?;
    let mut trial = here.clone();
    let mut direction = vec![0.0; size];
    let mut n_iter = 0;
    let few = Share::few(objective, size);
    let mut share = begin;
    let mut factor = None;
    let mut memory = Memory::default();
    // The falls that steps promised, since the factor was made and before.
    let (mut promised_since, mut promised_last) = (Vec::new(), f64::INFINITY);
    // Whether the Hessian is the first, and to be taken again.
    let mut first = true;
    let why = loop {
        if !here.value.is_finite() {
            break Why::Stuck;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        let current = match &factor {
            Some(current) => current,
            None => {
                memory.forget();
                promised_since.clear();
                let mut hessian = objective.hessian(&here.point, &chosen, share)?;
                match cholesky::factorise(&mut hessian, size, objective.sample.interrupt)? {
                    Ok(()) => factor.insert(hessian),
                    Err(_) if share != Share::WHOLE => {
                        share = Share::WHOLE;
                        continue;
                    }
                    Err(_) => break Why::Stuck,
                }
            }
        };
        memory.descend(&here.gradient, &mut direction, |direction| {
            // The factor's rows are ordered as `chosen` is.
            let mut step: Vec<f64> = chosen.indices.iter().map(|&index| direction[index]).collect();
            cholesky::solve(current, &mut step);
            for (&index, step) in chosen.indices.iter().zip(step) {
                direction[index] = step;
            }
        });
        let promised = -dot(&here.gradient, &direction);
        let gone = if promised > 0.0 {
            trial.search(objective, &here, &direction)?
        } else {
            None
        };
        let Some(gone) = gone else {
            if share != Share::WHOLE || !promised_since.is_empty() {
                (share, factor) = (Share::WHOLE, None);
                continue;
            }
            break if here.is_flat(tol) { Why::Converged } else { Why::Stuck };
        };
        let close = is_close(promised, promised_last, here.value);
        n_iter += 1;
        std::mem::swap(&mut here, &mut trial);
        objective.report(n_iter, here.value);
        if close && here.is_flat(tol) {
            break Why::Converged;
        }
        promised_since.push(promised);
        let cheap = share.is_cheap(objective, size);
        let before = match cheap {
            true => promised_last,
            false => match promised_since.len().checked_sub(1 + PATIENCE) {
                Some(before) => promised_since[before],
                None => f64::INFINITY,
            },
        };
        promised_last = promised;
        // Steps that go too far come of rows that say little of the others: they may lack a column.
        let far = gone < 1.0 && share != Share::WHOLE;
        let slow = far || promised > SLOW * before;
        if slow {
            share = share.more();
        } else if first && n_iter == PATIENCE {
            share = share.with_at_least(few);
            (factor, first) = (None, false);
        }
        if cheap || slow {
            factor = None;
        }
        if factor.is_some() {
            let (from, to) = ((&*trial.point, &*trial.gradient), (&*here.point, &*here.gradient));
            memory.remember(from, to, f64::EPSILON * promised);
        }
    };
    Ok(here.ended(n_iter, why))
}

/// Whether a step ended within [`PRECISION`] of the minimum: half of what it promised is how far the minimum of the parabola lies below,
/// and where promises shrink slowly there are many more steps to come.
fn is_close(promised: f64, before: f64, value: f64) -> bool {
    let shrinks = 1.0 - promised / before;
    promised <= ROUNDING * value.abs() || 0.5 * promised <= PRECISION * value.abs() * shrinks
}
