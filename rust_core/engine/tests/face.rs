//! The engine as a server sees it: bytes in, bytes or a status out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod served;

use std::time::{Duration, Instant};

use bytes::Bytes;
use ferrule_engine::{Board, Call, Code, Config, Context, Engine, Method, Status, config::Layers};
use ferrule_proto::{
    ferrule::v1::{
        self, FitData, FitPredictRequest, FitSpec, Integers, KMeans, Labels, LogisticRegression, Output,
        PredictRequest, Strings, fit_spec::Algorithm, labels::Kind, predict_request::Selector,
    },
    grpc::health::v1::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus},
};
use proptest::prelude::*;
use prost::Message;
use served::{Served, asking, doubles, field_at_fault, float64, integers, served, served_with};

const CORNERS: [f64; 8] = [0.0, 0.0, 0.0, 1.0, 10.0, 10.0, 10.0, 11.0];

fn clusters(name: &str) -> FitPredictRequest {
    FitPredictRequest {
        spec: Some(FitSpec {
            model: name.into(),
            algorithm: Some(Algorithm::KMeans(KMeans {
                n_clusters: Some(2),
                ..KMeans::default()
            })),
            outputs: vec![],
        }),
        data: Some(FitData {
            input: doubles(4, 2, &CORNERS),
            ..FitData::default()
        }),
    }
}

fn classes(name: &str) -> FitPredictRequest {
    let labels = Strings {
        values: ["near", "near", "far", "far"].map(str::to_owned).to_vec(),
    };
    FitPredictRequest {
        spec: Some(FitSpec {
            model: name.into(),
            algorithm: Some(Algorithm::LogisticRegression(LogisticRegression::default())),
            outputs: vec![Output::Labels.into(), Output::Probabilities.into()],
        }),
        data: Some(FitData {
            input: float64(4, 2, &CORNERS),
            targets: Some(Labels {
                kind: Some(Kind::Strings(labels)),
            }),
            sample_weight: vec![],
        }),
    }
}

/// A fit that goes on for minutes unless it is stopped.
fn endless() -> FitPredictRequest {
    let values: Vec<f64> = (0..400_000_u32).map(|i| f64::from(i * 7919 % 100_003)).collect();
    let mut request = clusters("endless");
    request.data = Some(FitData {
        input: float64(200_000, 2, &values),
        ..FitData::default()
    });
    request.spec.as_mut().unwrap().algorithm = Some(Algorithm::KMeans(KMeans {
        n_clusters: Some(2000),
        n_init: Some(10),
        max_iter: Some(1000),
        tol: Some(0.0),
        ..KMeans::default()
    }));
    request
}

#[test]
fn a_fitted_model_is_published_and_answers_rows_as_it_did_in_the_fit() {
    let served = served();
    let fitted = served.fit(&clusters("corners")).unwrap();
    let report = fitted.report.unwrap();
    assert_eq!((report.version, report.converged), (1, true));
    let in_fit = integers(fitted.prediction.unwrap().labels);
    assert_eq!((in_fit[0], in_fit[2]), (in_fit[1], in_fit[3]));
    assert_ne!(in_fit[0], in_fit[2]);
    let answered = served.predict(&asking("corners", doubles(4, 2, &CORNERS))).unwrap();
    assert_eq!((answered.model.as_str(), answered.version), ("corners", 1));
    assert_eq!(integers(answered.prediction.unwrap().labels), in_fit);
}

#[test]
fn string_classes_come_back_and_numbers_use_the_encoding_of_the_question() {
    let served = served();
    let prediction = served.fit(&classes("distance")).unwrap().prediction.unwrap();
    let Some(Kind::Strings(labels)) = prediction.labels.unwrap().kind else {
        panic!("targets were strings")
    };
    assert_eq!(labels.values, ["near", "near", "far", "far"]);
    let probabilities = prediction.probabilities.unwrap();
    assert_eq!((probabilities.rows, probabilities.columns), (4, 2));
    assert!(probabilities.values.is_empty() && probabilities.float64.len() == 64);

    let ask = |input| {
        let mut request = asking("distance", input);
        request.outputs = vec![Output::Probabilities.into(), Output::DecisionFunction.into()];
        served.predict(&request).unwrap().prediction.unwrap()
    };
    let (as_doubles, as_bytes) = (ask(doubles(4, 2, &CORNERS)), ask(float64(4, 2, &CORNERS)));
    assert!(as_doubles.labels.is_none());
    let decision = as_doubles.decision_function.unwrap();
    assert_eq!((decision.rows, decision.columns, decision.values.len()), (4, 1, 4));
    let values: Vec<u8> = as_doubles
        .probabilities
        .unwrap()
        .values
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    assert_eq!(as_bytes.probabilities.unwrap().float64, values);
}

#[test]
fn large_predictions_equal_small_ones() {
    let served = served();
    served.fit(&clusters("corners")).unwrap();
    let values: Vec<f64> = (0..200_000).map(|i| f64::from(i % 23) * 0.5).collect();
    let whole = served
        .predict(&asking("corners", float64(100_000, 2, &values)))
        .unwrap();
    let whole = integers(whole.prediction.unwrap().labels);
    for row in [0, 1, 4_095, 4_096, 99_999] {
        let alone = served
            .predict(&asking("corners", float64(1, 2, &values[2 * row..2 * row + 2])))
            .unwrap();
        assert_eq!(integers(alone.prediction.unwrap().labels), [whole[row]]);
    }
}

#[test]
fn every_wrong_request_names_its_field() {
    let served = served();
    served.fit(&clusters("corners")).unwrap();
    let predict = |change: &dyn Fn(&mut PredictRequest)| {
        let mut request = asking("corners", doubles(1, 2, &[0.0, 0.0]));
        change(&mut request);
        let status = served.predict(&request).unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument, "{status:?}");
        field_at_fault(&status)
    };
    assert_eq!(predict(&|r| r.model = "../etc".into()), "model");
    assert_eq!(predict(&|r| r.selector = Some(Selector::Version(0))), "version");
    assert_eq!(predict(&|r| r.input = None), "input");
    assert_eq!(predict(&|r| r.input = doubles(0, 2, &[])), "input.rows");
    assert_eq!(predict(&|r| r.input = doubles(1, 0, &[])), "input.columns");
    assert_eq!(predict(&|r| r.input = doubles(1, 3, &[0.0; 3])), "input.columns");
    assert_eq!(predict(&|r| r.input = doubles(1, 2, &[])), "input");
    assert_eq!(predict(&|r| r.input = doubles(1, 2, &[0.0])), "input.values");
    assert_eq!(predict(&|r| r.input = doubles(1, 2, &[0.0, f64::NAN])), "input.values");
    assert_eq!(
        predict(&|r| r.input = float64(1, 2, &[f64::INFINITY, 0.0])),
        "input.float64"
    );
    assert_eq!(predict(&|r| r.input = float64(2, 2, &[0.0, 0.0])), "input.float64");
    assert_eq!(predict(&|r| r.outputs = vec![1, 99]), "outputs[1]");
    assert_eq!(predict(&|r| r.outputs = vec![1, 1]), "outputs[1]");
    assert_eq!(
        predict(&|r| r.input.as_mut().unwrap().feature_names = vec!["x".into()]),
        "input.feature_names"
    );

    let fit = |change: &dyn Fn(&mut FitSpec, &mut FitData)| {
        let mut request = classes("");
        change(request.spec.as_mut().unwrap(), request.data.as_mut().unwrap());
        let status = served.fit(&request).unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument, "{status:?}");
        field_at_fault(&status)
    };
    let c = |c| LogisticRegression {
        c: Some(c),
        ..LogisticRegression::default()
    };
    assert_eq!(fit(&|spec, _| spec.algorithm = None), "spec.algorithm");
    assert_eq!(fit(&|spec, _| spec.model = "UPPER".into()), "spec.model");
    assert_eq!(
        fit(&|spec, _| spec.algorithm = Some(Algorithm::LogisticRegression(c(0.0)))),
        "spec.logistic_regression.c"
    );
    assert_eq!(fit(&|_, data| data.targets = None), "data.targets");
    assert_eq!(fit(&|_, data| data.sample_weight = vec![1.0]), "data.sample_weight");
    assert_eq!(fit(&|_, data| data.sample_weight = vec![-1.0; 4]), "data.sample_weight");
    let one_class = Labels {
        kind: Some(Kind::Integers(Integers { values: vec![7; 4] })),
    };
    assert_eq!(fit(&|_, data| data.targets = Some(one_class.clone())), "data.targets");
    let k = |n| KMeans {
        n_clusters: Some(n),
        ..KMeans::default()
    };
    let k_means = |n| Some(Algorithm::KMeans(k(n)));
    assert_eq!(fit(&|spec, _| spec.algorithm = k_means(2)), "data.targets");
    for n in [0, 5] {
        assert_eq!(
            fit(&|spec, data| (spec.algorithm, spec.outputs, data.targets) = (k_means(n), vec![], None)),
            "spec.k_means.n_clusters"
        );
    }
}

#[test]
fn what_a_model_can_not_do_is_a_failed_precondition() {
    let served = served();
    served.fit(&clusters("corners")).unwrap();
    let mut request = asking("corners", doubles(1, 2, &[0.0, 0.0]));
    request.outputs = vec![Output::Probabilities.into()];
    let status = served.predict(&request).unwrap_err();
    assert_eq!(status.code, Code::FailedPrecondition);
    assert_eq!(status.message, "corners/1 is k_means, which has no probabilities");
    let missing = served
        .predict(&asking("nobody", doubles(1, 2, &[0.0, 0.0])))
        .unwrap_err();
    assert_eq!(missing.code, Code::NotFound);
}

#[test]
fn limits_are_enforced_with_the_name_of_the_setting() {
    let served = served_with(|config| {
        config.limits.max_cells = 100;
        config.limits.max_clusters = 3;
        config.limits.max_iterations = 10;
    });
    let refused = |status: Status, setting: &str| {
        assert_eq!(status.code, Code::ResourceExhausted);
        assert!(
            status.message.contains(setting) && status.retry_after.is_none(),
            "{status:?}"
        );
    };
    refused(served.fit(&clusters("m")).unwrap_err(), "limits.max_iterations");
    let with = |change: &dyn Fn(&mut KMeans)| {
        let mut request = clusters("m");
        let mut k_means = KMeans {
            n_clusters: Some(2),
            max_iter: Some(10),
            ..KMeans::default()
        };
        change(&mut k_means);
        request.spec.as_mut().unwrap().algorithm = Some(Algorithm::KMeans(k_means));
        served.fit(&request)
    };
    assert!(with(&|_| {}).is_ok());
    refused(with(&|k| k.n_clusters = Some(4)).unwrap_err(), "limits.max_clusters");
    refused(with(&|k| k.n_init = Some(2)).unwrap_err(), "limits.max_iterations");
    refused(
        served
            .predict(&asking("m", doubles(u32::MAX, u32::MAX, &[0.0])))
            .unwrap_err(),
        "limits.max_cells",
    );
    let mut scores = classes("two");
    scores.spec.as_mut().unwrap().outputs = vec![Output::DecisionFunction.into()];
    scores.spec.as_mut().unwrap().algorithm = Some(Algorithm::LogisticRegression(LogisticRegression {
        max_iter: Some(10),
        ..LogisticRegression::default()
    }));
    scores.data.as_mut().unwrap().input = doubles(4, 1, &[0.0, 1.0, 10.0, 11.0]);
    served.fit(&scores).unwrap();
    let mut tall = asking("two", doubles(100, 1, &[0.0; 100]));
    tall.outputs = vec![Output::DecisionFunction.into()];
    assert!(served.predict(&tall).is_ok(), "two classes have one score");
    let mut wide = asking("m", doubles(50, 2, &[0.0; 100]));
    wide.outputs = vec![Output::Distances.into()];
    assert!(served.predict(&wide).is_ok());
}

#[test]
fn a_response_over_the_limit_is_refused_before_it_is_made() {
    let served = served_with(|config| config.limits.max_message_bytes = 8192);
    served.fit(&clusters("m")).unwrap();
    let status = served
        .predict(&asking("m", float64(1000, 2, &[0.0; 2000])))
        .unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert!(status.message.contains("limits.max_message_bytes"));
}

#[test]
fn a_fit_whose_answer_is_refused_is_not_begun() {
    let served = served();
    let soon = Context {
        deadline: Some(Instant::now() + Duration::from_secs(30)),
    };
    for (output, code) in [
        (Output::Probabilities, Code::FailedPrecondition),
        (Output::Distances, Code::ResourceExhausted),
    ] {
        let mut request = endless();
        request.spec.as_mut().unwrap().outputs = vec![output.into()];
        let status = served
            .bytes(Method::FitPredict, request.encode_to_vec().into(), soon)
            .unwrap_err();
        assert_eq!(status.code, code);
    }
}

#[test]
fn a_deadline_and_a_cancel_stop_a_fit_and_give_its_place_back() {
    let served = served_with(|config| config.limits.max_fits_in_flight = 1);
    let request: Bytes = endless().encode_to_vec().into();
    let context = Context {
        deadline: Some(Instant::now() + Duration::from_millis(50)),
    };
    let status = served.bytes(Method::FitPredict, request.clone(), context).unwrap_err();
    assert_eq!(status.code, Code::DeadlineExceeded);

    let free = || loop {
        // The place is given back when the loop inside the fit next looks, a few milliseconds later.
        match served
            .engine
            .call(Method::FitPredict, request.clone(), Context::default())
        {
            Call::Running(pending) => break pending,
            Call::Answered(answer) => {
                let status = answer.unwrap_err();
                assert_eq!(status.code, Code::ResourceExhausted);
                assert!(status.retry_after.is_some());
                std::thread::yield_now();
            }
        }
    };
    let pending = free();
    pending.canceller().cancel();
    assert_eq!(pending.wait().unwrap_err().code, Code::Cancelled);
    drop(free());
    drop(free());
    let models: v1::ListModelsResponse = served.call(Method::ListModels, &v1::ListModelsRequest {}).unwrap();
    assert_eq!(models.models, [], "a fit that was stopped publishes nothing");
    let late = Context {
        deadline: Some(Instant::now()),
    };
    assert_eq!(
        served.bytes(Method::Predict, Bytes::new(), late).unwrap_err().code,
        Code::DeadlineExceeded
    );
}

#[test]
fn a_fit_that_is_cancelled_while_it_waits_gives_its_place_back_at_once() {
    // At least one more than run at one time.
    let places = 1 + std::thread::available_parallelism().unwrap().get() as u32;
    let served = served_with(|config| config.limits.max_fits_in_flight = places);
    let request: Bytes = endless().encode_to_vec().into();
    let take = || match served
        .engine
        .call(Method::FitPredict, request.clone(), Context::default())
    {
        Call::Running(pending) => pending,
        Call::Answered(answer) => panic!("no place: {:?}", answer.unwrap_err()),
    };
    let running: Vec<_> = (1..places).map(|_| take()).collect();
    // All threads are taken, so each of these waits.
    for _ in 0..3 {
        let waiting = take();
        waiting.canceller().cancel();
        assert_eq!(waiting.wait().unwrap_err().code, Code::Cancelled);
    }
    drop(running);
}

#[test]
fn models_are_listed_described_unloaded_and_loaded() {
    let served = served();
    served.fit(&classes("a")).unwrap();
    served.fit(&clusters("b")).unwrap();
    let list: v1::ListModelsResponse = served.call(Method::ListModels, &v1::ListModelsRequest {}).unwrap();
    let names: Vec<_> = list.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let described: v1::GetModelResponse = served
        .call(
            Method::GetModel,
            &v1::GetModelRequest {
                model: "a".into(),
                selector: None,
            },
        )
        .unwrap();
    assert_eq!((described.kind.as_str(), described.columns), ("logistic_regression", 2));
    let one = |model: &str| v1::UnloadModelRequest {
        model: model.into(),
        selector: None,
    };
    let unloaded: v1::UnloadModelResponse = served.call(Method::UnloadModel, &one("a")).unwrap();
    assert_eq!(unloaded.model.unwrap().versions[0].state(), v1::ModelState::Unloaded);
    let ask = || served.predict(&asking("a", doubles(1, 2, &[0.0, 0.0])));
    assert_eq!(ask().unwrap_err().code, Code::FailedPrecondition);
    let load = v1::LoadModelRequest {
        model: "a".into(),
        selector: None,
    };
    let loaded: v1::LoadModelResponse = served.call(Method::LoadModel, &load).unwrap();
    assert_eq!(loaded.model.unwrap().versions[0].state(), v1::ModelState::Available);
    assert!(ask().is_ok());
    let unknown: Result<v1::UnloadModelResponse, _> = served.call(Method::UnloadModel, &one("c"));
    assert_eq!(unknown.unwrap_err().code, Code::NotFound);
}

#[test]
fn files_are_not_read_where_a_load_arrives() {
    let served = served();
    served.fit(&clusters("m")).unwrap();
    let load = v1::LoadModelRequest {
        model: "m".into(),
        selector: None,
    };
    let call = served
        .engine
        .call(Method::LoadModel, load.encode_to_vec().into(), Context::default());
    let Call::Running(pending) = call else {
        panic!("a load is pooled");
    };
    assert!(pending.wait().is_ok());
}

#[test]
fn health_follows_the_engine_and_its_models() {
    let served = served();
    let check = |service: &str| {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        served
            .call::<HealthCheckResponse>(Method::HealthCheck, &request)
            .map(|response| response.status())
    };
    assert_eq!(check(""), Ok(ServingStatus::NotServing));
    served.engine.serve();
    assert_eq!(check(""), Ok(ServingStatus::Serving));
    assert_eq!(check("ferrule.v1.PredictionService"), Ok(ServingStatus::Serving));
    assert_eq!(check("models/m").unwrap_err().code, Code::NotFound);

    let mut session = served.engine.open(Method::HealthWatch, Context::default());
    let request = HealthCheckRequest {
        service: "models/m".into(),
    };
    session.receive(request.encode_to_vec().into());
    session.finish();
    let next = || {
        let reply = session.replies().recv_blocking().unwrap();
        reply
            .map(|reply| HealthCheckResponse::decode(reply).unwrap().status())
            .map_err(|status| status.code)
    };
    assert_eq!(next(), Ok(ServingStatus::ServiceUnknown));
    served.fit(&clusters("m")).unwrap();
    assert_eq!(next(), Ok(ServingStatus::Serving));
    served.engine.drain();
    assert_eq!(next(), Ok(ServingStatus::NotServing));
    served.engine.hang_up();
    assert_eq!(next(), Err(Code::Unavailable));
    assert!(
        session.replies().recv_blocking().is_err(),
        "nothing comes after the end"
    );
}

#[test]
fn a_watcher_hears_of_a_change_that_a_call_saw_first() {
    let models = tempfile::tempdir().unwrap();
    let mut config = Config::resolve(Layers::default()).unwrap();
    config.models.directory = models.path().to_owned();
    config.models.poll_interval = Duration::from_millis(200);
    let board = Board::create(2).unwrap();
    let [here, there] = [0, 1].map(|seat| Engine::start(&config, board.seat(seat)).unwrap());
    here.serve();
    let mut watching = here.open(Method::HealthWatch, Context::default());
    let request = HealthCheckRequest {
        service: "models/m".into(),
    };
    watching.receive(request.encode_to_vec().into());
    assert!(watching.replies().try_recv().is_ok(), "unknown as yet");

    let fit = clusters("m").encode_to_vec().into();
    let Call::Running(fitted) = there.call(Method::FitPredict, fit, Context::default()) else {
        panic!("a fit is pooled");
    };
    fitted.wait().unwrap();
    // This call makes the index anew, before the poll does.
    let predict = asking("m", doubles(1, 2, &[0.0, 0.0])).encode_to_vec().into();
    assert!(matches!(
        here.call(Method::Predict, predict, Context::default()),
        Call::Answered(Ok(_))
    ));
    let deadline = Instant::now() + Duration::from_secs(5);
    let told = loop {
        match watching.replies().try_recv() {
            Ok(told) => break told.unwrap(),
            Err(_) => assert!(Instant::now() < deadline, "the watcher was not told"),
        }
        std::thread::yield_now();
    };
    let told = HealthCheckResponse::decode(told).unwrap();
    assert_eq!(told.status(), ServingStatus::Serving);
}

#[test]
fn a_refusal_does_not_grow_with_what_was_sent() {
    let served = served();
    let long = "x".repeat(1 << 20);
    let mut fit = clusters("m");
    fit.data.as_mut().unwrap().input.as_mut().unwrap().feature_names = vec![format!("y{long}"), long.clone()];
    served.fit(&fit).unwrap();
    let mut other_names = asking("m", doubles(1, 2, &[0.0, 0.0]));
    other_names.input.as_mut().unwrap().feature_names = vec![long.clone(), long.clone()];
    let service = HealthCheckRequest { service: long.clone() };
    for status in [
        served.predict(&other_names).unwrap_err(),
        served.predict(&asking(&long, None)).unwrap_err(),
        served
            .call::<HealthCheckResponse>(Method::HealthCheck, &service)
            .unwrap_err(),
        Status::no_method(&long),
    ] {
        assert!(status.message.len() + status.details.len() < 4096, "{:?}", status.code);
    }
}

#[test]
fn malformed_bytes_are_the_callers_mistake() {
    let served = served();
    let status = served
        .bytes(Method::Predict, Bytes::from_static(b"\x0a\xff"), Context::default())
        .unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
    assert!(
        status
            .message
            .starts_with("the request is not a valid ferrule.v1.PredictRequest"),
        "{}",
        status.message
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_the_engine_fail(
        position in 0..10_000usize, byte in any::<u8>(), cut in 0..10_000usize, choice in 0..2usize,
    ) {
        thread_local!(static SERVED: Served = served());
        let (method, valid) = [
            (Method::FitPredict, classes("").encode_to_vec()),
            (Method::Predict, asking("m", float64(4, 2, &CORNERS)).encode_to_vec()),
        ][choice].clone();
        let mut bytes = valid;
        let position = position % bytes.len();
        bytes[position] = byte;
        bytes.truncate(bytes.len().max(1) - (cut % 4));
        SERVED.with(|served| {
            if let Err(status) = served.bytes(method, bytes.into(), Context::default()) {
                prop_assert!(!matches!(status.code, Code::Internal), "{status:?}");
            }
            Ok(())
        })?;
    }
}
