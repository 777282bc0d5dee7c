//! Stopping a server in this process.

use std::time::{Duration, Instant};

use ferrule_engine::Method;
use ferrule_proto::{
    ferrule::v1::{FitPredictResponse, ListModelsRequest},
    grpc::health::v1::health_check_response::ServingStatus,
};
use ferrule_server::drain;
use prost::Message;

use crate::{
    fixture::{Client, Fixture, ONE_FIT, begin, endless_fit, fit, long_fit, run, runtime},
    streams,
};

#[test]
fn no_call_fails_while_clients_keep_calling() {
    let server = Fixture::start(&[]);
    let (address, settings) = (server.address(), server.config.server.clone());
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let address = address.clone();
            std::thread::spawn(move || {
                runtime().block_on(async {
                    let client = Client::connect(&address).await;
                    let mut answered = 0_u32;
                    loop {
                        match client.call(Method::ListModels, &ListModelsRequest {}).await {
                            Ok(_) => answered += 1,
                            Err(status) => return (answered, status),
                        }
                    }
                })
            })
        })
        .collect();
    run(async {
        server
            .client()
            .await
            .call(Method::FitPredict, &fit(2000, 20, 1))
            .await
            .unwrap()
    });
    drain::drain(server.app, &settings);
    for caller in callers {
        let (answered, last) = caller.join().unwrap();
        assert!(answered > 0);
        // Refused before it was sent: the client knows that the connection is closed.
        assert_eq!(last.code(), tonic::Code::Unavailable, "{last}");
    }
}

#[test]
fn open_streams_and_idle_connections_do_not_hold_up_the_end() {
    let server = Fixture::start(&[]);
    let settings = server.config.server.clone();
    let begun = runtime().block_on(async {
        let idle = server.client().await;
        let client = server.client().await;
        let mut watch = streams::watch(&client).await;
        streams::next_status(&mut watch).await;
        let (_messages, _replies) = streams::open(&client, Method::Reflection).await;
        let begun = Instant::now();
        let stopping = tokio::task::spawn_blocking(move || drain::drain(server.app, &settings));
        stopping.await.unwrap();
        drop(idle);
        begun
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_call_in_progress_is_finished() {
    let server = Fixture::start(&[ONE_FIT]);
    let settings = server.config.server.clone();
    run(async {
        let client = server.client().await;
        let running = begin(&client, long_fit()).await;
        let stopping = tokio::task::spawn_blocking(move || drain::drain(server.app, &settings));
        let response = running.await.unwrap().unwrap();
        assert!(FitPredictResponse::decode(response).unwrap().report.is_some());
        stopping.await.unwrap();
    });
}

#[test]
fn a_call_that_outlasts_the_drain_is_cut() {
    let server = Fixture::start(&[ONE_FIT, ("SERVER_DRAIN_TIMEOUT", "200ms")]);
    run(async {
        let client = server.client().await;
        let running = begin(&client, endless_fit()).await;
        let cut = tokio::task::spawn_blocking(move || server.app.finish()).await.unwrap();
        assert_eq!(cut, 1);
        running.await.unwrap().unwrap_err();
    });
}

#[test]
fn calls_are_answered_during_the_delay() {
    let server = Fixture::start(&[("SERVER_DRAIN_DELAY", "1s")]);
    let settings = server.config.server.clone();
    run(async {
        let client = server.client().await;
        let mut watch = streams::watch(&client).await;
        assert_eq!(streams::next_status(&mut watch).await, ServingStatus::Serving);
        let address = server.address();
        let stopping = tokio::task::spawn_blocking(move || drain::drain(server.app, &settings));
        assert_eq!(streams::next_status(&mut watch).await, ServingStatus::NotServing);
        // On old connections and new ones.
        client.call(Method::ListModels, &ListModelsRequest {}).await.unwrap();
        Client::connect(&address)
            .await
            .call(Method::ListModels, &ListModelsRequest {})
            .await
            .unwrap();
        stopping.await.unwrap();
    });
}
