"""What a module keeps: its state, copies, pickles, and shapes without memory."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ..samples import Class, build, demand, sample, vary


def through_pickle(module: Any) -> Any:
    """A copy by Python's own serialisation."""
    return pickle.loads(pickle.dumps(module))


def through_torch(module: Any) -> Any:
    """A copy by `torch.save`."""
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIES: tuple[Callable[[Any], Any], ...] = (deepcopy, through_pickle, through_torch)


def check_state(cls: Class) -> None:
    """A state that is loaded into another module makes it compute the same."""
    module, x = sample(cls)
    vary(module)
    other = build(cls)
    demand(other.load_state_dict(module.state_dict()) == ([], []), "the state lacks something or has too much")
    demand(torch.equal(other(x), module(x)), "a module with the same state computes something else")


def check_copy(cls: Class, copy: Callable[[Any], Any]) -> None:
    """A copy computes the same, and is independent."""
    module, x = sample(cls)
    expected = module(x)
    other = copy(module)
    demand(torch.equal(other(x), expected), "a copy computes something else")
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.3)
    demand(torch.equal(module(x), expected), "a copy shares its parameters")


def check_meta(cls: Class) -> None:
    """Shapes without memory: how large networks are planned, then filled."""
    module, x = sample(cls)
    expected = module(x).shape
    skeleton = module.to("meta")
    demand(skeleton(x.to("meta")).shape == expected, "the shape on the meta device is another")
    demand(skeleton(x.to("meta")).device.type == "meta", "numbers come out of the meta device")
