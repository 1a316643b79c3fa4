"""Derivatives of activations at the values that reach them, and values grouped by unit."""

from __future__ import annotations

import torch
from torch import Tensor

from ..watching.kinds import spec_of
from ..watching.observer import SiteCall
from ..watching.sites import Site, unit_dim


def by_unit(site: Site, values: Tensor) -> Tensor:
    """Reshape values to (values, units); a unit is a channel, or a neuron of a linear layer.

    All values count as one unit if it is not known which dimension holds the channels.
    """
    dim = unit_dim(site.channel_dim, values.dim())
    return values.reshape(-1, 1) if dim is None else values.movedim(dim, -1).reshape(-1, values.shape[dim])


def other_dims(site: Site, values: Tensor) -> tuple[int, ...]:
    """Return all dimensions but that of the units."""
    own = unit_dim(site.channel_dim, values.dim())
    return tuple(dim for dim in range(values.dim()) if own is None or dim != own % values.dim())


def slopes(call: SiteCall) -> Tensor:
    """Return the activation's derivative at each of its inputs, in their shape.

    If an input has several outputs, as in CReLU, it is the derivative of their sum. For a ConvReLU, which is a
    convolution, it is 1 where an input is above a threshold of its channel, and 0 elsewhere.
    """
    spec = spec_of(call.module)
    if spec is not None and spec.kind == "convolution":
        threshold = call.module.threshold.detach()  # type: ignore[union-attr, operator]
        lowest = threshold.flatten(1).amin(1)
        return (call.x > lowest.reshape(-1, *(1 for _ in threshold.shape[1:]))).to(call.x.dtype)
    if call.site.kind == "relu":
        return (call.x > 0).to(call.x.dtype)
    random = call.site.kind == "rrelu" or (spec is not None and spec.stochastic)
    devices = [call.x.device] if call.x.device.type != "cpu" else []
    # The forward pass must draw the same random numbers as without a listener.
    kept = torch.random.fork_rng(devices, enabled=random, device_type=call.x.device.type)
    with torch.inference_mode(False), torch.enable_grad(), kept:
        # What was made in inference mode has no derivatives, but a copy of it has.
        x = (call.x.clone() if call.x.is_inference() else call.x).detach().requires_grad_()
        y = call.repeat(x)
        (slope,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return slope
