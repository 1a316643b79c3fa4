"""Models that `fully_shard` or `FullyShardedDataParallel` has sharded, with whole weights for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from .wrappers import is_fully_sharded, is_in_shards


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """Give every process all weights of a model for the block, and calls that need no other process.

    Every process has to enter and leave the block. A model that is not sharded stays as it is.

    Args:
        model: any module, with its wrappers.
    """
    with unwrapped(model, cast=True), ExitStack() as stack:
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
def unwrapped(model: nn.Module, *, cast: bool) -> Iterator[None]:
    """Take the wrappers that shard out of a model for the block, and give its modules whole weights.

    The outermost wrapper keeps the module inside, whose own parts are put where they were before they were wrapped.
    Every process has to enter and leave the block. Models without such wrappers stay as they are.

    Args:
        model: any module, with its wrappers.
        cast: whether weights and inputs have the dtypes in which the wrapped model computes, and not those in which it
            learns.
    """
    wrappers: list[Any] = [module for module in model.modules() if is_in_shards(module)]
    if not wrappers:
        yield
        return
    slots: list[tuple[nn.Module, str, Any]] = [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in parent._modules.items()
        if is_in_shards(child) and not is_in_shards(parent)
    ]
    with type(wrappers[0]).summon_full_params(model, writeback=False), ExitStack() as stack:
        for wrapper in wrappers if cast else ():
            stack.enter_context(_as_computed(wrapper))
        for parent, name, child in slots:
            parent._modules[name] = child.module
            stack.callback(parent._modules.__setitem__, name, child)
        yield


@contextmanager
def _as_computed(wrapper: Any) -> Iterator[None]:
    """Give what a wrapper shards the dtypes that its forward pass has; all weights are there already."""
    policy, handle = wrapper.mixed_precision, wrapper._handle
    narrow = None if handle is None else handle._fwd_bwd_param_dtype
    casts = policy.cast_root_forward_inputs if wrapper._is_root else policy.cast_forward_inputs
    with ExitStack() as stack:
        if narrow is not None:
            for name, module, _ in handle.flat_param._param_infos:
                weight = getattr(module, name)
                stack.callback(setattr, weight, "data", weight.data)
                weight.data = weight.data.to(narrow)
        if narrow is not None and casts:
            stack.callback(_cast_inputs(wrapper.module, narrow))
        yield


def _cast_inputs(module: nn.Module, dtype: torch.dtype) -> Callable[[], None]:
    return module.register_forward_pre_hook(
        lambda _, args, kwargs: _cast((args, kwargs), dtype), prepend=True, with_kwargs=True
    ).remove


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
            casts.callback(_cast_inputs(module, narrow))
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
