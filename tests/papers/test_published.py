"""Files of published numbers: what they may hold, and how a mistake in one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.papers.published import load_published

TABLE = """
source = "Somebody (2020), Table 1"
columns = ["a", "b", "size"]
quantity = ["error", "error", "parameters"]
absent = "not printed"
notes = ["b is misprinted"]
says = ["AReLU is better."]

[cells]
ReLU = [1.5, 2, "61M"]
AReLU = [3.5, "4.50±0.25", 1_035_268]
CReLU = ["–", "–", "32.8M"]

[derived]
Improvement = [2.0, +2.0, 0]

[corrections]
Improvement = { b = 2.5 }

[parameters]
AReLU = 2

[stated]
"lead, about" = 2
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_rows_and_columns(tmp_path: Path) -> None:
    published = load_published(write(tmp_path, TABLE))
    assert published.source == "Somebody (2020), Table 1"
    assert published.cells == {
        ("ReLU", "a"): 1.5,
        ("ReLU", "b"): 2,
        ("ReLU", "size"): 61_000_000,
        ("AReLU", "a"): 3.5,
        ("AReLU", "b"): 4.5,
        ("AReLU", "size"): 1_035_268,
        ("CReLU", "size"): 32_800_000,
    }
    assert published.derived == {
        ("Improvement", "a"): 2,
        ("Improvement", "b"): 2,
        ("Improvement", "size"): 0,
    }
    assert published.uncertainties == {("AReLU", "b"): 0.25}
    assert published.absent == {("CReLU", "a"): "not printed", ("CReLU", "b"): "not printed"}
    assert published.corrections == {("Improvement", "b"): 2.5}
    assert published.quantities == {"a": "error", "b": "error", "size": "parameters"}
    assert published.parameters == {"AReLU": 2}
    assert published.stated == {"lead, about": 2}
    assert published.says == ("AReLU is better.",)
    assert published.notes == ("b is misprinted",)
    assert published.get("AReLU", "b") == 4.5
    assert published.get("CReLU", "b") is None


def test_counts_are_whole_numbers(tmp_path: Path) -> None:
    cells = load_published(write(tmp_path, TABLE)).cells
    assert [type(cells[row, "size"]) for row in ("ReLU", "AReLU", "CReLU")] == [int, int, int]


def test_a_figure_needs_no_numbers(tmp_path: Path) -> None:
    published = load_published(write(tmp_path, 'source = "Figure 1"\nsays = ["It rises."]'))
    assert not published.cells
    assert published.says == ("It rises.",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('[1.5, 2, "61M"]', "[1.5, 2]", "row 'ReLU' has 2 numbers for 3 columns"),
        ("[2.0, +2.0, 0]", "[2.0, 1, 3, 4]", "row 'Improvement' has 4 numbers for 3 columns"),
        ('columns = ["a", "b", "size"]', "", "needs columns"),
        ('source = "Somebody (2020), Table 1"', "", "needs source"),
        ('[1.5, 2, "61M"]', '[1.5, 2, "61M"', "is not a TOML file"),
        ('"61M"', '"61 million"', "'61 million' is not a number; write 93.71"),
        ('absent = "not printed"', "", "some numbers are dashes; say why"),
        ("{ b = 2.5 }", "{ c = 2.5 }", "corrects 'Improvement' under 'c', where the paper prints no number"),
        ('["error", "error", "parameters"]', '["error"]', "1 quantity for 3 columns"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    with pytest.raises(ConfigError, match=message):
        load_published(write(tmp_path, TABLE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("says =", "say =", r"unknown key in .*table.toml 'say'; did you mean says"),
        ('"parameters"]', '"parameter"]', r"unknown quantity in .*table.toml 'parameter'; did you mean parameters"),
    ],
)
def test_unknown_words_give_the_nearest(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        load_published(write(tmp_path, TABLE.replace(old, new)))
