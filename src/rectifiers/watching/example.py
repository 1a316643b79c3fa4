"""Examples: what a model is called with to see what it does, in the forms in which users give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ..core.errors import ConfigError
from .wrappers import execution_device

Example = Tensor | Sequence[Any] | Mapping[str, Any]
"""A tensor; a shape such as (1, 3, 224, 224), which is filled with random normal numbers; a tuple of positional
arguments; or a dictionary of keyword arguments."""


def read_example(model: nn.Module, example: Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return an example as positional and keyword arguments of `model`.

    Tensors are moved to the model's device, and floating-point tensors to its dtype.

    Raises:
        ConfigError: the example is none of what `Example` lists.
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
        if not isinstance(leaf, Tensor):
            return leaf
        # Another object, because a model may ask its input for gradients.
        leaf = leaf.detach().requires_grad_(leaf.requires_grad)
        if like is None:
            return leaf
        # The parameters of an offloaded model are on the meta device between its calls.
        device = (execution_device(model) if like.is_meta else None) or like.device
        return leaf.to(device=device, dtype=like.dtype if leaf.is_floating_point() else None)

    return tree_map(fit, args), tree_map(fit, kwargs)


def double_batch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the same arguments with every tensor repeated once along its first dimension."""

    def twice(leaf: Any) -> Any:
        return torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.dim() else leaf

    return tree_map(twice, args), tree_map(twice, dict(kwargs))


def _is_shape(example: Sequence[Any]) -> bool:
    return bool(example) and all(isinstance(size, int) and not isinstance(size, bool) for size in example)


def _noise(shape: Sequence[int]) -> Tensor:
    if any(size < 0 for size in shape):
        raise ConfigError(f"example must be a shape of sizes from 0, got {tuple(shape)}")
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(0), device="cpu")
