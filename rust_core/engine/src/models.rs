//! `ModelService`.

use bytes::Bytes;
use ferrule_proto::ferrule::v1::{
    self, GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse, LoadModelRequest,
    LoadModelResponse, ModelState, ModelVersion, UnloadModelRequest, UnloadModelResponse, get_model_request,
    load_model_request, unload_model_request,
};

use crate::{
    config::Limits,
    error::Error,
    model::Algorithm,
    model_name::ModelName,
    prediction::response,
    repository::{Repository, State, States},
    request::{decode, version},
};

pub(crate) fn list(request: Bytes, repository: &Repository, limits: &Limits) -> Result<Bytes, Error> {
    let ListModelsRequest {} = decode(request)?;
    let models = repository
        .list()?
        .into_iter()
        .map(|(name, states)| described(name, states));
    let message = ListModelsResponse {
        models: models.collect(),
    };
    response(&message, limits)
}

pub(crate) fn get(request: Bytes, repository: &Repository, limits: &Limits) -> Result<Bytes, Error> {
    let request: GetModelRequest = decode(request)?;
    let name = ModelName::check(request.model, "model")?;
    let selected = request
        .selector
        .map(|get_model_request::Selector::Version(version)| version);
    let (version, model) = repository.find(&name, version(selected)?)?;
    let (n_clusters, classes) = match &model.algorithm {
        Algorithm::KMeans(model) => (model.n_clusters() as u32, None),
        Algorithm::LogisticRegression(_, classes) => (0, Some(classes.to_labels())),
    };
    let message = GetModelResponse {
        model: name.into(),
        version,
        kind: model.family().kind().to_owned(),
        columns: model.columns() as u32,
        n_clusters,
        classes,
        feature_names: model.feature_names.clone(),
    };
    response(&message, limits)
}

pub(crate) fn load(request: Bytes, repository: &Repository, limits: &Limits) -> Result<Bytes, Error> {
    let request: LoadModelRequest = decode(request)?;
    let name = ModelName::check(request.model, "model")?;
    let selected = request
        .selector
        .map(|load_model_request::Selector::Version(version)| version);
    repository.load(&name, version(selected)?)?;
    let states = repository.states(&name)?;
    let message = LoadModelResponse {
        model: Some(described(name, states)),
    };
    response(&message, limits)
}

pub(crate) fn unload(request: Bytes, repository: &Repository, limits: &Limits) -> Result<Bytes, Error> {
    let request: UnloadModelRequest = decode(request)?;
    let name = ModelName::check(request.model, "model")?;
    let selected = request
        .selector
        .map(|unload_model_request::Selector::Version(version)| version);
    repository.unload(&name, version(selected)?)?;
    let states = repository.states(&name)?;
    let message = UnloadModelResponse {
        model: Some(described(name, states)),
    };
    response(&message, limits)
}

fn described(name: ModelName, states: States) -> v1::Model {
    let versions = states.into_iter().map(|(version, state)| {
        let state = match state {
            State::Available => ModelState::Available,
            State::Unloaded => ModelState::Unloaded,
            State::Damaged => ModelState::Damaged,
        };
        ModelVersion {
            version,
            state: state.into(),
        }
    });
    v1::Model {
        name: name.into(),
        versions: versions.collect(),
    }
}
