"""Generators are put back, and GPUs left alone that nobody uses."""

from __future__ import annotations

import pytest
import torch

from rectifiers.core.generators import generators_put_back


class Gpus:
    """Two GPUs, each with a number for a state."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, started: bool) -> None:
        self.states, self.seeds = [1, 2], list[int]()
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: started)
        monkeypatch.setattr(torch.cuda, "get_rng_state", lambda gpu: self.states[gpu])
        monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, gpu: self.states.__setitem__(gpu, state))
        monkeypatch.setattr(torch.cuda, "manual_seed_all", self.seeds.append)


def test_those_of_gpus_in_use_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = Gpus(monkeypatch, started=True)
    with generators_put_back():
        gpus.states[:] = [3, 4]
    assert gpus.states == [1, 2]
    assert not gpus.seeds


def test_gpus_that_nobody_uses_are_not_started_and_keep_their_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = Gpus(monkeypatch, started=False)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda gpu: pytest.fail("a GPU was started"))
    torch.manual_seed(7)
    with generators_put_back():
        torch.manual_seed(8)
    assert gpus.seeds == [7, 8, 7]
    assert gpus.states == [1, 2]


def test_without_any_gpu_that_of_the_processor_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: None)
    before = torch.get_rng_state()
    with generators_put_back():
        torch.rand(1)
    assert torch.equal(torch.get_rng_state(), before)
