"""A module and inputs for every registered activation, built from its spec alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.activations import registry
from rectifiers.core.granularity import spread
from rectifiers.core.spec import ActivationSpec

NAMES = registry.names()
BATCH, CHANNELS, SIDE = 2, 4, 3


def spec_of(name: str) -> ActivationSpec:
    spec: ActivationSpec = registry.get(name).spec
    return spec


def names(condition: Callable[[ActivationSpec], object] = lambda spec: True) -> list[str]:
    return [name for name in NAMES if condition(spec_of(name))]


def default_rank(spec: ActivationSpec) -> int:
    if spec.kind == "convolution":
        assert spec.ranks[1] is not None
        return spec.ranks[1]
    return 3


def ranks(spec: ActivationSpec, most: int = 5) -> range:
    """Numbers of dimensions that the activation says it takes, up to `most`."""
    low, high = spec.ranks
    return range(low, (most if high is None else high) + 1)


def shape(spec: ActivationSpec, rank: int | None = None) -> tuple[int, ...]:
    """(batch, channels, side, …); a convolution of one rank less has no batch, any other no dimensions at the end."""
    rank = default_rank(spec) if rank is None else rank
    if spec.kind == "convolution":
        full = (BATCH, CHANNELS, *(SIDE for _ in range(default_rank(spec) - 2)))
        return full[len(full) - rank :]
    return (BATCH, CHANNELS, *(SIDE for _ in range(max(rank - 2, 0))))[:rank]


def build(name: str, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any) -> Any:
    """A module in evaluation mode that fits inputs of `shape(spec, rank)`, not lazy unless `channels=None` is given."""
    spec = spec_of(name)
    if spec.kind == "convolution":
        arguments = {"in_channels": CHANNELS, "out_channels": 3, "kernel_size": 2, **arguments}
        if not arguments.get("relu_like"):
            arguments.setdefault("threshold_init", "random")
        return registry.get(name)(dtype=dtype, **arguments).eval()
    sizes = shape(spec, rank)
    if spec.kind == "channelwise":
        arguments.setdefault("channel_dim", min(1, len(sizes) - 1))
    if spec.parameters:
        share = arguments.setdefault("share", spec.share if len(sizes) > 1 else "layer")
        if "channels" not in arguments and share != "layer":
            arguments["channels"] = sizes[1:] if share == "element" else sizes[arguments.get("channel_dim", 1)]
    return registry.get(name)(dtype=dtype, **arguments).eval()


def kinks(module: Any, x: Tensor) -> list[Tensor]:
    """The places where the derivative jumps, each ready to broadcast over `x`."""
    places: list[Tensor] = []
    for kink in module.spec.kinks:
        value = getattr(module, kink) if isinstance(kink, str) else kink
        if not isinstance(value, Tensor):
            values = value if isinstance(value, tuple | list) else (value,)
            places += [torch.tensor(float(v), dtype=x.dtype) for v in values]
            continue
        value = value.detach().to(x.dtype)
        if module.spec.kind == "convolution":
            spatial = value.ndim - 1
            taps = value.flatten(1).unbind(1)
            places += [tap.reshape(-1, *(1 for _ in range(spatial))) for tap in taps]
            continue
        parameter = next(p for p in module.spec.parameters if p.name == kink)
        counted = value.ndim > 0 and len(module._lead(parameter)) == 1
        ready = spread("samples", kink, value, x, module.channel_dim, counted)
        places += list(ready.unbind(0)) if counted else [ready]
    return places


def inputs(module: Any, *sizes: int, margin: float = 1e-2, dtype: torch.dtype = torch.float64) -> Tensor:
    """Values between −3 and 3, all different, none nearer to a kink than `margin`."""
    generator = torch.Generator().manual_seed(1)
    x = torch.empty(sizes, dtype=torch.float64).uniform_(-3, 3, generator=generator)
    for place in kinks(module, x):
        assert place.isfinite().all()
    for _ in range(100):
        near = torch.zeros_like(x, dtype=torch.bool)
        for place in kinks(module, x):
            near |= (x - place).abs() < margin
        if not near.any():
            return x.to(dtype)
        x = torch.where(near, torch.empty_like(x).uniform_(-3, 3, generator=generator), x)
    raise AssertionError(f"{module}: no inputs away from its kinks")


def sample(
    name: str, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any
) -> tuple[Any, Tensor]:
    """A module and an input for it."""
    module = build(name, rank, dtype, **arguments)
    return module, inputs(module, *shape(module.spec, rank), dtype=dtype)


def vary(module: nn.Module) -> None:
    """Give the units of every parameter different values near their starting values."""
    with torch.no_grad():
        for parameter in module.parameters():
            steps = torch.arange(parameter.numel(), dtype=parameter.dtype).reshape(parameter.shape)
            parameter.mul_(1 - 0.02 * steps).add_(0.01 * steps)


def off_zero(module: nn.Module) -> None:
    """Move parameters away from zero, where the absolute values of a rational function's denominator have a kink."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.where(parameter.abs() < 1e-3, parameter + 0.05, parameter))


def one_of_each(key: Callable[[ActivationSpec], object]) -> list[str]:
    """The first name of every group that `key` tells apart."""
    first: dict[object, str] = {}
    for name in NAMES:
        first.setdefault(key(spec_of(name)), name)
    return sorted(first.values())


def quick_first(quick: list[str], candidates: list[str]) -> list[Any]:
    """`candidates` as test parameters, those outside `quick` marked slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in candidates]
