"""Finding and copying the tensors inside of values of any kind."""

from __future__ import annotations

import threading
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.watching.contents import copy_contents, find_tensors

Pair = namedtuple("Pair", ("left", "right"))


@dataclass
class Boxes:
    """What a detector returns or takes."""

    corners: Tensor
    scores: list[Tensor] = field(default_factory=list)
    name: str = ""


@dataclass(frozen=True)
class Fixed:
    """A dataclass that cannot be written to."""

    values: Tensor


class Plain:
    """An object with a tensor as attribute, and itself."""

    def __init__(self) -> None:
        self.values, self.itself, self.net = torch.ones(2), self, nn.Linear(2, 2)


class Locked(Plain):
    """An object that cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


ONE = torch.ones(2)


@pytest.mark.parametrize(
    ("value", "places"),
    [
        (ONE, [""]),
        ([ONE, (ONE, None)], ["0", "1.0"]),
        ({"a": ONE, "b": {"c": [ONE]}}, ["a", "b.c.0"]),
        (OrderedDict(logits=ONE), ["logits"]),
        (Pair(ONE, [ONE]), ["left", "right.0"]),
        (Boxes(ONE, [ONE, ONE]), ["corners", "scores.0", "scores.1"]),
        (Plain(), ["values"]),
        ("text", []),
        (nn.Linear(2, 2), []),
        (None, []),
    ],
)
def test_tensors_are_found_by_place(value: Any, places: list[str]) -> None:
    assert [place for place, _ in find_tensors(value)] == places


@pytest.mark.parametrize(
    "value",
    [ONE, [ONE, (ONE, None)], {"a": {"b": ONE}}, Pair(ONE, 3), Boxes(ONE, [ONE]), Fixed(ONE), Plain()],
)
def test_a_copy_has_tensors_of_its_own(value: Any) -> None:
    before = [tensor.clone() for _, tensor in find_tensors(value)]
    copied = copy_contents(value, nn.Identity())
    assert type(copied) is type(value)
    found = [tensor for _, tensor in find_tensors(copied)]
    assert all(torch.equal(tensor, old) for tensor, old in zip(found, before, strict=True))
    for tensor in found:
        tensor.zero_()
    assert all(torch.equal(tensor, old) for (_, tensor), old in zip(find_tensors(value), before, strict=True))


def test_a_copy_has_containers_of_its_own_and_keeps_what_is_the_same() -> None:
    shared = torch.zeros(2, requires_grad=True)
    value = {"x": shared, "again": [shared], "labels": 1}
    copied = copy_contents(value, nn.Identity())
    del copied["labels"]
    assert "labels" in value
    assert copied["x"] is copied["again"][0]
    assert copied["x"] is not shared
    assert copied["x"].requires_grad


def test_the_model_is_not_copied() -> None:
    model = nn.Linear(2, 2)
    first, second = copy_contents(([model.weight], {"net": model}), model)
    assert first[0] is model.weight
    assert second["net"] is model


def test_what_cannot_be_copied_stays_itself() -> None:
    locked = Locked()
    copied = copy_contents([locked, ONE], nn.Identity())
    assert copied[0] is locked
    assert copied[1] is not ONE
