//! `PredictionService.FitPredict`.

use bytes::Bytes;
use ferrule_algorithms::{Field, FitError, kmeans, logistic_regression};
use ferrule_proto::ferrule::v1::{
    self, FitPredictRequest, FitPredictResponse, FitReport, Labels, fit_report::Objective, fit_spec, labels::Kind,
};

use crate::{
    call::Wanted,
    config::Limits,
    error::Error,
    matrix::CheckedMatrix,
    model::{Algorithm, Classes, Family, Model},
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
            Some(fit_spec::Algorithm::KMeans(parameters)) => {
                if data.targets.is_some() {
                    return Err(Error::invalid("data.targets", "k_means takes no targets, got some"));
                }
                Fit::KMeans(k_means(&parameters, limits)?)
            }
            Some(fit_spec::Algorithm::LogisticRegression(parameters)) => {
                let (classes, indices) = targets(data.targets, matrix.rows())?;
                let coefficients = classes.len() as u64 * matrix.columns() as u64;
                over_limit("classes × columns", coefficients, limits.max_cells, "limits.max_cells")?;
                Fit::LogisticRegression {
                    parameters: logistic_regression(&parameters, limits)?,
                    classes,
                    indices,
                }
            }
        };
        outputs.check_answer(fit.family(), FITTED, matrix.rows(), limits)?;
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
        };
        let question = Question {
            model: &model,
            name: FITTED,
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

fn k_means(given: &v1::KMeans, limits: &Limits) -> Result<kmeans::Parameters, Error> {
    let defaults = kmeans::Parameters::default();
    let parameters = kmeans::Parameters {
        n_clusters: size(given.n_clusters, defaults.n_clusters),
        n_init: given.n_init.map(|n_init| n_init as usize),
        max_iter: size(given.max_iter, defaults.max_iter),
        tol: given.tol.unwrap_or(defaults.tol),
        seed: given.random_state.unwrap_or(defaults.seed),
        ..defaults
    };
    let iterations = parameters.runs() as u64 * parameters.max_iter as u64;
    over_limit(
        "n_clusters",
        parameters.n_clusters as u64,
        limits.max_clusters,
        "limits.max_clusters",
    )?;
    over_limit(
        "n_init × max_iter",
        iterations,
        limits.max_iterations,
        "limits.max_iterations",
    )?;
    Ok(parameters)
}

fn logistic_regression(
    given: &v1::LogisticRegression,
    limits: &Limits,
) -> Result<logistic_regression::Parameters, Error> {
    let defaults = logistic_regression::Parameters::default();
    let parameters = logistic_regression::Parameters {
        c: given.c.unwrap_or(defaults.c),
        fit_intercept: given.fit_intercept.unwrap_or(defaults.fit_intercept),
        max_iter: size(given.max_iter, defaults.max_iter),
        tol: given.tol.unwrap_or(defaults.tol),
    };
    over_limit(
        "max_iter",
        parameters.max_iter as u64,
        limits.max_iterations,
        "limits.max_iterations",
    )?;
    Ok(parameters)
}

fn size(given: Option<u32>, default: usize) -> usize {
    given.map_or(default, |given| given as usize)
}

fn over_limit(what: &'static str, came: u64, limit: u32, setting: &'static str) -> Result<(), Error> {
    if came <= limit.into() {
        return Ok(());
    }
    Err(Error::OverLimit {
        what,
        came,
        limit: limit.into(),
        setting,
    })
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
        Fit::KMeans(_) => "spec.k_means",
        Fit::LogisticRegression { .. } => "spec.logistic_regression",
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
                Field::NClusters
                | Field::Init
                | Field::NInit
                | Field::MaxIter
                | Field::Tol
                | Field::BatchSize
                | Field::InitSize
                | Field::ReassignmentRatio => {
                    format!("{algorithm}.{}", field.name())
                }
            };
            Error::invalid(path, format!("expected {expected}, got {got}"))
        }
    }
}
