//! Newton's method where a Hessian would be too large: conjugate gradients find each step, from products with the Hessian alone.
//!
//! Absolute values are met as OWL-QN meets them: a step is searched among the numbers that are not zero or are pulled away from it,
//! and none changes its sign within a step.
//!
//! Sources: R. S. Dembo and T. Steihaug, "Truncated-Newton algorithms for large-scale unconstrained optimization", Math.
//! Programming 26 (1983); C.-Y. Hsia, W.-L. Chiang and C.-J. Lin, "Preconditioned conjugate gradient methods in truncated Newton
//! frameworks for large-scale linear classification", ACML 2018; G. Andrew and J. Gao, "Scalable training of L1-regularized
//! log-linear models", ICML 2007 (OWL-QN). By how much the parabola still falls is guessed from its last falls, as M. R. Hestenes
//! and E. Stiefel, "Methods of conjugate gradients for solving linear systems", J. Res. Nat. Bur. Standards 49 (1952), allow.

use super::frequent::Frequent;
use super::loss::Objective;
use super::newton::{Ended, PRECISION, Why};
use super::trial::Trial;
use crate::blocks;
use crate::interrupt::Interrupted;
use crate::packed::{add_scaled, dot};

/// Products with a Hessian for one step, at most.
const MOST_PRODUCTS: usize = 2000;
/// A step goes on until this part of its parabola's fall is left, or less near the minimum.
const LEFT: f64 = 0.1;

/// Numbers that a thread takes at a time: sums run over these, and then over their sums, whatever the number of threads.
const CHUNK: usize = 1 << 14;
/// Multiply-adds that take as long as what is done with one of the numbers, which come from memory.
const NUMBER_WORK: usize = 32;

/// Of the curvature that the diagonal alone would give a direction: with less it has none, and what the residual has of it is rounding.
const FLAT: f64 = 16.0 * f64::EPSILON;

/// A number that is pulled to 0, and lies within this part of the way that it would go alone, goes to 0: else it would cut the
/// steps of all others short, where it must stop.
const NEAR: f64 = 0.5;

/// A gradient is the one that the parabola foretold where the squares of what it is off by come to this part of those foretold.
const FORETOLD: f64 = 0.01;

/// Searches from `point`, for a least subgradient whose components are at most `tol`.
pub(super) fn minimise(
    objective: &mut Objective<'_>,
    point: Vec<f64>,
    tol: f64,
    max_iter: usize,
) -> Result<Ended, Interrupted> {
    let mut here = Trial::at(objective, point)?;
    let smooth = objective.penalty.is_smooth();
    let frequent = if smooth && max_iter > 0 {
        Frequent::new(objective, &here.point)?
    } else {
        None
    };
    let mut conjugate = Conjugate::new(here.point.len(), frequent);
    let mut trial = here.clone();
    let mut n_iter = 0;
    let mut left = LEFT;
    let why = loop {
        if !here.value.is_finite() {
            break Why::Stuck;
        }
        if here.is_flat(0.0) {
            break Why::Converged;
        }
        if n_iter == max_iter {
            break Why::Exhausted;
        }
        let enough = 0.5 * PRECISION * here.value.abs();
        let (fall, missing) = conjugate.descend(objective, &here, left, enough)?;
        let lower = trial.search(objective, &here, &conjugate.step)?.is_some()
            || !smooth && trial.search(objective, &here, conjugate.steepest(&here))?.is_some();
        if !lower {
            break if here.is_flat(tol) { Why::Converged } else { Why::Stuck };
        }
        let precision = PRECISION * here.value.abs();
        let fell = here.value - trial.value;
        // What the parabola lacked is what the objective lacks, where both fell alike to the same gradient. Where there are frequent
        // columns that will do; one step more would come nearer by far, but takes as long as several of the first.
        let close = fall + missing <= precision
            || trial.value >= here.value
            || conjugate.frequent.is_some()
                && missing <= precision
                && (fell - fall).abs() <= precision
                && conjugate.foretold(&trial.gradient);
        n_iter += 1;
        // Where steps fall as the parabola says, the next is worth more exactness.
        left = LEFT.min((fall / here.value.abs()).sqrt());
        std::mem::swap(&mut here, &mut trial);
        objective.report(n_iter, here.value);
        if close && here.is_flat(tol) {
            break Why::Converged;
        }
    };
    Ok(here.ended(n_iter, why))
}

/// Conjugate gradients for H·step = −subgradient over the free numbers, with the Hessian's diagonal as preconditioner, joined by what
/// the most frequent columns of sparse rows have to do with each other.
struct Conjugate {
    step: Vec<f64>,
    /// Infinite where a number is no part of the system: see [`NEAR`].
    diagonal: Vec<f64>,
    residual: Vec<f64>,
    /// The residual over the diagonal.
    downhill: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
    /// By how much each iteration lowered the parabola.
    falls: Vec<f64>,
    /// Whether the last step ended at a direction without curvature, so that nothing tells what is missing.
    flat: bool,
    /// Products that the longest step took so far.
    longest: usize,
    frequent: Option<Frequent>,
}

impl Conjugate {
    fn new(size: usize, frequent: Option<Frequent>) -> Self {
        let zeros = || vec![0.0; size];
        Self {
            step: zeros(),
            diagonal: zeros(),
            residual: zeros(),
            downhill: zeros(),
            direction: zeros(),
            product: zeros(),
            falls: Vec::new(),
            flat: false,
            longest: 0,
            frequent,
        }
    }

    /// Goes from `here` towards the minimum of the parabola there, until what is missing is the part `left` of the fall, or `enough`.
    /// Gives the parabola's fall, and what is missing of the whole, by estimate.
    fn descend(
        &mut self,
        objective: &mut Objective<'_>,
        here: &Trial,
        left: f64,
        enough: f64,
    ) -> Result<(f64, f64), Interrupted> {
        objective.bend(&here.point, &mut self.diagonal)?;
        self.step.fill(0.0);
        let (mut fall, mut missing) = (0.0, f64::INFINITY);
        for (index, diagonal) in self.diagonal.iter_mut().enumerate() {
            let (number, pull) = (here.point[index], here.subgradient[index]);
            let held = if number == 0.0 {
                pull == 0.0
            } else {
                number.is_sign_positive() == (pull > 0.0) && number.abs() * *diagonal <= NEAR * pull.abs()
            };
            if held && objective.strength(index).l1 > 0.0 {
                self.step[index] = -number;
                fall += (number * pull).abs();
                *diagonal = f64::INFINITY;
            }
        }
        self.falls.clear();
        self.flat = false;
        for (residual, subgradient) in self.residual.iter_mut().zip(&here.subgradient) {
            *residual = -subgradient;
        }
        self.product.fill(0.0);
        let mut product = self.advance(0.0);
        self.direction.copy_from_slice(&self.downhill);
        while self.falls.len() < MOST_PRODUCTS {
            objective.hessian_times(&self.direction, &mut self.product)?;
            let (curvature, by_diagonal) = self.curvature();
            let length = product / curvature;
            // Without curvature there is no minimum; what is not finite leads nowhere.
            if !(length.is_finite() && length > 0.0) || curvature <= FLAT * by_diagonal {
                if self.falls.is_empty() && product > 0.0 {
                    add_scaled(&mut self.step, 1.0, &self.direction);
                } else {
                    (missing, self.flat) = (0.0, true);
                }
                break;
            }
            let next = self.advance(length);
            self.falls.push(0.5 * length * product);
            fall += 0.5 * length * product;
            // As if what is to come were what the last quarter of the products brought. A step that looks short after a long one
            // has to show it over half as many: conjugate gradients may pause for long before they fall again.
            let window = self.falls.len().div_ceil(4).max(self.longest / 2);
            if window < self.falls.len() {
                missing = self.falls[self.falls.len() - window..].iter().sum();
                if missing <= enough.max(left * fall) {
                    break;
                }
            }
            let keep = next / product;
            product = next;
            let work = self.work();
            let parts = self.direction.chunks_mut(CHUNK).zip(self.downhill.chunks(CHUNK));
            blocks::map_parts::<_, _, ()>(work, parts.collect(), |(direction, downhill)| {
                for (direction, downhill) in direction.iter_mut().zip(downhill) {
                    *direction = downhill + keep * *direction;
                }
            });
        }
        self.longest = self.longest.max(self.falls.len());
        objective.settle(&mut self.step);
        Ok((fall, missing))
    }

    /// Whether `gradient` is the one that the parabola has where the step ended, or nearly. Not where that says nothing of what is missing.
    fn foretold(&self, gradient: &[f64]) -> bool {
        if self.flat {
            return false;
        }
        let (mut off, mut whole) = (0.0, 0.0);
        for ((gradient, residual), diagonal) in gradient.iter().zip(&self.residual).zip(&self.diagonal) {
            if *diagonal > 0.0 {
                off += (gradient + residual).powi(2) / diagonal;
                whole += residual * residual / diagonal;
            }
        }
        off <= FORETOLD * whole
    }

    /// What one pass over the numbers costs, in multiply-adds.
    fn work(&self) -> usize {
        self.step.len().saturating_mul(NUMBER_WORK)
    }

    /// Straight down, which leads somewhere whatever numbers must stop at 0.
    fn steepest(&mut self, here: &Trial) -> &[f64] {
        for (step, pull) in self.step.iter_mut().zip(&here.subgradient) {
            *step = -pull;
        }
        &self.step
    }

    /// The direction's curvature, and what it would be if no number had to do with another.
    fn curvature(&self) -> (f64, f64) {
        let parts = self.direction.chunks(CHUNK).zip(self.product.chunks(CHUNK));
        let parts = parts.zip(self.diagonal.chunks(CHUNK)).collect();
        let sums: Vec<(f64, f64)> = blocks::map_parts(self.work(), parts, |((direction, product), diagonal)| {
            let mut by_diagonal = 0.0;
            for (direction, diagonal) in direction.iter().zip(diagonal) {
                // Infinite where the number is held, and the direction 0.
                if *direction != 0.0 {
                    by_diagonal += direction * direction * diagonal;
                }
            }
            (dot(direction, product), by_diagonal)
        });
        sums.iter()
            .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// Goes so far along the direction. Gives the product of what is left, the residual, with that over the diagonal.
    fn advance(&mut self, length: f64) -> f64 {
        let work = self.work();
        let steps = self.step.chunks_mut(CHUNK).zip(self.direction.chunks(CHUNK));
        let residuals = self.residual.chunks_mut(CHUNK).zip(self.product.chunks(CHUNK));
        let downhills = self.downhill.chunks_mut(CHUNK).zip(self.diagonal.chunks(CHUNK));
        let parts = steps.zip(residuals).zip(downhills).collect();
        let sums: Vec<f64> = blocks::map_parts(work, parts, |((steps, residuals), downhills)| {
            let ((step, direction), (residual, product), (downhill, diagonal)) = (steps, residuals, downhills);
            add_scaled(step, length, direction);
            add_scaled(residual, -length, product);
            for ((downhill, residual), diagonal) in downhill.iter_mut().zip(residual.iter()).zip(diagonal) {
                // A number without curvature is one that no row reads: its residual is 0.
                *downhill = if *diagonal > 0.0 {
                    residual / diagonal
                } else {
                    *residual
                };
            }
            dot(residual, downhill)
        });
        let product: f64 = sums.iter().sum();
        match &mut self.frequent {
            Some(frequent) => product + frequent.correct(&self.residual, &self.diagonal, &mut self.downhill),
            None => product,
        }
    }
}
