//! Rows in orders that mislead whoever takes a Hessian of some of them.

use super::loss::Objective;
use super::share::Share;
use super::{Fit, LogisticRegression, Parameters, Solver};
use crate::interrupt::never;
use crate::numpy_random::RandomState;
use crate::rows::Rows;
use crate::sample::Sample;

/// Dense rows, with classes that follow from them, more or less.
struct Example {
    values: Vec<f64>,
    columns: usize,
    classes: Vec<u32>,
    n_classes: usize,
}

impl Example {
    /// `column` says what becomes of a value between −1 and 1, by row and column.
    fn new(rows: usize, columns: usize, n_classes: usize, column: impl Fn(usize, usize, f64) -> f64) -> Self {
        let mut random = RandomState::new(3);
        let mut between = |limit: f64| limit * (2.0 * random.random_sample() - 1.0);
        let directions: Vec<f64> = (0..columns * n_classes).map(|_| between(1.0)).collect();
        let (mut values, mut classes) = (Vec::with_capacity(rows * columns), Vec::with_capacity(rows));
        for index in 0..rows {
            let row: Vec<f64> = (0..columns).map(|place| column(index, place, between(1.0))).collect();
            let scores: Vec<f64> = directions
                .chunks_exact(columns)
                .map(|direction| {
                    between(3.0)
                        + row
                            .iter()
                            .zip(direction)
                            .map(|(value, other)| value * other)
                            .sum::<f64>()
                })
                .collect();
            let best = (0..n_classes).max_by(|left, right| scores[*left].total_cmp(&scores[*right]));
            classes.push(best.unwrap() as u32);
            values.extend(row);
        }
        Self {
            values,
            columns,
            classes,
            n_classes,
        }
    }

    /// The same rows in another order.
    fn ordered(&self, order: impl Fn(usize) -> usize) -> Self {
        let rows = 0..self.classes.len();
        let row = |index: usize| &self.values[order(index) * self.columns..][..self.columns];
        Self {
            values: rows.clone().flat_map(row).copied().collect(),
            classes: rows.map(|index| self.classes[order(index)]).collect(),
            ..*self
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::from_values(&self.values, self.classes.len(), self.columns).unwrap()
    }

    fn fit(&self, parameters: &Parameters) -> Fit {
        let fit =
            LogisticRegression::fit(self.rows(), &self.classes, self.n_classes, None, parameters, &never).unwrap();
        assert!(fit.converged, "{}", fit.n_iter);
        fit
    }

    /// The share of the rows in a Hessian over all parameters.
    fn share(&self, parameters: &Parameters, share: impl Fn(&Objective<'_>, usize) -> Share) -> Share {
        let sample = Sample::check(self.rows(), None, &never).unwrap();
        let objective = Objective::new(sample, &self.classes, self.n_classes, parameters).unwrap();
        let share = share(&objective, objective.parameter_count());
        assert_ne!(share, Share::WHOLE);
        share
    }

    /// Fits rows that come group after group, in turn from all groups, and in no order: all end at the same minimum, after about as many
    /// iterations.
    fn fit_in_orders(&self, groups: usize, parameters: &Parameters) {
        let rows = self.classes.len();
        assert_eq!(rows % groups, 0);
        let in_turn = |index: usize| index % groups * (rows / groups) + index / groups;
        // A prime that divides no number of rows here.
        let scattered = |index: usize| index * 7919 % rows;
        let orders: [&dyn Fn(usize) -> usize; 3] = [&|index| index, &in_turn, &scattered];
        let fits = orders.map(|order| self.ordered(order).fit(parameters));
        let [.., scattered] = &fits;
        for fit in &fits {
            assert!(
                (fit.loss / scattered.loss - 1.0).abs() <= 1e-9,
                "{} {}",
                fit.loss,
                scattered.loss
            );
            assert!(
                fit.n_iter <= scattered.n_iter + 4,
                "{} {}",
                fit.n_iter,
                scattered.n_iter
            );
        }
    }
}

/// Groups have columns of their own.
#[test]
fn groups_with_columns_of_their_own() {
    const GROUPS: usize = 16;
    const EACH: usize = 6;
    const ROWS: usize = 8192;
    let example = Example::new(ROWS, GROUPS * EACH, 2, |row, column, value| {
        5.0 * value * f64::from(u8::from(column / EACH == row * GROUPS / ROWS))
    });
    for c in [1.0, 1e4] {
        let parameters = Parameters {
            solver: Solver::NewtonCholesky,
            c,
            tol: 1e-7,
            ..Parameters::default()
        };
        example.share(&parameters, Share::few);
        example.fit_in_orders(GROUPS, &parameters);
    }
}

/// Under absolute values there is no other way to the minimum where steps by Hessians of some rows go too far.
#[test]
fn groups_with_a_number_of_their_own() {
    const GROUPS: usize = 40;
    const ROWS: usize = 20_000;
    let example = Example::new(ROWS, 10 + GROUPS, 4, |row, column, value| {
        match column.checked_sub(10) {
            None => 2.0 * value,
            Some(group) => 5.0 * f64::from(u8::from(group == row * GROUPS / ROWS)),
        }
    });
    let parameters = Parameters {
        l1_ratio: 1.0,
        tol: 1e-6,
        max_iter: 300,
        ..Parameters::default()
    };
    // The first Hessian is over so many parameters.
    example.share(&parameters, |objective, _| Share::enough(objective, 64));
    example.fit_in_orders(GROUPS, &parameters);
}

/// The rows that the first Hessian is taken from lack a column, or nearly.
#[test]
fn rows_that_say_little_of_the_others() {
    const ROWS: usize = 20_000;
    for (n_classes, columns, scale) in [(2, 40, 0.0), (2, 40, 1e-3), (3, 14, 0.0), (3, 14, 1e-3)] {
        let parameters = Parameters {
            solver: Solver::NewtonCholesky,
            c: f64::INFINITY,
            tol: 1e-9,
            ..Parameters::default()
        };
        let mut example = Example::new(ROWS, columns, n_classes, |_, _, value| value);
        let share = example.share(&parameters, Share::far);
        for row in share.of(0..ROWS).flatten() {
            example.values[row * columns + 1] *= scale;
        }
        let (misled, led) = (
            example.fit(&parameters),
            example.ordered(|index| ROWS - 1 - index).fit(&parameters),
        );
        let coefficients = misled.model.coefficients().iter().zip(led.model.coefficients());
        for (misled, led) in coefficients {
            assert!((misled - led).abs() <= 1e-6, "{misled} {led}");
        }
        assert!(misled.n_iter <= led.n_iter + 8, "{} {}", misled.n_iter, led.n_iter);
    }
}
