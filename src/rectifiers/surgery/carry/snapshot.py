"""Copies of a model's values at one moment, to go back to."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from ..edits.edit import Undo
from ..edits.tensors import copy_into, go_along


def take_snapshot(model: nn.Module, optimizer: Optimizer | None = None) -> Undo:
    """Copy all parameters and buffers of `model`, and the state of `optimizer`; return what puts them back.

    Tensors stay the same objects and get their values back; where the model has moved since, or changed its dtype, they
    go along. The copies take as much memory as the tensors themselves.

    Example:
        >>> import torch
        >>> net = nn.Linear(2, 1)
        >>> before = net.weight.detach().clone()
        >>> restore = take_snapshot(net)
        >>> _ = net.weight.data.fill_(0)
        >>> restore()
        >>> torch.equal(net.weight, before)
        True
    """
    slots: list[tuple[dict[str, Any], str, Any, Any]] = [
        (holder, name, tensor, None if is_lazy(tensor) or tensor.is_meta else tensor.detach().clone())
        for module in model.modules()
        for holder in (module._parameters, module._buffers)
        for name, tensor in holder.items()
        if tensor is not None
    ]
    states = {} if optimizer is None else {key: copy.deepcopy(state) for key, state in optimizer.state.items()}

    def restore() -> None:
        for holder, name, tensor, value in slots:
            # What holds those of scripted modules is no dictionary.
            holder[name] = tensor = go_along(tensor, dict(holder.items()).get(name))
            if value is not None:
                copy_into(tensor, value)
        if optimizer is not None:
            optimizer.state.clear()
            optimizer.state.update(states)

    return restore
