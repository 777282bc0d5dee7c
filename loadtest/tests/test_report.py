"""The report: noise and changes, the page and its charts, the table for the documents. ``data/results.json`` was measured."""

import dataclasses
import html.parser
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from loadtest import report, summary
from loadtest.report import __main__ as command
from loadtest.report import (
    caveats,
    charts,
    comparison,
    headline,
    overview,
    palette,
    published,
    tables,
    verdict,
    wording,
)
from loadtest.report.comparison import LEAST_NOISE, Change
from loadtest.results import Limit, Load, Mode, Point, Results, Setting, SubjectRecord
from loadtest.tests.test_results import point, results
from measuring.document import MarkerError
from measuring.spread import Spread

FILE = Path(__file__).parent / "data" / "results.json"
_VOID = {"meta", "br", "img", "link", "input", "hr"}


@pytest.fixture(scope="module")
def measured() -> Results:
    return Results.read(FILE)


@pytest.fixture(scope="module")
def written(measured: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report.write(measured, tmp_path_factory.mktemp("report"), earlier=_slower(measured))


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def _changed(results: Results, change: Any) -> Results:
    """With each point put through ``change``."""
    return dataclasses.replace(results, points=[change(point) for point in results.points])


def _slower(results: Results, part: float = 3.0) -> Results:
    """The Python server needed so many times the CPU, on a machine of other cores."""
    made = _changed(
        results,
        lambda point: (
            dataclasses.replace(point, server_cpu=point.server_cpu * part) if point.subject == "python" else point
        ),
    )
    machine = {**results.environment["machine"], "cores": 64}
    return dataclasses.replace(made, environment={**results.environment, "machine": machine})


class _Page(html.parser.HTMLParser):
    """Checks that elements nest, and collects what the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


# ---- Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (0.5, "0.500"),
        (0.9996, "1.00"),
        (1.234, "1.23"),
        (9.996, "10.0"),
        (99.96, "100"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert wording.number(value) == text


def test_spreads_show_their_range_when_there_is_one() -> None:
    assert wording.spread(Spread(10.0, 9.0, 12.0)) == "10.0 (9.00–12.0)"
    assert wording.spread(Spread(2e6, 2e6, 2e6), 1e-6) == "2.00"
    assert wording.spread(None) == "–"


# ---- Comparison


def test_noise_is_the_farthest_round_of_either_run() -> None:
    assert comparison.relative_spread(Spread(100.0, 90.0, 130.0)) == pytest.approx(0.3)
    assert comparison.relative_spread(Spread(100.0, 60.0, 130.0)) == pytest.approx(0.4)
    assert comparison.relative_spread(Spread(0.0, 0.0, 1.0)) == 0.0


@pytest.mark.parametrize(
    ("before", "after", "larger_is_better", "change"),
    [
        (Spread(100, 99, 101), Spread(107, 107, 107), False, Change.NONE),
        (Spread(100, 99, 101), Spread(109, 109, 109), False, Change.WORSE),
        (Spread(100, 99, 101), Spread(109, 109, 109), True, Change.BETTER),
        (Spread(100, 99, 101), Spread(91, 91, 91), False, Change.BETTER),
        (Spread(100, 99, 101), Spread(91, 91, 91), True, Change.WORSE),
        # Rounds of the earlier run that are far apart, and of the later one.
        (Spread(100, 80, 101), Spread(119, 119, 119), False, Change.NONE),
        (Spread(100, 99, 101), Spread(130, 90, 131), False, Change.NONE),
        (Spread(100, 80, 101), Spread(121, 121, 121), False, Change.WORSE),
    ],
)
def test_a_change_is_one_beyond_the_noise(
    before: Spread, after: Spread, larger_is_better: bool, change: Change
) -> None:
    difference = comparison.Difference(
        "s", "call", "rust", Setting.APART, Load(Mode.CLOSED, 1, 1), "figure", before, after, larger_is_better
    )
    assert difference.noise >= LEAST_NOISE
    assert difference.change is change


def test_a_run_is_not_different_from_itself(measured: Results) -> None:
    found = comparison.compare(measured, measured)
    assert found.differences
    assert found.changes == ()
    assert found.apart == ()
    assert found.unmatched == 0
    assert {each.change for each in found.differences} == {Change.NONE}


def test_what_changed_is_found_and_what_else_is_different_said(measured: Results) -> None:
    found = comparison.compare(_slower(measured), measured)
    assert {each.subject for each in found.changes} == {"python"}
    assert {each.figure for each in found.changes} == {"server CPU, µs a call"}
    assert {each.change for each in found.changes} == {Change.BETTER}
    assert found.changes[0].part == pytest.approx(-2 / 3)
    assert found.apart == ("cores: 64 then, 2 now",)


def test_parts_of_a_ceiling_are_compared_at_whatever_rates(measured: Results) -> None:
    def faster(point: Point) -> Point:
        if point.load.fraction is None or point.load.rate is None:
            return point
        return dataclasses.replace(point, load=dataclasses.replace(point.load, rate=point.load.rate * 2))

    found = comparison.compare(_changed(measured, faster), measured)
    assert found.unmatched == 0
    assert any(each.load.fraction for each in found.differences)


def test_loads_of_one_run_alone_are_counted(measured: Results) -> None:
    without = dataclasses.replace(
        measured, points=[point for point in measured.points if point.load.concurrency != 512]
    )
    lost = {(row.subject, row.setting) for row in summary.rows(measured) if row.load.concurrency == 512}
    assert comparison.compare(without, measured).unmatched == len(lost) > 0
    assert comparison.compare(measured, without).unmatched == 0


# ---- The page


def test_the_page_is_well_formed(page: str) -> None:
    assert page.lstrip().startswith("<!DOCTYPE html>")
    parsed = _Page(page)
    assert parsed.open == []
    identities = parsed.values("id")
    assert len(identities) == len(set(identities))


def test_the_page_needs_nothing_beside_it(page: str) -> None:
    parsed = _Page(page)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(parsed.tags)
    references = [*parsed.values("href"), *parsed.values("src"), *parsed.values("xlink:href")]
    assert references
    assert all(reference.startswith("#") for reference in references)
    identities = set(parsed.values("id"))
    assert {reference[1:] for reference in references} <= identities
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= identities
    assert re.findall(r"url\((?!#)|@import", page) == []


def test_every_scenario_subject_and_command_is_there(page: str, measured: Results) -> None:
    for scenario in measured.scenarios:
        assert f'<section id="{scenario.name}"' in page
        assert scenario.title in page
    for subject in measured.subjects:
        assert page.count(subject.label) > 3
        for program in subject.commands:
            assert program[-1] in page
    assert measured.environment["commit"][:12] in page
    assert measured.environment["machine"]["processor"] in page
    assert "raw_input_contents" in page  # the peers' settings


def test_invalid_runs_are_marked_with_the_reason(page: str, measured: Results) -> None:
    reasons = [reason for point in measured.points for reason in point.invalid]
    assert reasons
    assert all(reason in page for reason in reasons)
    # A line for each invalid run, and one for each load that has no valid one.
    rows = [row for row in summary.rows(measured) if not row.valid and row.load.mode is not Mode.CEILING]
    assert page.count('<tr class="invalid">') == len([p for p in measured.points if p.invalid]) + len(rows)


def test_figures_of_invalid_rounds_are_not_shown(measured: Results) -> None:
    def spoilt(point: Point) -> Point:
        if point.subject != "python":
            return point
        return dataclasses.replace(point, requests_per_second=987654.0, invalid=("nothing but noise",))

    results = _changed(measured, spoilt)
    shown = [table for scenario in results.scenarios for table in tables.of_scenario(results, scenario)]
    assert shown
    assert not any("987,654" in cell for table in shown for line in table.lines for cell in line.cells)


def test_charts_follow_the_page_into_the_dark(page: str) -> None:
    (dark,) = re.findall(r"prefers-color-scheme: dark\) \{(.+)\}", page)
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--ink)" in drawn
    variables = set(re.findall(r"var\(--([\w-]+)\)", page))
    assert variables <= set(palette.COLOURS)
    assert all(f"--{name}: {palette.COLOURS[name].dark};" in dark for name in variables)
    # Nothing is left in a colour of its own.
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= {"#000000"}


def test_tables_and_charts_can_be_read_by_machines(page: str) -> None:
    for svg in re.findall(r"<svg[^>]*>", page):
        assert 'role="img"' in svg
        assert 'aria-label="' in svg
    assert '<th scope="col"' in page
    assert '<th scope="row">' in page


def test_words_of_results_are_escaped(measured: Results) -> None:
    evil = SubjectRecord("<b>", "<script>alert(1)</script>", "peer", "x", left_out="</p><img src=x>")
    results = dataclasses.replace(measured, subjects=[*measured.subjects, evil], notes=["a < b & c"])
    text = report.page.render(results, [], None, None)
    assert "<script" not in text
    assert "<img" not in text
    assert "a &lt; b &amp; c" in text
    assert "Left out: &lt;/p&gt;" in text


def test_comparison_is_shown_when_there_is_an_earlier_run(page: str, measured: Results, tmp_path: Path) -> None:
    assert '<section id="comparison">' in page
    assert '<tr class="better">' in page
    assert "cores: 64 then, 2 now" in page
    found = comparison.compare(_slower(measured), measured)
    within = len(found.differences) - len(found.changes)
    assert f"{len(found.changes)} are better, 0 are worse, and {within} are within the noise" in page
    alone = report.write(dataclasses.replace(measured, scenarios=measured.scenarios[1:]), tmp_path)
    assert '<section id="comparison">' not in alone.read_text(encoding="utf-8")


def test_a_run_that_was_stopped_says_so(measured: Results) -> None:
    assert any("stopped" in each for each in caveats.of(dataclasses.replace(measured, complete=False)))
    assert not any("stopped" in each for each in caveats.of(measured))


def test_wrong_answers_come_first(measured: Results) -> None:
    wrong = dataclasses.replace(measured.answers[0], wrong=3, first_wrong="row 7: expected 1, got 2")
    found = caveats.of(dataclasses.replace(measured, answers=[wrong, *measured.answers[1:]]))
    assert found[0].startswith("3 answers were wrong")
    assert found[1].endswith("row 7: expected 1, got 2")


def test_results_without_points_make_a_page(measured: Results, tmp_path: Path) -> None:
    empty = dataclasses.replace(measured, points=[], starts=[], answers=[])
    text = report.write(empty, tmp_path).read_text(encoding="utf-8")
    assert "Nothing here can be compared." in text
    assert "nothing is known of the noise" in text
    assert _Page(text).open == []


# ---- Verdicts


def test_the_overview_has_what_a_call_costs_and_how_many_times_ours(measured: Results) -> None:
    made = overview.table(measured)
    assert made is not None
    servers = [subject.label for subject in measured.subjects if subject.role in ("ours", "peer")]
    assert sorted(made.columns[1:]) == sorted(servers)
    assert made.columns[1].startswith("Ferrule")
    assert [line.cells[0] for line in made.lines] == [scenario.title for scenario in measured.scenarios]
    base, *others = made.lines[0].cells[1:]
    for cell in others:
        cost, times = cell.split("\n")
        factor = re.fullmatch(r"(≈ )?([\d.,]+)×", times)
        assert factor is not None
        expected = float(cost.replace(",", "")) / float(base.replace(",", ""))
        assert float(factor[2].replace(",", "")) == pytest.approx(expected, rel=0.5)


def test_the_overview_says_when_another_server_is_cheaper(measured: Results) -> None:
    name = next(subject.name for subject in measured.subjects if subject.role == "ours")

    def dear(each: Point) -> Point:
        return dataclasses.replace(each, server_cpu=1e6) if each.subject == name else each

    made = overview.table(_changed(measured, dear))
    assert made is not None
    assert made.lines[0].cells[2].endswith("\n0.0×")


def test_the_overview_has_throughput_where_cpu_times_are_not_known(measured: Results) -> None:
    made = overview.table(_changed(measured, lambda each: dataclasses.replace(each, server_cpu=None)))
    assert made is not None
    assert made.lines[0].cells[1].endswith("\ncalls/s")


def test_the_overview_has_cost_and_factor_of_the_same_load(measured: Results) -> None:
    def only_closed_loops_are_right(each: Point) -> Point:
        return dataclasses.replace(each, invalid=("answers were wrong",)) if each.load.mode is Mode.CEILING else each

    made = overview.table(_changed(measured, only_closed_loops_are_right))
    assert made is not None
    base, *others = made.lines[0].cells[1:]
    for cell in others:
        cost, times = cell.split("\n")
        expected = float(cost.replace(",", "")) / float(base.replace(",", ""))
        assert float(times.removeprefix("≈ ").removesuffix("×").replace(",", "")) == pytest.approx(expected, rel=0.5)


def test_there_is_no_overview_of_nothing(measured: Results) -> None:
    assert overview.table(dataclasses.replace(measured, points=[])) is None


def test_the_overview_says_how_many_calls_failed(measured: Results) -> None:
    def half(each: Point) -> Point:
        return dataclasses.replace(each, codes={"OK": 1, "Unavailable": 1})

    made = overview.table(_changed(measured, half))
    assert made is not None
    assert all("50% failed" in cell for cell in made.lines[0].cells[1:])


def test_a_verdict_names_the_best_peer_and_the_limit(measured: Results) -> None:
    sentences = verdict.sentences(measured, measured.scenarios[0])
    assert sentences[0].startswith("Ferrule, Rust server: 10.9 µs of CPU a call: ")
    assert "less than ONNX Runtime behind grpcio" in sentences[0]
    assert sentences[1].startswith("Ferrule, Python server: ")
    assert "h2load, 16 × 4" in sentences[-1]


def test_a_verdict_says_when_a_peer_is_cheaper_and_when_noise_decides(measured: Results) -> None:
    def swapped(point: Point) -> Point:
        cheap = {"python": 300.0, "onnxruntime": 200.0, "rust": 200.0 + 50 * (point.round == 2)}
        return dataclasses.replace(point, server_cpu=cheap[point.subject])

    sentences = verdict.sentences(_changed(measured, swapped), measured.scenarios[0])
    assert "1.5× (1.5–1.5) more than ONNX Runtime behind grpcio" in sentences[1]
    assert "no difference beyond the noise" in sentences[0]


def test_without_cpu_times_a_verdict_has_throughput(measured: Results) -> None:
    unknown = _changed(measured, lambda point: dataclasses.replace(point, server_cpu=None))
    assert "3,365 (1,823–4,908) calls/s" in verdict.sentences(unknown, measured.scenarios[0])[1]


def test_a_verdict_says_which_calls_failed(measured: Results) -> None:
    def half(point: Point) -> Point:
        count = point.codes.get("HTTP 200", 2)
        return dataclasses.replace(point, codes={"HTTP 200": count, "failed": count})

    assert "50.0% of Ferrule, Rust server's" in verdict.sentences(_changed(measured, half), measured.scenarios[0])[-1]


# ---- Charts


def _drawn(results: Results) -> dict[str, Figure]:
    return {
        chart.name: chart.figure for scenario in results.scenarios for chart in charts.of_scenario(results, scenario)
    }


def test_the_headline_has_every_chart(measured: Results) -> None:
    names = set(_drawn(measured))
    for wanted in ("cpu", "throughput", "sweep-apart", "sweep-shared", "rate-python", "curve-500", "memory", "start"):
        assert f"headline-{wanted}" in names
    assert {"rows-cpu", "rows-throughput"} <= names
    assert not any("errors" in name for name in names)


def test_rates_are_the_pacers_where_it_offered_them(measured: Results) -> None:
    def paced(point: Point) -> Point:
        if point.load.mode is not Mode.OPEN or point.load.fraction is None:
            return point
        return dataclasses.replace(point, load=dataclasses.replace(point.load, mode=Mode.PACED))

    results = _changed(measured, paced)
    names = set(_drawn(results))
    assert "headline-curve-50pc" in names
    assert "headline-curve-500" not in names
    titles = [table.title for table in tables.of_scenario(results, results.scenarios[0])]
    assert any(title.startswith("Open loop, by the pacer") for title in titles)
    assert any(title.startswith("Open loop, by ghz") for title in titles)


def test_no_chart_lacks_labels(measured: Results) -> None:
    for name, figure in _drawn(measured).items():
        (axes,) = figure.axes
        assert axes.get_xlabel(), name
        assert axes.get_ylabel() or all(label.get_text() for label in axes.get_yticklabels()), name


def test_bars_begin_at_zero_and_are_medians(measured: Results) -> None:
    (axes,) = _drawn(measured)["headline-cpu"].axes
    assert axes.get_xlim()[0] == 0
    widths = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    rows = summary.comparable([row for row in summary.rows(measured) if row.scenario == "headline"])
    assert widths == [row.server_cpu.median for row in rows if row.server_cpu]


def test_failed_calls_are_drawn_by_code(measured: Results) -> None:
    def refused(point: Point) -> Point:
        return dataclasses.replace(point, codes={"OK": 60, "RESOURCE_EXHAUSTED": 30, "UNAVAILABLE": 10})

    (axes,) = _drawn(_changed(measured, refused))["rows-errors"].axes
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert legend == ["RESOURCE_EXHAUSTED", "UNAVAILABLE"]
    widths = sorted({round(bar.get_width()) for bar in axes.patches})  # type: ignore[attr-defined]
    assert widths == [0, 10, 30]


def test_files_of_charts_are_beside_the_page(written: Path, measured: Results) -> None:
    folder = written.parent / report.page.CHARTS
    for name in _drawn(measured):
        root = ET.fromstring((folder / f"{name}.svg").read_text(encoding="utf-8"))
        assert root.tag.endswith("svg")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "var(" not in (folder / "headline-cpu.svg").read_text(encoding="utf-8")


def test_the_same_results_make_the_same_files(measured: Results, written: Path, tmp_path: Path) -> None:
    again = report.write(measured, tmp_path, earlier=_slower(measured))
    assert again.read_bytes() == written.read_bytes()
    for file in (tmp_path / report.page.CHARTS).iterdir():
        assert file.read_bytes() == (written.parent / report.page.CHARTS / file.name).read_bytes(), file.name


def test_subjects_look_different_without_colour() -> None:
    found = palette.looks([*"abcde", "rust", "python", "sklearn", "sklearn-asyncio", "mlserver", "onnxruntime", "core"])
    assert len({look.marker for look in found.values()}) == len(found)


def test_colours_stand_out_from_the_paper() -> None:
    # WCAG 2.2: 4.5:1 for text (1.4.3), 3:1 for parts of a chart (1.4.11).
    for shade in ("light", "dark"):
        paper = _luminance(getattr(palette.COLOURS["paper"], shade))
        for name, colour in palette.COLOURS.items():
            if name in ("paper", "shade", "rule"):
                continue
            least = 4.5 if name in ("ink", "quiet", "link", "bad", "good") else 3.0
            assert _contrast(_luminance(getattr(colour, shade)), paper) >= least, (name, shade)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


# ---- The table for the documents


def test_the_headline_table_quotes_medians_and_its_origin(measured: Results) -> None:
    text = headline.whole(measured, "loadtest/results/somewhere")
    (line,) = [line for line in text.splitlines() if line.startswith("| K-Means")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:4] == ["10.9", "175", "223 (ONNX Runtime behind grpcio)"]
    assert cells[4] == "–"
    assert text.startswith("What these figures do not show")
    for part in ("`loadtest/results/somewhere`", measured.environment["commit"][:12], "AMD EPYC, 2 cores"):
        assert part in text


def test_throughput_that_the_client_limited_is_in_brackets(measured: Results) -> None:
    def limited(point: Point) -> Point:
        if point.subject != "rust":
            return point
        return dataclasses.replace(point, limit=Limit.CLIENT, invalid=("the load generator was the limit",))

    (line,) = [
        line for line in headline.whole(_changed(measured, limited), "x").splitlines() if line.startswith("| K-Means")
    ]
    assert "| (33,784) / 3,365 / – |" in line


def test_the_table_replaces_what_is_between_the_markers_of_all_files_or_none(measured: Results, tmp_path: Path) -> None:
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    one.write_text(f"before\n{headline.BEGIN}\nold\n{headline.END}\nafter\n", encoding="utf-8")
    two.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(MarkerError, match=r"two\.md"):
        headline.write(measured, FILE, {one: headline.whole, two: headline.short})
    assert "old" in one.read_text(encoding="utf-8")
    headline.write(measured, FILE, {one: headline.whole})
    once = one.read_text(encoding="utf-8")
    assert once.startswith(f"before\n{headline.BEGIN}\n\nWhat these")
    assert once.endswith(f"{headline.END}\nafter\n")
    assert "old" not in once
    headline.write(measured, FILE, {one: headline.whole})
    assert one.read_text(encoding="utf-8") == once


# ---- Published ratios


def _three_ways(native_limit: Limit) -> Results:
    """Three rounds of three servers by ghz and h2load: 50 and 10 times the CPU of the Rust server, 20 and 5 times by ghz."""
    ways = {"rust": (10.0, 20_000.0), "sklearn": (500.0, 1_000.0), "core": (100.0, 4_000.0)}
    made = [
        point(
            subject=name,
            round=number,
            load=load,
            server_cpu=cpu,
            server_busy=0.2 if name == "rust" else 0.99,
            client_cpu=45.0,
            requests_per_second=rate * (number if name == "rust" and number == 2 else 1),
            limit=native_limit if name == "rust" else Limit.SERVER,
        )
        for name, (cpu, rate) in ways.items()
        for number in (1, 2, 3)
        for load in (Load(Mode.CLOSED, 8, 16), Load(Mode.CEILING, 16, 64))
    ]
    subjects = [SubjectRecord(name, f"The {name}", "peer", "ferrule") for name in ways]
    return dataclasses.replace(results(*made), subjects=subjects)


def test_published_ratios_are_held_against_those_of_the_run() -> None:
    run = _three_ways(Limit.CLIENT)
    by_ghz, by_h2load, by_cpu = published.measures(run, run.scenarios[0])
    assert by_ghz.ratios == {"sklearn": Spread(20.0, 20.0, 40.0), "core": Spread(5.0, 5.0, 10.0)}
    assert by_h2load.ratios == by_ghz.ratios
    assert by_cpu.ratios == {"sklearn": Spread(50.0, 50.0, 50.0), "core": Spread(10.0, 10.0, 10.0)}
    said = published.sentences(run, run.scenarios[0])
    assert "published 25×: by ghz's throughput 20× (20–40), less; by the servers' CPU time 50× (50–50), more" in said[0]
    assert "in 3 of 3 closed loops of the Rust server ghz was the limit" in said[2]
    assert "45.0 µs of its own CPU" in said[2]
    assert "40,000 calls/s, which keep the Rust server 20.0% busy" in said[2]
    assert said[3] == "Failed calls in these closed loops: none of The rust, The sklearn, The core."
    assert "### The published ratios" in headline.whole(run, "x")


def test_without_a_limit_of_the_client_no_reason_is_made_up() -> None:
    run = _three_ways(Limit.SERVER)
    assert not any("Why they differ" in each for each in published.sentences(run, run.scenarios[0]))


def test_without_the_three_there_are_no_published_ratios(measured: Results) -> None:
    assert published.table(measured, measured.scenarios[0]) is None
    assert "published" not in headline.whole(measured, "x")


# ---- The command


def test_the_command_writes_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["report", str(FILE), "--out", str(tmp_path), "--compare", str(FILE)])
    assert command.main() == 0
    assert "within the noise" in (tmp_path / "report.html").read_text(encoding="utf-8")
    other = tmp_path / "other.json"
    other.write_text("{}")
    monkeypatch.setattr(sys, "argv", ["report", str(other)])
    assert command.main() == 1
    assert "other.json" in capsys.readouterr().err
