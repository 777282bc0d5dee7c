//! `PredictionService.Predict`.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use ferrule_proto::ferrule::v1::{PredictRequest, PredictResponse, predict_request::Selector};

use crate::{
    call::Wanted,
    config::Limits,
    error::Error,
    matrix::CheckedMatrix,
    model::Model,
    model_name::ModelName,
    prediction::{Outputs, Question, response},
    repository::Repository,
    request::{decode, version},
};

/// A request that a model can answer.
pub(crate) struct Predict {
    named: Named,
    model: Arc<Model>,
    matrix: CheckedMatrix,
    outputs: Outputs,
}

/// Name and version; written out where a message shows them.
struct Named {
    name: ModelName,
    version: u32,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

impl Predict {
    /// Decodes and checks a request.
    pub(crate) fn check(request: Bytes, repository: &Repository, limits: &Limits) -> Result<Self, Error> {
        let request: PredictRequest = decode(request)?;
        let name = ModelName::check(request.model, "model")?;
        let selected = version(request.selector.map(|Selector::Version(version)| version))?;
        let outputs = Outputs::check(&request.outputs, "outputs")?;
        let (version, model) = repository.find(&name, selected)?;
        let matrix = CheckedMatrix::check(request.input, "input", limits)?;
        let predict = Self {
            named: Named { name, version },
            model,
            matrix,
            outputs,
        };
        predict.question().check(limits)?;
        Ok(predict)
    }

    fn question(&self) -> Question<'_> {
        Question {
            model: &self.model,
            name: &self.named,
            matrix: &self.matrix,
            field: "input",
            outputs: self.outputs,
        }
    }

    /// Multiplications that the answer takes, about.
    pub(crate) fn work(&self) -> u64 {
        self.question().work()
    }

    /// The bytes of the response.
    pub(crate) fn answer(self, limits: &Limits, wanted: &Wanted) -> Result<Bytes, Error> {
        let prediction = self.question().answer(wanted)?;
        let message = PredictResponse {
            model: self.named.name.into(),
            version: self.named.version,
            prediction: Some(prediction),
        };
        response(&message, limits)
    }
}
