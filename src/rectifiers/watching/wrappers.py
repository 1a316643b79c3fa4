"""Wrappers around models and around their parts: which are looked through, and which models are refused."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import fx, nn
from torch._ops import OpOverload
from torch.nn.parameter import is_lazy

from ..core.errors import UnsupportedError


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module to change: the one inside `nn.DataParallel`, else `model` itself.

    Raises:
        UnsupportedError: the model is compiled, scripted, exported, quantised, distributed or lazy; the message says
            what to do instead.
    """
    _check_module(model)
    inner = model.module if isinstance(model, nn.DataParallel) else model
    advice = _compiled(inner) or _fixed(inner)
    if advice:
        raise UnsupportedError(f"{type(inner).__name__} {advice}")
    for name, module in inner.named_modules():
        advice = _distributed(module) or _unreadable(module)
        if advice:
            raise UnsupportedError(f"{name or type(inner).__name__} {advice}")
    return inner


def look_inside(model: nn.Module) -> nn.Module:
    """Return the module to watch: the one inside compiled, data parallel, distributed and sharding wrappers.

    Raises:
        UnsupportedError: the model is scripted, exported, quantised or lazy; the message says what to do.
    """
    _check_module(model)
    inner = peel(model)
    while is_in_shards(inner):
        assert isinstance(inner.module, nn.Module)
        inner = peel(inner.module)
    advice = _fixed(inner)
    if advice:
        raise UnsupportedError(f"{type(inner).__name__} {advice}")
    for name, module in inner.named_modules():
        advice = _unreadable(module)
        if advice:
            raise UnsupportedError(f"{name or type(inner).__name__} {advice}")
    return inner


def look_at_whole(model: nn.Module) -> nn.Module:
    """Return the module to analyse, as `look_inside` does, of a model of which this process has all weights.

    Raises:
        UnsupportedError: the model is sharded, scripted, exported, quantised or lazy; the message says what to do.
    """
    inner = look_inside(model)
    check_whole(model)
    return inner


def entrance(model: nn.Module) -> nn.Module:
    """Return the module whose call every call of the model inside passes, outside of what `torch.compile` made."""
    while isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    return model


def peel(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers that keep its modules as they are: compiled, data parallel, distributed."""
    while True:
        if hasattr(model, "_orig_mod"):
            inner = model._orig_mod
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        else:
            return model
        assert isinstance(inner, nn.Module)
        model = inner


def check_whole(model: nn.Module) -> None:
    """Raise UnsupportedError if this process has only a part of a model's weights."""
    for module in model.modules():
        if _sharding(module):
            raise UnsupportedError(
                f"{type(peel(model)).__name__} is sharded, and a process has only a part of its weights: load those "
                "that get_model_state_dict gives with full_state_dict=True into a copy that was swapped before it was "
                "wrapped, and use that"
            )


def fixed_parts(model: nn.Module) -> dict[str, tuple[str, str]]:
    """Return the outermost parts of a model whose code is fixed, by path: a word for what they are, and the advice."""
    found: dict[str, tuple[str, str]] = {}
    for name, module in model.named_modules():
        advice = _compiled(module) or _fixed(module) or _fused(module)
        if name and advice and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = (advice.removeprefix("is ").partition(":")[0], advice)
    return found


@contextmanager
def run_eagerly(model: nn.Module) -> Iterator[None]:
    """Let what is compiled run without the compiler in the block, so that its calls are seen."""
    if "torch._dynamo" not in sys.modules:
        # Nothing is compiled, neither a module nor a function.
        yield
        return
    with torch.compiler.set_stance("force_eager"), warnings.catch_warnings():
        # Of hooks that see a compiled module and the one inside; both have names of their own.
        warnings.filterwarnings("ignore", message="Using `torch.compile")
        yield


def execution_device(model: nn.Module) -> torch.device | None:
    """Return the device on which accelerate runs an offloaded model; None if it offloads nothing."""
    for module in model.modules():
        hook = getattr(module, "_hf_hook", None)
        for one in (hook, *getattr(hook, "hooks", ())):
            device = getattr(one, "execution_device", None)
            if device is not None:
                return torch.device(device)
    return None


def is_fully_sharded(module: nn.Module) -> bool:
    """Return whether `fully_shard` has sharded a module."""
    return _sharding(module) == "FSDPModule"


def is_in_shards(module: nn.Module | None) -> bool:
    """Return whether a module is the wrapper `FullyShardedDataParallel`."""
    return module is not None and _sharding(module) == "FullyShardedDataParallel"


def is_scripted(module: nn.Module) -> bool:
    """Return whether a module's code runs outside of Python."""
    return isinstance(module, torch.jit.ScriptModule)


def _check_module(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise UnsupportedError(f"expected an nn.Module, got {type(model).__name__}")


def _compiled(module: nn.Module) -> str:
    wrapper = type(module).__name__ == "OptimizedModule" and type(module).__module__.startswith("torch._dynamo")
    if wrapper or module._compiled_call_impl is not None:
        return "is compiled: swap in the model that was compiled, and compile it afterwards"
    return ""


def _fixed(module: nn.Module) -> str:
    if is_scripted(module):
        return "is scripted: its code is fixed; swap in the Python model and export or trace it; jit cannot script that"
    if isinstance(module, fx.GraphModule) and any(isinstance(node.target, OpOverload) for node in module.graph.nodes):
        return "is exported: its code is fixed; swap in the Python model and export that"
    return ""


def _fused(module: nn.Module) -> str:
    if _INTRINSIC.match(type(module).__module__):
        return "is fused: quantisation takes it for one layer with its ReLU; swap before layers are fused"
    return ""


_INTRINSIC = re.compile(r"torch\.(ao\.)?nn\.intrinsic(\.|$)")
"""The homes of layers that are to become one integer layer, with the ReLU behind them."""


def _distributed(module: nn.Module) -> str:
    if type(module).__name__ == "DistributedDataParallel" or _sharding(module):
        return "is distributed, and new parameters would not be synchronised: swap before wrapping it"
    return ""


def _sharding(module: nn.Module) -> str:
    """Return by which class of PyTorch a module is sharded; empty if it is not."""
    cls = type(module)
    if cls not in _SHARDING:
        names = {base.__name__ for base in cls.__mro__ if base.__module__.startswith("torch.distributed")}
        _SHARDING[cls] = next((name for name in ("FSDPModule", "FullyShardedDataParallel") if name in names), "")
    return _SHARDING[cls]


_SHARDING: MutableMapping[type, str] = WeakKeyDictionary()
"""By which class of PyTorch the modules of a class are sharded."""


def _unreadable(module: nn.Module) -> str:
    if _QUANTISED.match(type(module).__module__) and type(module).__name__ not in _FLOAT:
        return "is quantised, and its ReLUs are fused into integer layers: swap in the float model and quantise that"
    if any(is_lazy(tensor) for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False))):
        return "is lazy, and its parameters have no shape yet: call the model on one batch first"
    return ""


_QUANTISED = re.compile(r"torch\.(ao\.)?nn\.(\w+\.)*quantized(\.|$)")
"""The homes of PyTorch's integer layers; modules of others may have any name."""
_FLOAT = {"FloatFunctional", "FXFloatFunctional"}
"""What float models have from there, to mark sums and products that will be quantised."""
