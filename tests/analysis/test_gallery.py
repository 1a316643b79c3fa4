"""The gallery's script, in the smallest preset of its entries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ..loading import load

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gallery.py"


@pytest.mark.slow
def test_the_gallery_is_written_and_written_again_from_what_was_kept(tmp_path: Path) -> None:
    gallery = load(SCRIPT)
    for folder in ("once", "again"):
        output = ["--output", str(tmp_path / folder), "--results", str(tmp_path / "runs")]
        gallery.main(["--smoke", "--workers", "1", *output])
    once, again = tmp_path / "once", tmp_path / "again"
    page = (once / "gallery.md").read_text(encoding="utf-8")
    assert "waits for" not in page
    pictures = re.findall(r"\]\((images/.*?)\)", page)
    assert len(pictures) == len(set(pictures)) == 20
    assert {f"{path.relative_to(once)}" for path in once.glob("images/*/*")} == set(pictures)
    for written in (*pictures, "gallery.md", "gallery.json"):
        assert (once / written).read_bytes() == (again / written).read_bytes(), written
    numbers = json.loads((once / "gallery.json").read_text(encoding="utf-8"))
    assert set(numbers) == set(gallery.ENTRIES)
    (section,) = numbers["crelu/figure3"]["sections"]
    assert {(row["row"], row["seed"]) for row in section["records"]} == {
        (row, seed) for row in ("ReLU", "CReLU") for seed in (0, 1)
    }
