"""What a reader sees: tables, files, pictures, the page."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rust_core.benchmarks import document, growth, plots, report, roofline
from rust_core.benchmarks.judgement import judge
from rust_core.benchmarks.roofline import Ceilings
from rust_core.benchmarks.rounds import Outcome
from rust_core.benchmarks.tests.outcomes import outcome

FIGURES = {"Ferrule": [1.0, 1.2], "scikit-learn": [1.5, 1.5], "linfa": [9.0, 9.0]}
MISSED = outcome(FIGURES, wrong=["linfa"], missing={"faiss-cpu": "could not be installed: no network"})
CEILINGS = Ceilings(2, {"float64": 1e9, "float32": 2e9}, cache_bytes=1e8, memory_bytes=1e7, last_cache_bytes=None)


def printed(what: object) -> str:
    written = io.StringIO()
    Console(file=written, width=180).print(what)
    return written.getvalue()


def test_a_work_shows_every_subject_and_names_who_is_missing() -> None:
    text = printed(report.work_table(MISSED))
    assert "1.1 s (1 s–1.2 s)" in text
    assert "algorithm=lloyd" in text
    assert "left out: far off" in text
    assert "could not be installed: no network" in text
    assert "missed 1.4× of 2× (target ≥ 2×)" in text


def test_the_summary_has_a_line_for_each_work() -> None:
    text = printed(report.summary_table([MISSED]))
    (line,) = [line for line in text.splitlines() if line.strip().startswith("kmeans/fit-a")]
    cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
    assert cells == ["kmeans/fit-a", "1.1 s", "scikit-learn", "1.5 s", "1.38× (1.25–1.5)", "≥ 2×", "missed"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1234.0, "1,234 s"), (2.0, "2 s"), (0.0345, "34.5 ms"), (20e-6, "20 µs"), (1.234e-6, "1.23 µs")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


def test_the_floor_is_the_slower_of_reading_and_computing() -> None:
    # 1000 × 10 doubles in 12 passes; 4 centres, 3 operations a column, 11 times.
    need = roofline.needed(MISSED.work, 10)
    assert need is not None
    assert (need.bytes, need.flops) == (80_000 * 12, 1000 * 10 * 4 * 3 * 11)
    least = roofline.floor(MISSED.work, 10, CEILINGS)
    assert least is not None
    assert least.bound == "memory"
    assert least.seconds == pytest.approx(0.096)
    cached = Ceilings(2, CEILINGS.flops, 1e12, 1e7, last_cache_bytes=1_000_000)
    least = roofline.floor(MISSED.work, 10, cached)
    assert least is not None
    assert least.bound == "arithmetic"
    assert least.seconds == pytest.approx(1.32e6 / CEILINGS.flops["float32"])


def test_scores_are_counted_in_the_type_that_they_are_made_in() -> None:
    # 4 centres of 10 columns are scored in float32, of 2 columns compared in float64, whatever the rows are.
    quick = replace(CEILINGS, flops={"float64": 1e3, "float32": 1e4})
    seconds = {}
    for columns in (10, 2):
        data = replace(MISSED.work.data, parameters={**MISSED.work.data.parameters, "columns": columns})
        least = roofline.floor(replace(MISSED.work, data=data), 10, quick)
        assert least is not None
        assert least.bound == "arithmetic"
        seconds[columns] = least.seconds
    assert seconds == {10: pytest.approx(1000 * 10 * 4 * 33 / 1e4), 2: pytest.approx(1000 * 2 * 4 * 33 / 1e3)}


def test_the_higher_of_two_ceilings_counts() -> None:
    other = Ceilings(2, {"float64": 9e8, "float32": 3e9}, cache_bytes=2e8, memory_bytes=1e6, last_cache_bytes=None)
    both = roofline.better(CEILINGS, other)
    assert both == Ceilings(2, {"float64": 1e9, "float32": 3e9}, 2e8, 1e7, None)


def test_the_roofline_is_shown_where_a_target_is_missed() -> None:
    table = report.roofline_table([MISSED], CEILINGS)
    assert table is not None
    assert "memory" in printed(table)
    met = outcome({"Ferrule": [1.0], "scikit-learn": [3.0]})
    assert report.roofline_table([met], CEILINGS) is None


def test_a_results_file_reads_back_as_it_was() -> None:
    read = report.read_document(json.loads(json.dumps(report.document(MISSED))))
    assert read == MISSED
    assert judge(read) == judge(MISSED)


def test_a_served_work_shows_its_percentiles() -> None:
    assert report.latency_table(MISSED) is None
    served = outcome({"Ferrule": [1e-4], "other": [1e-3]})
    found = {"Ferrule": {"p50": 1e-4, "p90": 2e-4, "p99": 3e-4, "calls": 5000}}
    served.figures[report.LATENCIES] = found
    assert report.latency_cells(served) == [["Ferrule, Rust server", "100 µs", "200 µs", "300 µs", "5,000"]]
    table = report.latency_table(report.read_document(json.loads(json.dumps(report.document(served)))))
    assert table is not None
    assert "300 µs" in printed(table)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    files = plots.draw([MISSED], tmp_path / "core")
    assert [file.name for file in files] == ["core-ratios.svg", "core-ratios.png"]
    svg = files[0].read_text(encoding="utf-8")
    assert "kmeans/fit-a" in svg
    assert "scikit-learn" in svg
    assert files[1].read_bytes().startswith(b"\x89PNG")


def grown() -> list[Outcome]:
    sizes = {100.0: 1.0, 200.0: 2.0, 400.0: 8.0}
    return [
        outcome(
            {"Ferrule": [seconds], "scikit-learn": [2 * seconds]},
            name=f"growth/rows/{size:g}",
            target=None,
            series="K-Means: rows",
            size=size,
        )
        for size, seconds in sizes.items()
    ]


def test_a_wrong_growth_shows(tmp_path: Path) -> None:
    ((name, points),) = growth.series(grown()).items()
    assert name == "K-Means: rows"
    assert growth.exponents(points) == pytest.approx([1.0, 2.0])
    assert "2.00" in printed(growth.table(grown()))
    files = plots.draw(grown(), tmp_path / "growth")
    assert [file.name for file in files] == ["growth-kmeans.svg", "growth-kmeans.png"]
    assert "in proportion" in files[0].read_text(encoding="utf-8")


def test_the_page_takes_tables_from_results_and_keeps_the_rest(tmp_path: Path) -> None:
    environment = {
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789abcdef",
        "uncommitted_changes": True,
        "machine": {"processor": "a processor", "cores": 2, "memory_bytes": 2**34},
        "versions": {"python": "3.11", "rust": "rustc 1"},
        "command": ["python", "-m", "rust_core.benchmarks"],
    }
    run = document.Run("raw.json", environment, CEILINGS, [MISSED])
    series = document.Run("growth.json", environment, None, grown())
    again = document.Run("later.json", environment, None, [outcome({"Ferrule": [1.0], "scikit-learn": [3.0]})])
    text = document.section([run], ["benchmarks/core-ratios.svg"])
    assert "![core-ratios](benchmarks/core-ratios.svg)" in text
    assert "| fit a | 1.1 s | scikit-learn | 1.5 s | 1.38× (1.25–1.5) | ≥ 2× | missed |" in text
    assert "missing: could not be installed: no network" in text
    assert "[raw.json](raw.json): 2026-01-02T03:04:05+00:00, commit 0123456789ab with uncommitted changes" in text
    assert "load average 0.5 to 1.5" in text
    assert "what the machine allows" in text
    # The last file counts for a work that two have.
    assert "| 3× (3–3) | ≥ 2× | met |" in document.section([run, again])
    both = document.section([run, series], ["benchmarks/core-ratios.svg", "benchmarks/core-kmeans.svg"])
    assert "| K-Means: rows | 100 | 1 s | 400 | 8 s | 1.50 | 2.00 |" in both
    assert both.index("core-ratios.svg") < both.index("### Time against size") < both.index("core-kmeans.svg")
    assert "### Time against size" not in text
    page = f"# Page\n\n{document.BEGIN}\nold\n{document.END}\nrest\n"
    once = document.replaced(page, text)
    assert once.startswith("# Page\n")
    assert once.endswith(f"{document.END}\nrest\n")
    assert "old" not in once
    assert document.replaced(once, text) == once
    with pytest.raises(ValueError, match="begin: core"):
        document.replaced("# Page\n", text)


def test_the_real_page_has_its_markers() -> None:
    page = document.PAGE.read_text(encoding="utf-8")
    assert document.replaced(page, "x") != page
    assert page.startswith("# Benchmarks\n\n## What these numbers do not show\n")
