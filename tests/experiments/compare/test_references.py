"""Names for what a trial uses of the user's, and the digests in them."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.compare.references import digest, is_importable, refer, resolve, title

RATE = 0.1


def helper() -> float:
    return RATE


def uses_helper() -> float:
    return 2 * helper()


def test_what_another_process_finds_by_name_is_importable() -> None:
    assert is_importable(refer("torch.nn:ReLU"))
    assert not is_importable(refer(lambda: 1))
    assert not is_importable(refer(functools.partial(uses_helper)))
    assert not is_importable(refer(torch.zeros(2)))


def test_a_name_says_what_it_is() -> None:
    assert title(refer(uses_helper)) == "uses_helper"
    assert resolve(refer(uses_helper)) is uses_helper


def test_the_digest_follows_helpers_and_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(uses_helper)
    assert digest(uses_helper) == before
    monkeypatch.setitem(globals(), "RATE", 0.2)
    assert digest(uses_helper) != before


def test_the_digest_follows_closures_and_defaults() -> None:
    def make(width: int) -> object:
        return lambda: width

    assert digest(make(1)) != digest(make(2))
    assert digest(functools.partial(uses_helper, 1)) != digest(functools.partial(uses_helper, 2))


def test_data_are_known_by_content() -> None:
    one, two = torch.arange(6.0), torch.arange(6.0)
    assert digest((one, one)) == digest((two, two.clone()))
    two[3] = 9
    assert digest(one) != digest(two)
    assert digest(numpy.ones(3)) != digest(numpy.zeros(3))
    assert digest(numpy.array(["a.png"])) == digest(numpy.array(["a.png"])) != digest(numpy.array(["b.png"]))
    loaders = [DataLoader(TensorDataset(data), 2, shuffle=True) for data in (one, one.clone(), two)]
    assert digest(loaders[0]) == digest(loaders[1]) != digest(loaders[2])


def test_looking_at_a_loader_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(torch.arange(6.0)), 2, shuffle=True, generator=generator)
    before = torch.get_rng_state(), generator.get_state()
    digest(loader)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(generator.get_state(), before[1])


def test_weights_count() -> None:
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    assert digest(one) != digest(two)
    two.load_state_dict(one.state_dict())
    assert digest(one) == digest(two)


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
