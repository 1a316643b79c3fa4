"""Tables in a terminal: they fit, they line up, and they say what was not run."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from rectifiers.report.table import Table, build
from rectifiers.report.terminal import plain_text, render
from rectifiers.report.wording import signed

from .synthetic import LEADS, WEIRD, experiment, outcomes


def shown(table: Table, width: int = 100) -> str:
    return plain_text(render(table, width), width)


def line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def test_one_column_is_shown_in_detail() -> None:
    made = experiment()
    text = shown(build(made, "paper", outcomes(made, diverged={("LeakyReLU", "digits", 1)})))
    assert "− ReLU [95 %]" in text
    assert "better" in line(text, "AReLU")
    assert line(text, "AReLU").split()[-1] == "4"
    assert "Test accuracy after the last epoch, in percent: mean ± 95 % t-interval over 5 runs" in text
    assert "Smallest difference" in text
    assert "14 of 15 runs finished; 1 diverged" in text


def test_what_does_not_fit_side_by_side_follows_below() -> None:
    made = experiment()
    table = build(made, "paper", outcomes(made, diverged={("LeakyReLU", "digits", 1)}))
    wide, narrow = shown(table), shown(table, width=40)
    assert max(map(cell_len, narrow.splitlines())) <= 40
    assert "…" not in narrow
    for row in table.rows:
        said = [text for text in narrow.splitlines() if text.startswith(row)]
        assert len(said) > 1
        assert "".join(text.removeprefix(row) for text in said).split() == line(wide, row).removeprefix(row).split()


def test_where_labels_leave_no_room_they_break_and_numbers_stay() -> None:
    made = experiment(rows=("ReLU", "a label that is far too long for a window"), columns=("one", "two"))
    text = shown(build(made, "paper", outcomes(made)), width=40)
    assert max(map(cell_len, text.splitlines())) <= 40
    assert "…" not in text


def test_wide_and_combining_characters_keep_columns_in_line() -> None:
    made = experiment(rows=("ReLU", "整流線形関数", "Re\u0301LU"), columns=("one", "二つ目の列"), published=True)
    text = shown(build(made, "paper", outcomes(made)))
    lines = [line(text, row) for row in ("ReLU", "整流線形関数", "Re\u0301LU")]
    assert len({cell_len(said[: said.rindex(")")]) for said in lines}) == 1
    names = tuple(f"二つ目の列{place}" for place in range(8))
    many = shown(build(many_columns := experiment(columns=names), "paper", outcomes(many_columns)), width=60)
    assert max(map(cell_len, many.splitlines())) <= 60
    assert "…" not in many


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_text_has_no_colours_wherever_it_is_made(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = experiment()
    table = build(made, "paper", outcomes(made))
    expected = shown(table)
    assert "A comparison made up for tests" in expected
    monkeypatch.setenv(variable, "1")
    assert shown(table) == expected
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert shown(table) == expected


def test_nineteen_rows_and_eight_columns_fit_a_hundred_characters() -> None:
    rows = ("ReLU", *(f"Funct{place:02}" for place in range(18)))
    made = experiment(rows, tuple(f"SGD 1e-{place}" for place in range(8)), published=True, epochs=1, seeds=3)
    table = build(made, "paper", outcomes(made, diverged={("Funct03", "SGD 1e-1", 0)}))
    text = shown(table)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    # Two blocks of four columns.
    assert sum(row.startswith("Funct17") for row in text.splitlines()) == 2
    assert all(f"({90 + place % 9:.2f})" in line(text, row) for place, row in enumerate(rows))


def test_cells_in_a_block_end_at_the_same_place() -> None:
    made = experiment(columns=("one", "two"), published=True)
    text = shown(build(made, "paper", outcomes(made)))
    ends = {line(text, row).rstrip("▲▼=·† ").rindex(")") for row in ("ReLU", "LeakyReLU", "AReLU")}
    assert len(ends) == 1


def test_incomparable_presets_say_so_and_show_no_difference() -> None:
    made = experiment(published=True)
    text = shown(build(made, "pocket", outcomes(made, "pocket")), width=160)
    assert "Not comparable: preset pocket (less data and fewer epochs)" in text
    assert "paper (not comparable)" in text
    assert "− paper" not in text.replace("ours − paper", "")


def test_cells_that_were_not_run_say_so() -> None:
    made = experiment(columns=("one", "two"))
    lost = {("AReLU", "one", seed) for seed in range(5)} | {("ReLU", "two", 0)}
    gone = {("AReLU", "two", seed) for seed in range(5)}
    text = shown(build(made, "paper", outcomes(made, missing=lost, diverged=gone)))
    assert "not run" in line(text, "AReLU")
    assert "diverged" in line(text, "AReLU")
    assert "!" in line(text, "ReLU")
    assert "! some runs diverged or are missing" in text


def test_leads_stand_below_their_columns_with_the_papers() -> None:
    made = experiment(columns=("one", "two"), published=True, leads=LEADS)
    table = build(made, "paper", outcomes(made, missing={("LeakyReLU", "two", seed) for seed in range(5)}))
    lines = shown(table).splitlines()
    place = lines.index("Lead over both")
    assert lines[place + 1].split() == [
        signed(table.lead_value(LEADS[0], "one").value),
        "(+1.50)",
        "not",
        "run",
        "(+1.50)",
    ]
    assert [at for at, sign in enumerate(lines[place + 1]) if sign == ")"] == [
        at for at, sign in enumerate(lines[place - 1]) if sign == ")"
    ]
    assert "The printed numbers contradict one another: 1.5 is misprinted." in lines
    assert any(line.startswith("Lead over both: AReLU − the highest of ReLU, LeakyReLU; ") for line in lines)


def test_leads_of_one_column_have_a_line_each() -> None:
    made = experiment(published=True, leads=LEADS)
    paper, pocket = (build(made, preset, outcomes(made, preset)) for preset in ("paper", "pocket"))
    assert (
        f"Lead over both: {signed(paper.lead_value(LEADS[0], 'digits').value)} (paper +1.50)"
        in shown(paper).splitlines()
    )
    assert f"Lead over both: {signed(pocket.lead_value(LEADS[0], 'digits').value)}" in shown(pocket).splitlines()
    assert "misprinted" not in shown(pocket)


def test_labels_are_text_and_not_markup() -> None:
    made = experiment(rows=("ReLU", "[bold]x[/bold]", *WEIRD))
    text = shown(build(made, "paper", outcomes(made)), width=160)
    assert "[bold]x[/bold]" in text
    assert WEIRD[0] in text
