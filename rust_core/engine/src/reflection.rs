//! `grpc.reflection` v1 and v1alpha, so that tools need no proto file. The two versions differ in name alone.

use std::{collections::BTreeSet, sync::LazyLock};

use async_channel::Sender;
use bytes::Bytes;
use ferrule_proto::grpc::reflection::v1::{
    ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};
use prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::{
    method::Method,
    request::decode,
    session::Conversation,
    status::{Code, Status},
};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(ferrule_proto::FILE_DESCRIPTOR_SET).expect("the build made this descriptor set")
});

/// One answer for each question.
pub(crate) struct Reflection {
    pub(crate) replies: Option<Sender<Result<Bytes, Status>>>,
}

impl Conversation for Reflection {
    fn receive(&mut self, message: Bytes) {
        let Some(replies) = &self.replies else { return };
        match decode(message) {
            Ok(question) => {
                let _ = replies.try_send(Ok(answer(question).encode_to_vec().into()));
            }
            Err(error) => {
                let _ = replies.try_send(Err((&error).into()));
                self.replies = None;
            }
        }
    }

    fn finish(&mut self) {
        self.replies = None;
    }
}

fn answer(question: ServerReflectionRequest) -> ServerReflectionResponse {
    let found = match &question.message_request {
        None => Err((Code::InvalidArgument, "expected a question, got none".to_owned())),
        Some(MessageRequest::ListServices(_)) => Ok(services()),
        Some(MessageRequest::FileByFilename(name)) => files(POOL.get_file_by_name(name), name),
        Some(MessageRequest::FileContainingSymbol(symbol)) => files(file_of(symbol), symbol),
        Some(MessageRequest::FileContainingExtension(extension)) => extension_file(extension),
        Some(MessageRequest::AllExtensionNumbersOfType(name)) => extension_numbers(name),
    };
    let response = found.unwrap_or_else(|(code, error_message)| {
        MessageResponse::ErrorResponse(ErrorResponse {
            error_code: code as i32,
            error_message,
        })
    });
    ServerReflectionResponse {
        valid_host: question.host.clone(),
        original_request: Some(question),
        message_response: Some(response),
    }
}

type Found = Result<MessageResponse, (Code, String)>;

fn not_found(what: &str) -> (Code, String) {
    (Code::NotFound, format!("there is no {what:?}"))
}

fn services() -> MessageResponse {
    let names: BTreeSet<&str> = Method::ALL.iter().map(|method| method.service()).collect();
    let service = names
        .into_iter()
        .map(|name| ServiceResponse { name: name.to_owned() })
        .collect();
    MessageResponse::ListServicesResponse(ListServiceResponse { service })
}

fn file_of(symbol: &str) -> Option<FileDescriptor> {
    let of = |name: &str| {
        None.or_else(|| POOL.get_service_by_name(name).map(|found| found.parent_file()))
            .or_else(|| POOL.get_message_by_name(name).map(|found| found.parent_file()))
            .or_else(|| POOL.get_enum_by_name(name).map(|found| found.parent_file()))
            .or_else(|| POOL.get_extension_by_name(name).map(|found| found.parent_file()))
    };
    of(symbol).or_else(|| {
        // A method, field or enum value is in the file of what contains it, if that has it.
        let (parent, name) = symbol.rsplit_once('.')?;
        let method = || {
            POOL.get_service_by_name(parent)?
                .methods()
                .find(|method| method.name() == name)
                .map(|_| ())
        };
        let field = || {
            let message = POOL.get_message_by_name(parent)?;
            let oneof = message.oneofs().any(|oneof| oneof.name() == name);
            (oneof || message.get_field_by_name(name).is_some()).then_some(())
        };
        let value = || POOL.get_enum_by_name(parent)?.get_value_by_name(name).map(|_| ());
        method().or_else(field).or_else(value).and_then(|()| of(parent))
    })
}

/// A file and what it imports, each once.
fn files(file: Option<FileDescriptor>, asked: &str) -> Found {
    let mut waiting = vec![file.ok_or_else(|| not_found(asked))?];
    let mut seen = BTreeSet::new();
    let mut file_descriptor_proto = Vec::new();
    while let Some(file) = waiting.pop() {
        if seen.insert(file.name().to_owned()) {
            file_descriptor_proto.push(file.encode_to_vec().into());
            waiting.extend(file.dependencies());
        }
    }
    Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
        file_descriptor_proto,
    }))
}

fn extension_file(extension: &ExtensionRequest) -> Found {
    let file = POOL
        .get_message_by_name(&extension.containing_type)
        .and_then(|message| message.get_extension(extension.extension_number.try_into().ok()?))
        .map(|found| found.parent_file());
    files(file, &extension.containing_type)
}

fn extension_numbers(name: &str) -> Found {
    let message = POOL.get_message_by_name(name).ok_or_else(|| not_found(name))?;
    Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
        base_type_name: name.to_owned(),
        extension_number: message
            .extensions()
            .filter_map(|found| found.number().try_into().ok())
            .collect(),
    }))
}
