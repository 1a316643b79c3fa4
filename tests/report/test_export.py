"""Tables as CSV, JSON, Markdown and LaTeX, whatever the labels."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from rectifiers.papers import registry as papers
from rectifiers.report.export import to_csv, to_dict, to_latex, to_markdown
from rectifiers.report.table import build
from rectifiers.report.wording import compact_number, signed

from .synthetic import HOSTILE, LEADS, WEIRD, experiment, outcomes


def test_csv_has_one_line_per_cell_and_blanks_for_nothing() -> None:
    made = experiment(columns=("one", "two"), published=True)
    table = build(made, "paper", outcomes(made, missing={("AReLU", "two", seed) for seed in range(5)}))
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert len(lines) == 6
    learned = next(line for line in lines if (line["row"], line["column"]) == ("AReLU", "one"))
    entry = table.cells["AReLU", "one"]
    assert float(learned["mean"]) == entry.summary.mean
    assert float(learned["minus_published"]) == entry.difference
    assert learned["verdict"] == "better"
    absent = next(line for line in lines if (line["row"], line["column"]) == ("AReLU", "two"))
    assert (absent["mean"], absent["missing"], absent["verdict"]) == ("", "5", "")


def test_csv_of_nothing_is_its_header() -> None:
    assert to_csv(build(experiment(), "paper", [])) == "experiment,preset,baseline\n"


def test_dict_is_strict_json() -> None:
    made = experiment(seeds=1)
    table = build(made, "paper", outcomes(made, diverged={("AReLU", "digits", 0)}))
    record = json.loads(json.dumps(to_dict(table), allow_nan=False))
    assert record["comparable"] is True
    assert [cell["row"] for cell in record["cells"]] == ["ReLU", "LeakyReLU", "AReLU"]
    assert record["cells"][2]["mean"] is None
    assert record["cells"][2]["diverged"] == 1


def test_markdown_keeps_its_columns_whatever_the_labels() -> None:
    made = experiment(rows=("ReLU", *WEIRD), columns=("one", "t|wo"))
    text = to_markdown(build(made, "paper", outcomes(made)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 6
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}
    assert HOSTILE not in text
    assert "&lt;script>" in text
    assert "**" in rows[-1]


def test_markdown_comes_in_blocks_of_four_columns_with_one_legend() -> None:
    made = experiment(columns=tuple(f"c{place}" for place in range(8)), published=True, epochs=1)
    table = build(made, "paper", outcomes(made))
    first, second, legend = to_markdown(table).split("\n\n")
    assert first.splitlines()[:2] == ["|  | c0 | c1 | c2 | c3 |", "|:--|--:|--:|--:|--:|"]
    assert second.startswith("|  | c4 | c5 | c6 | c7 |\n")
    assert f"| **{compact_number(table.cells['AReLU', 'c0'])}**<br>(92.00)†▲ |" in first
    assert "In brackets: the paper's number; †: it lies outside our 95 % interval." in legend
    assert "▲ better, ▼ worse, = equivalent, · inconclusive." in legend


def test_leads_are_the_last_lines_and_no_cells() -> None:
    made = experiment(columns=("one", "two"), published=True, leads=LEADS)
    table = build(made, "paper", outcomes(made, missing={("LeakyReLU", "two", seed) for seed in range(5)}))
    value = table.lead_value(LEADS[0], "one").value
    rows = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert rows[-2] == f"| Lead over both | {signed(value)}<br>(+1.50) | not run<br>(+1.50) |"
    assert rows[-1].endswith("(–) |")
    latex = to_latex(table)
    assert latex.count(r"\midrule") == 2
    assert r" (+1.50) & not run (+1.50) \\" in latex
    leads = json.loads(json.dumps(to_dict(table), allow_nan=False))["leads"]
    assert leads[:2] == [
        {
            "label": "Lead over both",
            "row": "AReLU",
            "over": ["ReLU", "LeakyReLU"],
            "column": column,
            "value": ours,
            "published": 1.5,
        }
        for column, ours in (("one", value), ("two", None))
    ]
    assert "Lead" not in to_csv(table)


def test_markdown_puts_the_paper_in_brackets_only_where_comparable() -> None:
    made = experiment(published=True)
    assert "(92.00)" in to_markdown(build(made, "paper", outcomes(made, "paper")))
    pocket = to_markdown(build(made, "pocket", outcomes(made, "pocket")))
    assert "(92.00)" not in pocket
    assert "** ▲ |" in pocket
    assert "Not comparable: preset pocket" in pocket


def test_latex_escapes_labels_and_uses_booktabs() -> None:
    made = experiment(rows=("ReLU", *WEIRD), columns=("1 %", "β_2"))
    text = to_latex(build(made, "paper", outcomes(made)))
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 1
    assert r"\_under \& 100\% \$x\textasciicircum{}2\$" in text
    assert r"1 \%" in text
    assert r"$\beta$\_2" in text
    assert text.count(r" \\" + "\n") == 5
    assert text.isascii()


def test_greek_letters_and_bars_are_those_of_latex() -> None:
    letters = "αβγδεζηθικλμνξοπρστυφχψωςϑϕϵϱϖ\u00b5ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
    made = experiment(rows=("ReLU", letters, "a|b"))
    text = to_latex(build(made, "paper", outcomes(made)))
    assert r"$\upsilon$" in text
    assert r"a\textbar{}b" in text
    assert text.isascii()


@pytest.mark.parametrize("label", ["[0, 1]", "*best*"])
def test_no_label_is_taken_for_an_argument_of_the_end_of_the_row_before(label: str) -> None:
    made = experiment(rows=("ReLU", label))
    text = to_latex(build(made, "paper", outcomes(made)))
    assert f"    {{{label[0]}}}{label[1:]} & " in text
    assert not re.search(r"\\\\\s*[*\[]", text)


def test_labels_of_every_experiment_become_ascii_in_latex() -> None:
    """Other characters need packages beside booktabs, or are left out silently."""
    entries = [papers.get(name) for name in papers]
    labels = {arm.label for entry in entries for arm in (*entry.rows, *entry.columns)} - {"ReLU"}
    made = experiment(rows=("ReLU", *sorted(labels)))
    text = to_latex(build(made, "paper", [(cell, None) for cell in made.cells("paper")]))
    assert text.isascii(), {letter for letter in text if not letter.isascii()}
