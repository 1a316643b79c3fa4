"""What goes into a paper: titles, LaTeX, the sentence of the statistics, and a figure in a column's width."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError
from rectifiers.lab.tables import Results
from rectifiers.report.export import to_latex
from rectifiers.report.table import Table, build
from rectifiers.report.titles import with_titles
from rectifiers.report.wording import statistics_sentence

from .synthetic import experiment, outcomes

SETTINGS = {"dataset": "digits", "network": "digits-conv", "lr": 0.1}


@pytest.fixture
def mine(tmp_path: Path) -> Table:
    made = lab.experiment(["relu", "gelu_tanh", "leaky_relu"], seeds=3, **SETTINGS)  # type: ignore[arg-type]
    return lab.table(made, results=tmp_path).table


def test_rows_get_the_titles_of_their_functions(mine: Table) -> None:
    titled = with_titles(mine)
    assert titled.rows == ("ReLU", "GELU (tanh)", "LeakyReLU")
    assert titled.experiment.baseline == "ReLU"
    assert titled.cells["LeakyReLU", "all"].row == "LeakyReLU"
    assert mine.rows == ("relu", "gelu_tanh", "leaky_relu")


def test_labels_of_ones_own_stay() -> None:
    made = lab.experiment({"fast": "relu", "gelu": "gelu"}, baseline="fast", **SETTINGS)  # type: ignore[arg-type]
    assert [arm.label for arm in with_titles(lab.table(made, results="nowhere").table).experiment.rows] == [
        "fast",
        "GELU",
    ]
    paper = lab.table("arelu/table1", preset="paper", results="nowhere").table
    assert with_titles(paper) is paper


def test_latex_is_whole(mine: Table) -> None:
    text = to_latex(mine)
    assert "gelu" not in text
    assert "GELU (tanh) &" in text
    opened, closed = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
    assert opened == ["table", "tabular"]
    assert closed == ["tabular", "table"]
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert columns is not None
    assert {line.count(" & ") + 1 for line in rows} == {len(columns[1])}
    assert text.isascii()
    assert text.count("{") == text.count("}")


def test_the_sentence_says_what_was_done() -> None:
    made = experiment(columns=("one", "two"))
    table = build(made, "paper", outcomes(made))
    text = statistics_sentence(table)
    assert "compared with ReLU on n = 5 runs that share their seeds, by a two-sided paired t-test" in text
    assert "Holm-adjusted over the 2 comparisons of a column" in text
    assert "within ±0.5 percentage points" in text
    counts = [int(number) for number in re.findall(r"(\d+) (?:better|worse|equivalent|inconclusive)", text)]
    assert sum(counts) == 4
    assert "Of 4 comparisons:" in text
    latex = to_latex(table)
    assert latex.startswith("% Each function was compared with ReLU")
    assert r"$\pm$0.5 percentage" in " ".join(line.lstrip("% ") for line in latex.splitlines()[:6])


def test_without_comparisons_there_is_no_sentence() -> None:
    assert statistics_sentence(build(experiment(), "paper", [])) == ""


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
def test_a_plot_is_as_wide_as_a_column(tmp_path: Path, finished_results: Results, ending: str) -> None:
    path = finished_results.plot(tmp_path / f"x{ending}")
    data = path.read_bytes()
    if ending == ".png":
        (width,) = struct.unpack(">I", data[16:20])
        assert width == round(3.25 * 300)
    elif ending == ".svg":
        assert float(ElementTree.fromstring(data).attrib["width"].removesuffix("pt")) == pytest.approx(3.25 * 72)
        assert b"LeakyReLU" in data
    else:
        assert data.startswith(b"%PDF")
        box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", data)
        assert box is not None
        assert float(box[1]) == pytest.approx(3.25 * 72)
    assert data == finished_results.plot(tmp_path / f"y{ending}").read_bytes()


@pytest.fixture
def finished_results() -> Results:
    made = experiment()
    return Results(lab.open(made, preset="paper", results="nowhere"), outcomes(made))


def test_what_cannot_be_drawn(tmp_path: Path, finished_results: Results, mine: Table) -> None:
    with pytest.raises(ConfigError, match=r"a plot ends in \.pdf, \.svg, \.png, got 'x\.jpg'"):
        finished_results.plot(tmp_path / "x.jpg")
    empty = lab.table("quickstart", preset="smoke", results=tmp_path)
    with pytest.raises(ConfigError, match="there is nothing to draw; rectifiers run quickstart --preset smoke"):
        empty.plot(tmp_path / "x.svg")
