"""Everything that a training must remember, as one structure; and that structure as tensors and JSON, without pickles.

What remembers something has `state_dict` and `load_state_dict`, as PyTorch's modules and optimizers do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..core.seeds import derive
from .group import current

State = Any
"""Dictionaries, lists and tuples of tensors, numbers, words, truth values and None."""


@runtime_checkable
class Stateful(Protocol):
    """What remembers something from one step to the next."""

    def state_dict(self) -> Any:
        """What it remembers."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Remember this instead."""


class Noise:
    """PyTorch's streams of random numbers, which dropout and RReLU draw from.

    Args:
        device: where the network is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def state_dict(self) -> dict[str, Any]:
        """Where the streams are now, in this process and in those that train together with it."""
        states = {"cpu": torch.get_rng_state()}
        if self.device.type != "cpu":
            states[self.device.type] = getattr(torch, self.device.type).get_rng_state(self.device)
        group = current()
        if group.size == 1:
            return states
        everywhere = {name: group.collect(state) for name, state in states.items()}
        ranks = [{name: found[rank] for name, found in everywhere.items()} for rank in range(group.size)]
        return {**ranks[0], "others": ranks[1:]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there; a process that there was not gets streams of its own."""
        rank = current().rank
        kept = [state_dict, *state_dict.get("others", ())]
        if rank >= len(kept):
            torch.manual_seed(derive(int(state_dict["cpu"].long().sum()), "noise", rank))
            return
        torch.set_rng_state(kept[rank]["cpu"])
        if self.device.type != "cpu":
            getattr(torch, self.device.type).set_rng_state(kept[rank][self.device.type], self.device)


def pack(state: State) -> tuple[dict[str, Tensor], str]:
    """Take a structure apart into tensors by name, on the CPU, and JSON that refers to them.

    A tensor is kept in the order in which its numbers lie in memory: fused optimizers go through parameters and what
    they remember of them side by side, and would pair the wrong numbers in another.

    Raises:
        TypeError: something in it is none of the things that a state consists of.

    Example:
        >>> tensors, text = pack({"steps": 3, "rates": (0.1, torch.zeros(2))})
        >>> text, [tuple(tensor.shape) for tensor in tensors.values()]
        ('{"dict": [["steps", 3], ["rates", {"tuple": [0.1, {"tensor": "0", "order": [0]}]}]]}', [(2,)])
        >>> unpack(tensors, text)
        {'steps': 3, 'rates': (0.1, tensor([0., 0.]))}
    """
    tensors: dict[str, Tensor] = {}

    def part(value: State) -> Any:
        if isinstance(value, Tensor):
            name, value = str(len(tensors)), value.detach()
            order = sorted(range(value.dim()), key=value.stride, reverse=True)
            tensors[name] = value.permute(order).cpu().contiguous().clone()
            return {"tensor": name, "order": order}
        if isinstance(value, Mapping):
            return {"dict": [[key, part(item)] for key, item in value.items()]}
        if isinstance(value, tuple):
            return {"tuple": [part(item) for item in value]}
        if isinstance(value, list):
            return [part(item) for item in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(f"cannot keep {type(value).__name__} in a checkpoint")

    skeleton = part(state)
    return tensors, json.dumps(skeleton)


def unpack(tensors: Mapping[str, Tensor], text: str) -> State:
    """Put together what `pack` took apart; all on the CPU."""

    def whole(value: Any) -> State:
        if isinstance(value, list):
            return [whole(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "dict" in value:
            return {key: whole(item) for key, item in value["dict"]}
        if "tuple" in value:
            return tuple(whole(item) for item in value["tuple"])
        order = value["order"]
        return tensors[value["tensor"]].permute([order.index(dimension) for dimension in range(len(order))])

    return whole(json.loads(text))
