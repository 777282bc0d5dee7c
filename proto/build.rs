//! Compiles the proto files with protox, so that no system protoc is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const ROOTS: [&str; 5] = [
    "ferrule/v1/ferrule.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
];
const REFLECTION_V1ALPHA: &str = "grpc/reflection/v1alpha/reflection.proto";

fn main() -> Result<(), Box<dyn Error>> {
    let source = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for root in ROOTS {
        println!("cargo::rerun-if-changed={root}");
    }

    let v1 = fs::read_to_string(source.join("grpc/reflection/v1/reflection.proto"))?;
    let v1alpha = out.join(REFLECTION_V1ALPHA);
    fs::create_dir_all(v1alpha.parent().ok_or("a file has a folder")?)?;
    fs::write(v1alpha, v1.replace("grpc.reflection.v1;", "grpc.reflection.v1alpha;"))?;

    let described = protox::compile(ROOTS.into_iter().chain([REFLECTION_V1ALPHA]), [source, out.clone()])?;
    fs::write(out.join("ferrule.binpb"), described.encode_to_vec())?;

    // v1alpha has the messages of v1: they are not generated twice.
    let mut generated = described;
    generated.file.retain(|file| file.name() != REFLECTION_V1ALPHA);
    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .include_file("ferrule_proto.rs")
        .compile_fds(generated)?;
    Ok(())
}
