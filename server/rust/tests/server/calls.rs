//! Unary calls.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ferrule_engine::Method;
use ferrule_proto::{
    ferrule::v1::{FitPredictResponse, ListModelsRequest, ListModelsResponse},
    google::rpc,
    grpc::health::v1::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus},
};
use prost::Message;
use tonic::{Code, Request};

use crate::fixture::{Fixture, ONE_FIT, begin, endless_fit, fit, refusal_for_load, run};

#[test]
fn health_is_serving_from_the_start() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        for service in ["", "ferrule.v1.PredictionService"] {
            let request = HealthCheckRequest {
                service: service.into(),
            };
            let response = client.call(Method::HealthCheck, &request).await.unwrap();
            let response = HealthCheckResponse::decode(response).unwrap();
            assert_eq!(response.status(), ServingStatus::Serving, "{service:?}");
        }
        let unknown = HealthCheckRequest {
            service: "nonsense".into(),
        };
        let refusal = client.call(Method::HealthCheck, &unknown).await.unwrap_err();
        assert_eq!(refusal.code(), Code::NotFound);
        assert!(!refusal.details().is_empty());
    });
}

#[test]
fn work_of_the_pools_is_answered() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        let response = client.call(Method::FitPredict, &fit(100, 3, 1)).await.unwrap();
        let response = FitPredictResponse::decode(response).unwrap();
        assert!(response.report.unwrap().n_iter >= 1);
        assert!(response.prediction.unwrap().labels.is_some());
    });
}

#[test]
fn an_unknown_method_is_unimplemented() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        for path in ["/ferrule.v1.PredictionService/Nonsense", "/nonsense", "/"] {
            let refusal = client.request(path, Request::new(Bytes::new())).await.unwrap_err();
            assert_eq!(refusal.code(), Code::Unimplemented, "{path}");
        }
    });
}

#[test]
fn a_request_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let limit = 100_000;
    let server = Fixture::start(&[("LIMITS_MAX_MESSAGE_BYTES", &limit.to_string())]);
    run(async {
        let client = server.client().await;
        let send = async |length: usize| {
            let request = Request::new(vec![0xff; length].into());
            client.request(Method::Predict.path(), request).await.unwrap_err()
        };
        let refusal = send(limit + 1).await;
        assert_eq!(refusal.code(), Code::ResourceExhausted);
        assert!(
            refusal.message().contains("limits.max_message_bytes"),
            "{}",
            refusal.message()
        );
        // A retry can't help: nothing invites to one.
        assert!(refusal.metadata().get("grpc-retry-pushback-ms").is_none());
        assert_eq!(send(limit).await.code(), Code::InvalidArgument);
    });
}

#[test]
fn refusals_for_load_say_when_to_come_again() {
    let server = Fixture::start(&[ONE_FIT]);
    run(async {
        let client = server.client().await;
        let _running = begin(&client, endless_fit()).await;
        let refusal = refusal_for_load(&client).await.expect("one fit is in progress");
        let pushback = refusal.metadata().get("grpc-retry-pushback-ms").unwrap();
        assert!(pushback.to_str().unwrap().parse::<u32>().unwrap() > 0);
        let details = rpc::Status::decode(refusal.details()).unwrap();
        assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    });
}

#[test]
fn a_fit_whose_caller_has_gone_makes_room() {
    let server = Fixture::start(&[ONE_FIT]);
    run(async {
        let staying = server.client().await;
        // Gone by cancelling the call, and by losing the connection.
        for leaving in [staying.clone(), server.client().await] {
            let running = begin(&leaving, endless_fit()).await;
            drop(leaving);
            running.abort();
            while refusal_for_load(&staying).await.is_some() {}
        }
    });
}

#[test]
fn the_deadline_ends_a_long_fit() {
    let server = Fixture::start(&[ONE_FIT]);
    run(async {
        let client = server.client().await;
        let begun = Instant::now();
        let mut request = Request::new(Bytes::from(endless_fit().encode_to_vec()));
        // By hand: a client that knows its deadline would give up itself.
        request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
        let refusal = client.request(Method::FitPredict.path(), request).await.unwrap_err();
        assert_eq!(refusal.code(), Code::DeadlineExceeded, "{refusal}");
        assert!(begun.elapsed() >= Duration::from_millis(300));
        // The work itself has stopped too.
        while refusal_for_load(&client).await.is_some() {}
    });
}

#[test]
fn a_timeout_that_makes_no_sense_is_refused() {
    let server = Fixture::start(&[]);
    run(async {
        let client = server.client().await;
        let mut request = Request::new(Bytes::new());
        request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
        let refusal = client.request(Method::HealthCheck.path(), request).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Internal);
        assert!(refusal.message().contains("grpc-timeout"), "{}", refusal.message());
    });
}

#[test]
fn all_workers_serve_one_repository() {
    let server = Fixture::start(&[]);
    run(async {
        let mut request = fit(50, 2, 1);
        request.spec.as_mut().unwrap().model = "shared".into();
        server.client().await.call(Method::FitPredict, &request).await.unwrap();
        // Enough connections that each worker gets some.
        for _ in 0..16 {
            let client = server.client().await;
            let listed = client.call(Method::ListModels, &ListModelsRequest {}).await.unwrap();
            let listed = ListModelsResponse::decode(listed).unwrap();
            assert_eq!(listed.models.len(), 1);
            assert_eq!(listed.models[0].name, "shared");
        }
    });
}
