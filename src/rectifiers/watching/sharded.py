"""Models that `fully_shard` has sharded, with whole weights for a while, as if they had never been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from .wrappers import is_fully_sharded


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """Give every process all weights of a model for the block, and calls that need no other process.

    Every process has to enter and leave the block. A model that is not sharded stays as it is.

    Args:
        model: any module.
    """
    with ExitStack() as stack:
        sharded: list[Any] = [module for module in model.modules() if is_fully_sharded(module)]
        for module in sharded:
            module.unshard()
            stack.callback(module.reshard)
            stack.enter_context(_without_sharding(module))
        yield


def plain_class_name(model: nn.Module) -> str:
    """Return the name of a model's class, of the class before it was sharded if it is."""
    cls = type(model)
    return (cls.__mro__[2] if is_fully_sharded(model) else cls).__name__


@contextmanager
def _without_sharding(module: Any) -> Iterator[None]:
    """Take the hooks off that put weights together and apart, and keep the dtypes that they bring about."""
    policy = module._get_fsdp_state()._mp_policy
    narrow = policy.param_dtype if policy.cast_forward_inputs else None
    before = [(hooks, dict(hooks)) for hooks in (module._forward_pre_hooks, module._forward_hooks)]
    for hooks, _ in before:
        for key in [key for key, hook in hooks.items() if _HOME in getattr(hook, "__module__", "")]:
            del hooks[key]
    with ExitStack() as casts:
        if narrow is not None:
            cast = module.register_forward_pre_hook(
                lambda _, args, kwargs: _cast((args, kwargs), narrow), prepend=True, with_kwargs=True
            )
            casts.callback(cast.remove)
        if policy.output_dtype is not None:
            casts.callback(module.register_forward_hook(lambda *call: _cast(call[-1], policy.output_dtype)).remove)
        try:
            yield
        finally:
            for hooks, were in before:
                hooks.clear()
                hooks.update(were)


def _cast(tree: Any, dtype: torch.dtype) -> Any:
    return tree_map(
        lambda leaf: leaf.to(dtype) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf, tree
    )


_HOME = "torch.distributed.fsdp"
"""Where the hooks that shard are from."""
