//! A model as a description and arrays: what a file holds, and what tools hand over and get.
//!
//! The description is JSON: the version of the format, the kind with what it has beside numbers, and where the model came from.
//! The arrays are named: `cluster_centers` (clusters × columns), or `coef` (1 or classes × columns) and `intercept`; scaling
//! step `i` has `scaling.i.mean`, `.scale`, `.min`, one value for each column, whichever it needs.

use std::collections::BTreeMap;

use ferrule_algorithms::{
    Precision,
    kmeans::KMeans,
    logistic_regression::LogisticRegression,
    scaling::{Norm, Step},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::model::{Algorithm, Classes, Model, Origin};

/// The version of the format; readers refuse higher ones. Version 2 knows scaling steps and float32 arrays; a model without
/// them is still written as version 1, so that older readers can serve it.
const FORMAT_VERSION: u32 = 2;
const FIRST_FORMAT_VERSION: u32 = 1;

const CENTERS: &str = "cluster_centers";
const COEFFICIENTS: &str = "coef";
const INTERCEPTS: &str = "intercept";

/// Numbers with a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the dimensions.
    pub shape: Vec<usize>,
    /// In row-major order, as many as the shape asks for.
    pub values: Vec<f64>,
    /// Whether a file keeps them as float32, which then loses nothing.
    pub single: bool,
}

/// Arrays by name.
pub type Arrays = BTreeMap<String, Array>;

/// Everything about a model that is not an array.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    #[serde(flatten)]
    written: Written,
    kind: Kind,
    #[serde(default, skip_serializing_if = "DataType::is_float64")]
    precision: DataType,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scaling: Vec<ScalingStep>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    feature_names: Vec<String>,
    #[serde(flatten)]
    origin: Origin,
}

/// Who wrote a file, and how. Tools that describe a model for us to write leave it out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    format_version: u32,
    library_version: String,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            format_version: FIRST_FORMAT_VERSION,
            library_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    KMeans,
    LogisticRegression { classes: Classes },
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DataType {
    Float32,
    #[default]
    Float64,
}

impl DataType {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    fn is_float64(&self) -> bool {
        *self == Self::Float64
    }
}

impl From<Precision> for DataType {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Single => Self::Float32,
            Precision::Double => Self::Float64,
        }
    }
}

impl From<DataType> for Precision {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Float32 => Self::Single,
            DataType::Float64 => Self::Double,
        }
    }
}

/// A scaling step without its vectors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScalingStep {
    StandardScaler,
    MinMaxScaler { clip: Option<(f64, f64)> },
    MaxAbsScaler { clip: bool },
    Normalizer { norm: NormName },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NormName {
    L1,
    L2,
    Max,
}

/// A model's description, as JSON, and its arrays.
pub(crate) fn of_model(model: &Model) -> Result<(String, Arrays), String> {
    let mut arrays = Arrays::new();
    let mut add = |name: &str, shape: Vec<usize>, values: &[f64]| {
        let single = model.precision == Precision::Single
            && values
                .iter()
                .all(|&value| f64::from(value as f32).to_bits() == value.to_bits());
        let values = values.to_vec();
        arrays.insert(name.to_owned(), Array { shape, values, single });
    };
    let kind = match &model.algorithm {
        Algorithm::KMeans(model) => {
            add(CENTERS, vec![model.n_clusters(), model.columns()], model.centers());
            Kind::KMeans
        }
        Algorithm::LogisticRegression(model, classes) => {
            let rows = model.intercepts().len();
            add(COEFFICIENTS, vec![rows, model.columns()], model.coefficients());
            add(INTERCEPTS, vec![rows], model.intercepts());
            let classes = classes.clone();
            Kind::LogisticRegression { classes }
        }
    };
    let mut scaling = Vec::new();
    for (index, step) in model.scaling().iter().enumerate() {
        let (scaler, vectors) = of_step(step);
        for (part, values) in vectors {
            add(&vector_name(index, part), vec![values.len()], values);
        }
        scaling.push(scaler);
    }
    let first = scaling.is_empty() && arrays.values().all(|array| !array.single);
    let description = Description {
        written: Written {
            format_version: if first { FIRST_FORMAT_VERSION } else { FORMAT_VERSION },
            ..Written::default()
        },
        kind,
        precision: model.precision.into(),
        scaling,
        feature_names: model.feature_names.clone(),
        origin: model.origin.clone(),
    };
    let description = serde_json::to_string(&description).map_err(|error| error.to_string())?;
    Ok((description, arrays))
}

/// Refuses a description whose format is later than ours, whatever else it says.
pub(crate) fn check_version(description: &str) -> Result<(), String> {
    let written: Written = parsed(description)?;
    if written.format_version > FORMAT_VERSION {
        return Err(format!(
            "expected format version {FORMAT_VERSION} or lower, got {} (written by version {})",
            written.format_version, written.library_version
        ));
    }
    Ok(())
}

/// The model that a description and arrays make.
pub(crate) fn to_model(description: &str, mut arrays: Arrays) -> Result<Model, String> {
    let description: Description = parsed(description)?;
    let algorithm = match description.kind {
        Kind::KMeans => {
            let ([k, columns], centers) = taken(&mut arrays, CENTERS)?;
            Algorithm::KMeans(KMeans::new(centers, k, columns).map_err(shown)?)
        }
        Kind::LogisticRegression { classes } => {
            classes.check()?;
            let ([_, columns], coefficients) = taken(&mut arrays, COEFFICIENTS)?;
            let ([_], intercepts) = taken(&mut arrays, INTERCEPTS)?;
            let model = LogisticRegression::new(coefficients, intercepts, classes.len(), columns).map_err(shown)?;
            Algorithm::LogisticRegression(model, classes)
        }
    };
    let mut steps = Vec::new();
    for (index, scaler) in description.scaling.into_iter().enumerate() {
        steps.push(to_step(scaler, index, &mut arrays)?);
    }
    let algorithm = match algorithm {
        unscaled if steps.is_empty() => unscaled,
        Algorithm::KMeans(model) => Algorithm::KMeans(model.with_scaling(steps).map_err(shown)?),
        Algorithm::LogisticRegression(model, classes) => {
            Algorithm::LogisticRegression(model.with_scaling(steps).map_err(shown)?, classes)
        }
    };
    let model = Model {
        algorithm,
        feature_names: description.feature_names,
        precision: description.precision.into(),
        origin: description.origin,
    };
    let (names, columns) = (model.feature_names.len(), model.columns());
    if names != 0 && names != columns {
        return Err(format!("expected {columns} feature names, got {names}"));
    }
    Ok(model)
}

fn of_step(step: &Step) -> (ScalingStep, Vec<(&'static str, &[f64])>) {
    match step {
        Step::StandardScaler { mean, scale } => {
            let vectors = [("mean", mean), ("scale", scale)];
            let vectors = vectors.map(|(part, vector)| vector.as_deref().map(|values| (part, values)));
            (ScalingStep::StandardScaler, vectors.into_iter().flatten().collect())
        }
        Step::MinMaxScaler { scale, min, clip } => (
            ScalingStep::MinMaxScaler { clip: *clip },
            vec![("scale", scale), ("min", min)],
        ),
        Step::MaxAbsScaler { scale, clip } => (ScalingStep::MaxAbsScaler { clip: *clip }, vec![("scale", scale)]),
        Step::Normalizer(norm) => {
            let norm = match norm {
                Norm::L1 => NormName::L1,
                Norm::L2 => NormName::L2,
                Norm::Max => NormName::Max,
            };
            (ScalingStep::Normalizer { norm }, vec![])
        }
    }
}

fn to_step(scaler: ScalingStep, index: usize, arrays: &mut Arrays) -> Result<Step, String> {
    let mut vector = |part| taken(arrays, &vector_name(index, part)).map(|([_], values)| values);
    Ok(match scaler {
        ScalingStep::StandardScaler => {
            let mut optional = |part| {
                let name = vector_name(index, part);
                arrays.contains_key(&name).then(|| taken(arrays, &name)).transpose()
            };
            let (mean, scale) = (optional("mean")?, optional("scale")?);
            Step::StandardScaler {
                mean: mean.map(|([_], values)| values),
                scale: scale.map(|([_], values)| values),
            }
        }
        ScalingStep::MinMaxScaler { clip } => Step::MinMaxScaler {
            scale: vector("scale")?,
            min: vector("min")?,
            clip,
        },
        ScalingStep::MaxAbsScaler { clip } => Step::MaxAbsScaler {
            scale: vector("scale")?,
            clip,
        },
        ScalingStep::Normalizer { norm } => Step::Normalizer(match norm {
            NormName::L1 => Norm::L1,
            NormName::L2 => Norm::L2,
            NormName::Max => Norm::Max,
        }),
    })
}

fn vector_name(step: usize, part: &str) -> String {
    format!("scaling.{step}.{part}")
}

fn taken<const DIMENSIONS: usize>(arrays: &mut Arrays, name: &str) -> Result<([usize; DIMENSIONS], Vec<f64>), String> {
    let array = arrays
        .remove(name)
        .ok_or_else(|| format!("expected an array \"{name}\", got none"))?;
    let dimensions = array.shape.len();
    let shape = array
        .shape
        .try_into()
        .map_err(|_| format!("array \"{name}\": expected {DIMENSIONS} dimensions, got {dimensions}"))?;
    Ok((shape, array.values))
}

fn parsed<T: DeserializeOwned>(description: &str) -> Result<T, String> {
    serde_json::from_str(description).map_err(|error| format!("description: {error}"))
}

#[allow(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn shown(error: ferrule_algorithms::ModelError) -> String {
    error.to_string()
}
