"""Names for what a trial uses of the user's, and the digests in them."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.compare.references import is_importable, refer, resolve, title


def given() -> float:
    return 1.0


def test_what_another_process_finds_by_name_is_importable() -> None:
    assert is_importable(refer("torch.nn:ReLU"))
    assert not is_importable(refer(lambda: 1))
    assert not is_importable(refer(functools.partial(given)))
    assert not is_importable(refer(torch.zeros(2)))


def test_a_name_says_what_it_is() -> None:
    assert title(refer(given)) == "given"
    assert resolve(refer(given)) is given


def test_a_new_process_gives_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "named_by_a_test.py"
    file.write_text("WIDTH = 3\n\ndef make():\n    return WIDTH\n")
    code = "from rectifiers.experiments.compare.references import refer; print(refer('named_by_a_test:make'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    monkeypatch.chdir(tmp_path)
    assert refer("named_by_a_test:make") == done.stdout.strip()
    del sys.modules["named_by_a_test"]
    file.write_text("WIDTH = 44\n\ndef make():\n    return WIDTH\n")
    assert refer("named_by_a_test:make") != done.stdout.strip()


def test_errors() -> None:
    with pytest.raises(UnknownNameError, match="did you mean ReLU"):
        refer("torch.nn:ReLLU")
    with pytest.raises(ConfigError, match="cannot import"):
        refer("nowhere_at_all:make")
    with pytest.raises(ConfigError, match="has changed since"):
        resolve("torch.nn:ReLU#000000000000")
