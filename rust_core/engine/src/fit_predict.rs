//! `PredictionService.FitPredict`.

use bytes::Bytes;
use ferrule_algorithms::{
    Field, FitError,
    kmeans::{self, Init},
    logistic_regression::{self, ClassWeight},
};
use ferrule_proto::ferrule::v1::{
    FitPredictRequest, FitPredictResponse, FitReport, Labels, fit_report::Objective, fit_spec, labels::Kind,
};
use serde_json::{Value, json};

use crate::{
    call::Wanted,
    config::Limits,
    error::{Error, over_limit},
    fit_parameters::{self, K_MEANS, LOGISTIC_REGRESSION},
    matrix::CheckedMatrix,
    model::{Algorithm, Classes, Family, Model, Origin},
    model_name::ModelName,
    prediction::{Outputs, Question, response},
    repository::Repository,
    request::decode,
};

/// A fit whose parameters and data are within the limits. What depends on the algorithm's mathematics is checked there.
pub(crate) struct FitPredict {
    /// None: the model is not kept.
    name: Option<ModelName>,
    fit: Fit,
    outputs: Outputs,
    matrix: CheckedMatrix,
    weights: Option<Vec<f64>>,
}

enum Fit {
    KMeans(kmeans::Parameters),
    LogisticRegression {
        parameters: logistic_regression::Parameters,
        classes: Classes,
        /// The class of each row, an index into `classes`.
        indices: Vec<u32>,
    },
}

/// How messages call a model that has no version yet.
const FITTED: &str = "the fitted model";

impl Fit {
    fn family(&self) -> Family<'_> {
        match self {
            Self::KMeans(parameters) => Family::KMeans {
                n_clusters: parameters.n_clusters,
            },
            Self::LogisticRegression { classes, .. } => Family::LogisticRegression { classes },
        }
    }
}

impl FitPredict {
    /// Decodes and checks a request.
    pub(crate) fn check(request: Bytes, limits: &Limits) -> Result<Self, Error> {
        let request: FitPredictRequest = decode(request)?;
        let spec = request
            .spec
            .ok_or_else(|| Error::invalid("spec", "expected a FitSpec, got none"))?;
        let data = request
            .data
            .ok_or_else(|| Error::invalid("data", "expected a FitData, got none"))?;
        let name = match spec.model.is_empty() {
            true => None,
            false => Some(ModelName::check(spec.model, "spec.model")?),
        };
        let outputs = Outputs::check(&spec.outputs, "spec.outputs")?;
        let matrix = CheckedMatrix::check(data.input, "data.input", limits)?;
        let weights = (!data.sample_weight.is_empty()).then_some(data.sample_weight);
        if let Some(weights) = &weights
            && weights.len() != matrix.rows()
        {
            let problem = format!("expected none or {} weights, got {}", matrix.rows(), weights.len());
            return Err(Error::invalid("data.sample_weight", problem));
        }
        let fit = match spec.algorithm {
            None => return Err(Error::invalid("spec.algorithm", "expected an algorithm, got none")),
            Some(fit_spec::Algorithm::KMeans(given)) => {
                if data.targets.is_some() {
                    return Err(Error::invalid("data.targets", "k_means takes no targets, got some"));
                }
                Fit::KMeans(fit_parameters::k_means(given, &matrix, limits)?)
            }
            Some(fit_spec::Algorithm::LogisticRegression(given)) => {
                let (classes, indices) = targets(data.targets, matrix.rows())?;
                let coefficients = classes.len() as u64 * matrix.columns() as u64;
                over_limit("classes × columns", coefficients, limits.max_cells, "limits.max_cells")?;
                Fit::LogisticRegression {
                    parameters: fit_parameters::logistic_regression(given, &classes, limits)?,
                    classes,
                    indices,
                }
            }
        };
        outputs.check_answer(fit.family(), &FITTED, &matrix, limits)?;
        Ok(Self {
            name,
            fit,
            outputs,
            matrix,
            weights,
        })
    }

    /// Fits, publishes when a name was given, and returns the bytes of the response.
    pub(crate) fn answer(self, repository: &Repository, limits: &Limits, wanted: &Wanted) -> Result<Bytes, Error> {
        let interrupt = || wanted.interrupted();
        let (rows, weights) = (self.matrix.view(), self.weights.as_deref());
        let refused = |error| refusal(error, &self.fit, wanted);
        let (algorithm, mut report) = match &self.fit {
            Fit::KMeans(parameters) => {
                let fit = kmeans::KMeans::fit(rows, weights, parameters, &interrupt).map_err(refused)?;
                let report = report(fit.n_iter, fit.converged, Objective::Inertia(fit.inertia));
                (Algorithm::KMeans(fit.model), report)
            }
            Fit::LogisticRegression {
                parameters,
                classes,
                indices,
            } => {
                let fit = logistic_regression::LogisticRegression::fit(
                    rows,
                    indices,
                    classes.len(),
                    weights,
                    parameters,
                    &interrupt,
                )
                .map_err(refused)?;
                let report = report(fit.n_iter, fit.converged, Objective::Loss(fit.loss));
                (Algorithm::LogisticRegression(fit.model, classes.clone()), report)
            }
        };
        let model = Model {
            algorithm,
            feature_names: self.matrix.feature_names().to_vec(),
            precision: rows.precision(),
            origin: origin(&self.fit, &report),
        };
        let question = Question {
            model: &model,
            name: &FITTED,
            matrix: &self.matrix,
            field: "data.input",
            outputs: self.outputs,
        };
        let prediction = question.answer(wanted)?;
        // Last: a caller that has gone, or can't be answered, leaves no version behind.
        wanted.check()?;
        if let Some(name) = &self.name {
            report.version = repository.publish(name, &model)?;
        }
        let message = FitPredictResponse {
            report: Some(report),
            prediction: Some(prediction),
        };
        response(&message, limits)
    }
}

fn report(n_iter: usize, converged: bool, objective: Objective) -> FitReport {
    FitReport {
        n_iter: u32::try_from(n_iter).unwrap_or(u32::MAX),
        converged,
        version: 0,
        objective: Some(objective),
    }
}

/// What Python's estimators say of themselves, of the fit that was made here.
fn origin(fit: &Fit, report: &FitReport) -> Origin {
    let mut estimator = match fit {
        Fit::KMeans(parameters) => json!({
            "class": "KMeans",
            "parameters": {
                "n_clusters": parameters.n_clusters,
                "n_init": parameters.n_init.map_or(json!("auto"), |starts| json!(starts)),
                "max_iter": parameters.max_iter,
                "tol": parameters.tol,
                "random_state": parameters.seed,
            },
            "attributes": {
                "n_iter_": report.n_iter,
                "inertia_": match report.objective {
                    Some(Objective::Inertia(inertia)) => Some(inertia),
                    _ => None,
                },
            },
        }),
        Fit::LogisticRegression {
            parameters, classes, ..
        } => json!({
            "class": "LogisticRegression",
            "parameters": {
                // JSON has no infinity.
                "C": if parameters.c.is_finite() { json!(parameters.c) } else { json!({"float": "inf"}) },
                "l1_ratio": parameters.l1_ratio,
                "solver": parameters.solver.name(),
                "fit_intercept": parameters.fit_intercept,
                "intercept_scaling": parameters.intercept_scaling.unwrap_or(1.0),
                "class_weight": class_weight(&parameters.class_weight, classes),
                "max_iter": parameters.max_iter,
                "tol": parameters.tol,
            },
            "attributes": {"n_iter_": {"array": [report.n_iter], "dtype": "<i4", "shape": [1]}},
        }),
    };
    if let Fit::KMeans(parameters) = fit
        && let Some(init) = init(parameters)
    {
        estimator["parameters"]["init"] = init;
    }
    Origin {
        source: String::new(),
        estimator,
    }
}

/// The start as scikit-learn's parameter has it; none for centres that are too many to be told in text.
fn init(parameters: &kmeans::Parameters) -> Option<Value> {
    const MOST_VALUES: usize = 1 << 16;
    match &parameters.init {
        Init::KMeansPlusPlus => Some(json!("k-means++")),
        Init::Random => Some(json!("random")),
        Init::Centers(centers) if centers.len() <= MOST_VALUES => {
            let shape = [parameters.n_clusters, centers.len() / parameters.n_clusters];
            Some(json!({"array": centers, "dtype": "<f8", "shape": shape}))
        }
        Init::Centers(_) | Init::Starts(_) => None,
    }
}

fn class_weight(weights: &ClassWeight, classes: &Classes) -> Value {
    match weights {
        ClassWeight::Equal => Value::Null,
        ClassWeight::Balanced => json!("balanced"),
        ClassWeight::Given(weights) => {
            let labels: Vec<Value> = match classes {
                Classes::Integers(labels) => labels.iter().map(|label| json!(label)).collect(),
                Classes::Strings(labels) => labels.iter().map(|label| json!(label)).collect(),
            };
            let pairs: Vec<_> = labels.into_iter().zip(weights).collect();
            json!({"mapping": pairs})
        }
    }
}

fn targets(targets: Option<Labels>, rows: usize) -> Result<(Classes, Vec<u32>), Error> {
    const FIELD: &str = "data.targets";
    let Some(kind) = targets.and_then(|targets| targets.kind) else {
        return Err(Error::invalid(
            FIELD,
            "logistic_regression needs the class of each row, got none",
        ));
    };
    let count = match &kind {
        Kind::Integers(integers) => integers.values.len(),
        Kind::Strings(strings) => strings.values.len(),
    };
    if count != rows {
        return Err(Error::invalid(FIELD, format!("expected {rows} targets, got {count}")));
    }
    let (classes, indices) = Classes::of_targets(kind);
    if classes.len() < 2 {
        return Err(Error::invalid(FIELD, "expected at least 2 distinct classes, got 1"));
    }
    Ok((classes, indices))
}

/// An algorithm's refusal in terms of the request.
fn refusal(error: FitError, fit: &Fit, wanted: &Wanted) -> Error {
    let algorithm = match fit {
        Fit::KMeans(_) => K_MEANS,
        Fit::LogisticRegression { .. } => LOGISTIC_REGRESSION,
    };
    match error {
        FitError::Interrupted => wanted.check().err().unwrap_or(Error::Cancelled),
        FitError::Overflow { .. } => Error::invalid("data.input", error.to_string()),
        FitError::Invalid { field, expected, got } => {
            let path = match field {
                Field::Rows => "data.input".to_owned(),
                Field::Classes | Field::NClasses => "data.targets".to_owned(),
                Field::SampleWeight => "data.sample_weight".to_owned(),
                Field::C => format!("{algorithm}.c"),
                other => format!("{algorithm}.{}", other.name()),
            };
            Error::invalid(path, format!("expected {expected}, got {got}"))
        }
    }
}
