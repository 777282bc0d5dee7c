//! Calls that stay open.

use std::time::Duration;

use bytes::Bytes;
use ferrule_engine::Method;
use ferrule_proto::grpc::{
    health::v1::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus},
    reflection::v1::{
        ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
    },
};
use ferrule_server::codec::RawCodec;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Request, Streaming};

use crate::fixture::{Client, Fixture, run};

/// Opens a stream whose messages come from the channel.
pub async fn open(client: &Client, method: Method) -> (mpsc::UnboundedSender<Bytes>, Streaming<Bytes>) {
    let (sender, messages) = mpsc::unbounded_channel();
    let mut grpc = client.0.clone();
    grpc.ready().await.unwrap();
    let request = Request::new(UnboundedReceiverStream::new(messages));
    let path = PathAndQuery::from_static(method.path());
    (
        sender,
        grpc.streaming(request, path, RawCodec).await.unwrap().into_inner(),
    )
}

pub async fn watch(client: &Client) -> Streaming<Bytes> {
    let mut grpc = client.0.clone();
    grpc.ready().await.unwrap();
    let request = Request::new(HealthCheckRequest::default().encode_to_vec().into());
    let path = PathAndQuery::from_static(Method::HealthWatch.path());
    grpc.server_streaming(request, path, RawCodec)
        .await
        .unwrap()
        .into_inner()
}

pub async fn next_status(watch: &mut Streaming<Bytes>) -> ServingStatus {
    let message = watch.message().await.unwrap().expect("Watch has no end of its own");
    HealthCheckResponse::decode(message).unwrap().status()
}

#[test]
fn reflection_lists_the_services_on_a_stream_that_stays_open() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        for method in [Method::Reflection, Method::ReflectionAlpha] {
            let (messages, mut replies) = open(&client, method).await;
            // Twice: the second request is sent after the first reply came.
            for _ in 0..2 {
                let request = ServerReflectionRequest {
                    message_request: Some(MessageRequest::ListServices(String::new())),
                    ..ServerReflectionRequest::default()
                };
                messages.send(request.encode_to_vec().into()).unwrap();
                let reply = replies.message().await.unwrap().unwrap();
                let Some(MessageResponse::ListServicesResponse(list)) =
                    ServerReflectionResponse::decode(reply).unwrap().message_response
                else {
                    panic!("a list was asked for");
                };
                let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
                assert!(names.contains(&"ferrule.v1.PredictionService"), "{names:?}");
                assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
            }
            drop(messages);
            assert!(replies.message().await.unwrap().is_none());
        }
    });
}

#[test]
fn a_watch_tells_of_the_drain_and_then_ends() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        let mut replies = watch(&client).await;
        assert_eq!(next_status(&mut replies).await, ServingStatus::Serving);
        server.app.engine().drain();
        assert_eq!(next_status(&mut replies).await, ServingStatus::NotServing);
        server.app.engine().hang_up();
        assert_eq!(replies.message().await.unwrap_err().code(), Code::Unavailable);
    });
}

#[test]
fn the_deadline_ends_a_stream() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        let mut grpc = client.0.clone();
        grpc.ready().await.unwrap();
        let mut request = Request::new(Bytes::new());
        request.set_timeout(Duration::from_millis(100));
        let path = PathAndQuery::from_static(Method::HealthWatch.path());
        let mut replies = grpc
            .server_streaming(request, path, RawCodec)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(next_status(&mut replies).await, ServingStatus::Serving);
        assert_eq!(replies.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    });
}

#[test]
fn a_message_over_the_limit_ends_a_stream() {
    let server = Fixture::start(&[("LIMITS_MAX_MESSAGE_BYTES", "1000")]);
    run(async {
        let client = server.client().await;
        let (messages, mut replies) = open(&client, Method::Reflection).await;
        messages.send(Bytes::from(vec![0; 1001])).unwrap();
        assert_eq!(replies.message().await.unwrap_err().code(), Code::ResourceExhausted);
    });
}
