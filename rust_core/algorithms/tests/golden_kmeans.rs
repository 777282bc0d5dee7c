//! The same answers as scikit-learn for sparse rows, float32 rows, random first rows and mini-batches: golden files made by
//! `testdata/make_golden_kmeans.py`.

use std::collections::HashMap;
use std::path::Path;

use ferrule_algorithms::kmeans::mini_batch::{self, State};
use ferrule_algorithms::kmeans::{self, Init, KMeans};
use ferrule_algorithms::{Csr, CsrValues, Precision, RandomState, Rows, never};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Datasets {
    datasets: HashMap<String, Dense>,
}

#[derive(Deserialize)]
struct Dense {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Sparse {
    columns: usize,
    indptr: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Golden {
    sparse: Sparse,
    fits: Vec<FitCase>,
    mini_batch: Vec<MiniBatchCase>,
}

#[derive(Deserialize)]
struct FitCase {
    dataset: String,
    single: bool,
    init: String,
    weights: Option<Vec<f64>>,
    n_clusters: usize,
    n_init: usize,
    seed: u32,
    labels: Vec<i32>,
    centers: Vec<f64>,
    inertia: f64,
    n_iter: usize,
    distances: Vec<f64>,
}

#[derive(Deserialize)]
struct MiniBatchCase {
    dataset: String,
    single: bool,
    weights: Option<Vec<f64>>,
    n_clusters: usize,
    setting: Setting,
    partial: bool,
    labels: Vec<i32>,
    centers: Vec<f64>,
    counts: Vec<f64>,
    inertia: Option<f64>,
    n_iter: Option<usize>,
    n_steps: usize,
}

#[derive(Deserialize, Clone)]
struct Setting {
    batch_size: usize,
    init: Option<String>,
    init_size: Option<usize>,
    n_init: Option<usize>,
    tol: Option<f64>,
    reassignment_ratio: Option<f64>,
    max_iter: Option<usize>,
    #[serde(default = "ten")]
    max_no_improvement: Option<usize>,
    compute_labels: Option<bool>,
}

#[allow(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn ten() -> Option<usize> {
    Some(10)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("golden data")
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// Calls `with` with the rows of `range` of a case's matrix.
fn with_rows<T>(
    case: (&str, bool),
    data: (&HashMap<String, Dense>, &Sparse),
    range: Option<std::ops::Range<usize>>,
    with: impl FnOnce(Rows<'_>) -> T,
) -> T {
    let (name, is_single) = case;
    if name == "sparse" {
        let whole = data.1;
        let range = range.unwrap_or(0..whole.indptr.len() - 1);
        let offsets = &whole.indptr[range.start..=range.end];
        let span = offsets[0] as usize..offsets[offsets.len() - 1] as usize;
        let indptr: Vec<u64> = offsets.iter().map(|offset| offset - offsets[0]).collect();
        let values = &whole.values[span.clone()];
        let values = if is_single {
            CsrValues::Single(single(values).into())
        } else {
            CsrValues::Double(values.into())
        };
        let csr = Csr::new(indptr.into(), (&whole.indices[span]).into(), values, whole.columns).unwrap();
        return with(Rows::from(&csr));
    }
    let Dense { rows, columns, values } = &data.0[name];
    let range = range.unwrap_or(0..*rows);
    let values = &values[range.start * columns..range.end * columns];
    if is_single {
        with(Rows::from_single_values(&single(values), range.len(), *columns).unwrap())
    } else {
        with(Rows::from_values(values, range.len(), *columns).unwrap())
    }
}

/// Largest difference relative to the largest expected magnitude.
fn deviation(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
    let pairs = got.iter().zip(expected);
    pairs.fold(0.0, |largest: f64, (got, expected)| largest.max((got - expected).abs())) / scale
}

fn init(name: &str) -> Init {
    match name {
        "k-means++" => Init::KMeansPlusPlus,
        "random" => Init::Random,
        other => panic!("{other}"),
    }
}

/// What may differ: scikit-learn computes float32 rows in float32.
fn limit(single: bool) -> f64 {
    if single { 2e-6 } else { 1e-12 }
}

/// Float32 results hold nothing that float32 does not.
fn assert_rounded(values: &[f64], single: bool) {
    let mut rounded = values.to_vec();
    if single {
        Precision::Single.round(&mut rounded);
    }
    assert_eq!(rounded, values);
}

#[test]
fn sparse_and_single_precision_fits_are_scikit_learns() {
    let datasets = read::<Datasets>("datasets.json").datasets;
    let golden: Golden = read("kmeans_more.json");
    let mut worst = [0.0_f64; 2];
    assert_eq!(golden.fits.len(), 32);
    for case in &golden.fits {
        let name = format!(
            "{} {} single {} weighted {} seed {}",
            case.dataset,
            case.init,
            case.single,
            case.weights.is_some(),
            case.seed
        );
        let parameters = kmeans::Parameters {
            n_clusters: case.n_clusters,
            init: init(&case.init),
            n_init: Some(case.n_init),
            seed: case.seed,
            ..kmeans::Parameters::default()
        };
        let of = (case.dataset.as_str(), case.single);
        let data = (&datasets, &golden.sparse);
        let fit = with_rows(of, data, None, |rows| {
            let fit = KMeans::fit(rows, case.weights.as_deref(), &parameters, &never).unwrap();
            let mut labels = vec![-1; rows.rows()];
            fit.model.predict(rows, &mut labels, &never).unwrap();
            assert_eq!(labels, fit.labels, "{name}");
            fit
        });
        assert_eq!(fit.labels, case.labels, "{name}");
        assert_eq!(fit.n_iter, case.n_iter, "{name}");
        assert_rounded(fit.model.centers(), case.single);
        let mut distances = vec![0.0; case.distances.len()];
        with_rows(of, data, Some(0..3), |rows| {
            fit.model.transform(rows, &mut distances, &never)
        })
        .unwrap();
        let centers = deviation(fit.model.centers(), &case.centers);
        let inertia = (fit.inertia - case.inertia).abs() / case.inertia;
        let distances = deviation(&distances, &case.distances);
        assert!(
            centers.max(inertia).max(distances) < limit(case.single),
            "{name}: {centers:.1e} {inertia:.1e} {distances:.1e}"
        );
        let worst = &mut worst[usize::from(case.single)];
        *worst = worst.max(centers).max(inertia).max(distances);
    }
    println!(
        "K-Means: largest relative deviation, float64 {:.1e}, float32 {:.1e}",
        worst[0], worst[1]
    );
}

#[test]
fn mini_batches_are_scikit_learns() {
    let datasets = read::<Datasets>("datasets.json").datasets;
    let golden: Golden = read("kmeans_more.json");
    let mut worst = [0.0_f64; 2];
    assert_eq!(golden.mini_batch.len(), 64);
    for case in &golden.mini_batch {
        let of = (case.dataset.as_str(), case.single);
        let data = (&datasets, &golden.sparse);
        let name = format!(
            "{of:?} batch {} weighted {} partial {}",
            case.setting.batch_size,
            case.weights.is_some(),
            case.partial
        );
        let parameters = case.parameters();
        let mut random = RandomState::new(4);
        let state = if case.partial {
            let mut state: Option<State> = None;
            for first in (0..case.labels.len()).step_by(60) {
                let batch = first..case.labels.len().min(first + 60);
                let weights = case.weights.as_ref().map(|weights| &weights[batch.clone()]);
                with_rows(of, data, Some(batch), |rows| {
                    let state = state.get_or_insert_with(|| {
                        mini_batch::start(rows, weights, &parameters, &mut random, &never).unwrap()
                    });
                    // The first batch sets what each counts as.
                    let counted = parameters.batch_size.min(60);
                    let ratio = parameters.reassignment_ratio;
                    state.learn(rows, weights, counted, ratio, &mut random, &never).unwrap();
                });
            }
            state.unwrap()
        } else {
            let weights = case.weights.as_deref();
            let fit = with_rows(of, data, None, |rows| {
                mini_batch::fit(rows, weights, &parameters, &mut random, &never).unwrap()
            });
            assert_eq!(Some(fit.n_iter), case.n_iter, "{name}");
            assert_eq!(fit.n_steps, case.n_steps, "{name}");
            let expected = if parameters.compute_labels {
                case.labels.as_slice()
            } else {
                &[]
            };
            assert_eq!(fit.labels, expected, "{name}");
            let inertia = case.inertia.unwrap();
            assert!(
                (fit.inertia - inertia).abs() <= limit(case.single) * inertia,
                "{name}: {} {inertia}",
                fit.inertia
            );
            fit.state
        };
        let mut labels = vec![-1; case.labels.len()];
        with_rows(of, data, None, |rows| {
            state.model().unwrap().predict(rows, &mut labels, &never)
        })
        .unwrap();
        assert_eq!(labels, case.labels, "{name}");
        assert_rounded(state.centers(), case.single);
        let counts = deviation(state.counts(), &case.counts);
        let centers = deviation(state.centers(), &case.centers);
        assert!(
            centers.max(counts) < limit(case.single),
            "{name}: {centers:.1e} {counts:.1e}"
        );
        let worst = &mut worst[usize::from(case.single)];
        *worst = worst.max(centers);
    }
    println!(
        "Mini-batch K-Means: largest relative deviation, float64 {:.1e}, float32 {:.1e}",
        worst[0], worst[1]
    );
}

impl MiniBatchCase {
    fn parameters(&self) -> mini_batch::Parameters {
        let defaults = mini_batch::Parameters::default();
        let setting = self.setting.clone();
        mini_batch::Parameters {
            n_clusters: self.n_clusters,
            init: init(setting.init.as_deref().unwrap_or("k-means++")),
            n_init: setting.n_init,
            max_iter: setting.max_iter.unwrap_or(defaults.max_iter),
            batch_size: setting.batch_size,
            init_size: setting.init_size,
            tol: setting.tol.unwrap_or(defaults.tol),
            max_no_improvement: setting.max_no_improvement,
            reassignment_ratio: setting.reassignment_ratio.unwrap_or(defaults.reassignment_ratio),
            compute_labels: setting.compute_labels.unwrap_or(defaults.compute_labels),
        }
    }
}
