"""Sections as data: kept and read again, and the same on every page."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from rectifiers.core.errors import StoreError
from rectifiers.report.analyses.layers import count_signs
from rectifiers.report.analyses.section import CaptionedFigure, Grid, Section, SeedMean, read_sections, write_sections
from rectifiers.report.export import section_to_markdown
from rectifiers.report.html import render_page
from rectifiers.report.terminal import render_sections
from rectifiers.report.wording import number

from ..synthetic import HOSTILE, experiment, outcomes

ALONE = SeedMean(1, 0.5, math.nan, math.nan)
GRID = Grid(
    ("layer", "units", "A", "B − A"), (("conv1", 1024, SeedMean(3, -0.25, -0.5, 0.0), ALONE), (HOSTILE, 4, ALONE, "–"))
)
SECTION = Section("A look", "What is measured.", "What came out.", (GRID,), (), ({"layer": "conv1", "mean": math.nan},))


def pictured() -> Section:
    drawings = [CaptionedFigure(name, HOSTILE, Figure(figsize=(1, 1))) for name in ("drawing.svg", "photograph.png")]
    return Section(SECTION.heading, SECTION.text, SECTION.finding, (GRID,), tuple(drawings))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 10**5,
        "[]",
        "{}",
        '{"trials": ["one"]}',
        '{"trials": ["one"], "sections": [1]}',
        '{"trials": ["one"], "sections": 5}',
    ],
)
def test_damaged_sections_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.analysis.json").write_text(text)
    with pytest.raises(StoreError, match=r"page\.analysis\.json is damaged: .*; write the report again"):
        read_sections(tmp_path / "page.analysis.json", ["one"])


def test_damage_within_a_section_is_named(tmp_path: Path) -> None:
    path = tmp_path / "page.analysis.json"
    write_sections(path, [SECTION], ["one"])
    (stored,) = json.loads(path.read_text())["sections"]
    grid = stored["grids"][0]
    others: tuple[object, ...] = (None, 7, [[[]]])
    damages: list[dict[str, object]] = [{"grids": [{**grid, key: other}]} for key in grid for other in others]
    damages += [{"grids": [{**grid, "rows": [row]}]} for row in ([], [1.5], [{"n": 1}], ["x"] * 9, ["x", None])]
    damages += [{"records": [3]}, {"records": None}]
    for damage in damages:
        path.write_text(json.dumps({"trials": ["one"], "sections": [{**stored, **damage}]}))
        try:
            (section,) = read_sections(path, ["one"]) or ()
        except StoreError:
            continue
        assert damage == {"grids": [{**grid, "digits": 7}]}
        assert section.grids[0].digits == 7


def test_what_was_kept_is_read_for_the_same_trainings_alone(tmp_path: Path) -> None:
    path = tmp_path / "analysis.json"
    assert read_sections(path, ["one"]) is None
    write_sections(path, [SECTION], ["two", "one"])
    (kept,) = read_sections(path, ["one", "two"]) or ()
    assert (kept.heading, kept.text, kept.finding) == (SECTION.heading, SECTION.text, SECTION.finding)
    assert repr(kept.grids) == repr(SECTION.grids)
    assert kept.records == ({"layer": "conv1", "mean": None},)
    assert read_sections(path, ["one"]) is None
    assert "NaN" not in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["trials"] == ["one", "two"]


def test_signs_count_intervals_on_either_side() -> None:
    cells = [(0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (1.5, 2.0)]
    grid = Grid(("layer", "B − A"), tuple(("x", SeedMean(3, sum(ends) / 2, *ends)) for ends in cells))
    assert (
        count_signs(grid) == "B − A: above 0 in 2 of 4 layers, below 0 in 1. Each is judged by its own 95 % interval."
    )
    assert count_signs(grid, than=1).startswith("B − A: above 1 in 1 of 4 layers, below 1 in 3.")
    assert count_signs(Grid(("layer", "B − A"), (("x", ALONE),))) == "Too few runs for intervals."


def test_the_terminal_shows_grids_and_findings() -> None:
    buffer = io.StringIO()
    Console(file=buffer, width=100).print(render_sections([SECTION]))
    text = buffer.getvalue()
    assert "−0.250 [−0.500,0.000]" in text
    assert "1,024" in text
    assert "What came out." in text


def test_columns_that_do_not_fit_follow_below_with_their_intervals_whole() -> None:
    head = ("layer", *(f"function {index}" for index in range(9)))
    row = ("conv1", *(SeedMean(3, index, index - 0.25, index + 0.25) for index in range(9)))
    buffer = io.StringIO()
    Console(file=buffer, width=80).print(render_sections([Section("Wide", "", grids=(Grid(head, (row,), 2),))], 80))
    text = buffer.getvalue()
    assert "…" not in text
    assert all(f"[{number(index - 0.25, 2)},{number(index + 0.25, 2)}]" in text for index in range(9))
    assert text.count("conv1") == 2
    assert max(map(len, text.splitlines())) <= 80


def test_markdown_shows_them_too() -> None:
    lines = section_to_markdown(SECTION).splitlines()
    assert lines[0] == "What is measured."
    assert lines[2] == "| layer | units | A | B − A |"
    assert lines[4] == "| conv1 | 1,024 | −0.250 \\[−0.500, 0.000\\] | 0.500 |"
    assert HOSTILE not in "".join(lines)


def test_the_page_shows_them_with_pictures_and_what_the_paper_says() -> None:
    made = experiment(published=True)
    page = render_page(made, "paper", outcomes(made), sections=[pictured()])
    assert '<section id="inside">' in page
    assert "<td>−0.250 [−0.500, 0.000]</td>" in page
    assert page.count('src="data:image/png;base64,') == 1
    assert HOSTILE not in page
    assert "Inside the trained networks" not in render_page(made, "paper", outcomes(made))
