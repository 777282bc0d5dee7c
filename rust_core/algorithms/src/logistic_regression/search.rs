//! Which way the minimum is searched.

use super::loss::Objective;
use super::newton::{self, Ended, Why};
use super::share::{Share, factor_time, gradient_time, hessian_time};
use super::{Parameters, Solver, descent, newton_cg, proximal};
use crate::interrupt::Interrupted;
use crate::lbfgs::{self, Function, Settings};

/// Parameters in a Hessian, at most: 32 MiB.
pub(super) const MOST_NEWTON: usize = 2048;
/// Parameters up to which Newton's steps are cheap enough to finish what L-BFGS began.
const MOST_POLISHED: usize = 1024;
/// Parameters of sparse rows with which a Hessian is cheap.
const FEW_SPARSE: usize = 64;
/// For the choice between them: Hessians of all rows that Newton's method is priced at, though it takes most from fewer, and products
/// with a Hessian that conjugate gradients need, roughly.
const HESSIANS: f64 = 8.0;
const PRODUCTS: f64 = 400.0;

/// Where a search ended, and how.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ended: Ended,
    /// Newton's method was asked for, but the Hessian is singular: conjugate gradients went on.
    pub(super) singular: bool,
}

/// Searches the objective's minimum from `start`.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    start: Vec<f64>,
    parameters: &Parameters,
) -> Result<Found, Interrupted> {
    let Parameters { tol, max_iter, .. } = *parameters;
    objective.keeps = parameters.solver != Solver::Lbfgs && objective.can_bend();
    if !objective.penalty.is_smooth() {
        let ended = if objective.pairs.is_some() && start.len() > FEW_SPARSE {
            descent::minimise(objective, start, tol, max_iter)?
        } else {
            proximal::minimise(objective, start, tol, max_iter)?
        };
        if !objective.can_bend() {
            return Ok(Found { ended, singular: false });
        }
        return found(ended, max_iter, |ended| {
            objective.before += ended.n_iter;
            newton_cg::minimise(objective, ended.point, tol, max_iter - ended.n_iter)
        });
    }
    let hessian = match parameters.solver {
        Solver::Lbfgs => {
            let ended = quasi_newton(objective, start, tol, max_iter)?;
            return Ok(Found { ended, singular: false });
        }
        Solver::NewtonCholesky => true,
        Solver::NewtonCg => false,
        Solver::Auto | Solver::Liblinear | Solver::Sag | Solver::Saga => hessian_is_cheaper(objective, start.len()),
    };
    if !hessian || start.len() > MOST_NEWTON {
        let ended = conjugate_gradients(objective, start, tol, max_iter)?;
        return Ok(Found { ended, singular: false });
    }
    let begin = Share::far(objective, start.len());
    let ended = newton::minimise(objective, start, begin, tol, max_iter)?;
    found(ended, max_iter, |ended| {
        let left = max_iter - ended.n_iter;
        objective.before += ended.n_iter;
        conjugate_gradients(objective, ended.point, tol, left)
    })
}

/// For an objective without absolute values. Where products with its Hessian would take too much memory, L-BFGS goes on for as
/// long as the objective falls.
fn conjugate_gradients(
    objective: &mut Objective<'_>,
    start: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    if objective.can_bend() {
        newton_cg::minimise(objective, start, tol, max_iter)
    } else {
        quasi_newton(objective, start, 0.0, max_iter)
    }
}

/// Goes on by another way where the first got stuck.
fn found(
    ended: Ended,
    max_iter: usize,
    go_on: impl FnOnce(Ended) -> Result<Ended, Interrupted>,
) -> Result<Found, Interrupted> {
    let n_iter = ended.n_iter;
    if ended.why != Why::Stuck || n_iter == max_iter || ended.point.iter().any(|value| !value.is_finite()) {
        return Ok(Found { ended, singular: false });
    }
    let mut ended = go_on(ended)?;
    ended.n_iter += n_iter;
    Ok(Found { ended, singular: true })
}

/// By the multiply-adds of all passes.
fn hessian_is_cheaper(objective: &Objective<'_>, size: usize) -> bool {
    let hessian = hessian_time(objective, size) + factor_time(size);
    HESSIANS * hessian <= PRODUCTS * gradient_time(objective)
}

/// L-BFGS as scikit-learn calls it. Where rounding of the objective stopped it before `tol` was reached, Newton's steps
/// go the rest of the way.
fn quasi_newton(
    objective: &mut Objective<'_>,
    start: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let settings = Settings {
        max_iter: max_iter.max(1),
        gradient_tolerance: tol,
        value_tolerance: newton::ROUNDING,
    };
    let minimum = lbfgs::minimise(start, settings, objective)?;
    let ended = Ended {
        point: minimum.point,
        value: minimum.value,
        n_iter: minimum.n_iter.min(max_iter),
        why: if minimum.converged {
            Why::Converged
        } else if minimum.n_iter >= max_iter {
            Why::Exhausted
        } else {
            Why::Stuck
        },
    };
    if max_iter == 0
        || minimum.flat
        || ended.why == Why::Exhausted
        || !ended.value.is_finite()
        || ended.point.len() > MOST_POLISHED
    {
        return Ok(ended);
    }
    const FEW: usize = 10;
    // The minimum is near, so that curvatures stay as they are.
    let begin = Share::enough(objective, ended.point.len());
    let polished = newton::minimise(objective, ended.point.clone(), begin, tol, FEW)?;
    if polished.value.is_nan() || polished.value > ended.value + newton::ROUNDING * ended.value.abs() {
        return Ok(ended);
    }
    let why = if polished.why == Why::Converged {
        Why::Converged
    } else {
        ended.why
    };
    Ok(Ended {
        n_iter: ended.n_iter,
        why,
        ..polished
    })
}

impl Function for Objective<'_> {
    type Error = Interrupted;

    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> Result<f64, Interrupted> {
        Objective::evaluate(self, point, gradient)
    }

    fn iterated(&mut self, n_iter: usize, value: f64) {
        self.report(n_iter, value);
    }
}
