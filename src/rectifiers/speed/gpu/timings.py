"""What a function costs on a device, beside `nn.ReLU`, the compiler's fusion of its reference, and a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ... import activations, kernels
from ..measure import LAYOUTS
from ..turns import percentiles
from .device import Device
from .pieces import DTYPES, Piece, Shape, Sizes

OURS, RELU, INDUCTOR, COPY = "rectifiers", "nn.ReLU", "inductor", "copy"

PARTS = {"forward": False, "full": True}
"""Modes, and whether they go backward as well."""


def prepare(piece: Piece, device: Device, sizes: Sizes) -> dict[str, Any]:
    """Call everything that will be timed once, which leaves it in the compilers' caches."""
    calls = _calls(piece, device, sizes.timed[piece.shape])
    return {"failed": _try_out(calls)}


def measure(piece: Piece, device: Device, sizes: Sizes) -> dict[str, Any]:
    """Time a function in one dtype at one shape.

    Returns:
        Under `times`, by provider and mode, the median milliseconds of a call with the 20th and the 80th percentile;
        under `failed`, why others have none.
    """
    shape = sizes.timed[piece.shape]
    calls = _calls(piece, device, shape)
    failed = _try_out(calls)
    samples: dict[tuple[str, str], list[float]] = {key: [] for key in calls if key[0] not in failed}
    for _ in range(sizes.rounds):
        for key, values in samples.items():
            values += device.time(calls[key], sizes.repeats)
    times: dict[str, dict[str, list[float]]] = {}
    for (provider, mode), values in samples.items():
        times.setdefault(provider, {})[mode] = [float(f"{value:.4g}") for value in percentiles(values)]
    return {"sizes": list(shape.sizes), "outputs": shape.outputs, "times": times, "failed": failed}


def _calls(piece: Piece, device: Device, shape: Shape) -> dict[tuple[str, str], Callable[[], object]]:
    """What is called, by provider and mode."""
    dtype = DTYPES[piece.dtype]
    x = torch.randn(shape.sizes, device=device.place).to(dtype)
    if shape.channels_last:
        x = x.contiguous(memory_format=LAYOUTS["channels_last"])
    ours, relu = (module.to(device.place) for module in _modules(piece.subject, shape, dtype))
    runs: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]] = {
        OURS: (ours, _by_kernel(ours)),
        RELU: (relu, relu),
        INDUCTOR: (ours, device.compile(ours)),
    }
    calls: dict[tuple[str, str], Callable[[], object]] = {
        (provider, mode): _call(module, run, x, backward)
        for provider, (module, run) in runs.items()
        for mode, backward in PARTS.items()
    }
    calls[COPY, "forward"] = x.clone
    return calls


def _modules(name: str, shape: Shape, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """Ours, and what it is compared with."""
    channels = shape.sizes[1]
    if shape.outputs:
        convolution: dict[str, Any] = {"kernel_size": 3, "padding": 1, "dtype": dtype}
        ours = activations.create(name, in_channels=channels, out_channels=shape.outputs, **convolution)
        plain = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, shape.outputs, 3, padding=1, dtype=dtype))
        last = LAYOUTS["channels_last"] if shape.channels_last else torch.contiguous_format
        return ours.to(memory_format=last), plain.to(memory_format=last)
    return activations.create(name, channels=channels, share="layer"), nn.ReLU()


def _by_kernel(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """The module by Triton, or as it is where it is PyTorch's own function or has no kernel."""
    spec: Any = module.spec
    choice = "triton" if spec.formula else "auto"

    def run(x: Tensor) -> Tensor:
        with kernels.using(choice):
            out: Tensor = module(x)
            return out

    return run


def _call(module: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor, backward: bool) -> Callable[[], object]:
    if not backward:

        def forward() -> Tensor:
            with torch.no_grad():
                return run(x)

        return forward
    leaf = x.detach().requires_grad_()
    inputs = [leaf, *module.parameters()]
    grads: list[Tensor] = []

    def full() -> object:
        out = run(leaf)
        if not grads:
            grads.append(torch.randn_like(out.detach()))
        return torch.autograd.grad(out, inputs, grads[0], allow_unused=True)

    return full


def _try_out(calls: dict[tuple[str, str], Callable[[], object]]) -> dict[str, str]:
    """Call each once; why some cannot be called, by provider."""
    failed: dict[str, str] = {}
    for (provider, _), call in calls.items():
        if provider not in failed:
            try:
                call()
            except Exception as error:  # What a compiler cannot do is told, not fatal to the others.
                if provider in (RELU, COPY):
                    raise
                failed[provider] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:300]
    return failed
