//! An empty typed echo on tonic's own server, as tonic's users write one.

use std::error::Error;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use generated::{
    Empty,
    echo_server::{Echo, EchoServer},
};

#[allow(missing_docs, unused_qualifications, clippy::all, reason = "generated")]
mod generated {
    tonic::include_proto!("ferrule.ceilings");
}

struct Nothing;

#[tonic::async_trait]
impl Echo for Nothing {
    async fn nothing(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
}

pub(crate) async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    Server::builder()
        .tcp_nodelay(true)
        .add_service(EchoServer::new(Nothing).max_decoding_message_size(crate::MAX_MESSAGE_BYTES))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}
