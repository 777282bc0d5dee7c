//! `grpc.health.v1.Health` for the whole server, each service and each model (`models/NAME`).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_channel::Sender;
use bytes::Bytes;
use ferrule_proto::grpc::health::v1::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_check_response::ServingStatus,
};
use prost::Message;

use crate::{
    error::{Error, shown},
    method::Method,
    model_name::ModelName,
    repository::Repository,
    request::decode,
    session::Conversation,
    status::Status,
};

const MODELS: &str = "models/";

/// The state of everything that can be asked about, and who wants to hear of changes.
pub(crate) struct Health {
    repository: Arc<Repository>,
    serving: AtomicBool,
    watchers: Mutex<Vec<Watcher>>,
}

struct Watcher {
    service: String,
    told: ServingStatus,
    replies: Sender<Result<Bytes, Status>>,
}

impl Health {
    /// NOT_SERVING until [`set_serving`](Self::set_serving).
    pub(crate) fn new(repository: Arc<Repository>) -> Self {
        Self {
            repository,
            serving: AtomicBool::new(false),
            watchers: Mutex::default(),
        }
    }

    pub(crate) fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Release);
        self.notify();
    }

    pub(crate) fn check(&self, request: Bytes) -> Result<Bytes, Error> {
        let HealthCheckRequest { service } = decode(request)?;
        match self.status(&service) {
            ServingStatus::ServiceUnknown => Err(Error::NoService(shown(&service))),
            status => Ok(reply(status)),
        }
    }

    pub(crate) fn list(&self, request: Bytes) -> Result<Bytes, Error> {
        let HealthListRequest {} = decode(request)?;
        let models = self
            .repository
            .names()
            .into_iter()
            .map(|name| format!("{MODELS}{name}"));
        let services = Method::ALL.iter().map(|method| method.service().to_owned());
        let statuses: BTreeMap<_, _> = models
            .chain(services)
            .chain([String::new()])
            .map(|service| {
                let status = self.status(&service).into();
                (service, HealthCheckResponse { status })
            })
            .collect();
        Ok(HealthListResponse { statuses }.encode_to_vec().into())
    }

    /// Tells the watchers what has changed.
    pub(crate) fn notify(&self) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain_mut(|watcher| {
            let status = self.status(&watcher.service);
            if status != watcher.told {
                watcher.told = status;
                return watcher.replies.try_send(Ok(reply(status))).is_ok();
            }
            !watcher.replies.is_closed()
        });
    }

    fn watch(&self, service: String, replies: Sender<Result<Bytes, Status>>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| !watcher.replies.is_closed());
        let told = self.status(&service);
        if replies.try_send(Ok(reply(told))).is_ok() {
            watchers.push(Watcher { service, told, replies });
        }
    }

    fn status(&self, service: &str) -> ServingStatus {
        let able = match service.strip_prefix(MODELS) {
            _ if service.is_empty() => true,
            None if Method::ALL.iter().any(|method| method.service() == service) => true,
            None => return ServingStatus::ServiceUnknown,
            Some(name) => match ModelName::new(name).map(|name| self.repository.find(&name, None)) {
                Ok(Ok(_)) => true,
                Ok(Err(Error::NoModel(_))) | Err(_) => return ServingStatus::ServiceUnknown,
                Ok(Err(_)) => false,
            },
        };
        if able && self.serving.load(Ordering::Acquire) {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

fn reply(status: ServingStatus) -> Bytes {
    let status = status.into();
    HealthCheckResponse { status }.encode_to_vec().into()
}

/// `Watch`: the status now and each change, until the caller goes.
pub(crate) struct Watch {
    pub(crate) health: Arc<Health>,
    /// Taken by the one request.
    pub(crate) replies: Option<Sender<Result<Bytes, Status>>>,
}

impl Conversation for Watch {
    fn receive(&mut self, message: Bytes) {
        let Some(replies) = self.replies.take() else { return };
        match decode(message) {
            Ok(HealthCheckRequest { service }) => self.health.watch(service, replies),
            Err(error) => {
                let _ = replies.try_send(Err((&error).into()));
            }
        }
    }

    fn finish(&mut self) {
        self.replies = None;
    }
}

/// The messages of a health check from a client's side, for the `healthcheck` command.
pub mod probe {
    use super::{Bytes, HealthCheckRequest, HealthCheckResponse, Message, ServingStatus};

    /// The request of `Health.Check`.
    #[must_use]
    pub fn request(service: &str) -> Bytes {
        let service = service.to_owned();
        HealthCheckRequest { service }.encode_to_vec().into()
    }

    /// Whether a response of `Health.Check` says SERVING.
    #[must_use]
    pub fn is_serving(response: &[u8]) -> bool {
        HealthCheckResponse::decode(response).is_ok_and(|response| response.status() == ServingStatus::Serving)
    }
}
