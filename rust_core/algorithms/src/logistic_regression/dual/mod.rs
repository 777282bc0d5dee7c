//! Dual coordinate descent, for sparse rows of two classes under an L2 penalty: one row after the other, each solved alone.
//!
//! With C·s the weight of a row beside ‖w‖²/2 and m its margin (the score of its class against the other), the minimum is where
//! w = Σ α·(±x), with each row's α in 0..C·s being C·s·σ(−m). An epoch goes through all rows in an order drawn anew (which comes
//! nearer by far than the rows' own order); the α that solves a row while all others stay changes w where that row has values. So an epoch costs as
//! much as one product with a Hessian, and needs no values of columns; it comes nearer by a constant factor, which is the larger
//! the less rows have in common. So the dual is searched where rows name more columns than there are rows, and where epochs turn out to bring
//! little, conjugate gradients go on from where they ended.
//!
//! A row's α is that of one Newton step from what was left there the last time: its exponential is taken after w has changed, where no other
//! row waits for it. Only where such a step would go far is a row solved to the end.
//!
//! An intercept that is penalised is one column more. One that is not has Σ ±α = 0 as a constraint, which the method of multipliers
//! meets: its penalty is that of the way from where it was an epoch before.
//!
//! The dual objective is below the minimum: so it is known how far the objective may be above that, but for what an intercept that is
//! not penalised has yet to go, which is an estimate.
//!
//! Sources: H.-F. Yu, F.-L. Huang and C.-J. Lin, "Dual coordinate descent methods for logistic regression and maximum entropy models",
//! Machine Learning 85 (2011); S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for regularized loss
//! minimization", JMLR 14 (2013); D. P. Bertsekas, "Constrained optimization and Lagrange multiplier methods" (1982), chapter 2; D. M.
//! Young, "Iterative methods for solving partial difference equations of elliptic type", Trans. AMS 76 (1954), for steps that
//! go further than a row alone would.

mod intercept;
mod numbers;
mod visit;

use std::f64::consts::LN_2;

use rand_mt::Mt;
use rayon::prelude::*;

use super::newton::{Ended, PRECISION, ROUNDING, Why};
use super::penalty::Penalty;
use super::reduced::Known;
use super::search::MOST_NEWTON;
use super::{Parameters, Solver};
use crate::blocks;
use crate::csr::SparseRows;
use crate::interrupt::{self, Interrupted, Iteration};
use crate::packed::dot;
use crate::sample::Sample;
use crate::simd::dispatch;
use crate::values::Value;
use intercept::Intercept;
use numbers::{NONE, Numbers};
use visit::{State, Visits, product};

/// Epochs that take as long as conjugate gradients would, roughly: where more would be needed, these go on.
const MOST_EPOCHS: f64 = 80.0;
/// Where fewer are allowed, iterations of conjugate gradients bring more.
const LEAST_ITERATIONS: usize = 30;
/// Epochs after which it shows how fast they are.
const FIRST_EPOCHS: usize = 4;
/// By how much more than a row alone would have it α is changed, from the third epoch on.
const BEYOND: f64 = 1.1;
/// Rows that a thread takes at a time; also those between two looks at the interrupt.
const STRETCH: usize = 1024;
/// Rows that change their place between two looks at the interrupt.
const LOOK: usize = 1 << 16;
/// Columns that a thread takes at a time, at least.
const COLUMNS: usize = 1 << 14;
/// Multiply-adds that take as long as it takes to fetch what belongs to a value.
const VALUE_WORK: usize = 4;

/// What is to be minimised.
struct Problem<'a> {
    sample: Sample<'a>,
    /// 0 or 1.
    classes: &'a [u32],
    penalty: Penalty,
    fit_intercept: bool,
}

impl Problem<'_> {
    /// C: what a row of weight 1 weighs beside ‖w‖²/2.
    fn weight(&self) -> f64 {
        1.0 / (self.sample.weight_sum() * self.penalty.coefficients.l2)
    }

    fn sign(&self, row: usize) -> f64 {
        if self.classes[row] == 1 { 1.0 } else { -1.0 }
    }
}

/// Searches from zero, for a gradient whose components are at most `parameters.tol`: stuck where epochs bring too little. The point is that
/// of all columns, and the intercept, if there is one. None where rows, penalty or parameters are not such that the dual can or
/// should be searched.
pub(super) fn minimise(
    sample: Sample<'_>,
    known: Known<'_>,
    parameters: &Parameters,
) -> Result<Option<Ended>, Interrupted> {
    let problem = Problem {
        sample,
        classes: known.classes,
        penalty: Penalty::new(parameters, known.weight_sum),
        fit_intercept: parameters.fit_intercept,
    };
    let solver = matches!(
        parameters.solver,
        Solver::Auto | Solver::Liblinear | Solver::Sag | Solver::Saga
    );
    let suits = known.n_classes == 2
        && problem.penalty.is_smooth()
        && problem.weight().is_normal()
        && problem.penalty.coefficients.l2.is_normal();
    let csr = match problem.sample.rows().as_csr() {
        Some(csr) if solver && suits && parameters.start.is_none() && parameters.max_iter >= LEAST_ITERATIONS => csr,
        _ => return Ok(None),
    };
    if csr.columns() <= few_columns(csr.rows()) || csr.nonzeros() >= u32::MAX as usize {
        return Ok(None);
    }
    if let Some(rows) = csr.singles() {
        return search(&problem, parameters, rows);
    }
    let mut buffer = Vec::new();
    search(&problem, parameters, csr.tile(0..csr.rows(), None, &mut buffer))
}

/// With no more named columns than these, rows have so much in common that epochs bring little.
fn few_columns(rows: usize) -> usize {
    rows.max(MOST_NEWTON)
}

fn search<V: Value>(
    problem: &Problem<'_>,
    parameters: &Parameters,
    rows: SparseRows<'_, V>,
) -> Result<Option<Ended>, Interrupted> {
    let numbers = Numbers::new(rows, problem.sample.columns(), problem.sample.interrupt)?;
    if numbers.count - 1 <= few_columns(problem.sample.len()) {
        return Ok(None);
    }
    let mut descent = Descent::new(problem, rows.with_columns(&numbers.of_values), numbers.count)?;
    let finite = |state: &State| state.square.is_finite() && state.weight.is_finite();
    if !descent.states.iter().all(finite) {
        return Ok(None);
    }
    let (why, value) = descent.search(parameters)?;
    if value.is_nan() || value == f64::INFINITY {
        return Ok(None);
    }
    let mut ended = Ended {
        point: Vec::new(),
        value,
        n_iter: descent.epochs,
        why,
    };
    if value < LN_2 {
        ended.point = descent.point(&numbers);
    } else {
        // Where it began is nearer.
        ended
            .point
            .resize(numbers.of.len() + usize::from(problem.fit_intercept), 0.0);
        ended.value = LN_2;
    }
    Ok(Some(ended))
}

/// Where the search is.
struct Descent<'d, V> {
    problem: &'d Problem<'d>,
    rows: SparseRows<'d, V>,
    states: Vec<State>,
    /// The rows that weigh anything.
    order: Vec<u32>,
    /// Of columns by their numbers.
    coefficients: Vec<f64>,
    intercept: Intercept,
    random: Mt,
    epochs: usize,
}

/// The objective, and how far it is above its minimum, at most.
struct Gap {
    value: f64,
    above: f64,
}

impl<'d, V: Value> Descent<'d, V> {
    fn new(problem: &'d Problem<'d>, rows: SparseRows<'d, V>, columns: usize) -> Result<Self, Interrupted> {
        let sample = &problem.sample;
        let mut states = vec![State::new(0.0, 0.0, 1.0); sample.len()];
        let parts = states.chunks_mut(STRETCH).enumerate().collect();
        blocks::map_parts::<_, _, Result<(), Interrupted>>(
            work(rows),
            parts,
            |(part, states): (usize, &mut [State])| {
                interrupt::check(sample.interrupt)?;
                let first = part * STRETCH;
                let mut room = Vec::new();
                let rows = rows.part(first..first + states.len()).iter();
                for (index, (state, row)) in states.iter_mut().zip(rows).enumerate() {
                    let row = V::widened(row.values, &mut room);
                    let weight = problem.weight() * sample.weight(first + index);
                    *state = State::new(dot(row, row), weight, problem.sign(first + index));
                }
                Ok(())
            },
        )?;
        let Penalty {
            coefficients,
            intercepts,
        } = problem.penalty;
        let intercept = if !problem.fit_intercept {
            Intercept::none()
        } else if intercepts.l2 > 0.0 {
            Intercept::penalised(coefficients.l2 / intercepts.l2)
        } else {
            let weighty = states.iter().filter(|state| state.weight > 0.0);
            let squares: f64 = weighty.clone().map(|state| state.square).sum();
            Intercept::free(1.0 / coefficients.l2, squares / weighty.count() as f64)
        };
        for state in &mut states {
            state.square += intercept.variance;
        }
        let order = (0..states.len() as u64).map(|row| row as u32);
        Ok(Self {
            order: order.filter(|&row| states[row as usize].weight > 0.0).collect(),
            problem,
            rows,
            states,
            coefficients: vec![0.0; columns],
            intercept,
            random: Mt::new(0),
            epochs: 0,
        })
    }

    /// Goes through all rows again and again. Gives why that ended, and the objective.
    fn search(&mut self, parameters: &Parameters) -> Result<(Why, f64), Interrupted> {
        let interrupt = self.problem.sample.interrupt;
        let flat = self.flat(parameters.tol);
        let enough = |value: f64| {
            let precise = PRECISION * value;
            // What is less than rounding cannot be told.
            if flat > ROUNDING * value {
                precise.min(flat)
            } else {
                precise
            }
        };
        // What the objective is above its minimum by, in units of what an epoch says.
        let mut unit = 2.0;
        let mut value = LN_2;
        let mut before = [f64::INFINITY; 2];
        loop {
            let missing = self.epoch()?;
            let exhausted = self.epochs == parameters.max_iter;
            if interrupt.follows() {
                interrupt.iteration(Iteration {
                    run: 1,
                    n_iter: self.epochs,
                    objective: self.gap()?.value,
                });
            }
            if unit * missing <= enough(value) || exhausted {
                let gap = self.gap()?;
                value = gap.value;
                unit = gap.above / missing;
                if gap.above <= enough(value) {
                    let why = if gap.above <= flat { Why::Converged } else { Why::Stuck };
                    return Ok((why, value));
                }
            }
            if exhausted {
                return Ok((Why::Exhausted, value));
            }
            // Each epoch leaves one part in so many.
            let parts = (before[0] / missing).sqrt();
            let left = (unit * missing / enough(value)).ln() / parts.ln();
            let worthwhile = parts > 1.0 && self.epochs as f64 + left <= MOST_EPOCHS;
            if self.epochs >= FIRST_EPOCHS && !worthwhile {
                return Ok((Why::Stuck, self.gap()?.value));
            }
            before = [before[1], missing];
        }
    }

    /// How far above its minimum the objective may be while no component of its gradient is more than `tol`: g² ≤ 2·L·(f − f*), where no
    /// second derivative is larger than L.
    fn flat(&self, tol: f64) -> f64 {
        // Of any column in any row, and of the intercept's.
        let square = self.states.iter().fold(1.0_f64, |largest, state| {
            largest.max(state.square - self.intercept.variance)
        });
        let Penalty {
            coefficients,
            intercepts,
        } = self.problem.penalty;
        let bend = 0.25 * square + coefficients.l2.max(intercepts.l2);
        0.5 * tol * tol / bend
    }

    /// Goes through all rows. Gives how far the objective was above its minimum, roughly.
    fn epoch(&mut self) -> Result<f64, Interrupted> {
        let interrupt = self.problem.sample.interrupt;
        for last in (1..self.order.len()).rev() {
            if last.is_multiple_of(LOOK) {
                interrupt::check(interrupt)?;
            }
            let place = (u64::from(self.random.next_u32()) * (last as u64 + 1)) >> 32;
            self.order.swap(last, place as usize);
        }
        let mut missing = 0.0;
        for order in self.order.chunks(STRETCH) {
            interrupt::check(interrupt)?;
            missing += dispatch(Visits {
                rows: self.rows,
                order,
                states: &mut self.states,
                coefficients: &mut self.coefficients,
                intercept: &mut self.intercept,
                first: self.epochs == 0,
                beyond: if self.epochs < 2 { 1.0 } else { BEYOND },
            });
        }
        self.intercept.follow();
        self.epochs += 1;
        Ok(missing * self.problem.penalty.coefficients.l2)
    }

    fn gap(&self) -> Result<Gap, Interrupted> {
        let intercept = self.intercept.value();
        let parts = self.states.chunks(STRETCH).enumerate().collect();
        let sums: Result<Vec<[f64; 2]>, Interrupted> = blocks::map_parts(work(self.rows), parts, |(part, states)| {
            interrupt::check(self.problem.sample.interrupt)?;
            let first = part * STRETCH;
            let rows = self.rows.part(first..first + states.len()).iter();
            let mut sums = [0.0; 2];
            for (row, state) in rows.zip(states).filter(|(_, state)| state.weight > 0.0) {
                let score = product(row.columns, row.values, &self.coefficients) + intercept;
                let (loss, apart) = state.loss(state.sign * score);
                sums[0] += loss;
                sums[1] += apart;
            }
            Ok(sums)
        });
        let [loss, apart] = sums?
            .iter()
            .fold([0.0; 2], |[loss, apart], part| [loss + part[0], apart + part[1]]);
        let Penalty {
            coefficients,
            intercepts,
        } = self.problem.penalty;
        let squares = dot(&self.coefficients, &self.coefficients);
        Ok(Gap {
            value: coefficients.l2 * (loss + 0.5 * squares) + 0.5 * intercepts.l2 * intercept * intercept,
            above: coefficients.l2 * (apart + self.intercept.unmet()),
        })
    }

    /// The coefficients of all columns, and the intercept, if there is one.
    fn point(&self, numbers: &Numbers) -> Vec<f64> {
        debug_assert_eq!(self.coefficients[NONE as usize], 0.0);
        let mut point = Vec::with_capacity(numbers.of.len() + 1);
        let coefficients = numbers.of.par_iter().with_min_len(COLUMNS);
        let coefficients = coefficients.map(|&number| self.coefficients[number as usize]);
        coefficients.collect_into_vec(&mut point);
        point.extend(self.problem.fit_intercept.then(|| self.intercept.value()));
        point
    }
}

/// The work of a pass over the rows, in multiply-adds.
fn work<V>(rows: SparseRows<'_, V>) -> usize {
    rows.values().len().saturating_mul(VALUE_WORK)
}

#[cfg(test)]
mod tests;
