//! A line search for a step that satisfies the strong Wolfe conditions.
//!
//! Source: J. J. Moré and D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20 (1994).
//! The constants are those of L-BFGS-B 3.0 (SciPy's), so that the same steps are tried.

/// The value must fall by this fraction of what the first slope promises.
const DECREASE: f64 = 1e-3;
/// The slope must shrink to this fraction of the first.
const CURVATURE: f64 = 0.9;
/// The bracket is narrow enough below this fraction of its upper end.
const NARROW: f64 = 0.1;
const LONGEST_STEP: f64 = 1e10;

/// The function along the line, at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) step: f64,
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

impl Point {
    /// The point of the function less a line of this slope through the origin.
    fn tilted(self, slope: f64) -> Self {
        Self {
            value: self.value - self.step * slope,
            slope: self.slope - slope,
            ..self
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Evaluate at this step.
    Try(f64),
    /// The point just evaluated is good, or the best that rounding allows.
    Accept,
}

/// The search along one line.
#[derive(Debug)]
pub(crate) struct LineSearch {
    start: Point,
    /// The point with the lowest value so far.
    best: Point,
    /// The other end of the interval that holds a minimum, once `bracketed`.
    other: Point,
    bracketed: bool,
    /// No point with enough decrease and a rising slope has been seen yet.
    descending: bool,
    least: f64,
    most: f64,
    width: f64,
    width_before: f64,
}

impl LineSearch {
    /// A search from `value` with the (negative) `slope`, whose first trial is `step`.
    pub(crate) fn new(value: f64, slope: f64, step: f64) -> Self {
        let start = Point {
            step: 0.0,
            value,
            slope,
        };
        Self {
            start,
            best: start,
            other: start,
            bracketed: false,
            descending: true,
            least: 0.0,
            most: 5.0 * step,
            width: LONGEST_STEP,
            width_before: 2.0 * LONGEST_STEP,
        }
    }

    /// Takes in the function's value and slope at the step that was to be tried.
    pub(crate) fn advance(&mut self, trial: Point) -> Next {
        if !(trial.value.is_finite() && trial.slope.is_finite()) {
            // Beyond float64's range: go half way back. Never met where the function is finite.
            return Next::Try(self.best.step + 0.5 * (trial.step - self.best.step));
        }
        let promised = DECREASE * self.start.slope;
        let ceiling = self.start.value + trial.step * promised;
        if self.descending && trial.value <= ceiling && trial.slope >= 0.0 {
            self.descending = false;
        }
        if self.is_good(trial, ceiling, promised) {
            return Next::Accept;
        }

        // Before enough decrease has been seen, a tilted function has the minimum that is wanted.
        let tilt = if self.descending && trial.value <= self.best.value && trial.value > ceiling {
            promised
        } else {
            0.0
        };
        let step = self.narrow(trial.tilted(tilt), tilt);

        if self.bracketed {
            let width = (self.other.step - self.best.step).abs();
            let step = if width >= 0.66 * self.width_before {
                self.best.step + 0.5 * (self.other.step - self.best.step)
            } else {
                step
            };
            self.width_before = self.width;
            self.width = width;
            self.least = self.best.step.min(self.other.step);
            self.most = self.best.step.max(self.other.step);
            let exhausted = step <= self.least || step >= self.most || self.most - self.least <= NARROW * self.most;
            Next::Try(if exhausted { self.best.step } else { step }.clamp(0.0, LONGEST_STEP))
        } else {
            self.least = step + 1.1 * (step - self.best.step);
            self.most = step + 4.0 * (step - self.best.step);
            Next::Try(step.clamp(0.0, LONGEST_STEP))
        }
    }

    /// The strong Wolfe conditions hold, or nothing better can be found: rounding, a narrow bracket, or a step at its limit.
    fn is_good(&self, trial: Point, ceiling: f64, promised: f64) -> bool {
        let decreased = trial.value <= ceiling;
        let outside = trial.step <= self.least || trial.step >= self.most;
        let narrow = self.most - self.least <= NARROW * self.most;
        let longest = trial.step >= LONGEST_STEP && decreased && trial.slope <= promised;
        let shortest = trial.step <= 0.0 && (!decreased || trial.slope >= promised);
        let wolfe = decreased && trial.slope.abs() <= CURVATURE * -self.start.slope;
        wolfe || longest || shortest || (self.bracketed && (outside || narrow))
    }

    /// Takes `trial` as an end of the interval, and gives the next step: the four cases of section 4 of the paper. The values
    /// are those of the function tilted by `tilt`.
    fn narrow(&mut self, trial: Point, tilt: f64) -> f64 {
        let best = self.best.tilted(tilt);
        let other = self.other.tilted(tilt);
        let turned = trial.slope * best.slope.signum() < 0.0;
        let step = if trial.value > best.value {
            // Higher: a minimum lies between.
            self.bracketed = true;
            let cubic = cubic_minimum(best, trial);
            let quadratic = quadratic_minimum(best, trial);
            if (cubic - best.step).abs() < (quadratic - best.step).abs() {
                cubic
            } else {
                cubic + 0.5 * (quadratic - cubic)
            }
        } else if turned {
            // Lower, and the slope has turned: a minimum lies between.
            self.bracketed = true;
            let cubic = cubic_minimum(trial, best);
            let secant = secant_minimum(trial, best);
            if (cubic - trial.step).abs() > (secant - trial.step).abs() {
                cubic
            } else {
                secant
            }
        } else if trial.slope.abs() < best.slope.abs() {
            // Lower, and flatter: the minimum may lie beyond.
            let cubic = cubic_minimum_beyond(trial, best).unwrap_or(if trial.step > best.step {
                self.most
            } else {
                self.least
            });
            let secant = secant_minimum(trial, best);
            let cubic_is_nearer = (cubic - trial.step).abs() < (secant - trial.step).abs();
            if self.bracketed {
                let step = if cubic_is_nearer { cubic } else { secant };
                let limit = trial.step + 0.66 * (other.step - trial.step);
                if trial.step > best.step {
                    step.min(limit)
                } else {
                    step.max(limit)
                }
            } else {
                let cubic_is_farther = (cubic - trial.step).abs() > (secant - trial.step).abs();
                let step = if cubic_is_farther { cubic } else { secant };
                step.min(self.most).max(self.least)
            }
        } else if self.bracketed {
            // Lower, and no flatter.
            cubic_minimum(trial, other)
        } else if trial.step > best.step {
            self.most
        } else {
            self.least
        };

        if trial.value > best.value {
            self.other = trial.tilted(-tilt);
        } else {
            if turned {
                self.other = self.best;
            }
            self.best = trial.tilted(-tilt);
        }
        step
    }
}

/// θ and γ of the cubic through two points: the slopes' mean behaviour and the square root that finds its extremes.
fn cubic_terms(near: Point, far: Point) -> (f64, f64) {
    let theta = 3.0 * (near.value - far.value) / (far.step - near.step) + near.slope + far.slope;
    let scale = theta.abs().max(near.slope.abs()).max(far.slope.abs());
    let root = (theta / scale).powi(2) - (near.slope / scale) * (far.slope / scale);
    let gamma = scale * root.max(0.0).sqrt();
    (theta, if far.step < near.step { -gamma } else { gamma })
}

/// Where the cubic through two points is lowest, as an offset from the first.
fn cubic_minimum(near: Point, far: Point) -> f64 {
    let (theta, gamma) = cubic_terms(near, far);
    let numerator = (gamma - near.slope) + theta;
    let denominator = ((gamma - near.slope) + gamma) + far.slope;
    near.step + numerator / denominator * (far.step - near.step)
}

/// Where the cubic through two points is lowest, if that is on the side of `near` away from `far`.
fn cubic_minimum_beyond(near: Point, far: Point) -> Option<f64> {
    let (theta, gamma) = cubic_terms(near, far);
    let numerator = (gamma - near.slope) + theta;
    let denominator = (gamma + (far.slope - near.slope)) + gamma;
    let ratio = numerator / denominator;
    (ratio < 0.0 && gamma != 0.0).then_some(near.step + ratio * (far.step - near.step))
}

/// Where the parabola through two values, and the slope at the first, is lowest.
fn quadratic_minimum(near: Point, far: Point) -> f64 {
    let length = far.step - near.step;
    near.step + near.slope / ((near.value - far.value) / length + near.slope) / 2.0 * length
}

/// Where the parabola through two slopes is lowest.
fn secant_minimum(near: Point, far: Point) -> f64 {
    near.step + near.slope / (near.slope - far.slope) * (far.step - near.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches `function` (value and slope) from 0; the accepted point and the number of evaluations.
    fn search(function: impl Fn(f64) -> (f64, f64), first: f64) -> (Point, usize) {
        let (value, slope) = function(0.0);
        let mut search = LineSearch::new(value, slope, first);
        let mut step = first;
        for evaluations in 1..100 {
            let (value, slope) = function(step);
            let point = Point { step, value, slope };
            match search.advance(point) {
                Next::Accept => return (point, evaluations),
                Next::Try(next) => step = next,
            }
        }
        panic!("no step was accepted");
    }

    #[test]
    fn accepted_steps_satisfy_the_strong_wolfe_conditions() {
        type Function = fn(f64) -> (f64, f64);
        let functions: [Function; 4] = [
            |x| ((x - 3.0).powi(2), 2.0 * (x - 3.0)),
            |x| ((x - 0.01).powi(4), 4.0 * (x - 0.01).powi(3)),
            |x| (-x / (x * x + 2.0), (x * x - 2.0) / (x * x + 2.0).powi(2)),
            |x| (x.exp() - 5.0 * x, x.exp() - 5.0),
        ];
        for function in functions {
            for first in [1e-3, 0.1, 1.0, 10.0, 300.0] {
                let (value, slope) = function(0.0);
                let (point, evaluations) = search(function, first);
                assert!(point.value <= value + DECREASE * point.step * slope, "{point:?}");
                assert!(point.slope.abs() <= CURVATURE * slope.abs(), "{point:?}");
                assert!(evaluations < 20, "{evaluations}");
            }
        }
    }

    #[test]
    fn comes_back_from_an_overflow() {
        let (point, _) = search(
            |x| {
                if x > 50.0 {
                    (f64::INFINITY, f64::NAN)
                } else {
                    (x * x - 2.0 * x, 2.0 * x - 2.0)
                }
            },
            1e4,
        );
        assert!(point.value < 0.0, "{point:?}");
    }
}
