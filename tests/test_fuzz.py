"""Every reader of files meets damaged ones, and pickles that would run code; `benchmarks/fuzz.py` tries many more."""

from __future__ import annotations

import importlib.util
import io
import json
import pickle
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from rectifiers.core.errors import RectifiersError

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"


def script() -> ModuleType:
    if "fuzz" not in sys.modules:
        spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["fuzz"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["fuzz"]


FUZZ = script()


@pytest.mark.parametrize("name", FUZZ.READERS)
def test_damaged_files_are_named_or_read(name: str) -> None:
    outcome = FUZZ.run_here(name, range(60))
    assert not outcome.faults
    assert outcome.inputs == outcome.answers + outcome.errors == 60
    assert outcome.errors


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def traps(mark: Path) -> list[bytes]:
    """Files of all kinds with a trap inside."""
    pickles = [pickle.dumps(Trap(mark), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    array, saved, old = io.BytesIO(), io.BytesIO(), io.BytesIO()
    objects = np.array([Trap(mark)], dtype=object)
    np.savez(array, x_train=objects, y_train=objects, x_test=objects, y_test=objects)
    torch.save({"a.weight": Trap(mark)}, saved)
    torch.save({"a.weight": Trap(mark)}, old, _use_new_zipfile_serialization=False)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number, content in enumerate(pickles):
            packed.writestr(f"top/data_batch_{number}", content)
    return [*pickles, array.getvalue(), saved.getvalue(), old.getvalue(), archive.getvalue()]


@pytest.mark.parametrize("name", FUZZ.READERS)
@pytest.mark.filterwarnings("ignore")
def test_no_reader_unpickles(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "unpickled"
    for content in traps(mark):
        with suppress(RectifiersError):
            FUZZ.READERS[name].read(content, tmp_path)
        assert not mark.exists()
    # The trap does work.
    pickle.loads(traps(mark)[0])
    assert mark.exists()


@pytest.mark.parametrize(
    "name", ["swap plan", "saved model", "result.json", "results.jsonl", "analysis.json", "store.json"]
)
def test_what_a_file_names_is_not_imported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rectifiers_trap.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'mark')!r}).touch()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    reader = FUZZ.READERS[name]
    tried = 0
    for seed in reader.seeds()[:2]:
        # Names of functions, networks and data sets; the last two are of runs, where a file names nothing else.
        for known in (b"pvlu", b"crelu", b"arelu", b"digits-conv", b"digits", b"made", b"one"):
            for given in (b"rectifiers_trap:Act", b"rectifiers_trap.py:Act"):
                changed = seed.replace(b'"' + known + b'"', b'"' + given + b'"')
                tried += changed != seed
                with suppress(RectifiersError):
                    reader.read(changed, tmp_path)
    assert tried
    assert "rectifiers_trap" not in sys.modules
    assert not (tmp_path / "mark").exists()


def test_sizes_without_numbers_whose_product_overflows() -> None:
    content = bytes([0, 0, 8, 3, 0, 0, 0, 0, *[255] * 8])
    with pytest.raises(RectifiersError, match="file: cannot be read as an IDX file"):
        FUZZ.READERS["IDX"].read(content, Path())


def test_runs_are_counted_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "fuzz.json"
    for inputs in (20, 50, 50):
        assert FUZZ.main(["--only", "IDX", "--inputs", str(inputs), "--output", str(output)]) == 0
    assert capsys.readouterr().out.count("| IDX |") == 2
    (counted,) = json.loads(output.read_text())["outcomes"].values()
    at_once = FUZZ.run_here("IDX", range(50))
    assert [counted[name] for name in ("inputs", "answers", "errors")] == [50, at_once.answers, at_once.errors]


def test_a_reader_that_computes_for_ever_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(content: bytes, folder: Path) -> None:
        while True:
            pass

    monkeypatch.setattr(FUZZ, "SECONDS", 0.1)
    monkeypatch.setitem(FUZZ.READERS, "endless", FUZZ.Reader(list, hang))
    monkeypatch.setattr(FUZZ, "make_input", lambda name, number: b"")
    assert FUZZ.run_here("endless", range(1)).faults == {0: "took more than 0.1 s"}


def test_the_table_is_that_of_the_counts() -> None:
    outcomes = FUZZ._read(SCRIPT.parent / "results" / "fuzz.json")
    assert f"\n\n{FUZZ.to_markdown(outcomes)}\n" in FUZZ.PAGE.read_text(encoding="utf-8")
    assert not any(one.faults for one in outcomes.values())
