"""The rows of the tables, and that whoever can take part does."""

import re

import numpy as np
import pytest

from rust_core.benchmarks import data, growth, serving, works
from rust_core.benchmarks.data import KINDS, Data
from rust_core.benchmarks.peers import OURS, PEERS, SCIKIT_LEARN
from rust_core.benchmarks.recipes import RECIPES
from rust_core.benchmarks.rounds import taking_part
from rust_core.benchmarks.works import Work

WORKS = works.all_works()
EVERY = [*WORKS, *growth.all_works()]

#: (start of the name, target) as the tables were set; float32 stands beside float64.
TABLE = {
    "kmeans/fit-1m-2-k3-given": 6,
    "kmeans/fit-1m-2-k3-plusplus": 4,
    "kmeans/fit-1m-10-k100": 2.5,
    "kmeans/fit-1m-2-k100": 4,
    "kmeans/fit-100k-100-k20": 2,
    "kmeans/fit-100k-64-k256/float32": 1.3,
    "kmeans/fit-100k-64-k256/float64": 1.5,
    "kmeans/partial-fit": 5,
    "kmeans/predict-1m-2-k3": 3,
    "kmeans/predict-one-row": 20,
    "kmeans/fit-sparse": 3,
    "logistic/fit-500k-50-2-auto": 5,
    "logistic/fit-500k-50-2-lbfgs": 2,
    "logistic/fit-250k-50-5-auto": 3,
    "logistic/fit-250k-50-5-lbfgs": 2,
    "logistic/fit-1m-10-2": 4,
    "logistic/fit-20k-500-2": 2,
    "logistic/fit-sparse": 8,
    "logistic/fit-l1": 10,
    "logistic/fit-elastic": 10,
    "logistic/predict-sparse-one": 4,
    "logistic/predict-500k-50": 3,
    "logistic/predict-sparse-20k": 3,
    "logistic/predict-one-row": 20,
}


def test_every_row_has_its_target() -> None:
    for work in WORKS:
        (target,) = {target for start, target in TABLE.items() if work.name.startswith(start)}
        assert work.target == target, work.name
    for start in TABLE:
        assert works.chosen(WORKS, [start]), start


def test_float32_stands_beside_float64() -> None:
    both = {work.name for work in WORKS if "/float" in work.name}
    assert {name.replace("float64", "float32") for name in both} == {
        name.replace("float32", "float64") for name in both
    } ^ ({name for name in both if name.endswith("float64")} | {name for name in both if name.endswith("float32")})


@pytest.mark.parametrize("work", EVERY, ids=lambda work: work.name)
def test_a_work_can_be_run(work: Work) -> None:
    assert re.fullmatch(r"[a-z0-9/.-]+", work.name)
    assert work.task in RECIPES
    assert work.data.kind in KINDS
    assert OURS.variants(work.settings, work.dtype)
    # The reference is always there, and who counts exists.
    takers = {peer.name for peer in taking_part(work)}
    assert SCIKIT_LEARN.name in takers
    assert {*(work.peers or ()), *work.quoted} <= {peer.name for peer in PEERS}


def test_names_are_unique() -> None:
    names = [work.name for work in (*EVERY, *serving.all_works())]
    assert len(names) == len(set(names))


def test_no_settings_are_for_a_work_that_is_not_there() -> None:
    wanted = {work.settings for work in EVERY}
    for peer in (OURS, *PEERS):
        assert set(peer.settings) <= wanted, peer.name


def test_faiss_is_held_against_float32_only_and_trains_on_all_rows() -> None:
    for work in WORKS:
        takers = {peer.name: peer for peer in taking_part(work)}
        if "faiss-cpu" in takers:
            assert work.dtype == "float32"
            for settings in takers["faiss-cpu"].variants("kmeans-fit", "float32"):
                assert settings["max_points_per_centroid"] > 10_000_000


def test_patterns_choose() -> None:
    assert [work.name for work in works.chosen(WORKS, ["kmeans/fit-sparse"])] == [
        "kmeans/fit-sparse/float64",
        "kmeans/fit-sparse/float32",
    ]
    assert {work.dtype for work in works.chosen(WORKS, ["logistic/*/float32"])} == {"float32"}
    assert works.chosen(WORKS, ["nothing like it"]) == []
    assert works.chosen(WORKS, []) == WORKS


SMALL = {
    "blobs": {"rows": 50, "columns": 3, "clusters": 4, "first": 4},
    "sparse_blobs": {"rows": 40, "columns": 200, "nonzeros": 7, "clusters": 4, "first": 4},
    "labelled": {"rows": 300, "columns": 5, "classes": 3},
    "sparse_labelled": {"rows": 200, "columns": 300, "nonzeros": 9, "classes": 2},
    "scored": {"rows": 6, "columns": 5, "classes": 2},
    "sparse_scored": {"rows": 6, "columns": 400, "nonzeros": 9, "classes": 3},
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_always_the_same_and_rounded_from_the_same(kind: str) -> None:
    wanted = Data(kind, SMALL[kind])
    double, again, single = (data.make(wanted, dtype) for dtype in ("float64", "float64", "float32"))
    for name, array in double.items():
        assert np.array_equal(array, again[name])
        assert np.array_equal(array.astype(single[name].dtype), single[name])
        assert (single[name].dtype == np.float32) == (array.dtype == np.float64)
    if "y" in double:
        assert len(np.unique(double["y"])) == SMALL[kind]["classes"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("sparse")])
def test_sparse_rows_have_rising_columns_in_range(kind: str) -> None:
    made = data.make(Data(kind, SMALL[kind]), "float64")
    rows, columns = made["X_shape"]
    indices = made["X_indices"].reshape(rows, -1)
    assert indices.shape[1] == SMALL[kind]["nonzeros"]
    assert (np.diff(indices, axis=1) > 0).all()
    assert indices.min() >= 0
    assert indices.max() < columns


def test_the_cache_keeps_whole_folders(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRULE_BENCH_CACHE", str(tmp_path))
    wanted = Data("blobs", SMALL["blobs"])
    kept = data.folder(wanted, "float32")
    assert data.folder(wanted, "float32") == kept
    loaded = data.load(kept)
    assert loaded["X"].shape == (50, 3)
    assert loaded["X"].dtype == np.float32
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]
