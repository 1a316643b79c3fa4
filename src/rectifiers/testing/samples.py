"""A module and inputs for any activation class, built from its spec alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.elementwise import Elementwise
from ..core.granularity import spread
from ..core.spec import ActivationSpec

BATCH, CHANNELS, SIDE = 2, 4, 3

Class = Any
"""A module class with a spec."""


def default_rank(spec: ActivationSpec) -> int:
    """Number of dimensions that an activation is looked at with, where nobody says: 3, but for convolutions."""
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


def build(cls: Class, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any) -> Any:
    """A module in evaluation mode that fits inputs of `shape(spec, rank)`, not lazy unless `channels=None` is given.

    Args:
        cls: the class.
        rank: number of dimensions of the input.
        dtype: of the parameters.
        **arguments: of the class.
    """
    spec: ActivationSpec = cls.spec
    if spec.kind == "convolution":
        arguments = {"in_channels": CHANNELS, "out_channels": 3, "kernel_size": 2, **arguments}
        if not arguments.get("relu_like"):
            arguments.setdefault("threshold_init", "random")
        return cls(dtype=dtype, **arguments).eval()
    sizes = shape(spec, rank)
    if spec.kind == "channelwise":
        arguments.setdefault("channel_dim", min(1, len(sizes) - 1))
    if spec.parameters and issubclass(cls, Elementwise):
        share = arguments.setdefault("share", spec.share if len(sizes) > 1 else "layer")
        if "channels" not in arguments and share != "layer":
            arguments["channels"] = sizes[1:] if share == "element" else sizes[arguments.get("channel_dim", 1)]
    elif spec.parameters:
        arguments.setdefault("channels", CHANNELS)
    return cls(dtype=dtype, **arguments).eval()


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
    places = kinks(module, x)
    if not all(bool(place.isfinite().all()) for place in places):
        raise AssertionError(f"{module}: a kink lies at no number")
    for _ in range(100):
        near = torch.zeros_like(x, dtype=torch.bool)
        for place in places:
            near |= (x - place).abs() < margin
        if not near.any():
            return x.to(dtype)
        x = torch.where(near, torch.empty_like(x).uniform_(-3, 3, generator=generator), x)
    raise AssertionError(f"{module}: no inputs away from its kinks")


def sample(
    cls: Class, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any
) -> tuple[Any, Tensor]:
    """A module and an input for it."""
    module = build(cls, rank, dtype, **arguments)
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


def demand(condition: object, message: str) -> None:
    """Fail a check, with the reason, unless a condition holds.

    Raises:
        AssertionError: it does not.
    """
    if not condition:
        raise AssertionError(message)
