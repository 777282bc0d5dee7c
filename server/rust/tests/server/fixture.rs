//! A server on a port of its own with an empty repository, and calls to it.

use std::time::Duration;

use bytes::Bytes;
use ferrule_engine::{Config, Method, config::Layers};
use ferrule_proto::ferrule::v1::{FitData, FitPredictRequest, FitSpec, KMeans, Matrix, fit_spec::Algorithm};
use ferrule_server::{
    App,
    client::{self, Connection},
    codec::RawCodec,
};
use http::uri::PathAndQuery;
use prost::Message;
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};
use tonic::{Code, Request, Status, client::Grpc};

/// Longer than anything here takes; what waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A server in this process.
pub struct Fixture {
    pub app: App,
    pub config: Config,
    _models: TempDir,
}

impl Fixture {
    /// Settings are environment variables without their prefix.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let models = TempDir::new().unwrap();
        let directory = models.path().to_str().unwrap();
        let base = [
            ("SERVER_PORT", "0"),
            ("SERVER_WORKERS", "2"),
            ("MODELS_DIRECTORY", directory),
        ];
        let environment = base
            .iter()
            .chain(settings)
            .map(|(name, value)| (format!("FERRULE_{name}"), (*value).to_owned()))
            .collect();
        let config = Config::resolve(Layers {
            environment,
            ..Layers::default()
        })
        .unwrap();
        Self {
            app: App::start(&config).unwrap(),
            config,
            _models: models,
        }
    }

    pub fn address(&self) -> String {
        self.app.address().to_string()
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.address()).await
    }
}

/// Runs a test's client within the time that a test may take.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    runtime().block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("a test ends in time") })
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A connection.
#[derive(Clone)]
pub struct Client(pub Grpc<Connection>);

impl Client {
    pub async fn connect(address: &str) -> Self {
        Self(client::connect(address).await.unwrap())
    }

    pub async fn call(&self, method: Method, request: &impl Message) -> Result<Bytes, Status> {
        self.request(method.path(), Request::new(request.encode_to_vec().into()))
            .await
    }

    pub async fn request(&self, path: &'static str, request: Request<Bytes>) -> Result<Bytes, Status> {
        let mut grpc = self.0.clone().max_decoding_message_size(usize::MAX);
        grpc.ready()
            .await
            .map_err(|cause| Status::unavailable(cause.to_string()))?;
        let path = PathAndQuery::from_static(path);
        grpc.unary(request, path, RawCodec)
            .await
            .map(tonic::Response::into_inner)
    }
}

/// Setting that lets one fit in, so that a second shows by its refusal that the first is in progress.
pub const ONE_FIT: (&str, &str) = ("LIMITS_MAX_FITS_IN_FLIGHT", "1");

/// Begins a fit on a server with [`ONE_FIT`] and returns when it is in progress.
pub async fn begin(client: &Client, request: FitPredictRequest) -> JoinHandle<Result<Bytes, Status>> {
    let running = tokio::spawn({
        let client = client.clone();
        async move {
            loop {
                // Refused when it comes while the probe below is in.
                match client.call(Method::FitPredict, &request).await {
                    Err(refusal) if refusal.code() == Code::ResourceExhausted => {}
                    answer => return answer,
                }
            }
        }
    });
    while refusal_for_load(client).await.is_none() {
        assert!(!running.is_finished(), "the fit is too quick for its test");
    }
    running
}

/// Tries a small fit.
pub async fn refusal_for_load(client: &Client) -> Option<Status> {
    let refusal = client.call(Method::FitPredict, &fit(10, 2, 1)).await.err()?;
    assert_eq!(refusal.code(), Code::ResourceExhausted, "{refusal}");
    Some(refusal)
}

/// A fit to `rows` rows of noise, which takes many iterations.
pub fn fit(rows: u32, n_clusters: u32, n_init: u32) -> FitPredictRequest {
    let columns = 8;
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let float64: Vec<u8> = (0..rows * columns).flat_map(|_| noise().to_le_bytes()).collect();
    FitPredictRequest {
        spec: Some(FitSpec {
            algorithm: Some(Algorithm::KMeans(KMeans {
                n_clusters: Some(n_clusters),
                max_iter: Some(300),
                n_init: Some(n_init),
                tol: Some(0.0),
                ..KMeans::default()
            })),
            ..FitSpec::default()
        }),
        data: Some(FitData {
            input: Some(Matrix {
                rows,
                columns,
                float64: float64.into(),
                ..Matrix::default()
            }),
            ..FitData::default()
        }),
    }
}

/// A fit that takes about a second.
pub fn long_fit() -> FitPredictRequest {
    fit(20_000, 50, 1)
}

/// A fit that takes minutes when nothing stops it.
pub fn endless_fit() -> FitPredictRequest {
    fit(20_000, 500, 33)
}
