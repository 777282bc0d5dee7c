//! The contract as Rust types: `ferrule.v1`, and the standard messages that travel beside it.
//!
//! Messages only. Both servers pass raw bytes, so there is no client or server code to generate.

#[allow(missing_docs, clippy::all)] // generated; the comments of the proto files are its documentation
mod generated {
    include!(concat!(env!("OUT_DIR"), "/ferrule_proto.rs"));
}

pub use generated::{ferrule, google, grpc};

/// Every proto file of the contract with its imports, as a serialized `google.protobuf.FileDescriptorSet`
/// with comments.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ferrule.binpb"));
