"""Arrows point down only: what may be imported by what, as ARCHITECTURE.md draws it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from server.conformance.process import ROOT

#: What each crate must not reach, directly or through others, in what it ships.
UNREACHABLE = {
    "ferrule-algorithms": {
        "ferrule-proto", "ferrule-engine", "prost", "protox", "serde", "serde_json", "safetensors", "toml",
        "tonic", "hyper", "h2", "tokio", "pyo3", "numpy", "tracing",
    },
    "ferrule-engine": {"tonic", "hyper", "h2", "tokio", "tower", "pyo3", "numpy"},
    "ferrule-huge-pages": {"ferrule-algorithms", "ferrule-engine", "ferrule-proto", "pyo3", "numpy"},
    "ferrule-server": {"pyo3", "numpy"},
    "ferrule-proto": {"ferrule-algorithms", "ferrule-engine", "tonic", "pyo3"},
    # What the Rust server is held against must not be made of it.
    "ferrule-ceilings": {"ferrule-proto", "ferrule-algorithms", "ferrule-engine", "ferrule-server"},
    "ferrule-probes": {"pyo3", "numpy"},
}  # fmt: skip

#: What each crate must not name as its own dependency, though it may reach it through the engine.
NOT_NAMED = {
    "ferrule-engine": {"protox", "prost-build"},
    "ferrule-server": {"ferrule-algorithms", "safetensors", "rayon"},
    "ferrule-python": {"tonic", "hyper", "h2", "tokio", "tower", "safetensors"},
}

#: What each Python package may import beyond the standard library and itself.
PYTHON = {
    "server/python/src/ferrule_server": {"grpc", "ferrule._core"},
    "measuring": {"psutil"},
    # The last two are for the command line, and imported where they are used.
    "clients/python/src/ferrule_client": {"grpc", "google.protobuf", "numpy", "rich", "scipy.sparse"},
}


@cache
def metadata() -> dict[str, dict[str, set[str]]]:
    """For each package of the workspace's graph: what it names, and all that it reaches, without dev and build."""
    printed = subprocess.run(
        # Not offline: the graph has crates of other platforms, which no build has brought here.
        [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    ).stdout
    read = json.loads(printed)
    names = {package["id"]: package["name"] for package in read["packages"]}
    edges = {
        node["id"]: {edge["pkg"] for edge in node["deps"] if any(kind["kind"] is None for kind in edge["dep_kinds"])}
        for node in read["resolve"]["nodes"]
    }

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for package in edges[ahead.pop()] - seen:
                seen.add(package)
                ahead.append(package)
        return {names[package] for package in seen}

    return {
        names[package]: {"named": {names[edge] for edge in edges[package]}, "reached": reached(package)}
        for package in read["workspace_members"]
    }


def test_every_crate_has_rules() -> None:
    assert set(metadata()) == set(UNREACHABLE) | set(NOT_NAMED)
    # The graph is read as it is: arrows that must be there are.
    assert "ferrule-engine" in metadata()["ferrule-server"]["named"]
    assert "ferrule-algorithms" in metadata()["ferrule-server"]["reached"]
    assert {"ferrule-engine", "pyo3"} <= metadata()["ferrule-python"]["named"]


def test_an_image_is_built_from_every_crate() -> None:
    # Cargo reads the manifests of all members, whichever of them it builds.
    members = re.search(r"^members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert members is not None
    copied = set(re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for member in re.findall(r'"(.*?)"', members[1]):
        folders = {str(folder) for folder in (Path(member), *Path(member).parents)}
        assert folders & copied, f"the Dockerfile copies no {member}"
        assert folders & let_in, f".dockerignore keeps {member} out"


def test_images_leave_every_setting_to_a_file() -> None:
    # A variable of the image would go over the operator's file.
    recipe = (ROOT / "Dockerfile").read_text()
    assert "FERRULE_" not in recipe
    directory = tomllib.loads((ROOT / "server" / "ferrule.toml").read_text())["models"]["directory"]
    mounted = re.findall(r"^    - models:(\S+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    for image in ("rust", "python"):
        stage = re.split(r"^FROM ", recipe.partition(f" AS {image}\n")[2], flags=re.MULTILINE)[0]
        (folder,) = re.findall(r"^WORKDIR (\S+)$", stage, re.MULTILINE)
        default = str(Path(folder, directory))
        assert f" /out/models {default}\n" in stage
        assert mounted == [default]


@pytest.mark.parametrize("crate", UNREACHABLE)
def test_crates_do_not_reach_what_is_above_them(crate: str) -> None:
    assert metadata()[crate]["reached"] & UNREACHABLE[crate] == set()


@pytest.mark.parametrize("crate", NOT_NAMED)
def test_crates_do_not_name_what_is_another_crates_business(crate: str) -> None:
    assert metadata()[crate]["named"] & NOT_NAMED[crate] == set()


@pytest.mark.parametrize("package", PYTHON)
def test_python_packages_import_what_they_may(package: str) -> None:
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    own = Path(package).name
    for source in sources:
        for module in imports(ast.parse(source.read_text())):
            top = module.partition(".")[0]
            allowed = top in sys.stdlib_module_names or top == own or within(module, PYTHON[package])
            assert allowed, f"{source.relative_to(ROOT)} imports {module}"


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules that a file imports, also inside functions; relative imports stay inside the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, allowed: set[str]) -> bool:
    """Whether a module, or a name in one, is one of the allowed modules or inside one."""
    return any(module == one or module.startswith(f"{one}.") for one in allowed)


#: Modules that run code out of files; one file of the project may load such a thing, by a person's explicit command.
UNPICKLING = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "skops"}
UNPICKLER = "rust_core/python/python/ferrule/convert.py"


def test_nothing_that_serves_can_unpickle() -> None:
    packages = ["server/python/src", "clients/python/src", "rust_core/python/python"]
    unpicklers = {
        source.relative_to(ROOT).as_posix()
        for package in packages
        for source in (ROOT / package).rglob("*.py")
        for module in imports(ast.parse(source.read_text()))
        if module.partition(".")[0] in UNPICKLING
    }
    assert unpicklers == {UNPICKLER}
    # In Rust there is no such thing but through Python, which the servers' crates do not reach.
    crates = set().union(*(metadata()[crate]["reached"] for crate in ("ferrule-engine", "ferrule-server")))
    assert not {crate for crate in crates if "pickle" in crate or crate in {"pyo3", "numpy"}}
    # Nor does the compiled module ask Python for one.
    for source in [*(ROOT / "rust_core").rglob("*.rs"), *(ROOT / "server/rust").rglob("*.rs")]:
        assert not re.search(r"unpickl|joblib|import\(\s*\"_?pickle", source.read_text()), source


def test_a_serving_process_loads_no_unpickler() -> None:
    code = (
        "import sys; import ferrule_server.worker, ferrule_server.app, ferrule._core; "
        "print(sorted({'joblib', 'cloudpickle', 'sklearn', 'numpy', 'ferrule.convert'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert ran.stdout == "[]\n"


def test_the_scan_sees_every_kind_of_import() -> None:
    code = "import numpy.typing as t\nfrom ferrule import KMeans\nfrom . import x\ndef f():\n  from sklearn import base"
    found = set(imports(ast.parse(code)))
    assert found == {"numpy.typing", "ferrule.KMeans", "sklearn.base"}
    assert not within("ferrule.KMeans", {"grpc", "ferrule._core"})
    assert within("ferrule._core.Engine", {"grpc", "ferrule._core"})
    assert not within("grpc_tools.protoc", {"grpc"})
