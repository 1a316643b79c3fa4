"""Structures of tensors and numbers, taken apart and put together."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rectifiers.training.state import Noise, pack, unpack


def test_everything_that_a_state_consists_of() -> None:
    state: dict[Any, Any] = {
        "numbers": [1, 0.1 + 0.2, math.inf, True, None, "word", -0.0],
        3: (0.9, 0.999, []),
        "empty": {},
        "nested": {"a": [{"b": (torch.arange(3),)}], 0: torch.tensor(2.5, dtype=torch.float64)},
    }
    found = unpack(*pack(state))
    assert torch.equal(found["nested"]["a"][0]["b"][0], torch.arange(3))
    assert found["nested"][0] == 2.5
    assert found["nested"][0].dtype == torch.float64
    assert found["numbers"] == state["numbers"]
    assert found[3] == state[3]
    assert list(found) == list(state)


DENSE = {
    "plain": torch.randn(2, 3, 4),
    "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": torch.randn(4, 5).t(),
    "bytes": torch.randint(0, 255, (7,), dtype=torch.uint8),
}
OTHERS = {
    "every other": torch.randn(6)[::2],
    "expanded": torch.randn(3, 1).expand(3, 4),
    "empty": torch.zeros(0, 3),
}


@pytest.mark.parametrize("name", [*DENSE, *OTHERS])
def test_numbers_keep_their_order_in_memory(name: str) -> None:
    tensor = {**DENSE, **OTHERS}[name]
    found = unpack(*pack({"it": tensor}))["it"]
    assert torch.equal(found, tensor)
    assert found.dtype == tensor.dtype
    if name in DENSE:
        assert found.stride() == tensor.stride()


def test_what_is_kept_does_not_follow_the_original() -> None:
    tensor = torch.zeros(2)
    tensors, _ = pack([tensor, tensor])
    tensor += 1
    assert [kept.sum() for kept in tensors.values()] == [0, 0]


def test_what_is_no_state() -> None:
    with pytest.raises(TypeError, match="cannot keep set in a checkpoint"):
        pack({"a": {1}})


def test_random_numbers_go_on() -> None:
    noise = Noise(torch.device("cpu"))
    with torch.random.fork_rng():
        state = noise.state_dict()
        expected = torch.rand(3)
        torch.rand(100)
        noise.load_state_dict(state)
        assert torch.equal(torch.rand(3), expected)


def test_random_numbers_of_the_gpu_where_the_network_is_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several, whichever is the current one."""
    state, asked = torch.arange(3, dtype=torch.uint8), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda *given: [asked.append(given), state][1])
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *given: asked.append(given))
    noise = Noise(torch.device("cuda:1"))
    noise.load_state_dict(noise.state_dict())
    assert asked == [(torch.device("cuda:1"),), (state, torch.device("cuda:1"))]
