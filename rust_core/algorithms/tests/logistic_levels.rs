//! Logistic regression at every level of vector instructions: scores have the same bits, and all else agrees within bounds.

mod matrices;

use ferrule_algorithms::logistic_regression::{LogisticRegression, Parameters, Scorer, Solver};
use ferrule_algorithms::simd::{self, Level};
use ferrule_algorithms::{Csr, CsrValues, Rows, never};
use matrices::{Numbers, bits};

/// Rows of which two thirds of the values are 0, dense and sparse.
fn both_ways(numbers: &mut Numbers, rows: usize, columns: usize) -> (Vec<f64>, Csr<'static>) {
    let mut dense = vec![0.0; rows * columns];
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.chunks_exact_mut(columns) {
        for (column, value) in row.iter_mut().enumerate() {
            if numbers.below(3) == 0 {
                *value = numbers.normal();
                indices.push(column as u32);
                values.push(*value);
            }
        }
        indptr.push(values.len() as u64);
    }
    let csr = Csr::new(indptr.into(), indices.into(), CsrValues::Double(values.into()), columns);
    (dense, csr.expect("a sparse matrix"))
}

/// Classes, scores and probabilities.
fn answers(scorer: &Scorer<'_>, rows: Rows<'_>) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
    let mut classes = vec![9; rows.rows()];
    let mut scores = vec![f64::NAN; rows.rows() * scorer.scores()];
    let mut probabilities = vec![f64::NAN; rows.rows() * scorer.n_classes()];
    scorer.predict(rows, &mut classes, &never).expect("classes");
    scorer.decision_function(rows, &mut scores[..], &never).expect("scores");
    scorer
        .predict_proba(rows, &mut probabilities[..], &never)
        .expect("probabilities");
    (classes, scores, probabilities)
}

fn close(left: &[f64], right: &[f64], bound: f64) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| (left - right).abs() <= bound)
}

/// The definition, one row at a time.
fn expected(values: &[f64], coefficients: &[f64], intercepts: &[f64], columns: usize) -> Vec<f64> {
    let mut probabilities = Vec::new();
    for row in values.chunks_exact(columns) {
        let mut scores: Vec<f64> = intercepts
            .iter()
            .zip(coefficients.chunks_exact(columns))
            .map(|(intercept, own)| intercept + own.iter().zip(row).map(|(own, value)| own * value).sum::<f64>())
            .collect();
        if scores.len() == 1 {
            scores = vec![0.0, scores[0]];
        }
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        probabilities.extend(scores.iter().map(|score| (score - largest).exp() / sum));
    }
    probabilities
}

// One test, because the level belongs to the process.
#[test]
fn levels_agree() {
    predictions_agree();
    singles_are_widened_and_rounded_once();
    fits_agree();
    simd::force(Level::best()).expect("the best level is one that the CPU has");
}

fn predictions_agree() {
    let mut numbers = Numbers(3);
    for n_classes in [2, 3, 7, 8, 9, 20, 33, 41] {
        for (rows, columns) in [(1, 1), (7, 3), (8, 8), (21, 11), (100, 50)] {
            let (values, csr) = both_ways(&mut numbers, rows, columns);
            let scores = if n_classes == 2 { 1 } else { n_classes };
            let coefficients: Vec<f64> = (0..scores * columns).map(|_| 3.0 * numbers.normal()).collect();
            let intercepts: Vec<f64> = (0..scores).map(|_| numbers.normal()).collect();
            let by_column: Vec<f64> = (0..scores * columns)
                .map(|place| coefficients[place % scores * columns + place / scores])
                .collect();
            let model = LogisticRegression::new(coefficients.clone(), intercepts.clone(), n_classes, columns)
                .expect("valid input");
            let scorer = Scorer::new(&by_column[..], &intercepts, columns).expect("valid input");
            let dense = Rows::from_values(&values, rows, columns).expect("valid input");
            let wanted = expected(&values, &coefficients, &intercepts, columns);
            let mut first = None;
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                simd::force(level).expect("available");
                let got = answers(&scorer, dense);
                assert!(close(&got.2, &wanted, 1e-13), "{level}, {n_classes} classes");
                let of_sparse = answers(&scorer, Rows::from(&csr));
                assert_eq!(
                    (&got.0, bits(&got.1), bits(&got.2)),
                    (&of_sparse.0, bits(&of_sparse.1), bits(&of_sparse.2))
                );
                let mut of_model = vec![0.0; wanted.len()];
                model.predict_proba(dense, &mut of_model, &never).expect("valid input");
                assert_eq!(bits(&of_model), bits(&got.2));
                let first = first.get_or_insert_with(|| got.clone());
                assert_eq!(
                    (&first.0, bits(&first.1)),
                    (&got.0, bits(&got.1)),
                    "{level}, {n_classes} classes"
                );
                assert!(
                    close(&first.2, &got.2, 8.0 * f64::EPSILON),
                    "{level}, {n_classes} classes"
                );
            }
        }
    }
    let scorer = Scorer::new(&[1.0, 2.0][..], &[0.0], 2).expect("valid input");
    let values = [vec![0.5; 40], vec![f64::NAN, 1.0], vec![f64::INFINITY; 2]].concat();
    let refused = scorer.predict_proba(
        Rows::from_values(&values, 22, 2).expect("valid input"),
        &mut [0.0_f64; 44][..],
        &never,
    );
    assert_eq!(
        refused.expect_err("not finite").to_string(),
        "row 20: the result is not a finite number"
    );
}

/// Rows, coefficients and answers in float32: the answers are those of the same numbers in float64, rounded.
fn singles_are_widened_and_rounded_once() {
    let mut numbers = Numbers(4);
    let mut normals = |count: usize| -> Vec<f32> { (0..count).map(|_| numbers.normal() as f32).collect() };
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().copied().map(f64::from).collect() };
    let rounded = |values: &[f64]| -> Vec<u32> { values.iter().map(|value| (*value as f32).to_bits()).collect() };
    for n_classes in [2, 3, 8, 20, 33] {
        for (rows, columns) in [(1, 1), (7, 3), (8, 16), (21, 11), (600, 50)] {
            let scores = if n_classes == 2 { 1 } else { n_classes };
            let (values, coefficients) = (normals(rows * columns), normals(scores * columns));
            let (wide_values, wide_coefficients) = (wide(&values), wide(&coefficients));
            let intercepts = wide(&normals(scores));
            let every = |rows: usize| (0..=rows as u64).map(|row| row * columns as u64).collect::<Vec<_>>();
            let indices: Vec<u32> = (0..rows).flat_map(|_| 0..columns as u32).collect();
            let csr = Csr::new(
                every(rows).into(),
                indices.into(),
                CsrValues::Single((&values[..]).into()),
                columns,
            )
            .expect("a sparse matrix");
            let wide_rows = Rows::from_values(&wide_values, rows, columns).expect("valid input");
            let wide_scorer = Scorer::new(&wide_coefficients[..], &intercepts, columns).expect("valid input");
            let scorer = Scorer::new(&coefficients[..], &intercepts, columns).expect("valid input");
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                simd::force(level).expect("available");
                let wanted = answers(&wide_scorer, wide_rows);
                let singles = Rows::from_single_values(&values, rows, columns).expect("valid input");
                for given in [singles, Rows::from(&csr)] {
                    for scorer in [&scorer, &wide_scorer] {
                        let got = answers(scorer, given);
                        assert_eq!(
                            (&got.0, bits(&got.1), bits(&got.2)),
                            (&wanted.0, bits(&wanted.1), bits(&wanted.2)),
                            "{level}, {n_classes} classes"
                        );
                    }
                    let mut single_scores = vec![f32::NAN; wanted.1.len()];
                    let mut probabilities = vec![f32::NAN; wanted.2.len()];
                    scorer
                        .decision_function(given, &mut single_scores[..], &never)
                        .expect("scores");
                    scorer
                        .predict_proba(given, &mut probabilities[..], &never)
                        .expect("probabilities");
                    let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
                    assert_eq!(bits(&single_scores), rounded(&wanted.1), "{level}, {n_classes} classes");
                    assert_eq!(bits(&probabilities), rounded(&wanted.2), "{level}, {n_classes} classes");
                }
            }
        }
    }
    let scorer = Scorer::new(&[1.0_f32, 2.0][..], &[0.0], 2).expect("valid input");
    let rows = Rows::from_single_values(&[1.0, 1.0, f32::NAN, 0.0], 2, 2).expect("valid input");
    let refused = scorer.predict_proba(rows, &mut [0.0_f32; 4][..], &never);
    assert_eq!(
        refused.expect_err("not finite").to_string(),
        "row 1: the result is not a finite number"
    );
}

fn fits_agree() {
    let mut numbers = Numbers(5);
    for n_classes in [2, 3, 9] {
        let (rows, columns) = (2003, 13);
        let (values, _) = both_ways(&mut numbers, rows, columns);
        let classes: Vec<u32> = (0..rows)
            .map(|row| match row < n_classes {
                true => row as u32,
                false => numbers.below(n_classes) as u32,
            })
            .collect();
        let weights: Vec<f64> = (0..rows).map(|_| numbers.uniform()).collect();
        for solver in [Solver::Auto, Solver::Lbfgs, Solver::NewtonCg] {
            let parameters = Parameters {
                solver,
                tol: 1e-8,
                max_iter: 1000,
                ..Parameters::default()
            };
            let rows = Rows::from_values(&values, rows, columns).expect("valid input");
            let mut first: Option<LogisticRegression> = None;
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                simd::force(level).expect("available");
                let fit = LogisticRegression::fit(rows, &classes, n_classes, Some(&weights), &parameters, &never);
                let fit = fit.expect("valid input");
                assert!(fit.converged);
                let first = first.get_or_insert_with(|| fit.model.clone());
                assert!(close(first.coefficients(), fit.model.coefficients(), 1e-6), "{level}");
            }
        }
    }
}
