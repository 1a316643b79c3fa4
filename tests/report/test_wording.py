"""What stands below a table."""

from __future__ import annotations

from rectifiers.report.table import build
from rectifiers.report.wording import footnotes

from .synthetic import experiment, outcomes

GAINS = {
    "ReLU": [0.0, 0.0, 0.0, 0.0, 0.0],
    "AReLU": [1.0, 0.4, 2.2, 0.8, 1.3],
    "PVLU": [2.0, -2.0, 1.0, -1.0, 0.5],
    "ELU": [-2.0, 2.0, 1.0, -1.0, 0.5],
}


def notes(rows: tuple[str, ...], columns: tuple[str, ...] = ("digits",)) -> list[str]:
    made = experiment(rows, columns)
    found = outcomes(made)
    for cell, result in found:
        assert result is not None
        result.epochs[-1].test_accuracy = 90 + GAINS[cell.row][cell.trial.seed]
    return footnotes(build(made, "paper", found))


def test_rows_that_only_holms_correction_leaves_open_are_named() -> None:
    (note,) = [note for note in notes(tuple(GAINS)) if "Holm's correction)" in note]
    assert note.startswith("Inconclusive although the 95 % interval of the difference excludes 0")
    assert note.endswith("(Holm's correction): AReLU.")
    several = [note for note in notes(tuple(GAINS), ("one", "two")) if "Holm's correction)" in note]
    assert several[0].endswith("one: AReLU; two: AReLU.")


def test_alone_it_would_be_better_and_needs_no_note() -> None:
    assert not [note for note in notes(("ReLU", "AReLU")) if "Holm's correction)" in note]
