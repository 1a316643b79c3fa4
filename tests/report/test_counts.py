"""Columns that show counts, or something else than the others, in every form of the table."""

from __future__ import annotations

from rectifiers.experiments.experiment import Arm, Cell, Column, Experiment, Preset, PublishedNumbers
from rectifiers.experiments.result import Result
from rectifiers.report.export import to_dict, to_markdown
from rectifiers.report.figures.accuracy import accuracy_figure
from rectifiers.report.figures.curves import curves_figure
from rectifiers.report.figures.style import styles
from rectifiers.report.html import render_page
from rectifiers.report.table import build
from rectifiers.report.wording import footnotes

MADE = Experiment(
    name="paper/table",
    title="Sizes",
    settings={"dataset": "digits", "network": "digits-conv", "lr": 0.1, "epochs": 0},
    rows=(Arm("ReLU", {"activation": "relu"}), Arm("PReLU", {"activation": "prelu"})),
    columns=(Column("size", {}, metric="parameters"), Column("share", {}, metric="activation_share")),
    presets={"paper": Preset(note="counted", seeds=1, comparable=True)},
    published=PublishedNumbers(
        "Somebody (2020), Table 1",
        {("ReLU", "size"): 1_000, ("PReLU", "size"): 1_010, ("ReLU", "share"): 0.0, ("PReLU", "share"): 1.0},
        quantities={"size": "parameters", "share": "share"},
    ),
)


def outcome(cell: Cell) -> Result:
    learned = 12 if cell.row == "PReLU" else 0
    return Result(trial=cell.trial, status="done", epochs=[], parameters=1_000 + learned, activation_parameters=learned)


TABLE = build(MADE, "paper", [(cell, outcome(cell)) for cell in MADE.cells("paper")])


def test_counts_are_whole_and_not_compared() -> None:
    text = to_markdown(TABLE)
    assert "| PReLU | 1,012<br>(1,010) | 1.20<br>(1.00) |" in text
    assert "**" not in text
    assert TABLE.accuracy_columns == TABLE.trained_columns == ()
    assert TABLE.cells["PReLU", "size"].difference == 2
    assert all(entry.comparison is None and entry.outside is None for entry in TABLE.cells.values())


def test_notes_say_what_each_column_shows_and_nothing_of_runs() -> None:
    first, *others = footnotes(TABLE)
    assert first.startswith("Size: trainable numbers of the network; share: the activations' parameters in percent")
    assert not any("runs" in note for note in others)


def test_there_is_nothing_to_draw() -> None:
    outcomes = [(cell, outcome(cell)) for cell in MADE.cells("paper")]
    drawn = styles(MADE, outcomes)
    assert accuracy_figure(TABLE, drawn) is None
    assert curves_figure(TABLE, outcomes, drawn) is None
    page = render_page(MADE, "paper", outcomes)
    assert "1,012" in page
    assert "+2" in page


def test_each_cell_is_exported_with_what_it_shows() -> None:
    cells = to_dict(TABLE)["cells"]
    assert {(cell["column"], cell["metric"]) for cell in cells} == {
        ("size", "parameters"),
        ("share", "activation_share"),
    }
