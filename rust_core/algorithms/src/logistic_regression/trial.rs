//! A point that is tried on the way down.

use super::loss::Objective;
use super::newton::{DECREASE, Ended, MOST_HALVINGS, ROUNDING, Why};
use crate::interrupt::Interrupted;
use crate::lbfgs::largest;
use crate::packed::{add_scaled, dot};

/// A point, and the objective there.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) point: Vec<f64>,
    /// Absolute values included.
    pub(super) value: f64,
    /// Absolute values left out.
    pub(super) gradient: Vec<f64>,
    /// Of all.
    pub(super) subgradient: Vec<f64>,
}

impl Trial {
    /// What the objective is at `point`.
    pub(super) fn at(objective: &mut Objective<'_>, point: Vec<f64>) -> Result<Self, Interrupted> {
        let size = point.len();
        let mut trial = Self {
            point,
            value: 0.0,
            gradient: vec![0.0; size],
            subgradient: vec![0.0; size],
        };
        trial.evaluate(objective)?;
        Ok(trial)
    }

    fn evaluate(&mut self, objective: &mut Objective<'_>) -> Result<(), Interrupted> {
        self.value = objective.evaluate(&self.point, &mut self.gradient)? + objective.absolute_values(&self.point);
        if objective.penalty.is_smooth() {
            self.subgradient.copy_from_slice(&self.gradient);
            return Ok(());
        }
        for (index, slot) in self.subgradient.iter_mut().enumerate() {
            *slot = least_subgradient(self.point[index], self.gradient[index], objective.strength(index).l1);
        }
        Ok(())
    }

    /// The search ends here.
    pub(super) fn ended(self, n_iter: usize, why: Why) -> Ended {
        Ended {
            point: self.point,
            value: self.value,
            n_iter,
            why,
        }
    }

    /// Whether no component of the subgradient is above `tol`.
    pub(super) fn is_flat(&self, tol: f64) -> bool {
        self.subgradient.iter().all(|component| component.abs() <= tol)
    }

    /// Goes from another point down `direction`: the whole way, or half of it, and so on. Gives the part of the way that it went, or
    /// None when none lowers the objective.
    /// Where the fall that is promised drowns in rounding, the subgradient must fall instead. A number with an absolute value ends at 0
    /// rather than change its sign, and leaves 0 only the way that the subgradient pulls it.
    pub(super) fn search(
        &mut self,
        objective: &mut Objective<'_>,
        from: &Self,
        direction: &[f64],
    ) -> Result<Option<f64>, Interrupted> {
        let rounding = ROUNDING * from.value.abs();
        let mut step = 1.0;
        for _ in 0..MOST_HALVINGS {
            self.point.copy_from_slice(&from.point);
            add_scaled(&mut self.point, step, direction);
            let promised = if objective.penalty.is_smooth() {
                step * dot(&from.subgradient, direction)
            } else {
                self.stop_at_zero(objective, from)
            };
            self.evaluate(objective)?;
            // A step that is lost in rounding leads nowhere, whatever it promised.
            if promised < 0.0 && self.point != from.point {
                if self.value <= from.value + DECREASE * promised {
                    return Ok(Some(step));
                }
                let drowned = -promised <= rounding && self.value <= from.value + rounding;
                if drowned && largest(&self.subgradient) < largest(&from.subgradient) {
                    return Ok(Some(step));
                }
            }
            step *= 0.5;
        }
        Ok(None)
    }

    /// Takes numbers with absolute values that left another point too far back to 0. Gives the fall that its subgradient promises.
    fn stop_at_zero(&mut self, objective: &Objective<'_>, from: &Self) -> f64 {
        let mut promised = 0.0;
        for (index, to) in self.point.iter_mut().enumerate() {
            let (start, pull) = (from.point[index], from.subgradient[index]);
            if objective.strength(index).l1 > 0.0 {
                let side = if start == 0.0 { -pull } else { start };
                if *to * side <= 0.0 {
                    *to = 0.0;
                }
            }
            promised += pull * (*to - start);
        }
        promised
    }
}

/// The least subgradient of l1·|w| plus a smooth function whose derivative at w is `gradient`.
pub(super) fn least_subgradient(value: f64, gradient: f64, l1: f64) -> f64 {
    if value > 0.0 {
        gradient + l1
    } else if value < 0.0 {
        gradient - l1
    } else {
        // Gradients within ±l1 leave the number at 0. (`clamp` would panic where l1 is not a number.)
        gradient - gradient.max(-l1).min(l1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::never;
    use crate::logistic_regression::Parameters;
    use crate::rows::Rows;
    use crate::sample::Sample;

    #[test]
    fn a_step_that_is_lost_in_rounding_is_none() {
        let rows = Rows::from_values(&[1.0, -1.0, 0.5, 2.0], 4, 1).unwrap();
        let sample = Sample::check(rows, None, &never).unwrap();
        let mut objective = Objective::new(sample, &[0, 1, 1, 0], 2, &Parameters::default()).unwrap();
        let from = Trial::at(&mut objective, vec![1.0, 1.0]).unwrap();
        let mut trial = from.clone();
        let down = |length: f64| -> Vec<f64> { from.gradient.iter().map(|slope| -length * slope).collect() };
        assert_eq!(trial.search(&mut objective, &from, &down(1e-20)).unwrap(), None);
        assert_eq!(trial.search(&mut objective, &from, &down(0.1)).unwrap(), Some(1.0));
        let part = trial.search(&mut objective, &from, &down(1e3)).unwrap().unwrap();
        assert!(part < 1.0 && trial.value < from.value);
    }

    #[test]
    fn the_least_subgradient_is_zero_where_nothing_pulls() {
        assert_eq!(least_subgradient(0.0, 0.5, 1.0), 0.0);
        assert_eq!(least_subgradient(0.0, 1.5, 1.0), 0.5);
        assert_eq!(least_subgradient(0.0, -1.5, 1.0), -0.5);
        assert_eq!(least_subgradient(2.0, -1.0, 1.0), 0.0);
        assert_eq!(least_subgradient(-2.0, -1.0, 1.0), -2.0);
        assert_eq!(least_subgradient(0.0, 0.25, 0.0), 0.25);
    }
}
