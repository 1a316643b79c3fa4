"""The derivative of an activation at the values that reach it, and which of them belong to one unit."""

from __future__ import annotations

import torch
from torch import Tensor

from ..watching.kinds import spec_of
from ..watching.observer import SiteCall
from ..watching.sites import Site


def by_unit(site: Site, values: Tensor) -> Tensor:
    """Values as (values, units): a unit is a channel, or a neuron of a linear layer."""
    if values.dim() < 2:
        return values.reshape(-1, 1)
    return values.movedim(site.channel_dim, -1).flatten(0, -2)


def other_dims(site: Site, values: Tensor) -> tuple[int, ...]:
    """The dimensions that are not the units'."""
    own = site.channel_dim % values.dim() if values.dim() > 1 else None
    return tuple(dim for dim in range(values.dim()) if dim != own)


def slopes(call: SiteCall) -> Tensor:
    """The function's derivative at each of the values that go in, of their shape.

    CReLU and Maxout answer with several outputs or for several inputs: the derivative of the sum of all. ConvReLU
    is a convolution: 1 where a value is above a threshold of its channel, else 0.
    """
    spec = spec_of(call.module)
    if spec is not None and spec.kind == "convolution":
        threshold = call.module.threshold.detach()  # type: ignore[union-attr, operator]
        lowest = threshold.flatten(1).amin(1)
        return (call.x > lowest.reshape(-1, *(1 for _ in call.x.shape[2:]))).to(call.x.dtype)
    if call.site.kind == "relu":
        return (call.x > 0).to(call.x.dtype)
    random = call.site.kind == "rrelu" or (spec is not None and spec.stochastic)
    devices = [call.x.device] if call.x.device.type != "cpu" else []
    # The run that is watched must draw what it would draw unwatched.
    with torch.enable_grad(), torch.random.fork_rng(devices, enabled=random, device_type=call.x.device.type):
        x = call.x.detach().requires_grad_()
        y = call.repeat(x)
        (slope,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return slope
