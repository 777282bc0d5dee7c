//! Proximal Newton search for objectives with absolute values: the smooth part's parabola plus the absolute values is minimised
//! over the parameters that matter, and a step is taken towards that minimum.
//!
//! Source: J. D. Lee, Y. Sun and M. A. Saunders, "Proximal Newton-type methods for minimizing composite functions", SIAM J.
//! Optim. 24 (2014); the choice of parameters is that of G.-X. Yuan, C.-H. Ho and C.-J. Lin, "An improved GLMNET for
//! L1-regularized logistic regression", JMLR 13 (2012), with room for as many new ones as there are.

use super::curvature::Chosen;
use super::loss::Objective;
use super::newton::{DECREASE, Ended, MOST_HALVINGS, PRECISION, ROUNDING, SLOW, Why};
use super::parabola::Parabola;
use super::share::Share;
use super::trial::least_subgradient;
use crate::interrupt::Interrupted;
use crate::lbfgs::largest;

/// Parameters in a Hessian, at most; with more that are not zero the search gives up.
const MOST_CHOSEN: usize = 1024;
/// Parameters in a Hessian if there are so many.
const LEAST_CHOSEN: usize = 64;

/// Searches from `point`, for a least subgradient whose components are at most `tol`. [`Why::Stuck`] also when too many
/// parameters are not zero.
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
    let (mut trial_point, mut trial_gradient) = (vec![0.0; size], vec![0.0; size]);
    let mut n_iter = 0;
    let mut close = false;
    let (mut sampled, mut last, mut last_chosen) = (true, f64::INFINITY, Vec::new());
    let why = loop {
        if !value.is_finite() {
            break Why::Stuck;
        }
        for (index, slot) in subgradient.iter_mut().enumerate() {
            *slot = least_subgradient(point[index], gradient[index], objective.strength(index).l1);
        }
        let flat = largest(&subgradient) <= tol;
        if flat && (close || largest(&subgradient) == 0.0) {
            break Why::Converged;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        let Some(chosen) = choose(objective, &point, &subgradient) else {
            break Why::Stuck;
        };
        let share = if sampled {
            Share::enough(objective, chosen.len())
        } else {
            Share::WHOLE
        };
        let parabola = Parabola {
            hessian: objective.hessian(&point, &chosen, share)?,
            gradient: chosen.indices.iter().map(|&index| gradient[index]).collect(),
            l1: chosen
                .indices
                .iter()
                .map(|&index| objective.strength(index).l1)
                .collect(),
            start: chosen.indices.iter().map(|&index| point[index]).collect(),
        };
        let Some(target) = parabola.minimum(objective.sample.interrupt)? else {
            if share != Share::WHOLE {
                sampled = false;
                continue;
            }
            break Why::Stuck;
        };
        let promised = parabola.fall(&target);
        // New parameters may have further to go.
        sampled &= -promised <= SLOW * last || chosen.indices != last_chosen;
        last = -promised;
        close = -promised <= PRECISION * value.abs();
        let rounding = ROUNDING * value.abs();
        let mut accepted = None;
        let mut step = 1.0;
        for _ in 0..MOST_HALVINGS {
            trial_point.copy_from_slice(&point);
            for ((&index, start), target) in chosen.indices.iter().zip(&parabola.start).zip(&target) {
                trial_point[index] = if step == 1.0 {
                    *target
                } else {
                    start + step * (target - start)
                };
            }
            let trial =
                objective.evaluate(&trial_point, &mut trial_gradient)? + objective.absolute_values(&trial_point);
            let drowned = -step * promised <= rounding && trial <= value + rounding;
            if promised < 0.0 && (trial <= value + DECREASE * step * promised || drowned) {
                accepted = Some(trial);
                break;
            }
            step *= 0.5;
        }
        let Some(trial) = accepted else {
            if share != Share::WHOLE {
                sampled = false;
                continue;
            }
            break if flat { Why::Converged } else { Why::Stuck };
        };
        // Steps that go too far come of rows that say little of the others.
        sampled &= step == 1.0;
        last_chosen = chosen.indices;
        n_iter += 1;
        std::mem::swap(&mut point, &mut trial_point);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        value = trial;
        objective.report(n_iter, value);
    };
    Ok(Ended {
        point,
        value,
        n_iter,
        why,
    })
}

/// Those that are not zero, those without absolute value, and as many again of those that pull most; None where that is
/// too many.
fn choose(objective: &Objective<'_>, point: &[f64], subgradient: &[f64]) -> Option<Chosen> {
    if point.len() <= LEAST_CHOSEN {
        return Some(Chosen::new(objective, |_| true));
    }
    let mut wanted: Vec<bool> = point
        .iter()
        .enumerate()
        .map(|(index, &value)| value != 0.0 || objective.strength(index).l1 == 0.0)
        .collect();
    let count = wanted.iter().filter(|&&wanted| wanted).count();
    let room = (2 * count).clamp(LEAST_CHOSEN, MOST_CHOSEN).saturating_sub(count);
    // A few at a time the search would take for ever.
    if room < LEAST_CHOSEN / 2 {
        return None;
    }
    let mut pulling: Vec<usize> = (0..point.len())
        .filter(|&index| !wanted[index] && subgradient[index] != 0.0)
        .collect();
    if pulling.len() > room {
        pulling.select_nth_unstable_by(room, |&left, &right| {
            let by_pull = subgradient[right].abs().total_cmp(&subgradient[left].abs());
            by_pull.then(left.cmp(&right))
        });
    }
    for &index in pulling.iter().take(room) {
        wanted[index] = true;
    }
    Some(Chosen::new(objective, |index| wanted[index]))
}
