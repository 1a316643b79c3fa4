"""An example of what a model is called with: how users give it, and how the model gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..core.errors import ConfigError

Example = Tensor | Sequence[Any] | Mapping[str, Any]
"""A tensor; a shape, such as (1, 3, 224, 224), which is filled with normal numbers; a tuple of positional arguments;
or a dictionary of keyword arguments."""


def read_example(model: nn.Module, example: Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments for `model`, moved to its device and, if they are real numbers, its dtype.

    Raises:
        ConfigError: an example of another kind.
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(example, Tensor):
        args = (example,)
    elif isinstance(example, Mapping):
        kwargs = dict(example)
    elif isinstance(example, (list, tuple)):
        args = (_noise(example),) if _is_shape(example) else tuple(example)
    else:
        raise ConfigError(
            f"example must be a tensor, a shape, a tuple of arguments or a dictionary of keyword arguments, got "
            f"{type(example).__name__}"
        )
    like = next((tensor for tensor in model.parameters() if tensor.is_floating_point()), None)

    def fit(leaf: Any) -> Any:
        if like is None or not isinstance(leaf, Tensor):
            return leaf
        return leaf.to(device=like.device, dtype=like.dtype if leaf.is_floating_point() else None)

    return tree_map(fit, args), tree_map(fit, kwargs)


def double_batch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments with every tensor twice along its first dimension."""

    def twice(leaf: Any) -> Any:
        return torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.dim() else leaf

    return tree_map(twice, args), tree_map(twice, dict(kwargs))


def _is_shape(example: Sequence[Any]) -> bool:
    return bool(example) and all(isinstance(size, int) and not isinstance(size, bool) for size in example)


def _noise(shape: Sequence[int]) -> Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(0), device="cpu")
