//! Every way in which a call can fail, and the one table from there to gRPC.

use std::time::Duration;

use crate::status::Code;

/// Why there is no answer. Messages say what was expected and what came.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A field of the request is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field from the request's root, as `input.columns`.
        field: String,
        /// What was expected and what came.
        problem: String,
    },
    /// The request's bytes are not the message that the method takes.
    #[error("the request is not a valid {message}: {problem}")]
    Malformed {
        /// Full name of the message.
        message: String,
        /// What the decoder met.
        problem: String,
    },
    /// No such model.
    #[error("there is no model \"{0}\"")]
    NoModel(String),
    /// No such version of a model that exists.
    #[error("model \"{model}\" has no version {version}")]
    NoVersion {
        /// The model.
        model: String,
        /// The version that was asked for.
        version: u32,
    },
    /// No such service in the health protocol.
    #[error("there is no service \"{0}\"")]
    NoService(String),
    /// The model was taken out of memory.
    #[error("{0} is unloaded; LoadModel lets it answer again")]
    Unloaded(String),
    /// The model's file can't be used.
    #[error("{model} is damaged: {problem}")]
    Damaged {
        /// Model and version.
        model: String,
        /// What is wrong with the file.
        problem: String,
    },
    /// The model has no such output.
    #[error("{model} is {kind}, which has no {output}")]
    WrongKind {
        /// Model and version.
        model: String,
        /// Kind of the model.
        kind: &'static str,
        /// The output that was asked for.
        output: &'static str,
    },
    /// A size over a limit; retrying can't help.
    #[error("{what} is {came}, over the limit of {limit} ({setting})")]
    OverLimit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        came: u64,
        /// The limit.
        limit: u64,
        /// Name of the setting.
        setting: &'static str,
    },
    /// The board has no room to note another version as unloaded.
    #[error("too many versions are unloaded at one time; load some")]
    TooManyUnloaded,
    /// A message that the transport refused before its size was known to the engine.
    #[error("a message is over the limit of {limit} bytes (limits.max_message_bytes)")]
    MessageTooLarge {
        /// The limit.
        limit: u64,
    },
    /// Too much at one time; a retry later can help.
    #[error("{what} in flight are at the limit of {limit} ({setting})")]
    Busy {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// Name of the setting.
        setting: &'static str,
    },
    /// The server is stopping.
    #[error("the server is shutting down")]
    Draining,
    /// The deadline passed.
    #[error("the deadline passed before there was an answer")]
    DeadlineExceeded,
    /// The caller went away.
    #[error("the caller cancelled")]
    Cancelled,
    /// No such method.
    #[error("there is no method {0}")]
    NoMethod(String),
    /// A bug, or a disk that fails. The log has the cause under the incident's number.
    #[error("internal error, incident {0}")]
    Internal(u64),
}

/// The google.rpc message that goes with an error.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Detail {
    /// BadRequest.
    Field { field: String, description: String },
    /// ResourceInfo.
    Resource {
        kind: &'static str,
        name: String,
        description: String,
    },
    /// PreconditionFailure.
    Precondition {
        kind: &'static str,
        subject: String,
        description: String,
    },
    /// RetryInfo, and pushback.
    Retry(Duration),
}

/// When a caller that was refused for load may come again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// What a caller sent, for a message: as much of it as any real name has. A status travels in headers, which are short.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS: usize = 200;
    text.chars().take(CHARACTERS).collect()
}

impl Error {
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// Logs an error that no caller could have caused, whole, and returns what the caller is told.
    pub(crate) fn incident(cause: &dyn std::fmt::Display) -> Self {
        use std::hash::{BuildHasher, RandomState};
        // Each RandomState is keyed anew, which is all the randomness that a reference number needs.
        let incident = RandomState::new().hash_one(()) >> 16;
        tracing::error!(incident, %cause, "internal error");
        Self::Internal(incident)
    }

    /// The status table of the contract. Exhaustive: a new error does not build without its row.
    pub(crate) fn code_and_detail(&self) -> (Code, Option<Detail>) {
        let description = || self.to_string();
        match self {
            Self::Invalid { field, problem } => (
                Code::InvalidArgument,
                Some(Detail::Field {
                    field: field.clone(),
                    description: problem.clone(),
                }),
            ),
            Self::Malformed { problem, .. } => (
                Code::InvalidArgument,
                Some(Detail::Field {
                    field: String::new(),
                    description: problem.clone(),
                }),
            ),
            Self::NoModel(name) => (
                Code::NotFound,
                Some(Detail::Resource {
                    kind: "model",
                    name: name.clone(),
                    description: description(),
                }),
            ),
            Self::NoVersion { model, version } => (
                Code::NotFound,
                Some(Detail::Resource {
                    kind: "model version",
                    name: format!("{model}/{version}"),
                    description: description(),
                }),
            ),
            Self::NoService(name) => (
                Code::NotFound,
                Some(Detail::Resource {
                    kind: "service",
                    name: name.clone(),
                    description: description(),
                }),
            ),
            Self::Unloaded(model) => (
                Code::FailedPrecondition,
                Some(Detail::Precondition {
                    kind: "MODEL_UNLOADED",
                    subject: model.clone(),
                    description: description(),
                }),
            ),
            Self::Damaged { model, .. } => (
                Code::FailedPrecondition,
                Some(Detail::Precondition {
                    kind: "MODEL_DAMAGED",
                    subject: model.clone(),
                    description: description(),
                }),
            ),
            Self::WrongKind { model, .. } => (
                Code::FailedPrecondition,
                Some(Detail::Precondition {
                    kind: "MODEL_KIND",
                    subject: model.clone(),
                    description: description(),
                }),
            ),
            Self::OverLimit { .. } | Self::MessageTooLarge { .. } | Self::TooManyUnloaded => {
                (Code::ResourceExhausted, None)
            }
            Self::Busy { .. } => (Code::ResourceExhausted, Some(Detail::Retry(RETRY_AFTER))),
            Self::Draining => (Code::Unavailable, None),
            Self::DeadlineExceeded => (Code::DeadlineExceeded, None),
            Self::Cancelled => (Code::Cancelled, None),
            Self::NoMethod(_) => (Code::Unimplemented, None),
            Self::Internal(_) => (Code::Internal, None),
        }
    }
}

/// Refuses a size over the limit that `setting` sets.
pub(crate) fn over_limit(what: &'static str, came: u64, limit: u32, setting: &'static str) -> Result<(), Error> {
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
