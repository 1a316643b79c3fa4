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


def test_what_more_seeds_would_show_of_rows_that_are_inconclusive() -> None:
    (note,) = [note for note in notes(("ReLU", "PVLU")) if "more seed" in note]
    assert note == "With 80 % power, 78 more seeds would show 0.50 points for PVLU."
    (note,) = [note for note in notes(("ReLU", "AReLU", "PVLU"), ("one", "two")) if "more seed" in note]
    assert note.count("more seeds would show 0.50 points for PVLU at ") == 2
    assert "AReLU" not in note
    columns = tuple("abcdefgh")
    (note,) = [note for note in notes(("ReLU", "PVLU"), columns) if "more seed" in note]
    assert note.startswith("With 80 % power, 78 (PVLU at a) to 78 (PVLU at h) more seeds would show the differences")


def test_where_all_is_decided_no_more_seeds_are_asked_for() -> None:
    assert not [note for note in notes(("ReLU", "AReLU")) if "more seed" in note]
