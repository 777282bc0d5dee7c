//! The same answers as scikit-learn: golden files made by `testdata/make_golden.py`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression, Solver};
use ferrule_algorithms::{Csr, CsrValues, Rows, never};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Datasets {
    datasets: HashMap<String, Dataset>,
}

#[derive(Deserialize)]
struct Dataset {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
    classes: Vec<u32>,
}

impl Dataset {
    fn n_classes(&self) -> usize {
        1 + self.classes.iter().max().map_or(0, |class| *class as usize)
    }

    fn rows(&self) -> Rows<'_> {
        Rows::from_values(&self.values, self.rows, self.columns).expect("a golden matrix")
    }
}

#[derive(Deserialize)]
struct KMeansFile {
    fits: Vec<KMeansFit>,
    first_centers: Vec<FirstCenters>,
}

#[derive(Deserialize)]
struct KMeansFit {
    name: String,
    dataset: String,
    weights: Option<Vec<f64>>,
    init: Option<Vec<f64>>,
    seed: u32,
    n_clusters: usize,
    n_init: usize,
    max_iter: usize,
    tol: f64,
    labels: Vec<i32>,
    centers: Vec<f64>,
    inertia: f64,
    n_iter: usize,
    distances: Vec<f64>,
}

#[derive(Deserialize)]
struct FirstCenters {
    dataset: String,
    n_clusters: usize,
    weights: Option<Vec<f64>>,
    seed: u32,
    chosen: Vec<usize>,
}

#[derive(Deserialize)]
struct LogisticRegressionFile {
    fits: Vec<LogisticRegressionFit>,
    penalties: Vec<PenaltyFit>,
}

/// A minimum with absolute values, or with a penalised intercept.
#[derive(Deserialize)]
struct PenaltyFit {
    dataset: String,
    weights: Option<Vec<f64>>,
    solver: String,
    c: f64,
    l1_ratio: f64,
    fit_intercept: bool,
    intercept_scaling: Option<f64>,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    probabilities: Vec<f64>,
}

#[derive(Deserialize)]
struct LogisticRegressionFit {
    dataset: String,
    weights: Option<Vec<f64>>,
    c: f64,
    fit_intercept: bool,
    tol: f64,
    max_iter: usize,
    n_iter: usize,
    labels: Vec<u32>,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    probabilities: Vec<f64>,
    exact_coefficients: Vec<f64>,
    exact_intercepts: Vec<f64>,
    exact_probabilities: Vec<f64>,
    exact_scores: Vec<f64>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("golden data")
}

fn datasets() -> HashMap<String, Dataset> {
    let mut datasets = read::<Datasets>("datasets.json").datasets;
    let blobs = &datasets["blobs"];
    let far = Dataset {
        values: blobs.values.iter().map(|value| value + 1_048_576.0).collect(),
        classes: blobs.classes.clone(),
        ..*blobs
    };
    datasets.insert("far".into(), far);
    datasets
}

/// Largest difference, relative to the largest expected magnitude (or 1, where that is smaller and `floor` asks for it).
fn deviation(got: &[f64], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(floor, |scale: f64, value| scale.max(value.abs()));
    got.iter()
        .zip(expected)
        .fold(0.0, |largest: f64, (got, expected)| largest.max((got - expected).abs()))
        / scale
}

/// The values less their mean over the classes, in each row of `classes` values: what a multinomial model defines.
fn centred(values: &[f64], classes: usize) -> Vec<f64> {
    values
        .chunks(classes)
        .flat_map(|row| {
            let mean = if classes == 1 {
                0.0
            } else {
                row.iter().sum::<f64>() / classes as f64
            };
            row.iter().map(move |value| value - mean)
        })
        .collect()
}

#[test]
fn k_means_is_scikit_learns() {
    let datasets = datasets();
    let mut worst: f64 = 0.0;
    for case in read::<KMeansFile>("kmeans.json").fits {
        let name = &case.name;
        let rows = datasets[&case.dataset].rows();
        let parameters = kmeans::Parameters {
            n_clusters: case.n_clusters,
            init: case.init.map_or(Init::KMeansPlusPlus, Init::Centers),
            n_init: Some(case.n_init),
            max_iter: case.max_iter,
            tol: case.tol,
            seed: case.seed,
        };
        let fit = KMeans::fit(rows, case.weights.as_deref(), &parameters, &never).unwrap();
        assert_eq!(fit.labels, case.labels, "{name}");
        assert_eq!(fit.n_iter, case.n_iter, "{name}");
        assert_eq!(fit.converged, case.n_iter < case.max_iter, "{name}");
        let centers = deviation(fit.model.centers(), &case.centers, 0.0);
        let inertia = (fit.inertia - case.inertia).abs() / case.inertia;
        let mut labels = vec![-1; rows.rows()];
        fit.model.predict(rows, &mut labels, &never).unwrap();
        assert_eq!(labels, fit.labels, "{name}");
        let first =
            Rows::from_values(&datasets[&case.dataset].values[..3 * rows.columns()], 3, rows.columns()).unwrap();
        let mut distances = vec![0.0; case.distances.len()];
        fit.model.transform(first, &mut distances, &never).unwrap();
        // scikit-learn expands squared distances, and so loses digits where the data lie far from the origin.
        let limit = if case.dataset == "far" { 1e-3 } else { 1e-12 };
        assert!(
            deviation(&distances, &case.distances, 0.0) < limit,
            "{name}: {distances:?} {:?}",
            case.distances
        );
        assert!(inertia < 1e-9, "{name}: {inertia}");
        assert!(centers < 1e-12, "{name}: {centers}");
        if case.dataset != "far" {
            worst = worst.max(centers).max(inertia);
        }
    }
    println!("K-Means: largest relative deviation of centres and inertia {worst:.1e}");
    assert!(worst < 1e-13, "{worst}");
}

#[test]
fn a_seed_draws_scikit_learns_first_centers() {
    let datasets = datasets();
    for case in read::<KMeansFile>("kmeans.json").first_centers {
        let dataset = &datasets[&case.dataset];
        // One iteration from the rows that scikit-learn draws must be, to the last bit, one iteration from our own draw.
        let chosen: Vec<f64> = case
            .chosen
            .iter()
            .flat_map(|row| dataset.values[row * dataset.columns..(row + 1) * dataset.columns].to_vec())
            .collect();
        let fit = |init| {
            let parameters = kmeans::Parameters {
                n_clusters: case.n_clusters,
                init,
                max_iter: 1,
                tol: 0.0,
                seed: case.seed,
                ..kmeans::Parameters::default()
            };
            KMeans::fit(dataset.rows(), case.weights.as_deref(), &parameters, &never).unwrap()
        };
        let (drawn, given) = (fit(Init::KMeansPlusPlus), fit(Init::Centers(chosen)));
        let name = format!("{} k={} seed {}", case.dataset, case.n_clusters, case.seed);
        assert_eq!(drawn.model.centers(), given.model.centers(), "{name}");
        assert_eq!(drawn.labels, given.labels, "{name}");
    }
}

#[test]
fn logistic_regression_takes_scikit_learns_steps() {
    let datasets = datasets();
    for case in read::<LogisticRegressionFile>("logistic_regression.json").fits {
        let fit = case.fit(&datasets, case.tol, Solver::Lbfgs);
        let dataset = &datasets[&case.dataset];
        let mut labels = vec![u32::MAX; dataset.rows];
        fit.model.predict(dataset.rows(), &mut labels, &never).unwrap();
        assert_eq!(labels, case.labels, "{case}");
        let coefficients = deviation(fit.model.coefficients(), &case.coefficients, 0.0);
        let intercepts = deviation(fit.model.intercepts(), &case.intercepts, 1.0);
        let probabilities = deviation(&case.probabilities(&datasets, &fit.model), &case.probabilities, 1.0);
        println!(
            "{case}: {} iterations, scikit-learn {}; coefficients {coefficients:.1e}",
            fit.n_iter, case.n_iter
        );
        // Rounding grows with the iterations: the first 40 are the same to many digits, hundreds are not. Where the fall of the
        // objective ends them before `tol` does, ours goes the rest of the way.
        if case.n_iter <= 40 {
            assert_eq!(fit.n_iter, case.n_iter, "{case}");
            let limit = if case.tol < 1e-6 { 1e-6 } else { 1e-9 };
            assert!(
                coefficients < limit && intercepts < limit && probabilities < limit,
                "{case}: {coefficients:.1e}"
            );
        } else {
            assert!(
                coefficients < 5e-3 && probabilities < 1e-3,
                "{case}: {coefficients:.1e} {probabilities:.1e}"
            );
        }
        assert_eq!(fit.converged, case.max_iter > 7, "{case}");
    }
}

#[test]
fn logistic_regression_finds_the_optimum() {
    let datasets = datasets();
    for case in read::<LogisticRegressionFile>("logistic_regression.json").fits {
        if case.tol > 1e-6 {
            continue;
        }
        for solver in [Solver::Lbfgs, Solver::NewtonCholesky, Solver::Auto] {
            let model = case.fit(&datasets, 1e-12, solver).model;
            let scores = model.scores();
            let coefficients = deviation(
                &centred_columns(model.coefficients(), scores),
                &centred_columns(&case.exact_coefficients, scores),
                0.0,
            );
            let mut decision = vec![0.0; FIRST * scores];
            model
                .decision_function(case.first(&datasets), &mut decision, &never)
                .unwrap();
            let decision = deviation(&centred(&decision, scores), &centred(&case.exact_scores, scores), 0.0);
            let intercepts = deviation(
                &centred(model.intercepts(), scores),
                &centred(&case.exact_intercepts, scores),
                1.0,
            );
            let probabilities = deviation(&case.probabilities(&datasets, &model), &case.exact_probabilities, 1.0);
            println!("{case} {solver}: {coefficients:.1e} {intercepts:.1e} {decision:.1e} {probabilities:.1e}");
            assert!(coefficients < 1e-8, "{case} {solver}: {coefficients:.1e}");
            assert!(intercepts < 1e-8, "{case} {solver}: {intercepts:.1e}");
            assert!(decision < 1e-8, "{case} {solver}: {decision:.1e}");
            assert!(probabilities < 1e-8, "{case} {solver}: {probabilities:.1e}");
        }
    }
}

#[test]
fn logistic_regression_finds_the_minimum_under_any_penalty() {
    let datasets = datasets();
    for case in read::<LogisticRegressionFile>("logistic_regression.json").penalties {
        let dataset = &datasets[&case.dataset];
        let parameters = logistic_regression::Parameters {
            solver: case.solver.parse().unwrap(),
            c: case.c,
            l1_ratio: case.l1_ratio,
            fit_intercept: case.fit_intercept,
            intercept_scaling: case.intercept_scaling,
            tol: 1e-10,
            ..logistic_regression::Parameters::default()
        };
        let fit = |rows: Rows<'_>| {
            let n_classes = dataset.n_classes();
            let weights = case.weights.as_deref();
            LogisticRegression::fit(rows, &dataset.classes, n_classes, weights, &parameters, &never).unwrap()
        };
        let csr = sparse(dataset);
        for fit in [fit(dataset.rows()), fit((&csr).into())] {
            assert!(fit.converged);
            let model = fit.model;
            let first = Rows::from_values(&dataset.values[..FIRST * dataset.columns], FIRST, dataset.columns).unwrap();
            let mut probabilities = vec![0.0; FIRST * model.n_classes()];
            model.predict_proba(first, &mut probabilities, &never).unwrap();
            let scores = model.scores();
            let coefficients = deviation(model.coefficients(), &case.coefficients, 1.0);
            let intercepts = deviation(
                &centred(model.intercepts(), scores),
                &centred(&case.intercepts, scores),
                1.0,
            );
            let probabilities = deviation(&probabilities, &case.probabilities, 1.0);
            let name = format!(
                "{} {} C={} l1_ratio={} intercept {} {:?}",
                case.dataset, case.solver, case.c, case.l1_ratio, case.fit_intercept, case.intercept_scaling
            );
            println!("{name}: {coefficients:.1e} {intercepts:.1e} {probabilities:.1e}");
            assert!(
                coefficients < 1e-5 && intercepts < 1e-5,
                "{name}: {coefficients:.1e} {intercepts:.1e}"
            );
            assert!(probabilities < 1e-6, "{name}: {probabilities:.1e}");
        }
    }
}

/// The dataset's values, all of them named.
fn sparse(dataset: &Dataset) -> Csr<'_> {
    let columns = dataset.columns as u64;
    let indptr: Vec<u64> = (0..=dataset.rows as u64).map(|row| row * columns).collect();
    let indices: Vec<u32> = (0..dataset.values.len())
        .map(|index| (index % dataset.columns) as u32)
        .collect();
    let values = CsrValues::Double(dataset.values.as_slice().into());
    Csr::new(indptr.into(), indices.into(), values, dataset.columns).expect("a sparse matrix")
}

/// Rows whose scores and probabilities the golden file holds.
const FIRST: usize = 10;

impl LogisticRegressionFit {
    fn fit(&self, datasets: &HashMap<String, Dataset>, tol: f64, solver: Solver) -> logistic_regression::Fit {
        let dataset = &datasets[&self.dataset];
        let parameters = logistic_regression::Parameters {
            c: self.c,
            fit_intercept: self.fit_intercept,
            max_iter: self.max_iter,
            tol,
            solver,
            ..logistic_regression::Parameters::default()
        };
        let weights = self.weights.as_deref();
        LogisticRegression::fit(
            dataset.rows(),
            &dataset.classes,
            dataset.n_classes(),
            weights,
            &parameters,
            &never,
        )
        .expect("a fit")
    }

    fn first<'a>(&self, datasets: &'a HashMap<String, Dataset>) -> Rows<'a> {
        let Dataset { values, columns, .. } = &datasets[&self.dataset];
        Rows::from_values(&values[..FIRST * columns], FIRST, *columns).expect("the first rows")
    }

    fn probabilities(&self, datasets: &HashMap<String, Dataset>, model: &LogisticRegression) -> Vec<f64> {
        let mut probabilities = vec![0.0; FIRST * model.n_classes()];
        model
            .predict_proba(self.first(datasets), &mut probabilities, &never)
            .expect("probabilities");
        probabilities
    }
}

impl fmt::Display for LogisticRegressionFit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weighted = if self.weights.is_some() { ", weighted" } else { "" };
        let Self {
            dataset,
            c,
            fit_intercept,
            tol,
            ..
        } = self;
        write!(
            formatter,
            "{dataset}, C={c}, intercept {fit_intercept}, tol {tol:e}{weighted}"
        )
    }
}

/// Row-major coefficients less their mean over the classes.
fn centred_columns(coefficients: &[f64], scores: usize) -> Vec<f64> {
    let columns = coefficients.len() / scores;
    let transposed: Vec<f64> = (0..columns)
        .flat_map(|column| (0..scores).map(move |score| coefficients[score * columns + column]))
        .collect();
    centred(&transposed, scores)
}
