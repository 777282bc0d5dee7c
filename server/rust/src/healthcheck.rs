//! Asks a running server for its health, for containers that have no other client.

use std::{io, time::Duration};

use ferrule_engine::{Method, command_line::Healthcheck, health::probe};
use http::uri::PathAndQuery;
use tokio::{runtime, time::timeout};

use crate::{
    client::{self, ConnectError},
    codec::RawCodec,
};

/// Why a server does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// There is no connection.
    #[error("cannot connect to {address}: {cause}")]
    Unreachable {
        /// Where it was tried.
        address: String,
        /// Why not.
        cause: ConnectError,
    },
    /// The call failed.
    #[error("{address} answers {code:?}: {message}")]
    Failed {
        /// Who was asked.
        address: String,
        /// The status.
        code: tonic::Code,
        /// Its message.
        message: String,
    },
    /// The server is there and says that it should not be called.
    #[error("{address} is not serving")]
    NotServing {
        /// Who was asked.
        address: String,
    },
    /// Nothing came in time.
    #[error("{address} does not answer within {patience:?}")]
    Silent {
        /// Who was asked.
        address: String,
        /// How long it was waited.
        patience: Duration,
    },
    /// The check itself can't run.
    #[error("cannot run the check: {0}")]
    Runtime(#[from] io::Error),
}

/// Asks. Returning means SERVING.
///
/// # Errors
/// Everything else.
pub fn run(ask: &Healthcheck) -> Result<(), Unhealthy> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async { timeout(ask.timeout, check(ask)).await });
    // A resolver that hangs must not hold up the exit.
    runtime.shutdown_background();
    answer.unwrap_or_else(|_| {
        Err(Unhealthy::Silent {
            address: ask.address.clone(),
            patience: ask.timeout,
        })
    })
}

async fn check(ask: &Healthcheck) -> Result<(), Unhealthy> {
    let address = || ask.address.clone();
    let failed = |status: tonic::Status| Unhealthy::Failed {
        address: address(),
        code: status.code(),
        message: status.message().to_owned(),
    };
    let mut server = client::connect(&ask.address)
        .await
        .map_err(|cause| Unhealthy::Unreachable {
            address: address(),
            cause,
        })?;
    server
        .ready()
        .await
        .map_err(|cause| failed(tonic::Status::unavailable(cause.to_string())))?;
    let request = tonic::Request::new(probe::request(&ask.service));
    let path = PathAndQuery::from_static(Method::HealthCheck.path());
    let response = server.unary(request, path, RawCodec).await.map_err(failed)?;
    if probe::is_serving(response.get_ref()) {
        Ok(())
    } else {
        Err(Unhealthy::NotServing { address: address() })
    }
}
