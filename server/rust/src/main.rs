//! The Rust-native gRPC server.
fn main() {}
