"""Compiles the contract into the descriptor set that the package ships."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTRACT = (
    "ferrule/v1/ferrule.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "grpc/health/v1/health.proto",
)
DESCRIPTOR_SET = "src/ferrule_client/ferrule.binpb"


class DescriptorSetHook(BuildHookInterface[Any]):
    """Runs before a wheel or an editable install is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Writes ``src/ferrule_client/ferrule.binpb``; a source distribution carries the proto files instead."""
        if self.target_name != "wheel":
            return
        # Imported here: making a source distribution does not need it.
        import grpc_tools  # type: ignore[import-untyped]
        from grpc_tools import protoc

        root = Path(self.root)
        # In a source distribution the contract lies inside, in the repository beside.
        carried = root / "proto"
        contract = carried if carried.is_dir() else root.parents[1] / "proto"
        standard = Path(grpc_tools.__file__).parent / "_proto"
        status = protoc.main(
            [
                "protoc",
                f"--proto_path={contract}",
                f"--proto_path={standard}",
                "--include_imports",
                f"--descriptor_set_out={root / DESCRIPTOR_SET}",
                *CONTRACT,
            ]
        )
        if status != 0:
            raise RuntimeError(f"protoc ended with status {status} on the files in {contract}")
