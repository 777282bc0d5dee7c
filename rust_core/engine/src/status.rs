//! What a caller is told when there is no answer: a gRPC status with details.

use std::time::Duration;

use bytes::Bytes;
use ferrule_proto::google::rpc;
use prost::Message;
use prost_types::Any;

use crate::error::{Detail, Error, shown};

/// gRPC status codes that the engine gives; the numbers are gRPC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs)] // the names are gRPC's
pub enum Code {
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// A gRPC status as a server sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `grpc-status`.
    pub code: Code,
    /// `grpc-message`.
    pub message: String,
    /// `grpc-status-details-bin`: a serialized `google.rpc.Status`; empty when there are no details.
    pub details: Bytes,
    /// `grpc-retry-pushback-ms`: when a client may retry, where that can help.
    pub retry_after: Option<Duration>,
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        let (code, detail) = error.code_and_detail();
        let message = error.to_string();
        let retry_after = match detail {
            Some(Detail::Retry(after)) => Some(after),
            _ => None,
        };
        let details = detail.map_or_else(Bytes::new, |detail| {
            rpc::Status {
                code: code as i32,
                message: message.clone(),
                details: vec![packed(detail)],
            }
            .encode_to_vec()
            .into()
        });
        Self {
            code,
            message,
            details,
            retry_after,
        }
    }
}

fn packed(detail: Detail) -> Any {
    let packed = match detail {
        Detail::Field { field, description } => Any::from_msg(&rpc::BadRequest {
            field_violations: vec![rpc::bad_request::FieldViolation { field, description }],
        }),
        Detail::Resource {
            kind,
            name,
            description,
        } => Any::from_msg(&rpc::ResourceInfo {
            resource_type: kind.to_owned(),
            resource_name: name,
            owner: String::new(),
            description,
        }),
        Detail::Precondition {
            kind,
            subject,
            description,
        } => Any::from_msg(&rpc::PreconditionFailure {
            violations: vec![rpc::precondition_failure::Violation {
                r#type: kind.to_owned(),
                subject,
                description,
            }],
        }),
        Detail::Retry(after) => Any::from_msg(&rpc::RetryInfo {
            retry_delay: prost_types::Duration::try_from(after).ok(),
        }),
    };
    packed.expect("a vector takes any message")
}

impl Status {
    /// What a server that awaits answers when the deadline of pending work passes.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        (&Error::DeadlineExceeded).into()
    }

    /// What a server answers when its transport refused a message for its size.
    #[must_use]
    pub fn message_too_large(limit: u64) -> Self {
        (&Error::MessageTooLarge { limit }).into()
    }

    /// What a server answers to a path that no method has.
    #[must_use]
    pub fn no_method(path: &str) -> Self {
        (&Error::NoMethod(shown(path))).into()
    }

    /// What a server answers to a new stream when each of its open streams holds a thread and there are no more.
    #[must_use]
    pub fn too_many_streams(limit: u32) -> Self {
        let error = Error::Busy {
            what: "streams",
            limit: limit.into(),
            setting: "limits.max_concurrent_streams",
        };
        (&error).into()
    }

    /// What a server answers when it failed itself: the cause is logged, and the caller gets the log line's number.
    #[must_use]
    pub fn incident(cause: &dyn std::fmt::Display) -> Self {
        (&Error::incident(cause)).into()
    }

    /// What a server answers to new calls after its drain has begun.
    #[must_use]
    pub fn draining() -> Self {
        (&Error::Draining).into()
    }
}
