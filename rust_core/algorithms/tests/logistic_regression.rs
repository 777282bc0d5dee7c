//! Every way to fit logistic regression: what must hold of each.

mod matrices;

use std::collections::HashSet;
use std::sync::Mutex;

use ferrule_algorithms::logistic_regression::{ClassWeight, Fit, LogisticRegression, Parameters, Solver};
use ferrule_algorithms::{Csr, CsrValues, FitError, Iteration, Observer, Precision, Rows, never};
use matrices::{Numbers, bits, on_threads};
use proptest::prelude::*;

/// Rows of which a part is not zero, dense and sparse, with classes that follow from them, more or less.
struct Example {
    dense: Vec<f64>,
    csr: Csr<'static>,
    classes: Vec<u32>,
    rows: usize,
    columns: usize,
}

impl Example {
    fn new(seed: u64, rows: usize, columns: usize, n_classes: usize, density: f64) -> Self {
        let mut numbers = Numbers(seed);
        let direction: Vec<f64> = (0..columns * n_classes).map(|_| numbers.normal()).collect();
        let mut dense = vec![0.0; rows * columns];
        let mut classes = Vec::with_capacity(rows);
        for (index, row) in dense.chunks_exact_mut(columns).enumerate() {
            for value in row.iter_mut() {
                if numbers.uniform() < density {
                    *value = numbers.normal();
                }
            }
            let score = |class: usize| -> f64 {
                let direction = &direction[class * columns..][..columns];
                row.iter()
                    .zip(direction)
                    .map(|(value, direction)| value * direction)
                    .sum()
            };
            let noisy: Vec<f64> = (0..n_classes)
                .map(|class| score(class) + 2.0 * numbers.normal())
                .collect();
            let best = (0..n_classes).max_by(|left, right| noisy[*left].total_cmp(&noisy[*right]));
            classes.push(if index < n_classes {
                index
            } else {
                best.expect("a class")
            } as u32);
        }
        let csr = sparse(&dense, columns);
        Self {
            dense,
            csr,
            classes,
            rows,
            columns,
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::from_values(&self.dense, self.rows, self.columns).expect("a matrix")
    }

    fn fit(&self, rows: Rows<'_>, weights: Option<&[f64]>, parameters: &Parameters) -> Fit {
        let n_classes = 1 + *self.classes.iter().max().expect("a class") as usize;
        LogisticRegression::fit(rows, &self.classes, n_classes, weights, parameters, &never).expect("a fit")
    }
}

fn sparse(dense: &[f64], columns: usize) -> Csr<'static> {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.chunks_exact(columns) {
        for (column, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(*value);
        }
        indptr.push(values.len() as u64);
    }
    Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns).expect("a sparse matrix")
}

/// Each route: a solver and a penalty.
fn routes() -> Vec<Parameters> {
    let route = |solver, l1_ratio| Parameters {
        solver,
        l1_ratio,
        c: 0.5,
        ..Parameters::default()
    };
    vec![
        route(Solver::Lbfgs, 0.0),
        route(Solver::NewtonCholesky, 0.0),
        route(Solver::NewtonCg, 0.0),
        route(Solver::Auto, 0.0),
        route(Solver::Saga, 1.0),
        route(Solver::Auto, 0.3),
    ]
}

fn all_bits(fit: &Fit) -> (Vec<u64>, usize) {
    let mut all = bits(fit.model.coefficients());
    all.extend(bits(fit.model.intercepts()));
    all.push(fit.loss.to_bits());
    (all, fit.n_iter)
}

fn close(left: &[f64], right: &[f64], tolerance: f64) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| (left - right).abs() <= tolerance * left.abs().max(1.0))
}

fn uniform(seed: u64, count: usize) -> Vec<f64> {
    let mut numbers = Numbers(seed);
    (0..count).map(|_| 0.1 + numbers.uniform()).collect()
}

/// Rows of words: few are in many rows, many in one or two; some have a zero that is written down.
fn words(seed: u64, rows: usize, columns: u32, each: usize, n_classes: usize) -> (Csr<'static>, Vec<u32>) {
    let mut numbers = Numbers(seed);
    let (mut indptr, mut indices, mut values) = (vec![0_u64], Vec::new(), Vec::new());
    let mut classes = Vec::new();
    for row in 0..rows {
        let mut word = |_| (f64::from(columns).powf(numbers.uniform()) as u32).min(columns - 1);
        let mut words: Vec<u32> = (0..each).map(&mut word).collect();
        words.sort_unstable();
        words.dedup();
        values.extend(
            words
                .iter()
                .map(|word| if word % 97 == 5 { 0.0 } else { numbers.uniform() + 0.1 }),
        );
        classes.push(if row < n_classes {
            row as u32
        } else {
            (words[0] + words[words.len() / 2]) % n_classes as u32
        });
        indices.extend(words);
        indptr.push(indices.len() as u64);
    }
    let values = CsrValues::Double(values.into());
    let csr = Csr::new(indptr.into(), indices.into(), values, columns as usize).expect("valid input");
    (csr, classes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn threads_do_not_matter(seed: u64, rows in 2000..4000_usize, columns in 5..14_usize, n_classes in 2..5_usize) {
        let example = Example::new(seed, rows, columns, n_classes, 0.5);
        let weights = uniform(seed, rows);
        for parameters in routes() {
            for rows in [example.rows(), (&example.csr).into()] {
                let fit = || all_bits(&example.fit(rows, Some(&weights), &parameters));
                prop_assert_eq!(on_threads(1, fit), on_threads(3, fit));
            }
        }
    }

    #[test]
    fn threads_do_not_matter_to_many_sparse_columns(seed: u64, n_classes in 2..4_usize) {
        let (csr, classes) = words(seed, 3000, 6000, 30, n_classes);
        for l1_ratio in [0.0, 0.7] {
            let parameters = Parameters { l1_ratio, solver: Solver::Saga, max_iter: 30, c: 1.0, ..Parameters::default() };
            let fit = || {
                let rows = Rows::from(&csr);
                all_bits(&LogisticRegression::fit(rows, &classes, n_classes, None, &parameters, &never).unwrap())
            };
            prop_assert_eq!(on_threads(1, fit), on_threads(3, fit));
        }
    }

    #[test]
    fn threads_do_not_matter_to_the_dual(seed: u64) {
        let (csr, classes) = words(seed, 5000, 60_000, 50, 2);
        let fit = || all_bits(&LogisticRegression::fit((&csr).into(), &classes, 2, None, &Parameters::default(), &never).unwrap());
        prop_assert_eq!(on_threads(1, fit), on_threads(3, fit));
    }

    #[test]
    fn wide_sparse_rows_lead_to_the_minimum_of_dense_ones(seed: u64, rows in 30..80_usize, columns in 300..500_usize, n_classes in 2..4_usize) {
        let example = Example::new(seed, rows, columns, n_classes, 0.02);
        let weights = uniform(seed, rows);
        for parameters in routes().iter().filter(|route| route.solver != Solver::Lbfgs) {
            let parameters = Parameters { tol: 1e-9, max_iter: 500, c: 2.0, ..parameters.clone() };
            let of_dense = example.fit(example.rows(), Some(&weights), &parameters);
            let of_sparse = example.fit((&example.csr).into(), Some(&weights), &parameters);
            prop_assert!(of_dense.converged && of_sparse.converged, "{:?}", parameters);
            prop_assert!((of_dense.loss - of_sparse.loss).abs() <= 1e-9 * of_dense.loss, "{:?}", parameters);
            prop_assert!(
                close(of_dense.model.coefficients(), of_sparse.model.coefficients(), 1e-3),
                "{:?}", parameters
            );
        }
    }

    #[test]
    fn every_way_leads_to_the_same_minimum(seed: u64, rows in 80..400_usize, columns in 2..12_usize, n_classes in 2..5_usize) {
        let example = Example::new(seed, rows, columns, n_classes, 0.4);
        let weights = uniform(seed, rows);
        let mut numbers = Numbers(seed ^ 5);
        // The same rows in another order.
        let mut order: Vec<usize> = (0..rows).collect();
        for index in (1..rows).rev() {
            order.swap(index, numbers.below(index + 1));
        }
        let shuffled: Vec<f64> = order.iter().flat_map(|&row| &example.dense[row * columns..][..columns]).copied().collect();
        let shuffled_classes: Vec<u32> = order.iter().map(|&row| example.classes[row]).collect();
        let shuffled_weights: Vec<f64> = order.iter().map(|&row| weights[row]).collect();
        // Rows three times, each with a third of the weight.
        let repeated: Vec<f64> = example.dense.chunks(columns).flat_map(|row| row.repeat(3)).collect();
        let repeated_classes: Vec<u32> = example.classes.iter().flat_map(|class| [*class; 3]).collect();
        let repeated_weights: Vec<f64> = weights.iter().flat_map(|weight| [weight / 3.0; 3]).collect();

        let mut losses = Vec::new();
        for parameters in routes() {
            let parameters = Parameters { tol: 1e-10, max_iter: 5000, ..parameters };
            let plain = example.fit(example.rows(), Some(&weights), &parameters);
            prop_assert!(plain.converged);
            let others = [
                example.fit((&example.csr).into(), Some(&weights), &parameters),
                LogisticRegression::fit(
                    Rows::from_values(&shuffled, rows, columns).unwrap(),
                    &shuffled_classes, n_classes, Some(&shuffled_weights), &parameters, &never,
                ).unwrap(),
                LogisticRegression::fit(
                    Rows::from_values(&repeated, 3 * rows, columns).unwrap(),
                    &repeated_classes, n_classes, Some(&repeated_weights), &parameters, &never,
                ).unwrap(),
            ];
            for other in &others {
                prop_assert!((other.loss / plain.loss - 1.0).abs() < 1e-12, "{}: {} {}", parameters.solver, other.loss, plain.loss);
                if parameters.l1_ratio == 0.0 {
                    prop_assert!(close(other.model.coefficients(), plain.model.coefficients(), 1e-6));
                    prop_assert!(close(other.model.intercepts(), plain.model.intercepts(), 1e-6));
                }
            }
            losses.push(plain.loss);
            // At the usual tolerance, all but L-BFGS come as near.
            let usual = example.fit(example.rows(), Some(&weights), &Parameters { tol: 1e-4, ..parameters.clone() });
            if parameters.solver != Solver::Lbfgs {
                prop_assert!(usual.loss / plain.loss - 1.0 < 1e-9);
            }
        }
        // The first four routes minimise the same.
        prop_assert!(losses[1..4].iter().all(|loss| (loss / losses[0] - 1.0).abs() < 1e-12));
    }

    #[test]
    fn sparse_predictions_are_those_of_dense_rows(seed: u64, rows in 1..60_usize, columns in 1..40_usize, n_classes in 2..20_usize) {
        let example = Example::new(seed, rows.max(n_classes), columns, n_classes, 0.2);
        let scores = if n_classes == 2 { 1 } else { n_classes };
        let mut numbers = Numbers(seed);
        let mut normal = |count: usize| (0..count).map(|_| numbers.normal()).collect::<Vec<_>>();
        let model = LogisticRegression::new(normal(scores * columns), normal(scores), n_classes, columns).unwrap();
        let answers = |rows: Rows<'_>| {
            let (mut classes, mut decision) = (vec![9; rows.rows()], vec![0.0; rows.rows() * scores]);
            let mut probabilities = vec![0.0; rows.rows() * n_classes];
            model.predict(rows, &mut classes, &never).unwrap();
            model.decision_function(rows, &mut decision, &never).unwrap();
            model.predict_proba(rows, &mut probabilities, &never).unwrap();
            (classes, bits(&decision), bits(&probabilities))
        };
        prop_assert_eq!(answers(example.rows()), answers((&example.csr).into()));
    }
}

#[test]
fn columns_without_values_cost_nothing_and_get_nothing() {
    let example = Example::new(3, 300, 6, 3, 0.5);
    // The same six columns among a million.
    let wide = {
        let (mut indptr, mut indices, mut values) = (vec![0_u64], Vec::new(), Vec::new());
        for row in example.dense.chunks_exact(6) {
            for (column, value) in row.iter().enumerate() {
                indices.push(column as u32 * 150_000 + 17);
                values.push(*value);
            }
            indptr.push(values.len() as u64);
        }
        let values = CsrValues::Double(values.into());
        Csr::new(indptr.into(), indices.into(), values, 1_000_000).unwrap()
    };
    for parameters in routes() {
        let narrow = example.fit((&sparse(&example.dense, 6)).into(), None, &parameters);
        let fit = example.fit((&wide).into(), None, &parameters);
        assert_eq!((fit.loss, fit.n_iter), (narrow.loss, narrow.n_iter));
        for (class, coefficients) in fit.model.coefficients().chunks_exact(1_000_000).enumerate() {
            let used: HashSet<usize> = (0..6).map(|column| column * 150_000 + 17).collect();
            for (column, &coefficient) in coefficients.iter().enumerate() {
                match used.contains(&column) {
                    true => assert_eq!(coefficient, narrow.model.coefficients()[class * 6 + column / 150_000]),
                    false => assert_eq!(coefficient.to_bits(), 0),
                }
            }
        }
    }
    // A start's coefficients of such columns vanish under a penalty, and stay without one.
    for (c, kept) in [(1.0, 0.0), (f64::INFINITY, 2.5)] {
        let start = LogisticRegression::new(vec![2.5; 3_000_000], vec![0.0; 3], 3, 1_000_000).unwrap();
        let parameters = Parameters {
            c,
            start: Some(start),
            ..Parameters::default()
        };
        let fit = example.fit((&wide).into(), None, &parameters);
        assert_eq!(fit.model.coefficients()[0], kept);
        assert!(fit.converged);
    }
}

#[test]
fn more_probabilities_than_memory_is_worth() {
    // 2,100 classes of one row each: every row's probabilities would take 2,100 times the memory of the rows.
    let values: Vec<f64> = (0..2100).map(f64::from).collect();
    let classes: Vec<u32> = (0..2100).collect();
    let rows = Rows::from_values(&values, 2100, 1).unwrap();
    let parameters = Parameters {
        solver: Solver::NewtonCg,
        max_iter: 2,
        ..Parameters::default()
    };
    let fit = LogisticRegression::fit(rows, &classes, 2100, None, &parameters, &never).unwrap();
    assert!(!fit.converged && fit.n_iter == 2 && fit.loss < f64::from(2100).ln());
}

#[test]
fn more_coefficients_than_a_hessian_holds() {
    let example = Example::new(5, 300, 1500, 2, 0.05);
    for (l1_ratio, c, least) in [(1.0, 1.0, 5), (0.001, 100.0, 1100)] {
        let parameters = Parameters {
            l1_ratio,
            c,
            ..Parameters::default()
        };
        for rows in [example.rows(), (&example.csr).into()] {
            let fit = example.fit(rows, None, &parameters);
            let used = fit.model.coefficients().iter().filter(|value| **value != 0.0).count();
            assert!(fit.converged && used >= least && used < 1500, "{used} {}", fit.n_iter);
            let tight = Parameters {
                tol: 1e-12,
                max_iter: 1000,
                ..parameters.clone()
            };
            let tighter = example.fit(rows, None, &tight);
            assert!(tighter.converged, "{}", tighter.n_iter);
            assert!(
                (fit.loss / tighter.loss - 1.0).abs() < 1e-9,
                "{} {}",
                fit.loss,
                tighter.loss
            );
        }
    }
}

#[test]
fn a_start_at_the_minimum_is_the_end() {
    let example = Example::new(7, 500, 5, 3, 1.0);
    for parameters in routes() {
        let cold = example.fit(example.rows(), None, &parameters);
        let start = Some(cold.model.clone());
        let warm = example.fit(example.rows(), None, &Parameters { start, ..parameters });
        assert!(warm.n_iter <= 1 && warm.n_iter < cold.n_iter, "{}", warm.n_iter);
        assert!(warm.loss <= cold.loss * (1.0 + 1e-12));
    }
}

/// Conjugate gradients stop by estimates of what a parabola lacks: these hold where there is hardly a penalty too.
#[test]
fn conjugate_gradients_stop_near_the_minimum() {
    for (rows, columns, density) in [(1_500, 100, 0.1), (600, 900, 0.02), (3_000, 40, 0.5)] {
        let example = Example::new(31, rows, columns, 2, density);
        let fit = |rows: Rows<'_>, tol| {
            let parameters = Parameters {
                solver: Solver::NewtonCg,
                c: 1e4,
                tol,
                max_iter: 1000,
                ..Parameters::default()
            };
            example.fit(rows, None, &parameters)
        };
        let reference = fit(example.rows(), 1e-12);
        for rows in [example.rows(), (&example.csr).into()] {
            let fit = fit(rows, 1e-4);
            assert!(fit.converged);
            assert!(
                fit.loss <= reference.loss * (1.0 + 1e-9),
                "{} {}",
                fit.loss,
                reference.loss
            );
        }
    }
}

#[test]
fn class_weights_are_weights_of_rows() {
    let example = Example::new(8, 400, 4, 3, 1.0);
    let own = uniform(1, 400);
    let by_class = [0.5, 2.0, 1.25];
    let folded: Vec<f64> = own
        .iter()
        .zip(&example.classes)
        .map(|(own, class)| own * by_class[*class as usize])
        .collect();
    for parameters in routes() {
        let given = Parameters {
            class_weight: ClassWeight::Given(by_class.to_vec()),
            ..parameters.clone()
        };
        let given = example.fit(example.rows(), Some(&own), &given);
        assert_eq!(
            all_bits(&given),
            all_bits(&example.fit(example.rows(), Some(&folded), &parameters))
        );
        let balanced = Parameters {
            class_weight: ClassWeight::Balanced,
            c: f64::INFINITY,
            l1_ratio: 0.0,
            ..parameters
        };
        // With an intercept of its own and no penalty, each class gets the probability mass that it weighs: as much as others.
        let balanced = example.fit(
            example.rows(),
            None,
            &Parameters {
                tol: 1e-10,
                max_iter: 1000,
                ..balanced
            },
        );
        let mut probabilities = vec![0.0; 1200];
        balanced
            .model
            .predict_proba(example.rows(), &mut probabilities, &never)
            .unwrap();
        let mut counts = [0.0; 3];
        example.classes.iter().for_each(|class| counts[*class as usize] += 1.0);
        for class in 0..3 {
            let rows = probabilities.chunks_exact(3).zip(&example.classes);
            let mass: f64 = rows
                .map(|(row, own)| row[class] * 400.0 / (3.0 * counts[*own as usize]))
                .sum();
            assert!((mass - 400.0 / 3.0).abs() < 1e-5, "{mass}");
        }
    }
}

#[test]
fn a_penalised_intercept_is_a_column_of_constants() {
    let example = Example::new(9, 300, 3, 2, 1.0);
    for (scaling, l1_ratio) in [(0.2, 0.0), (5.0, 0.0), (0.5, 1.0), (3.0, 1.0)] {
        let column: Vec<f64> = example
            .dense
            .chunks_exact(3)
            .flat_map(|row| [row[0], row[1], row[2], scaling])
            .collect();
        let tight = Parameters {
            c: 0.1,
            l1_ratio,
            tol: 1e-11,
            ..Parameters::default()
        };
        let with_column = Parameters {
            fit_intercept: false,
            ..tight.clone()
        };
        let with_column = example.fit(Rows::from_values(&column, 300, 4).unwrap(), None, &with_column);
        let penalised = Parameters {
            intercept_scaling: Some(scaling),
            solver: Solver::Liblinear,
            ..tight
        };
        let penalised = example.fit(example.rows(), None, &penalised);
        assert!((penalised.loss / with_column.loss - 1.0).abs() < 1e-12);
        assert!(close(
            penalised.model.coefficients(),
            &with_column.model.coefficients()[..3],
            1e-7
        ));
        assert!(close(
            penalised.model.intercepts(),
            &[scaling * with_column.model.coefficients()[3]],
            1e-7
        ));
    }
}

#[test]
fn single_precision_results_are_rounded_once() {
    let example = Example::new(10, 300, 4, 3, 1.0);
    let single: Vec<f32> = example.dense.iter().map(|value| *value as f32).collect();
    let widened: Vec<f64> = single.iter().copied().map(f64::from).collect();
    for parameters in routes() {
        let narrow = example.fit(Rows::from_single_values(&single, 300, 4).unwrap(), None, &parameters);
        let wide = example.fit(Rows::from_values(&widened, 300, 4).unwrap(), None, &parameters);
        let mut expected = wide.model.coefficients().to_vec();
        Precision::Single.round(&mut expected);
        assert_eq!(narrow.model.coefficients(), expected);
        assert_eq!(narrow.loss, wide.loss);
    }
}

/// Counts what it is told and stops the fit at one of its questions.
struct Watcher {
    questions_left: Mutex<usize>,
    iterations: Mutex<Vec<Iteration>>,
}

impl Observer for Watcher {
    fn interrupted(&self) -> bool {
        let mut left = self.questions_left.lock().expect("no panic elsewhere");
        *left = left.saturating_sub(1);
        *left == 0
    }

    fn iteration(&self, iteration: Iteration) {
        self.iterations.lock().expect("no panic elsewhere").push(iteration);
    }
}

#[test]
fn every_route_can_be_stopped_and_followed() {
    let example = Example::new(11, 1500, 12, 3, 0.5);
    for parameters in routes() {
        for rows in [example.rows(), (&example.csr).into()] {
            let watch = |questions_left: usize| {
                let watcher = Watcher {
                    questions_left: questions_left.into(),
                    iterations: Vec::new().into(),
                };
                let fit = LogisticRegression::fit(rows, &example.classes, 3, None, &parameters, &watcher);
                (fit, watcher)
            };
            let (fit, watcher) = watch(usize::MAX);
            let fit = fit.unwrap();
            let iterations = watcher.iterations.into_inner().unwrap();
            let numbers: Vec<usize> = iterations.iter().map(|iteration| iteration.n_iter).collect();
            assert_eq!(numbers, (1..=fit.n_iter).collect::<Vec<_>>());
            assert!(iterations.is_sorted_by(|first, second| first.objective >= second.objective - 1e-12));
            assert_eq!(iterations.last().unwrap().objective, fit.loss);
            let questions = usize::MAX - *watcher.questions_left.lock().unwrap();
            for stop in (1..questions).step_by(questions / 40 + 1) {
                let (fit, _) = watch(stop);
                assert!(matches!(fit, Err(FitError::Interrupted)), "{stop} of {questions}");
            }
        }
    }
}

#[test]
fn one_column_one_value_and_empty_rows() {
    let constant = vec![3.0; 40];
    let mut classes = vec![0; 40];
    classes[..10].fill(1);
    let empty = Csr::new(vec![0; 41].into(), vec![].into(), CsrValues::Double(vec![].into()), 7).unwrap();
    for parameters in routes() {
        let parameters = Parameters {
            tol: 1e-9,
            ..parameters
        };
        for rows in [Rows::from_values(&constant, 40, 1).unwrap(), (&empty).into()] {
            let fit = LogisticRegression::fit(rows, &classes, 2, None, &parameters, &never).unwrap();
            // All that can be learnt is that one row in four is of class 1.
            let mut probabilities = vec![0.0; 80];
            fit.model.predict_proba(rows, &mut probabilities, &never).unwrap();
            assert!((probabilities[1] - 0.25).abs() < 1e-6, "{}", probabilities[1]);
            assert!(fit.model.coefficients().iter().all(|value| value.abs() < 1e-6));
        }
    }
    // Without a penalty, constant and collinear columns leave the Hessian singular: the fit goes on by another way.
    let parameters = Parameters {
        c: f64::INFINITY,
        solver: Solver::NewtonCholesky,
        ..Parameters::default()
    };
    let rows = Rows::from_values(&constant, 40, 1).unwrap();
    let fit = LogisticRegression::fit(rows, &classes, 2, None, &parameters, &never).unwrap();
    assert!(fit.ill_conditioned && fit.converged && !fit.separable);
}

/// Shapes whose Hessian is dear beside a gradient: it is kept for some steps, and taken from few of the rows, or from all.
#[test]
fn kept_hessians_lead_to_the_minimum() {
    for (rows, columns, n_classes, c) in [
        (6_000, 90, 2, 1.0),
        (9_000, 30, 6, 1.0),
        (400, 90, 2, 1.0),
        // Hardly penalised, and more columns than tell the classes apart: steps become slow.
        (2_000, 90, 2, 1e6),
        (150, 90, 2, 1e3),
    ] {
        let example = Example::new(7, rows, columns, n_classes, 1.0);
        let fit = |solver| {
            let parameters = Parameters {
                solver,
                c,
                tol: 1e-7,
                max_iter: 1000,
                ..Parameters::default()
            };
            example.fit(example.rows(), None, &parameters)
        };
        let newton = fit(Solver::NewtonCholesky);
        let conjugate = fit(Solver::NewtonCg);
        let shape = format!("{rows} × {columns}, {n_classes} classes");
        assert!(newton.converged && !newton.ill_conditioned, "{shape}");
        assert!(newton.n_iter < 40, "{shape}: {} iterations", newton.n_iter);
        assert!(
            (newton.loss - conjugate.loss).abs() <= 1e-9 * conjugate.loss,
            "{shape}: {} {}",
            newton.loss,
            conjugate.loss
        );
        let both = [1, 3].map(|threads| on_threads(threads, || all_bits(&fit(Solver::NewtonCholesky))));
        assert_eq!(both[0], both[1], "{shape}");
    }
}

#[test]
fn columns_of_very_different_size() {
    let example = Example::new(12, 300, 4, 2, 1.0);
    let stretched: Vec<f64> = example
        .dense
        .chunks_exact(4)
        .flat_map(|row| [row[0] * 1e-150, row[1] * 1e-3, row[2], row[3] * 1e6])
        .collect();
    for parameters in routes() {
        let fit = example.fit(Rows::from_values(&stretched, 300, 4).unwrap(), None, &parameters);
        assert!(fit.loss < std::f64::consts::LN_2 && fit.model.coefficients().iter().all(|value| value.is_finite()));
        if parameters.solver != Solver::Lbfgs {
            assert!(fit.converged, "{}", parameters.solver);
        }
    }
}

#[test]
fn what_the_solvers_lack_is_refused() {
    let example = Example::new(13, 50, 2, 3, 1.0);
    let binary = Example::new(13, 50, 2, 2, 1.0);
    let base = Parameters::default();
    let with = |solver, c, l1_ratio| Parameters {
        solver,
        c,
        l1_ratio,
        ..base.clone()
    };
    let refused = |example: &Example, parameters: &Parameters| {
        let n_classes = 1 + *example.classes.iter().max().unwrap() as usize;
        match LogisticRegression::fit(example.rows(), &example.classes, n_classes, None, parameters, &never) {
            Err(FitError::Invalid { field, .. }) => Some(field.name()),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        }
    };
    for solver in [Solver::Lbfgs, Solver::NewtonCholesky, Solver::NewtonCg, Solver::Sag] {
        assert_eq!(refused(&example, &with(solver, 1.0, 0.0)), None);
        assert_eq!(refused(&example, &with(solver, 1.0, 0.5)), Some("solver"));
        assert_eq!(refused(&example, &with(solver, 1.0, 1.0)), Some("solver"));
        assert_eq!(refused(&example, &with(solver, f64::INFINITY, 0.0)), None);
    }
    assert_eq!(refused(&binary, &with(Solver::Liblinear, 1.0, 1.0)), None);
    for parameters in [
        with(Solver::Liblinear, f64::INFINITY, 0.0),
        with(Solver::Liblinear, 1.0, 0.5),
    ] {
        assert_eq!(refused(&binary, &parameters), Some("solver"));
    }
    assert_eq!(refused(&example, &with(Solver::Liblinear, 1.0, 0.0)), Some("solver"));
    for l1_ratio in [-0.1, 1.1, f64::NAN] {
        assert_eq!(refused(&binary, &with(Solver::Auto, 1.0, l1_ratio)), Some("l1_ratio"));
    }
    for scaling in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let parameters = Parameters {
            intercept_scaling: Some(scaling),
            ..base.clone()
        };
        assert_eq!(refused(&binary, &parameters), Some("intercept_scaling"));
    }
    for weights in [vec![1.0], vec![1.0, -1.0], vec![1.0, f64::NAN]] {
        let parameters = Parameters {
            class_weight: ClassWeight::Given(weights),
            ..base.clone()
        };
        assert_eq!(refused(&binary, &parameters), Some("class_weight"));
    }
    let start = LogisticRegression::new(vec![0.0; 3], vec![0.0], 2, 3).ok();
    assert_eq!(refused(&binary, &Parameters { start, ..base.clone() }), Some("start"));
    for solver in Solver::ALL {
        assert_eq!(solver.name().parse::<Solver>().unwrap(), solver);
    }
    assert!("newton".parse::<Solver>().is_err());
}
