//! From a model and checked rows to the answers of a response.

use std::fmt::Display;

use bytes::Bytes;
use ferrule_algorithms::PredictError;
use ferrule_proto::ferrule::v1::{Integers, Labels, Output, Prediction, labels::Kind};

use crate::{
    call::Wanted,
    config::Limits,
    encoding::Encoding,
    error::{Error, over_limit},
    matrix::CheckedMatrix,
    model::{Algorithm, Classes, Family, Model},
};

/// What to compute, each output at most once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outputs {
    labels: bool,
    probabilities: bool,
    decision_function: bool,
    distances: bool,
}

impl Outputs {
    /// Checks the outputs named in `field` of a request; none means labels.
    pub(crate) fn check(named: &[i32], field: &str) -> Result<Self, Error> {
        let mut outputs = Self::default();
        for (position, &number) in named.iter().enumerate() {
            let invalid = |problem: String| Err(Error::invalid(format!("{field}[{position}]"), problem));
            let wanted = match Output::try_from(number) {
                Ok(Output::Labels) => &mut outputs.labels,
                Ok(Output::Probabilities) => &mut outputs.probabilities,
                Ok(Output::DecisionFunction) => &mut outputs.decision_function,
                Ok(Output::Distances) => &mut outputs.distances,
                Ok(Output::Unspecified) | Err(_) => {
                    return invalid(format!(
                        "expected an Output other than OUTPUT_UNSPECIFIED, got {number}"
                    ));
                }
            };
            if std::mem::replace(wanted, true) {
                return invalid("expected each output once, got it twice".into());
            }
        }
        outputs.labels |= named.is_empty();
        Ok(outputs)
    }

    /// Checks, before anything is computed, that a model of this family has these outputs for the rows of `matrix`, within
    /// the limits. `name` is how messages call the model.
    pub(crate) fn check_answer(
        self,
        family: Family<'_>,
        name: &dyn Display,
        matrix: &CheckedMatrix,
        limits: &Limits,
    ) -> Result<(), Error> {
        let lacking = match family {
            Family::KMeans { .. } if self.probabilities => Some("probabilities"),
            Family::KMeans { .. } if self.decision_function => Some("decision function"),
            Family::LogisticRegression { .. } if self.distances => Some("distances"),
            _ => None,
        };
        if let Some(output) = lacking {
            return Err(Error::WrongKind {
                model: name.to_string(),
                kind: family.kind(),
                output,
            });
        }
        self.check_size(family, matrix.rows() as u64, matrix.encoding(), limits)
    }

    /// The response is never larger than this says, so it is refused before anything is allocated.
    fn check_size(self, family: Family<'_>, rows: u64, encoding: Encoding, limits: &Limits) -> Result<(), Error> {
        /// Keys, lengths, shapes and names around the values.
        const AROUND: u64 = 4096;
        let width = family.width() as u64;
        let scores = if width == 2 { 1 } else { width };
        let widths = [
            (self.probabilities, width),
            (self.decision_function, scores),
            (self.distances, width),
        ]
        .map(|(wanted, width)| if wanted { width } else { 0 });
        let cells = rows * widths.iter().copied().max().unwrap_or(0);
        over_limit(
            "rows × outputs of the response",
            cells,
            limits.max_cells,
            "limits.max_cells",
        )?;
        let label = match family {
            _ if !self.labels => 0,
            Family::KMeans { .. } => 5,
            Family::LogisticRegression {
                classes: Classes::Integers(_),
            } => 10,
            Family::LogisticRegression {
                classes: Classes::Strings(classes),
            } => classes.iter().map(String::len).max().unwrap_or(0) as u64 + 6,
        };
        let bytes = AROUND + rows * (widths.iter().sum::<u64>() * encoding.width() as u64 + label);
        over_limit(
            "size of the response in bytes",
            bytes,
            limits.max_message_bytes,
            "limits.max_message_bytes",
        )
    }
}

/// Rows and what to say about them, for a model that can: column count, names and outputs fit.
pub(crate) struct Question<'a> {
    pub model: &'a Model,
    /// How messages call the model.
    pub name: &'a dyn Display,
    pub matrix: &'a CheckedMatrix,
    /// Where the matrix is in the request.
    pub field: &'static str,
    pub outputs: Outputs,
}

impl Question<'_> {
    /// Checks that the model can answer and that the answer is within the limits.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Error> {
        let Self {
            model,
            name,
            matrix,
            field,
            outputs,
        } = self;
        if matrix.columns() != model.columns() {
            let problem = format!("{name} expects {}, got {}", model.columns(), matrix.columns());
            return Err(Error::invalid(format!("{field}.columns"), problem));
        }
        matrix.check_names(&model.feature_names, format_args!("{name} expects"), field)?;
        outputs.check_answer(model.family(), name, matrix, limits)
    }

    /// Multiplications that the answer takes, about.
    pub(crate) fn work(&self) -> u64 {
        self.matrix.stored() as u64 * self.model.family().width() as u64
    }

    /// Computes the answers. The question was [checked](Self::check).
    pub(crate) fn answer(&self, wanted: &Wanted) -> Result<Prediction, Error> {
        let Self { matrix, outputs, .. } = self;
        let interrupt = || wanted.interrupted();
        let rows = matrix.view();
        let table = |width: usize, compute: &dyn Fn(&mut [f64]) -> Result<(), PredictError>| {
            let mut values = vec![0.0; matrix.rows() * width];
            compute(&mut values).map_err(|error| self.refusal(&error, wanted))?;
            matrix
                .encoding()
                .encode(values, matrix.rows(), width)
                .map_err(|row| self.refusal(&PredictError::NotFinite { row }, wanted))
        };
        let mut prediction = Prediction::default();
        match &self.model.algorithm {
            Algorithm::KMeans(model) => {
                if outputs.labels {
                    let mut labels = vec![0; matrix.rows()];
                    model
                        .predict(rows, &mut labels, &interrupt)
                        .map_err(|error| self.refusal(&error, wanted))?;
                    let values = labels.into_iter().map(i64::from).collect();
                    prediction.labels = Some(Labels {
                        kind: Some(Kind::Integers(Integers { values })),
                    });
                }
                if outputs.distances {
                    let distances = table(model.n_clusters(), &|out| model.transform(rows, out, &interrupt))?;
                    prediction.distances = Some(distances);
                }
            }
            Algorithm::LogisticRegression(model, classes) => {
                if outputs.labels {
                    let mut indices = vec![0; matrix.rows()];
                    model
                        .predict(rows, &mut indices, &interrupt)
                        .map_err(|error| self.refusal(&error, wanted))?;
                    prediction.labels = Some(classes.labels(&indices));
                }
                if outputs.probabilities {
                    let probabilities = table(model.n_classes(), &|out| model.predict_proba(rows, out, &interrupt))?;
                    prediction.probabilities = Some(probabilities);
                }
                if outputs.decision_function {
                    let scores = table(model.intercepts().len(), &|out| {
                        model.decision_function(rows, out, &interrupt)
                    })?;
                    prediction.decision_function = Some(scores);
                }
            }
        }
        Ok(prediction)
    }

    fn refusal(&self, error: &PredictError, wanted: &Wanted) -> Error {
        match error {
            PredictError::Interrupted => wanted.check().err().unwrap_or(Error::Cancelled),
            PredictError::NotFinite { row } => Error::invalid(
                self.field,
                format!(
                    "expected values for which {} has a finite answer, got a row {row} too large for it",
                    self.name
                ),
            ),
            PredictError::Sparse { .. } => Error::invalid(self.field, error.to_string()),
            PredictError::Columns { .. } | PredictError::OutputLength { .. } => Error::incident(error),
        }
    }
}

/// A message as bytes, or a refusal if it is larger than the servers send.
pub(crate) fn response(message: &impl prost::Message, limits: &Limits) -> Result<Bytes, Error> {
    let length = message.encoded_len() as u64;
    over_limit(
        "size of the response in bytes",
        length,
        limits.max_message_bytes,
        "limits.max_message_bytes",
    )?;
    Ok(message.encode_to_vec().into())
}
