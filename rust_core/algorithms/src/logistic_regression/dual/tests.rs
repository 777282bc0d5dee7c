use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::csr::{Csr, CsrValues};
use crate::interrupt::{Observer, never};
use crate::logistic_regression::loss::Objective;
use crate::logistic_regression::{ClassWeight, Fit, LogisticRegression};
use crate::rows::Rows;

/// Rows as of words: some in many rows, most in one or two.
struct Words {
    csr: Csr<'static>,
    singles: Csr<'static>,
    classes: Vec<u32>,
    weights: Vec<f64>,
}

const ROWS: usize = 500;
const COLUMNS: usize = 40_000;

impl Words {
    fn new() -> Self {
        Self::of_size(1.0)
    }

    /// Values up to 1.1 times that.
    fn of_size(size: f64) -> Self {
        let mut random = Mt::new(7);
        let mut uniform = move || f64::from(random.next_u32()) / 4_294_967_296.0;
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        let (mut classes, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..ROWS {
            let mut words: Vec<u32> = (0..30).map(|_| (COLUMNS as f64 * uniform().powi(4)) as u32).collect();
            words.sort_unstable();
            words.dedup();
            // Told by a float32 as well.
            values.extend(words.iter().map(|_| f64::from((size * (uniform() + 0.1)) as f32)));
            let score: f64 = words.iter().map(|word| f64::from(word % 7) - 2.9).sum();
            classes.push(u32::from(score + 8.0 * uniform() > 4.0));
            weights.push((4.0 * uniform()).floor());
            indices.extend(words);
            indptr.push(indices.len() as u64);
        }
        let single = values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
        let csr = |values| Csr::new(indptr.clone().into(), indices.clone().into(), values, COLUMNS).unwrap();
        Self {
            csr: csr(CsrValues::Double(values.into())),
            singles: csr(CsrValues::Single(single.into())),
            classes,
            weights,
        }
    }

    fn minimise(&self, csr: &Csr<'_>, weights: Option<&[f64]>, parameters: &Parameters) -> Option<Ended> {
        let sample = Sample::check(csr.into(), weights, &never).unwrap();
        minimise(sample, self.known(weights, sample), parameters).unwrap()
    }

    fn known<'k>(&'k self, weights: Option<&'k [f64]>, sample: Sample<'k>) -> Known<'k> {
        Known {
            classes: &self.classes,
            n_classes: 2,
            weights,
            weight_sum: sample.weight_sum(),
        }
    }

    fn fit(&self, rows: Rows<'_>, weights: Option<&[f64]>, parameters: &Parameters) -> Fit {
        LogisticRegression::fit(rows, &self.classes, 2, weights, parameters, &never).unwrap()
    }
}

fn close(left: &[f64], right: &[f64], tolerance: f64) -> bool {
    let difference: f64 = left.iter().zip(right).map(|(left, right)| (left - right).powi(2)).sum();
    difference.sqrt() <= tolerance * (1.0 + dot(right, right).sqrt())
}

#[test]
fn the_dual_leads_to_the_minimum_that_newton_finds() {
    let words = Words::new();
    for c in [1e-3, 1.0, 1e3] {
        for (fit_intercept, intercept_scaling) in [(false, None), (true, None), (true, Some(2.0))] {
            for weights in [None, Some(&words.weights[..])] {
                let parameters = Parameters {
                    c,
                    fit_intercept,
                    intercept_scaling,
                    tol: if c > 1.0 { 1e-8 } else { 1e-7 },
                    ..Parameters::default()
                };
                let ended = words
                    .minimise(&words.csr, weights, &parameters)
                    .expect("rows that suit");
                assert_eq!(ended.why, Why::Converged, "{parameters:?}");
                let newton = Parameters {
                    solver: Solver::NewtonCg,
                    ..parameters.clone()
                };
                let fit = words.fit((&words.csr).into(), weights, &newton);
                let above = (ended.value - fit.loss) / fit.loss;
                assert!((-1e-9..=PRECISION).contains(&above), "{above} {parameters:?}");
                assert!(
                    close(&ended.point[..COLUMNS], fit.model.coefficients(), 1e-4),
                    "{parameters:?}"
                );
                if fit_intercept {
                    let (left, right) = (ended.point[COLUMNS], fit.model.intercepts()[0]);
                    assert!(
                        (left - right).abs() < 1e-3 * (1.0 + right.abs()),
                        "{left} {right} {parameters:?}"
                    );
                }
                let of_singles = words
                    .minimise(&words.singles, weights, &parameters)
                    .expect("rows that suit");
                assert_eq!(of_singles.point, ended.point);
            }
        }
    }
}

#[test]
fn a_search_ends_where_no_component_of_the_gradient_is_more_than_tol() {
    let words = Words::new();
    let sample = Sample::check((&words.csr).into(), None, &never).unwrap();
    let mut epochs = Vec::new();
    for (c, tol) in [(1.0, 1e-2), (1.0, 1e-5), (1.0, 1e-6), (1e-3, 1e-4), (1e3, 1e-4)] {
        let parameters = Parameters {
            c,
            tol,
            ..Parameters::default()
        };
        let ended = words.minimise(&words.csr, None, &parameters).expect("rows that suit");
        assert_eq!(ended.why, Why::Converged);
        let mut objective = Objective::new(sample, &words.classes, 2, &parameters).unwrap();
        let mut gradient = vec![0.0; ended.point.len()];
        objective.evaluate(&ended.point, &mut gradient).unwrap();
        assert!(gradient.iter().all(|slope| slope.abs() <= tol), "{c} {tol}");
        let newton = Parameters {
            solver: Solver::NewtonCg,
            ..parameters
        };
        let least = words.fit((&words.csr).into(), None, &newton).loss;
        assert!(ended.value - least <= NEAR * least, "{c} {tol}");
        epochs.push(ended.n_iter);
    }
    // And no later than it must.
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

#[test]
fn the_gap_is_no_smaller_than_what_is_missing() {
    for (size, fit_intercept, intercept_scaling) in [
        (1.0, false, None),
        (1.0, true, Some(2.0)),
        (1.0, true, None),
        (-30.0, false, None),
        (0.01, false, None),
        (0.01, true, Some(1.0)),
        (0.01, true, None),
    ] {
        let words = Words::of_size(size);
        let sample = Sample::check((&words.csr).into(), None, &never).unwrap();
        let parameters = Parameters {
            fit_intercept,
            intercept_scaling,
            ..Parameters::default()
        };
        let least = words.fit((&words.csr).into(), None, &parameters).loss;
        let problem = Problem {
            sample,
            classes: &words.classes,
            penalty: Penalty::new(&parameters, sample.weight_sum()),
            fit_intercept,
        };
        let mut objective = Objective::new(sample, &words.classes, 2, &parameters).unwrap();
        let mut buffer = Vec::new();
        let rows = words.csr.tile(0..ROWS, None, &mut buffer);
        let columns = Columns::new(rows.columns(), COLUMNS, &never).unwrap();
        let split = Split::new(rows, &columns, &never).unwrap();
        let mut descent = Descent::new(&problem, split, columns.count).unwrap();
        for _ in 0..8 {
            descent.epoch().unwrap();
            let gap = descent.gap().unwrap();
            let point = descent.point(&columns).unwrap();
            let mut gradient = vec![0.0; point.len()];
            let value = objective.evaluate(&point, &mut gradient).unwrap();
            assert!((gap.value - value).abs() <= 1e-12 * value);
            assert!(
                gap.above >= (value - least) * (1.0 - 1e-6) - 1e-14 * value,
                "{} {}",
                gap.above,
                value - least
            );
            // And no component of the gradient is larger than foretold.
            let steepest = gradient.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
            assert!(
                steepest <= gap.steepest * (1.0 + 1e-9) + 1e-15,
                "{steepest} {}",
                gap.steepest
            );
        }
    }
}

#[test]
fn a_fit_says_how_the_search_ended() {
    let words = Words::new();
    let sample = Sample::check((&words.csr).into(), None, &never).unwrap();
    let auto = Parameters::default();
    let problem = Problem {
        sample,
        classes: &words.classes,
        penalty: Penalty::new(&auto, sample.weight_sum()),
        fit_intercept: true,
    };
    let mut buffer = Vec::new();
    let rows = words.csr.tile(0..ROWS, None, &mut buffer);
    let columns = Columns::new(rows.columns(), COLUMNS, &never).unwrap();
    let split = Split::new(rows, &columns, &never).unwrap();
    let mut descent = Descent::new(&problem, split, columns.count).unwrap();
    let few = Parameters { max_iter: 2, ..auto };
    let (why, value) = descent.search(&few).unwrap();
    assert!(why == Why::Exhausted && descent.epochs == 2 && value < LN_2);

    // So flat a gradient is not looked for here: conjugate gradients go on.
    let flat = Parameters {
        tol: 1e-12,
        ..Parameters::default()
    };
    let ended = words.minimise(&words.csr, None, &flat).expect("rows that suit");
    assert_eq!(ended.why, Why::Stuck);
    let fit = words.fit((&words.csr).into(), None, &flat);
    assert!(fit.converged && fit.n_iter > ended.n_iter && fit.loss <= ended.value);
    let balanced = Parameters {
        class_weight: ClassWeight::Balanced,
        ..flat
    };
    assert!(words.fit((&words.csr).into(), None, &balanced).converged);
}

/// Rows that differ by little.
fn alike() -> Csr<'static> {
    let (rows, columns) = (60_usize, 3000_usize);
    let indices: Vec<u32> = (0..columns as u32).collect::<Vec<u32>>().repeat(rows);
    let value = |row: usize, column: usize| 1.0 + 0.01 * ((row * 31 + column * 17) as f64).sin();
    let values: Vec<f64> = (0..rows * columns)
        .map(|index| value(index / columns, index % columns))
        .collect();
    let indptr: Vec<u64> = (0..=rows).map(|row| (row * columns) as u64).collect();
    Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns).unwrap()
}

#[test]
fn rows_that_are_all_alike_are_left_to_conjugate_gradients() {
    let csr = alike();
    let rows = csr.rows();
    let classes: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
    let parameters = Parameters {
        c: 10.0,
        fit_intercept: false,
        max_iter: 1000,
        ..Parameters::default()
    };
    let sample = Sample::check((&csr).into(), None, &never).unwrap();
    let known = Known {
        classes: &classes,
        n_classes: 2,
        weights: None,
        weight_sum: rows as f64,
    };
    let ended = minimise(sample, known, &parameters).unwrap().expect("rows that suit");
    assert_eq!(ended.why, Why::Stuck);
    let fit = LogisticRegression::fit((&csr).into(), &classes, 2, None, &parameters, &never).unwrap();
    assert!(fit.converged);
    let newton = Parameters {
        solver: Solver::NewtonCg,
        ..parameters
    };
    let other = LogisticRegression::fit((&csr).into(), &classes, 2, None, &newton, &never).unwrap();
    assert!((fit.loss - other.loss).abs() <= 1e-9 * other.loss);
}

#[test]
fn rows_may_share_no_column_or_name_none() {
    // A row without values, fifty with sixty columns each, and two more that name each other's: of these, one weighs nothing.
    let (mut indptr, mut indices) = (vec![0_u64, 0], Vec::new());
    for row in 0..50_u32 {
        indices.extend((60 * row)..(60 * (row + 1)));
        indptr.push(indices.len() as u64);
    }
    let apart = indices.len();
    for _ in 0..2 {
        indices.extend(2990..3010);
        indptr.push(indices.len() as u64);
    }
    // Zeros that are written down, and both signs.
    let values: Vec<f64> = (0..indices.len()).map(|index| (index % 7) as f64 * 0.2 - 0.4).collect();
    for (rows, count) in [(51, apart), (53, indices.len())] {
        let of_csr = CsrValues::Double(values[..count].into());
        let csr = Csr::new((&indptr[..=rows]).into(), (&indices[..count]).into(), of_csr, 3010).unwrap();
        let classes: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
        let weights: Vec<f64> = (0..rows).map(|row| if row == 51 { 0.0 } else { 1.0 }).collect();
        for (fit_intercept, intercept_scaling) in [(false, None), (true, Some(1.0))] {
            let auto = Parameters {
                fit_intercept,
                intercept_scaling,
                tol: 1e-6,
                ..Parameters::default()
            };
            let newton = Parameters {
                solver: Solver::NewtonCg,
                ..auto.clone()
            };
            let sample = Sample::check((&csr).into(), Some(&weights), &never).unwrap();
            let known = Known {
                classes: &classes,
                n_classes: 2,
                weights: Some(&weights),
                weight_sum: sample.weight_sum(),
            };
            let ended = minimise(sample, known, &auto).unwrap().expect("rows that suit");
            assert_eq!(ended.why, Why::Converged);
            let fit = LogisticRegression::fit((&csr).into(), &classes, 2, Some(&weights), &newton, &never).unwrap();
            assert!((ended.value - fit.loss).abs() <= 1e-9 * fit.loss);
            let coefficients = &ended.point[..3010];
            assert!(close(coefficients, fit.model.coefficients(), 1e-4));
            // Also where no row that weighs anything has a value.
            let minus = |value: &f64| *value == 0.0 && value.is_sign_negative();
            assert!(!coefficients.iter().any(minus));
        }
    }
}

#[test]
fn the_dual_is_left_alone_where_it_does_not_suit() {
    let words = Words::new();
    let auto = Parameters::default();
    let start = words.fit((&words.csr).into(), None, &auto).model;
    for parameters in [
        Parameters {
            l1_ratio: 0.5,
            ..auto.clone()
        },
        Parameters {
            c: f64::INFINITY,
            ..auto.clone()
        },
        Parameters {
            start: Some(start),
            ..auto.clone()
        },
        Parameters {
            max_iter: LEAST_ITERATIONS - 1,
            ..auto.clone()
        },
        Parameters {
            solver: Solver::NewtonCg,
            ..auto.clone()
        },
        Parameters {
            solver: Solver::Lbfgs,
            ..auto.clone()
        },
    ] {
        assert!(
            words.minimise(&words.csr, None, &parameters).is_none(),
            "{parameters:?}"
        );
    }
}

#[test]
fn rows_too_long_for_float64_are_left_alone() {
    let columns = 3000_u32;
    let values = CsrValues::Double(vec![1e200; columns as usize].into());
    let csr = Csr::new(
        vec![0, 1500, 3000].into(),
        (0..columns).collect::<Vec<u32>>().into(),
        values,
        3000,
    )
    .unwrap();
    let sample = Sample::check((&csr).into(), None, &never).unwrap();
    let known = Known {
        classes: &[0, 1],
        n_classes: 2,
        weights: None,
        weight_sum: 2.0,
    };
    assert!(minimise(sample, known, &Parameters::default()).unwrap().is_none());
}

#[test]
fn a_search_stops_at_any_look() {
    let words = Words::new();
    let looks = AtomicUsize::new(0);
    let search = |allowed: usize| {
        looks.store(0, Ordering::Relaxed);
        let stop = || looks.fetch_add(1, Ordering::Relaxed) >= allowed;
        let sample = Sample::of_checked((&words.csr).into(), None, &stop);
        minimise(sample, words.known(None, sample), &Parameters::default()).is_err()
    };
    assert!(!search(usize::MAX));
    let all = looks.load(Ordering::Relaxed);
    assert!(all > 10);
    assert!((0..all).all(search));
}

/// Follows the fit, and does nothing else.
struct Follower;

impl Observer for Follower {
    fn interrupted(&self) -> bool {
        false
    }
}

#[test]
fn a_fit_that_is_followed_is_the_same() {
    let words = Words::new();
    for c in [0.1, 1.0, 1e4] {
        let parameters = Parameters {
            c,
            ..Parameters::default()
        };
        let alone = words.minimise(&words.csr, None, &parameters).expect("rows that suit");
        let sample = Sample::check((&words.csr).into(), None, &Follower).unwrap();
        let followed = minimise(sample, words.known(None, sample), &parameters).unwrap();
        let followed = followed.expect("rows that suit");
        assert_eq!((alone.point, alone.n_iter), (followed.point, followed.n_iter));
    }
}

#[test]
fn where_epochs_lead_away_the_start_is_given() {
    let csr = alike();
    let sample = Sample::check((&csr).into(), None, &never).unwrap();
    let classes: Vec<u32> = (0..60).map(|row| row % 2).collect();
    let known = Known {
        classes: &classes,
        n_classes: 2,
        weights: None,
        weight_sum: 60.0,
    };
    let parameters = Parameters {
        c: 1e4,
        ..Parameters::default()
    };
    let ended = minimise(sample, known, &parameters).unwrap().expect("rows that suit");
    assert_eq!(ended.why, Why::Stuck);
    let mut objective = Objective::new(sample, &classes, 2, &parameters).unwrap();
    let mut gradient = vec![0.0; ended.point.len()];
    let value = objective.evaluate(&ended.point, &mut gradient).unwrap();
    assert!(
        (ended.value - value).abs() <= 1e-12 * value && value <= LN_2,
        "{} {value}",
        ended.value
    );
}
