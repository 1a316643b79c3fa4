from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.papers.published import load_published

TABLE = """
source = "Somebody (2020), Table 1"
columns = ["a", "b"]
notes = ["b is misprinted"]

[cells]
ReLU = [1.5, 2]
AReLU = [3.5, 4.5]

[derived]
Improvement = [2.0, +2.0]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_rows_and_columns(tmp_path: Path) -> None:
    published = load_published(write(tmp_path, TABLE))
    assert published.source == "Somebody (2020), Table 1"
    assert published.cells == {("ReLU", "a"): 1.5, ("ReLU", "b"): 2, ("AReLU", "a"): 3.5, ("AReLU", "b"): 4.5}
    assert published.derived == {("Improvement", "a"): 2, ("Improvement", "b"): 2}
    assert published.notes == ("b is misprinted",)
    assert published.get("AReLU", "b") == 4.5
    assert published.get("AReLU", "c") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1.5, 2]", "[1.5]", "row 'ReLU' has 1 numbers for 2 columns"),
        ("[2.0, +2.0]", "[2.0, 1, 3]", "row 'Improvement' has 3 numbers for 2 columns"),
        ('columns = ["a", "b"]', "", "needs columns"),
        ("[1.5, 2]", "[1.5, 2", "is not a TOML file"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_published(write(tmp_path, TABLE.replace(old, new)))
