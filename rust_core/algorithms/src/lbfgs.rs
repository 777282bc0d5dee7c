//! Minimising a smooth function by limited-memory BFGS.
//!
//! Sources: D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Math. Programming 45
//! (1989); the first step, the restarts and the stopping tests follow L-BFGS-B 3.0 without bounds (R. H. Byrd et al., 1995),
//! which scikit-learn calls through SciPy.

use std::collections::VecDeque;

use crate::line_search::{LineSearch, Next, Point};
use crate::packed::{add_scaled, dot};

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 10;
/// Evaluations that one line search may take.
const MOST_TRIALS: usize = 50;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Most iterations.
    pub(crate) max_iter: usize,
    /// Stop when no component of the gradient is larger.
    pub(crate) gradient_tolerance: f64,
    /// Stop when an iteration lowers the value by no more than this fraction of it (or of 1, if that is larger).
    pub(crate) value_tolerance: f64,
}

/// Where the search ended.
#[derive(Debug)]
pub(crate) struct Minimum {
    pub(crate) point: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) n_iter: usize,
    pub(crate) converged: bool,
    /// Whether no component of the gradient is above the tolerance.
    pub(crate) flat: bool,
}

/// The last steps and the changes of the gradient along them, from which the Hessian's inverse is guessed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pairs: VecDeque<Pair>,
}

#[derive(Debug)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// Their scalar product.
    product: f64,
}

/// What is minimised.
pub(crate) trait Function {
    /// What ends a search early.
    type Error;

    /// Gives the value at `point` and writes the gradient there.
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> Result<f64, Self::Error>;

    /// Told of each iteration: its number, from 1, and the value after it.
    fn iterated(&mut self, _n_iter: usize, _value: f64) {}
}

impl<E, F: FnMut(&[f64], &mut [f64]) -> Result<f64, E>> Function for F {
    type Error = E;

    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> Result<f64, E> {
        self(point, gradient)
    }
}

/// Searches from `point`.
///
/// The value may come back not finite when the function is so at the start.
pub(crate) fn minimise<F: Function>(
    mut point: Vec<f64>,
    settings: Settings,
    function: &mut F,
) -> Result<Minimum, F::Error> {
    let mut gradient = vec![0.0; point.len()];
    let mut value = function.evaluate(&point, &mut gradient)?;
    let mut n_iter = 0;
    let mut converged = largest(&gradient) <= settings.gradient_tolerance;
    let mut memory = Memory::default();
    let mut direction = vec![0.0; point.len()];
    let mut trial_point = vec![0.0; point.len()];
    let mut trial_gradient = vec![0.0; point.len()];

    while value.is_finite() && !converged && n_iter < settings.max_iter {
        memory.descend(&gradient, &mut direction, |direction| memory.scale(direction));
        let slope = dot(&gradient, &direction);
        let mut step = if n_iter == 0 {
            1.0 / dot(&direction, &direction).sqrt()
        } else {
            1.0
        };
        let mut accepted = None;
        if slope < 0.0 && step.is_finite() && step > 0.0 {
            let mut search = LineSearch::new(value, slope, step);
            for _ in 0..MOST_TRIALS {
                trial_point.copy_from_slice(&point);
                add_scaled(&mut trial_point, step, &direction);
                let trial = function.evaluate(&trial_point, &mut trial_gradient)?;
                let trial_slope = dot(&trial_gradient, &direction);
                match search.advance(Point {
                    step,
                    value: trial,
                    slope: trial_slope,
                }) {
                    Next::Accept => {
                        accepted = Some(trial);
                        break;
                    }
                    Next::Try(next) => step = next,
                }
            }
        }
        let Some(new_value) = accepted else {
            // The search failed. What is remembered may be to blame: forget it and go straight down; if it was empty, give up.
            if memory.is_empty() {
                break;
            }
            memory.forget();
            continue;
        };
        n_iter += 1;
        let fall = value - new_value;
        let scale = value.abs().max(new_value.abs()).max(1.0);
        converged = largest(&trial_gradient) <= settings.gradient_tolerance || fall <= settings.value_tolerance * scale;
        memory.remember(
            (&point, &gradient),
            (&trial_point, &trial_gradient),
            f64::EPSILON * -slope * step,
        );
        std::mem::swap(&mut point, &mut trial_point);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        value = new_value;
        function.iterated(n_iter, value);
    }
    Ok(Minimum {
        point,
        value,
        n_iter,
        converged,
        flat: largest(&gradient) <= settings.gradient_tolerance,
    })
}

/// Largest magnitude; infinite when a component is not a number.
pub(crate) fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |largest: f64, component| {
        if component.is_nan() {
            f64::INFINITY
        } else {
            largest.max(component.abs())
        }
    })
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn forget(&mut self) {
        self.pairs.clear();
    }

    /// Writes minus the approximate inverse Hessian times the gradient: the two-loop recursion, which corrects what
    /// `precondition` takes for the inverse Hessian.
    pub(crate) fn descend(&self, gradient: &[f64], direction: &mut [f64], precondition: impl FnOnce(&mut [f64])) {
        for (direction, gradient) in direction.iter_mut().zip(gradient) {
            *direction = -gradient;
        }
        let mut factors = [0.0; MEMORY];
        for (pair, factor) in self.pairs.iter().zip(&mut factors).rev() {
            *factor = dot(&pair.step, direction) / pair.product;
            add_scaled(direction, -*factor, &pair.change);
        }
        precondition(direction);
        for (pair, factor) in self.pairs.iter().zip(factors) {
            let correction = factor - dot(&pair.change, direction) / pair.product;
            add_scaled(direction, correction, &pair.step);
        }
    }

    /// Multiplies by the inverse curvature along the last step.
    fn scale(&self, direction: &mut [f64]) {
        if let Some(last) = self.pairs.back() {
            let scale = last.product / dot(&last.change, &last.change);
            for direction in direction.iter_mut() {
                *direction *= scale;
            }
        }
    }

    /// Remembers the way from one (point, gradient) to the next, unless the curvature along it is not above `rounding`.
    pub(crate) fn remember(&mut self, from: (&[f64], &[f64]), to: (&[f64], &[f64]), rounding: f64) {
        let oldest = (self.pairs.len() == MEMORY).then(|| self.pairs.pop_front()).flatten();
        let mut pair = oldest.unwrap_or_else(|| Pair {
            step: vec![0.0; from.0.len()],
            change: vec![0.0; from.0.len()],
            product: 0.0,
        });
        for (index, (step, change)) in pair.step.iter_mut().zip(&mut pair.change).enumerate() {
            *step = to.0[index] - from.0[index];
            *change = to.1[index] - from.1[index];
        }
        pair.product = dot(&pair.step, &pair.change);
        if pair.product > rounding {
            self.pairs.push_back(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const TIGHT: Settings = Settings {
        max_iter: 1000,
        gradient_tolerance: 1e-10,
        value_tolerance: 0.0,
    };

    fn minimum(start: Vec<f64>, settings: Settings, function: impl Fn(&[f64], &mut [f64]) -> f64) -> Minimum {
        minimise(start, settings, &mut |point: &[f64], gradient: &mut [f64]| {
            Ok::<_, Infallible>(function(point, gradient))
        })
        .unwrap()
    }

    /// The Rosenbrock function: a curved valley with its minimum at (1, 1).
    fn rosenbrock(point: &[f64], gradient: &mut [f64]) -> f64 {
        let (x, y) = (point[0], point[1]);
        gradient[0] = -400.0 * x * (y - x * x) - 2.0 * (1.0 - x);
        gradient[1] = 200.0 * (y - x * x);
        100.0 * (y - x * x).powi(2) + (1.0 - x).powi(2)
    }

    #[test]
    fn finds_the_minimum_of_a_curved_valley() {
        let found = minimum(vec![-1.2, 1.0], TIGHT, rosenbrock);
        assert!(found.converged);
        assert!(found.value < 1e-20, "{found:?}");
        assert!(
            found.point.iter().all(|component| (component - 1.0).abs() < 1e-9),
            "{found:?}"
        );
        // scipy.optimize.minimize takes 39 iterations (L-BFGS-B, gtol=1e-10, ftol=0, maxls=50, SciPy 1.17.1).
        assert_eq!(found.n_iter, 39);
    }

    #[test]
    fn finds_the_minimum_of_a_long_ellipse() {
        let found = minimum((0..50).map(f64::from).collect(), TIGHT, |point, gradient| {
            let mut value = 0.0;
            for (index, (component, gradient)) in point.iter().zip(gradient).enumerate() {
                let curvature = 1.1_f64.powi(index as i32);
                value += 0.5 * curvature * (component - 1.0).powi(2);
                *gradient = curvature * (component - 1.0);
            }
            value
        });
        assert!(
            found.converged && found.point.iter().all(|component| (component - 1.0).abs() < 1e-9),
            "{found:?}"
        );
    }

    #[test]
    fn stops_at_the_start_or_at_the_limit() {
        let found = minimum(vec![1.0, 1.0], TIGHT, rosenbrock);
        assert_eq!((found.n_iter, found.converged), (0, true));
        let found = minimum(vec![-1.2, 1.0], Settings { max_iter: 3, ..TIGHT }, rosenbrock);
        assert_eq!((found.n_iter, found.converged), (3, false));
    }

    #[test]
    fn gives_up_on_a_function_without_numbers() {
        let found = minimum(vec![0.0], TIGHT, |_, gradient| {
            gradient[0] = f64::NAN;
            f64::NAN
        });
        assert!(found.value.is_nan() && !found.converged);
        // A gradient that points the wrong way: no step helps.
        let found = minimum(vec![0.0], TIGHT, |point, gradient| {
            gradient[0] = -1.0;
            point[0]
        });
        assert!(!found.converged && found.n_iter <= 1, "{found:?}");
    }

    #[test]
    fn an_error_ends_the_search() {
        let mut calls = 0;
        let outcome = minimise(vec![-1.2, 1.0], TIGHT, &mut |point: &[f64], gradient: &mut [f64]| {
            calls += 1;
            if calls == 4 {
                Err("stop")
            } else {
                Ok(rosenbrock(point, gradient))
            }
        });
        assert_eq!(outcome.unwrap_err(), "stop");
        assert_eq!(calls, 4);
    }
}
