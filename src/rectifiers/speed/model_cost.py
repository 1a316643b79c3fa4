"""What models cost beside each other: time in every way they can be run, memory, and the size of what is exported.

Every way is first compared with the eager model; then all models take turns, round by round.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import kernels
from ..core.errors import ConfigError
from ..core.memory import is_out_of_memory
from ..surgery.check import compare_outputs
from ..watching.contents import find_tensors
from .peak import most_held
from .turns import clock, quartiles, take_turns, use_threads
from .ways import WAYS, Call, Prepared

SLOT = 0.02
"""Seconds that a model's turn takes at least."""

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}
"""How far the outputs of a way may lie from the eager model's, in units of the largest."""


@dataclass(frozen=True)
class Time:
    """How long one training step or inference takes.

    Args:
        seconds: median over the rounds.
        ratio: quartiles of the time divided by that of the first model, round by round; by itself, where that has none.
    """

    seconds: float
    ratio: tuple[float, ...]


@dataclass(frozen=True)
class ModelCost:
    """What one model costs.

    Args:
        label: names it.
        parameters: how many it has.
        times: by the name of a way in `WAYS`.
        peaks: the most bytes held during a step or inference, parameters and inputs included, for the eager ways.
        sizes: bytes of the exported model, for the ways that export it.
        failures: why it does not go a way.
    """

    label: str
    parameters: int
    times: Mapping[str, Time]
    peaks: Mapping[str, int]
    sizes: Mapping[str, int]
    failures: Mapping[str, str]


def measure_models(
    models: Mapping[str, nn.Module],
    call: Call,
    *,
    ways: Sequence[str] = tuple(WAYS),
    rounds: int = 15,
    threads: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[ModelCost, ...]:
    """Check all models in all ways, then time them in turns.

    Args:
        models: by label; the first is what the others are compared with. They are not changed.
        call: what they are called with.
        ways: names in `WAYS`.
        rounds: turns of each.
        threads: PyTorch's; as many as it has by default.
        say: is told what is being prepared, which may take a while.

    Raises:
        ConfigError: the first model goes none of the ways, or memory does not suffice.
    """
    failures: dict[str, dict[str, str]] = {label: {} for label in models}
    seconds: dict[str, dict[str, list[float]]] = {label: {} for label in models}
    sizes: dict[str, dict[str, int]] = {label: {} for label in models}
    peaks: dict[str, dict[str, int]] = {label: {} for label in models}
    import torch._dynamo  # It takes a second, for what may not be asked for.

    many = {"recompile_limit": 1024, "accumulated_recompile_limit": 4096, "fail_on_recompile_limit_hit": True}
    with use_threads(threads or torch.get_num_threads()), torch._dynamo.config.patch(many):
        for name in ways:
            ready: dict[str, Callable[[], Any]] = {}
            for label, model in models.items():
                say(f"{WAYS[name].title}: {label}")
                try:
                    # Modes, buffers and gradients are each copy's own.
                    copy = deepcopy(model)
                    prepared = WAYS[name].prepare(copy, call)
                    _check(name, prepared, model, call)
                    if name in ("train", "infer"):
                        peaks[label][name] = _peak(prepared.run, copy, call)
                except Exception as error:
                    if is_out_of_memory(error):
                        raise ConfigError(f"memory does not suffice for {label}, {WAYS[name].title}") from None
                    failures[label][name] = _reason(error)
                    continue
                ready[label] = prepared.run
                if prepared.bytes is not None:
                    sizes[label][name] = prepared.bytes
            watches = {label: _stopwatch(run, call) for label, run in ready.items()}
            for label, values in take_turns(watches, rounds).items():
                seconds[label][name] = values
            if WAYS[name].compiles:
                torch.compiler.reset()
            del ready, watches
            gc.collect()
    first = next(iter(models))
    if not seconds[first]:
        raise ConfigError(f"{type(models[first]).__name__} cannot be run: {next(iter(failures[first].values()))}")
    return tuple(
        ModelCost(
            label,
            sum(parameter.numel() for parameter in model.parameters()),
            {
                name: Time(statistics.median(values), quartiles(values, seconds[first].get(name, values)))
                for name, values in seconds[label].items()
            },
            peaks[label],
            sizes[label],
            failures[label],
        )
        for label, model in models.items()
    )


def _check(name: str, prepared: Prepared, model: nn.Module, call: Call) -> None:
    """Run once, which compiles what is compiled; an inference has to agree with the plain model by the reference."""
    found = prepared.run()
    if WAYS[name].trains:
        return
    plain = deepcopy(model).eval()
    with torch.no_grad(), kernels.using("reference"):
        expected = plain(*call.args, **call.kwargs)
    # What is exported returns its tensors without their names.
    before, after = ([tensor for _, tensor in find_tensors(value)] for value in (expected, found))
    check = compare_outputs(before, after)
    dtypes = [tensor.dtype for tensor in before if tensor.is_floating_point()]
    tolerance = max((TOLERANCE.get(dtype, math.inf) for dtype in dtypes), default=0.0)
    if check is not None and (check.incomparable or not check.difference <= tolerance):
        raise ConfigError(f"its {check}")


def _stopwatch(run: Callable[[], Any], call: Call) -> Callable[[], float]:
    devices = {tensor.device.type for _, tensor in find_tensors([call.args, dict(call.kwargs)])} - {"cpu"}

    def once() -> None:
        run()
        if devices:
            torch.accelerator.synchronize()

    once()
    start = time.perf_counter()
    once()
    calls = max(1, min(100, math.ceil(SLOT / max(time.perf_counter() - start, 1e-9))))
    return lambda: clock(once, calls)


def _peak(run: Callable[[], Any], model: nn.Module, call: Call) -> int:
    inputs = [tensor for _, tensor in find_tensors([call.args, dict(call.kwargs)])]
    own = [*model.parameters(), *model.buffers(), *inputs]
    if any(tensor.is_cuda for tensor in own):
        torch.cuda.synchronize()
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        most = torch.cuda.max_memory_allocated() - held
    else:
        most = most_held(run)
    return most + sum(tensor.nbytes for tensor in own)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no reason given"
    return text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"
