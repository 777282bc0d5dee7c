//! Peers that do not behave. In every test a well-behaved call is answered meanwhile and after.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use bytes::Bytes;
use ferrule_engine::Method;
use ferrule_proto::grpc::health::v1::HealthCheckRequest;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{body::Frame, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

use crate::fixture::{Fixture, PATIENCE, run};

type Body = BoxBody<Bytes, std::convert::Infallible>;

async fn assert_serves(server: &Fixture) {
    // Enough connections that each worker gets some.
    for _ in 0..8 {
        let client = server.client().await;
        client
            .call(Method::HealthCheck, &HealthCheckRequest::default())
            .await
            .unwrap();
    }
}

#[test]
fn what_is_not_http2_is_hung_up_on() {
    let server = Fixture::start(&[]);
    for garbage in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &[0; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"PRI * HTTP/2.0\r\n\r\nXX",
    ] {
        let mut peer = TcpStream::connect(server.app.address()).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.write_all(garbage).unwrap();
        // The end may come as a reset, as the server does not read what it does not want.
        if let Err(cause) = peer.read_to_end(&mut Vec::new()) {
            assert_eq!(cause.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    run(assert_serves(&server));
}

#[test]
fn silent_and_half_open_peers_hold_nothing_up() {
    let server = Fixture::start(&[]);
    let silent: Vec<_> = (0..50)
        .map(|_| TcpStream::connect(server.app.address()).unwrap())
        .collect();
    let halfway: Vec<_> = (0..50)
        .map(|_| {
            let mut peer = TcpStream::connect(server.app.address()).unwrap();
            peer.write_all(b"PRI * HTT").unwrap();
            peer
        })
        .collect();
    run(assert_serves(&server));
    // Nor do they hold up the end.
    let begun = std::time::Instant::now();
    assert_eq!(server.app.finish(), 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop((silent, halfway));
}

/// An HTTP/2 connection without tonic, to send what tonic would not.
async fn raw(server: &Fixture) -> SendRequest<Body> {
    let stream = tokio::net::TcpStream::connect(server.app.address()).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn request(server: &Fixture, content_type: &str, body: Body) -> http::Request<Body> {
    http::Request::post(format!("http://{}{}", server.app.address(), Method::HealthCheck.path()))
        .header("content-type", content_type)
        .header("te", "trailers")
        .body(body)
        .unwrap()
}

/// A body whose bytes come from the channel.
fn body() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (sender, parts) = mpsc::unbounded_channel();
    let frames = UnboundedReceiverStream::new(parts).map(|part| Ok(Frame::data(part)));
    (sender, BodyExt::boxed(StreamBody::new(frames)))
}

/// The gRPC status of a call that sends these bytes and ends.
async fn status_of(server: &Fixture, parts: &[&'static [u8]]) -> String {
    let (sender, body) = body();
    for part in parts {
        sender.send(Bytes::from_static(part)).unwrap();
    }
    drop(sender);
    let response = raw(server)
        .await
        .send_request(request(server, "application/grpc", body))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status")).cloned();
    status.expect("every call has a status").to_str().unwrap().to_owned()
}

#[test]
fn calls_without_a_body_stop_no_other_call() {
    let server = Fixture::start(&[]);
    run(async {
        let mut open = Vec::new();
        for _ in 0..4 {
            let mut sender = raw(&server).await;
            // As many as one connection may have.
            for _ in 0..server.config.limits.max_concurrent_streams {
                let (part, body) = body();
                open.push((
                    part,
                    tokio::spawn(sender.send_request(request(&server, "application/grpc", body))),
                ));
                sender.ready().await.unwrap();
            }
        }
        assert_serves(&server).await;
        assert!(open.iter().all(|(_, call)| !call.is_finished()));
    });
}

#[test]
fn broken_framing_is_the_callers_fault() {
    let server = Fixture::start(&[]);
    run(async {
        let (ok, invalid, exhausted, unimplemented) = ("0", "3", "8", "12");
        assert_eq!(status_of(&server, &[b"\0\0\0\0\0"]).await, ok);
        // In pieces.
        assert_eq!(status_of(&server, &[b"\0\0", b"\0\0", b"\0"]).await, ok);
        // Ends within the prefix, within the message.
        assert_eq!(status_of(&server, &[b"\0\0"]).await, invalid);
        assert_eq!(status_of(&server, &[b"\0\0\0\0\x09abc"]).await, invalid);
        // A flag that does not exist; compressed with nothing.
        assert_eq!(status_of(&server, &[b"\x07\0\0\0\0"]).await, invalid);
        assert_eq!(status_of(&server, &[b"\x01\0\0\0\0"]).await, invalid);
        // Announces 4 GiB.
        assert_eq!(status_of(&server, &[b"\0\xff\xff\xff\xffabc"]).await, exhausted);
        // No message, two messages.
        assert_eq!(status_of(&server, &[]).await, unimplemented);
        assert_eq!(status_of(&server, &[b"\0\0\0\0\0\0\0\0\0\0"]).await, unimplemented);
        assert_serves(&server).await;
    });
}

#[test]
fn compressed_requests_are_refused_with_what_is_spoken_here() {
    let server = Fixture::start(&[]);
    run(async {
        let (sender, body) = body();
        drop(sender);
        let mut request = request(&server, "application/grpc", body);
        request.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
        let response = raw(&server).await.send_request(request).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "12");
        assert_eq!(response.headers()["grpc-accept-encoding"], "identity");
    });
}

#[test]
fn other_content_types_are_refused() {
    let server = Fixture::start(&[]);
    run(async {
        let (sender, body) = body();
        drop(sender);
        let request = request(&server, "application/json", body);
        let response = raw(&server).await.send_request(request).await.unwrap();
        assert_eq!(response.status(), 415);
    });
}

#[test]
fn headers_over_the_limit_end_their_call_only() {
    let server = Fixture::start(&[]);
    run(async {
        let mut sender = raw(&server).await;
        let (part, body_) = body();
        drop(part);
        let mut long = request(&server, "application/grpc", body_);
        long.headers_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
        if let Ok(response) = sender.send_request(long).await {
            assert_ne!(response.status(), 200);
        }
        let (part, body) = body();
        part.send(Bytes::from_static(b"\0\0\0\0\0")).unwrap();
        drop(part);
        let response = sender
            .send_request(request(&server, "application/grpc", body))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
    });
}
