"""Wrappers around models: which are looked through, and which models are refused."""

from __future__ import annotations

import torch
from torch import fx, nn
from torch._ops import OpOverload
from torch.nn.parameter import is_lazy

from ..core.errors import UnsupportedError


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module to work on: the one inside `nn.DataParallel`, else `model` itself.

    Raises:
        UnsupportedError: the model is compiled, scripted, exported, quantised, distributed or lazy; the message says
            what to do instead.
    """
    if not isinstance(model, nn.Module):
        raise UnsupportedError(f"expected an nn.Module, got {type(model).__name__}")
    for name, module in model.named_modules():
        advice = _refusal(module)
        if advice:
            raise UnsupportedError(f"{name or type(model).__name__} {advice}")
    return model.module if isinstance(model, nn.DataParallel) else model


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


def _refusal(module: nn.Module) -> str:
    if isinstance(module, torch.jit.ScriptModule):
        return "is scripted: its code is fixed; swap in the Python model and export or trace it; jit cannot script that"
    if isinstance(module, fx.GraphModule) and any(isinstance(node.target, OpOverload) for node in module.graph.nodes):
        return "is exported: its code is fixed; swap in the Python model and export that"
    name, home = type(module).__name__, type(module).__module__
    if (name == "OptimizedModule" and home.startswith("torch._dynamo")) or module._compiled_call_impl is not None:
        return "is compiled: swap in the model that was compiled, and compile it afterwards"
    if name == "DistributedDataParallel" or name.startswith("FullyShardedDataParallel"):
        return "is distributed, and new parameters would not be synchronised: swap before wrapping it"
    if ".quantized" in home:
        return "is quantised, and its ReLUs are fused into integer layers: swap in the float model and quantise that"
    if any(is_lazy(tensor) for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False))):
        return "is lazy, and its parameters have no shape yet: call the model on one batch first"
    return ""
