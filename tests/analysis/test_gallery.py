"""The gallery's script, on digits."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gallery.py"


@pytest.mark.slow
def test_the_gallery_is_written_and_written_again_from_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("gallery", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    gallery = importlib.util.module_from_spec(spec)
    # Its dataclasses look for their module there.
    monkeypatch.setitem(sys.modules, spec.name, gallery)
    spec.loader.exec_module(gallery)
    for folder in ("once", "again"):
        output = ["--output", str(tmp_path / folder), "--weights", str(tmp_path / "weights")]
        gallery.main(["--smoke", "--workers", "1", *output])
    page = (tmp_path / "once" / "gallery.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\]\((images/.*?)\)", page)
    assert len(pictures) == len(set(pictures)) == 11
    assert {f"{path.relative_to(tmp_path / 'once')}" for path in tmp_path.glob("once/images/*/*")} == set(pictures)
    for picture in pictures:
        assert (tmp_path / "once" / picture).read_bytes() == (tmp_path / "again" / picture).read_bytes(), picture
    numbers = json.loads((tmp_path / "once" / "gallery.json").read_text(encoding="utf-8"))
    assert numbers == json.loads((tmp_path / "again" / "gallery.json").read_text(encoding="utf-8"))
    assert {row["seed"] for row in numbers["Filters and their opposites"]} == {0, 1}
