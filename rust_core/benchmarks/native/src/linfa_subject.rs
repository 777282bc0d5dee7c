//! linfa as a subject of the benchmark: `linfa-subject WORK.json`.
//!
//! Reads the work and its arrays, says `{"ready": …}`, then obeys lines: `run N` does the work N times and says how long that
//! took, `answer FOLDER` writes what the last run found. `../work_process.py` says the same for Python's subjects.

use std::{
    error::Error,
    fs::{File, read_to_string},
    hint::black_box,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use linfa::{
    DatasetBase, Float,
    traits::{Fit, Predict},
};
use linfa_clustering::{KMeans, KMeansInit};
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2, Axis};
use ndarray_npy::{ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};
use rand_xoshiro::{Xoshiro256Plus, rand_core::SeedableRng};
use serde::Deserialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What to do, as Python wrote it.
#[derive(Deserialize)]
struct Work {
    dtype: String,
    folder: PathBuf,
    #[serde(flatten)]
    task: Task,
}

#[derive(Deserialize)]
#[serde(tag = "task")]
enum Task {
    /// Lloyd from given centres (`init.npy`) or from k-means++.
    #[serde(rename = "kmeans-fit")]
    KMeansFit {
        n_clusters: usize,
        given: bool,
        seed: u64,
        max_iter: u64,
        /// On the length of all movements together.
        tolerance: f64,
    },
    /// Labels of rows for the centres in `init.npy`.
    #[serde(rename = "kmeans-predict")]
    KMeansPredict { n_clusters: usize },
    /// L2-penalised fit with an intercept.
    #[serde(rename = "logistic-fit")]
    LogisticFit {
        n_classes: usize,
        alpha: f64,
        max_iter: u64,
        /// On the length of the gradient of the summed loss.
        gradient_tolerance: f64,
    },
}

/// What a run found.
enum Found<F> {
    Centers(Array2<F>),
    Labels(Array1<usize>),
    /// Classes × columns (1 × columns for two classes), and an intercept for each row of that.
    Coefficients(Array2<F>, Array1<F>),
}

type Rows<F> = DatasetBase<Array2<F>, Array1<usize>>;

/// float64 or float32. linfa's own trait for logistic regression is private to it.
trait Number: Float + ReadableElement + WritableElement {
    fn fit_two_classes(rows: &Rows<Self>, alpha: f64, max_iter: u64, tolerance: f64) -> Outcome<Found<Self>>;
    fn fit_classes(rows: &Rows<Self>, alpha: f64, max_iter: u64, tolerance: f64) -> Outcome<Found<Self>>;
}

macro_rules! number {
    ($float:ty) => {
        impl Number for $float {
            fn fit_two_classes(rows: &Rows<Self>, alpha: f64, max_iter: u64, tolerance: f64) -> Outcome<Found<Self>> {
                let model = LogisticRegression::default()
                    .alpha(alpha as $float)
                    .max_iterations(max_iter)
                    .gradient_tolerance(tolerance as $float)
                    .fit(rows)?;
                // linfa takes the larger class for the positive one.
                let sign = if model.labels().pos.class == 1 { 1.0 } else { -1.0 };
                let coefficients = (model.params() * sign).insert_axis(Axis(0));
                Ok(Found::Coefficients(
                    coefficients,
                    Array1::from_elem(1, model.intercept() * sign),
                ))
            }

            fn fit_classes(rows: &Rows<Self>, alpha: f64, max_iter: u64, tolerance: f64) -> Outcome<Found<Self>> {
                let model = MultiLogisticRegression::default()
                    .alpha(alpha as $float)
                    .max_iterations(max_iter)
                    .gradient_tolerance(tolerance as $float)
                    .fit(rows)?;
                let by_class = model.params().t().as_standard_layout().to_owned();
                Ok(Found::Coefficients(by_class, model.intercept().to_owned()))
            }
        }
    };
}

number!(f64);
number!(f32);

/// Everything of a work of one precision: run as often as asked.
struct Subject<F: Float> {
    task: Task,
    rows: Rows<F>,
    first: Option<Array2<F>>,
}

impl<F: Number> Subject<F> {
    fn load(work: Work) -> Outcome<Self> {
        let rows: Array2<F> = read(&work.folder, "X")?;
        let targets = match work.task {
            Task::LogisticFit { .. } => {
                let labels: Array1<i64> = Array1::read_npy(File::open(work.folder.join("y.npy"))?)?;
                labels.mapv(|label| usize::try_from(label).unwrap_or(usize::MAX))
            }
            _ => Array1::zeros(rows.nrows()),
        };
        let first = match work.task {
            Task::KMeansFit { given: false, .. } | Task::LogisticFit { .. } => None,
            _ => Some(read(&work.folder, "init")?),
        };
        Ok(Self {
            task: work.task,
            rows: DatasetBase::new(rows, targets),
            first,
        })
    }

    fn prepare(&self) -> Outcome<Box<dyn Fn() -> Outcome<Found<F>> + '_>> {
        let rng = Xoshiro256Plus::seed_from_u64;
        Ok(match self.task {
            Task::KMeansFit {
                n_clusters,
                seed,
                max_iter,
                tolerance,
                ..
            } => {
                let init = self
                    .first
                    .clone()
                    .map_or(KMeansInit::KMeansPlusPlus, KMeansInit::Precomputed);
                let parameters = KMeans::params_with_rng(n_clusters, rng(seed))
                    .init_method(init)
                    .n_runs(1)
                    .max_n_iterations(max_iter)
                    .tolerance(F::cast(tolerance));
                Box::new(move || Ok(Found::Centers(parameters.fit(&self.rows)?.centroids().clone())))
            }
            Task::KMeansPredict { n_clusters } => {
                let first = self.first.clone().ok_or("no centres")?;
                // A model of these centres: one iteration over them alone leaves them where they are.
                let model = KMeans::params_with_rng(n_clusters, rng(0))
                    .init_method(KMeansInit::Precomputed(first.clone()))
                    .n_runs(1)
                    .max_n_iterations(1)
                    .fit(&DatasetBase::from(first))?;
                Box::new(move || Ok(Found::Labels(model.predict(self.rows.records()))))
            }
            Task::LogisticFit {
                n_classes,
                alpha,
                max_iter,
                gradient_tolerance,
            } => Box::new(move || {
                let fit = if n_classes == 2 {
                    F::fit_two_classes
                } else {
                    F::fit_classes
                };
                fit(&self.rows, alpha, max_iter, gradient_tolerance)
            }),
        })
    }

    fn serve(&self) -> Outcome<()> {
        let call = self.prepare()?;
        let mut last = None;
        let mut out = io::stdout();
        writeln!(out, r#"{{"ready": {{"linfa": "0.8.1"}}}}"#)?;
        out.flush()?;
        for line in io::stdin().lock().lines() {
            let line = line?;
            match line.split_once(' ') {
                Some(("run", calls)) => {
                    let calls: u32 = calls.parse()?;
                    let started = Instant::now();
                    for _ in 0..calls {
                        last = Some(black_box(call()?));
                    }
                    writeln!(out, r#"{{"seconds": {}}}"#, started.elapsed().as_secs_f64())?;
                }
                Some(("answer", folder)) => {
                    write(Path::new(folder), last.as_ref().ok_or("nothing was run")?)?;
                    writeln!(out, r#"{{"answered": {{}}}}"#)?;
                }
                _ => return Err(format!("expected run or answer, got {line:?}").into()),
            }
            out.flush()?;
        }
        Ok(())
    }
}

fn read<F: ReadableElement>(folder: &Path, name: &str) -> Outcome<Array2<F>> {
    Ok(Array2::read_npy(File::open(folder.join(format!("{name}.npy")))?)?)
}

fn write<F: Number>(folder: &Path, found: &Found<F>) -> Outcome<()> {
    let create = |name: &str| File::create(folder.join(format!("{name}.npy")));
    match found {
        Found::Centers(centers) => centers.write_npy(create("centers")?)?,
        Found::Labels(labels) => labels.mapv(|label| label as u64).write_npy(create("labels")?)?,
        Found::Coefficients(coefficients, intercepts) => {
            coefficients.write_npy(create("coef")?)?;
            intercepts.write_npy(create("intercept")?)?;
        }
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let path = std::env::args_os().nth(1).ok_or("usage: linfa-subject WORK.json")?;
    let work: Work = serde_json::from_str(&read_to_string(path)?)?;
    match work.dtype.as_str() {
        "float64" => Subject::<f64>::load(work)?.serve(),
        "float32" => Subject::<f32>::load(work)?.serve(),
        other => Err(format!("expected float64 or float32, got {other:?}").into()),
    }
}
