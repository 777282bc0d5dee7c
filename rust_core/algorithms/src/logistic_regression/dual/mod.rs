//! Dual coordinate descent, for sparse rows of two classes under an L2 penalty: one row after the other, each solved alone.
//!
//! With C·s the weight of a row beside ‖w‖²/2 and m its margin (the score of its class against the other), the minimum is where
//! w = Σ α·(±x), with each row's α in 0..C·s being C·s·σ(−m). An epoch goes through all rows in an order drawn anew (which comes
//! nearer by far than the rows' own order); the α that solves a row while all others stay changes w where that row has values. So an
//! epoch costs as much as one product with a Hessian, or less, since columns that one row alone names need no visit; it comes nearer by a
//! constant factor, which is the larger the less rows have in common. So the dual is searched where rows name more columns than there
//! are rows, and where epochs turn out to bring little, conjugate gradients go on from where they ended.
//!
//! A row's α is that of one Newton step from what was left there the last time: its exponential is taken after w has changed, where no other
//! row waits for it. Only where such a step would go far is a row solved to the end.
//!
//! An intercept that is penalised is one column more. One that is not has Σ ±α = 0 as a constraint, which the method of multipliers
//! meets: its penalty is that of the way from where it was an epoch before.
//!
//! The dual objective is below the minimum: so it is known how far the objective may be above that, but for what an intercept that is
//! not penalised has yet to go, which is an estimate. What α lacks of C·s·σ(−m) also bounds the gradient's components: the search ends
//! where none is more than `tol`.
//!
//! Sources: H.-F. Yu, F.-L. Huang and C.-J. Lin, "Dual coordinate descent methods for logistic regression and maximum entropy models",
//! Machine Learning 85 (2011); S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for regularized loss
//! minimization", JMLR 14 (2013); D. P. Bertsekas, "Constrained optimization and Lagrange multiplier methods" (1982), chapter 2; D. M.
//! Young, "Iterative methods for solving partial difference equations of elliptic type", Trans. AMS 76 (1954), for steps that
//! go further than a row alone would.

mod columns;
mod intercept;
mod split;
mod visit;

use std::f64::consts::LN_2;

use rand_mt::Mt;

use super::newton::{Ended, PRECISION, ROUNDING, Why};
use super::penalty::Penalty;
use super::reduced::Known;
use super::search::MOST_NEWTON;
use super::{Parameters, Solver};
use crate::blocks;
use crate::csr::{SparseRow, SparseRows};
use crate::interrupt::{self, Interrupted, Iteration};
use crate::packed::dot;
use crate::sample::Sample;
use crate::simd::dispatch;
use crate::values::Value;
use columns::Columns;
use intercept::Intercept;
use split::{Lengths, Split};
use visit::{Standing, State, Visits, product};

/// The search ends no further above the minimum than this part of the objective, whatever `tol`.
const NEAR: f64 = 1e-6;
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
    if csr.columns().min(csr.nonzeros()) <= few_columns(csr.rows()) || csr.nonzeros() >= u32::MAX as usize {
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
    let interrupt = problem.sample.interrupt;
    let columns = Columns::new(rows.columns(), problem.sample.columns(), interrupt)?;
    if columns.named <= few_columns(problem.sample.len()) {
        return Ok(None);
    }
    let split = Split::new(rows, &columns, interrupt)?;
    let mut descent = Descent::new(problem, split, columns.count)?;
    let finite = |state: &State| state.square.is_finite() && state.weight.is_finite();
    if !descent.states.iter().all(finite) {
        return Ok(None);
    }
    let (why, value) = descent.search(parameters)?;
    if value.is_nan() || value == f64::INFINITY {
        return Ok(None);
    }
    // Else where it began is nearer.
    let found = value < LN_2;
    let size = problem.sample.columns() + usize::from(problem.fit_intercept);
    let point = if found {
        descent.point(&columns)?
    } else {
        vec![0.0; size]
    };
    Ok(Some(Ended {
        point,
        value: if found { value } else { LN_2 },
        n_iter: descent.epochs,
        // Of where it began nothing is known but the objective.
        why: if found || why == Why::Exhausted {
            why
        } else {
            Why::Stuck
        },
    }))
}

/// Where the search is.
struct Descent<'d, V> {
    problem: &'d Problem<'d>,
    split: Split<V>,
    states: Vec<State>,
    /// The rows that weigh anything.
    order: Vec<u32>,
    /// Of shared columns, by their numbers.
    coefficients: Vec<f64>,
    intercept: Intercept,
    random: Mt,
    epochs: usize,
}

/// The objective, and bounds.
struct Gap {
    value: f64,
    /// How far it is above its minimum, at most.
    above: f64,
    /// No component of its gradient is larger.
    steepest: f64,
}

impl<'d, V: Value> Descent<'d, V> {
    fn new(problem: &'d Problem<'d>, split: Split<V>, columns: usize) -> Result<Self, Interrupted> {
        let sample = &problem.sample;
        let weight = |row: usize| problem.weight() * sample.weight(row);
        let order: Vec<u32> = (0..sample.len())
            .filter(|&row| weight(row) > 0.0)
            .map(|row| row as u32)
            .collect();
        let Penalty {
            coefficients,
            intercepts,
        } = problem.penalty;
        let intercept = if !problem.fit_intercept {
            Intercept::none()
        } else if intercepts.l2 > 0.0 {
            Intercept::penalised(coefficients.l2 / intercepts.l2)
        } else {
            let square = |&row: &u32| split.lengths[row as usize].shared + split.lengths[row as usize].own;
            let squares: f64 = order.iter().map(square).sum();
            Intercept::free(1.0 / coefficients.l2, squares / order.len() as f64)
        };
        let mut states = vec![State::default(); sample.len()];
        let parts = states
            .chunks_mut(STRETCH)
            .zip(split.lengths.chunks(STRETCH))
            .enumerate();
        let begin = |(part, (states, lengths)): (usize, (&mut [State], &[Lengths]))| {
            interrupt::check(sample.interrupt)?;
            for (row, (state, &lengths)) in (part * STRETCH..).zip(states.iter_mut().zip(lengths)) {
                *state = State::new(lengths, intercept.variance, weight(row), problem.sign(row));
            }
            Ok(())
        };
        blocks::map_parts::<_, _, Result<(), Interrupted>>(split.work(), parts.collect(), begin)?;
        Ok(Self {
            problem,
            split,
            states,
            order,
            coefficients: vec![0.0; columns],
            intercept,
            random: Mt::new(0),
            epochs: 0,
        })
    }

    /// Goes through all rows again and again. Gives why that ended, and the objective.
    fn search(&mut self, parameters: &Parameters) -> Result<(Why, f64), Interrupted> {
        let interrupt = self.problem.sample.interrupt;
        // The gap to look for.
        let mut sought = self.first_sought(parameters.tol);
        let enough = |sought: f64, value: f64| {
            if sought <= ROUNDING * value {
                // It could not be told from rounding.
                PRECISION * value
            } else {
                sought.min(NEAR * value)
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
            if unit * missing <= enough(sought, value) || exhausted {
                let gap = self.gap()?;
                value = gap.value;
                unit = gap.above / missing;
                if gap.steepest <= parameters.tol && gap.above <= NEAR * value {
                    return Ok((Why::Converged, value));
                }
                // The gradient falls as the root of the gap.
                sought = gap.above * (parameters.tol / gap.steepest).powi(2);
                if gap.above <= PRECISION * value && sought <= ROUNDING * value {
                    return Ok((Why::Stuck, value));
                }
            }
            if exhausted {
                return Ok((Why::Exhausted, value));
            }
            // Each epoch leaves one part in so many.
            let parts = (before[0] / missing).sqrt();
            let left = (unit * missing / enough(sought, value)).ln() / parts.ln();
            let worthwhile = parts > 1.0 && self.epochs as f64 + left <= MOST_EPOCHS;
            if self.epochs >= FIRST_EPOCHS && !worthwhile {
                return Ok((Why::Stuck, self.gap()?.value));
            }
            before = [before[1], missing];
        }
    }

    /// A gap at which no component of the gradient may be more than `tol`. If all rows were off by as much, with the largest second
    /// derivatives that there are, it would be a fifth of that.
    fn first_sought(&self, tol: f64) -> f64 {
        10.0 * (tol / self.split.largest.max(1.0)).powi(2)
    }

    /// Goes through all rows. Gives how far the objective was above its minimum, roughly (but for the first time).
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
                split: &self.split,
                order,
                states: &mut self.states,
                coefficients: &mut self.coefficients,
                intercept: &mut self.intercept,
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
        let sums: Result<Vec<[f64; 4]>, Interrupted> = blocks::map_parts(self.split.work(), parts, |(part, states)| {
            interrupt::check(self.problem.sample.interrupt)?;
            let mut sums = [0.0; 4];
            for (index, state) in states.iter().enumerate().filter(|(_, state)| state.weight > 0.0) {
                let SparseRow { columns, values } = self.split.shared(part * STRETCH + index);
                let score = product(columns, values, &self.coefficients) + intercept;
                let Standing { loss, apart, off } = state.standing(score);
                sums = plus(sums, [loss, apart, off, state.own_square()]);
            }
            Ok(sums)
        });
        let [loss, apart, off, own_squares] = sums?.into_iter().fold([0.0; 4], plus);
        let Penalty {
            coefficients,
            intercepts,
        } = self.problem.penalty;
        let squares = own_squares + dot(&self.coefficients, &self.coefficients);
        // The gradient is what C·s·σ(−m) differs from α by, times the rows; the intercept's column is of ones.
        let of_intercept = if self.problem.fit_intercept {
            off + self.intercept.imbalance()
        } else {
            0.0
        };
        Ok(Gap {
            value: coefficients.l2 * (loss + 0.5 * squares) + 0.5 * intercepts.l2 * intercept * intercept,
            above: coefficients.l2 * (apart + self.intercept.unmet()),
            steepest: coefficients.l2 * of_intercept.max(self.split.largest * off),
        })
    }

    /// The coefficients of all columns, and the intercept, if there is one.
    fn point(&self, columns: &Columns) -> Result<Vec<f64>, Interrupted> {
        let count = self.problem.sample.columns();
        let mut point = vec![0.0; count + usize::from(self.problem.fit_intercept)];
        columns.put(&self.coefficients, &mut point[..count]);
        for (row, state) in self.states.iter().enumerate() {
            if row.is_multiple_of(STRETCH) {
                interrupt::check(self.problem.sample.interrupt)?;
            }
            let factor = state.factor();
            for (column, value) in self.split.own(row).entries() {
                // Not −0, whatever the signs.
                point[column] += factor * value;
            }
        }
        if self.problem.fit_intercept {
            point[count] = self.intercept.value();
        }
        Ok(point)
    }
}

fn plus(sums: [f64; 4], terms: [f64; 4]) -> [f64; 4] {
    std::array::from_fn(|place| sums[place] + terms[place])
}

/// The work of a pass over so many values, in multiply-adds.
fn work(values: usize) -> usize {
    values.saturating_mul(VALUE_WORK)
}

#[cfg(test)]
mod tests;
