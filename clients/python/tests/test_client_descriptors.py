"""The package keeps its messages out of protobuf's default pool, where they would meet other people's."""

import subprocess
import sys
import textwrap
from pathlib import Path

PROTO = Path(__file__).parents[3] / "proto"
CONTRACT = ("ferrule/v1/ferrule.proto", "google/rpc/status.proto", "google/rpc/error_details.proto")


def run(script: str, *path: Path) -> None:
    """Runs a script in a fresh interpreter, where nothing is registered yet."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={"PYTHONPATH": ":".join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_the_default_pool_stays_empty() -> None:
    run("""
        import ferrule_client
        from ferrule_client import messages
        from google.protobuf import descriptor_pool
        names = ["ferrule/v1/ferrule.proto", "google/rpc/status.proto", "grpc/health/v1/health.proto"]
        for name in names:
            assert messages.POOL.FindFileByName(name).name == name
            try:
                descriptor_pool.Default().FindFileByName(name)
            except KeyError:
                continue
            raise SystemExit(f"{name} is in the default pool")
    """)


def test_generated_stubs_can_be_imported_beside_it(tmp_path: Path) -> None:
    generate = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}", f"--python_out={tmp_path}"]
    subprocess.run([*generate, *CONTRACT], check=True, timeout=60)
    # `google` is a package already: the generated google.rpc would hide in its shadow.
    (tmp_path / "google").rename(tmp_path / "generated_google")
    script = """
        {imports}
        theirs = ferrule_pb2.PredictRequest(model="iris", outputs=[ferrule_pb2.OUTPUT_DISTANCES])
        ours = messages.PredictRequest.FromString(theirs.SerializeToString())
        assert ours.model == "iris" and list(ours.outputs) == [4]
        assert type(ours) is not type(theirs)
    """
    imports = ["from ferrule.v1 import ferrule_pb2", "from ferrule_client import messages"]
    for order in (imports, imports[::-1]):
        run(script.format(imports="; ".join(order)), tmp_path)


def test_it_can_be_imported_beside_tritonclient() -> None:
    # tritonclient registers these two files by these names, and so do other clients of the Open Inference Protocol. It
    # is not installed here, since it asks for an older protobuf.
    theirs = """
        from google.protobuf import descriptor_pb2, descriptor_pool
        for name in ("model_config.proto", "grpc_service.proto"):
            message = descriptor_pb2.DescriptorProto(name="M" + name.partition(".")[0])
            descriptor_pool.Default().Add(
                descriptor_pb2.FileDescriptorProto(name=name, package="inference", message_type=[message])
            )
    """
    # And the worst neighbour: every file of ours, by its own name, with other contents.
    worst = """
        from google.protobuf import descriptor_pb2, descriptor_pool
        for name in ("ferrule/v1/ferrule.proto", "google/rpc/status.proto", "grpc/health/v1/health.proto"):
            package = name.rpartition("/")[0].replace("/", ".")
            message = descriptor_pb2.DescriptorProto(name="Matrix")
            descriptor_pool.Default().Add(
                descriptor_pb2.FileDescriptorProto(name=name, package=package, message_type=[message])
            )
    """
    ours = """
        from ferrule_client import messages
        assert messages.Matrix(rows=3).SerializeToString() == bytes([8, 3])
    """
    for neighbour in (theirs, worst):
        for order in ((neighbour, ours), (ours, neighbour)):
            run("".join(map(textwrap.dedent, order)))


def test_only_light_packages_are_imported() -> None:
    run("""
        import sys
        import ferrule_client
        heavy = {"sklearn", "scipy", "pandas", "polars", "rich", "argparse", "ferrule"} & set(sys.modules)
        assert not heavy, heavy
    """)
