//! The same answers as scikit-learn: golden files made by `testdata/make_golden.py`.

use std::collections::HashMap;
use std::path::Path;

use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::logistic_regression::{self, LogisticRegression};
use ferrule_algorithms::{Rows, never};
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
    fn rows(&self) -> Rows<'_> {
        Rows::from_values(&self.values, self.rows, self.columns).unwrap()
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn datasets() -> HashMap<String, Dataset> {
    let mut datasets = read::<Datasets>("datasets.json").datasets;
    let blobs = &datasets["blobs"];
    let far = Dataset {
        values: blobs
            .values
            .iter()
            .map(|value| value + 1_048_576.0)
            .collect(),
        classes: blobs.classes.clone(),
        ..*blobs
    };
    datasets.insert("far".into(), far);
    datasets
}

/// Largest difference, relative to the largest expected magnitude (or 1, where that is smaller and `floor` asks for it).
fn deviation(got: &[f64], expected: &[f64], floor: f64) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected
        .iter()
        .fold(floor, |scale: f64, value| scale.max(value.abs()));
    got.iter()
        .zip(expected)
        .fold(0.0, |largest: f64, (got, expected)| {
            largest.max((got - expected).abs())
        })
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
            n_init: case.n_init,
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
        let first = Rows::from_values(
            &datasets[&case.dataset].values[..3 * rows.columns()],
            3,
            rows.columns(),
        )
        .unwrap();
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
        // The first centres show when each row's own copy is given a cluster and nothing moves: after one iteration with the rows
        // drawn as the only ones that weigh anything, centres would move; so compare through a fit from the golden rows.
        let chosen: Vec<f64> = case
            .chosen
            .iter()
            .flat_map(|row| {
                dataset.values[row * dataset.columns..(row + 1) * dataset.columns].to_vec()
            })
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
fn logistic_regression_is_scikit_learns() {
    let datasets = datasets();
    let (mut same_path, mut coefficients, mut probabilities, mut same_iterations) =
        (0.0_f64, 0.0_f64, 0.0_f64, 0);
    let cases = read::<LogisticRegressionFile>("logistic_regression.json").fits;
    for case in &cases {
        let name = format!(
            "{} C={} intercept={} tol={} weights={}",
            case.dataset,
            case.c,
            case.fit_intercept,
            case.tol,
            case.weights.is_some()
        );
        let dataset = &datasets[&case.dataset];
        let n_classes = 1 + *dataset.classes.iter().max().unwrap() as usize;
        let parameters = logistic_regression::Parameters {
            c: case.c,
            fit_intercept: case.fit_intercept,
            max_iter: case.max_iter,
            tol: case.tol,
        };
        let fit = |tol| {
            LogisticRegression::fit(
                dataset.rows(),
                &dataset.classes,
                n_classes,
                case.weights.as_deref(),
                &logistic_regression::Parameters { tol, ..parameters },
                &never,
            )
            .unwrap()
        };
        let first = Rows::from_values(&dataset.values[..10 * dataset.columns], 10, dataset.columns)
            .unwrap();
        let probabilities_of = |model: &LogisticRegression| {
            let mut probabilities = vec![0.0; 10 * n_classes];
            model
                .predict_proba(first, &mut probabilities, &never)
                .unwrap();
            probabilities
        };

        // At the case's tolerance: the same path, stopped at the same place.
        let same = fit(case.tol);
        let mut labels = vec![9; dataset.rows];
        same.model
            .predict(dataset.rows(), &mut labels, &never)
            .unwrap();
        assert_eq!(labels, case.labels, "{name}");
        println!(
            "{name}: {} iterations, scikit-learn {}, coefficients {:.1e}",
            same.n_iter,
            case.n_iter,
            deviation(same.model.coefficients(), &case.coefficients, 0.0)
        );
        same_iterations += usize::from(same.n_iter == case.n_iter);
        same_path = same_path
            .max(deviation(
                same.model.coefficients(),
                &case.coefficients,
                0.0,
            ))
            .max(deviation(same.model.intercepts(), &case.intercepts, 1.0))
            .max(deviation(
                &probabilities_of(&same.model),
                &case.probabilities,
                0.0,
            ));

        // At a tight tolerance: the optimum, as Newton's method finds it.
        if case.tol > 1e-6 {
            continue;
        }
        let tight = fit(1e-12);
        let scores = tight.model.scores();
        let of_coefficients = deviation(
            &centred_columns(tight.model.coefficients(), scores),
            &centred_columns(&case.exact_coefficients, scores),
            0.0,
        );
        let of_intercepts = deviation(
            &centred(tight.model.intercepts(), scores),
            &centred(&case.exact_intercepts, scores),
            1.0,
        );
        let mut decision = vec![0.0; 10 * scores];
        tight
            .model
            .decision_function(first, &mut decision, &never)
            .unwrap();
        let of_scores = deviation(
            &centred(&decision, scores),
            &centred(&case.exact_scores, scores),
            0.0,
        );
        let of_probabilities = deviation(
            &probabilities_of(&tight.model),
            &case.exact_probabilities,
            0.0,
        );
        println!(
            "   tight {} it: {of_coefficients:.1e} {of_intercepts:.1e} {of_scores:.1e} {of_probabilities:.1e}",
            tight.n_iter
        );
        coefficients = coefficients
            .max(of_coefficients)
            .max(of_intercepts)
            .max(of_scores);
        probabilities = probabilities.max(of_probabilities);
    }
    println!(
        "logistic regression, {} fits: {same_iterations} with scikit-learn's iterations, largest deviation at the same \
         tolerance {same_path:.1e}; from the optimum: coefficients {coefficients:.1e}, probabilities {probabilities:.1e}",
        cases.len()
    );
}

/// Row-major coefficients less their mean over the classes.
fn centred_columns(coefficients: &[f64], scores: usize) -> Vec<f64> {
    let columns = coefficients.len() / scores;
    let transposed: Vec<f64> = (0..columns)
        .flat_map(|column| (0..scores).map(move |score| coefficients[score * columns + column]))
        .collect();
    centred(&transposed, scores)
}
