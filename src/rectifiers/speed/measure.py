"""Time and memory of one call, forward and backward, as ratios to `nn.ReLU`.

Every function is first compared with its composite in float64; then all take turns, round by round, so that a machine
that slows down slows all.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from .. import kernels
from ..core.errors import RectifiersError
from ..kernels.formula import worst
from .goals import goal_of
from .subjects import Subject, make_subjects, make_yardsticks
from .turns import clock, percentiles, quartiles, take_turns, use_threads

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
TOLERANCE = 1e-5


class WrongResultError(RectifiersError):
    """A function's result is wrong, so that its time is of no use."""


@dataclass(frozen=True)
class Row:
    """One function at one shape, layout and number of threads.

    Args:
        function: its name in the table.
        ratio: quartiles of the time divided by that of `nn.ReLU`, round by round and per element of the output.
        to_prelu: the same to `nn.PReLU`.
        microseconds: median of a call.
        spread: its 20th and 80th percentile.
        bytes_kept: bytes kept for the derivative beyond the output, per element of the input.
        error: largest error against float64, relative to the largest value; None for those not compared.
        composite_error: the same of the composite in float32.
        goal: what the ratio is to stay below.
    """

    function: str
    ratio: tuple[float, ...]
    to_prelu: tuple[float, ...]
    microseconds: float
    spread: tuple[float, float]
    bytes_kept: float | None = None
    error: float | None = None
    composite_error: float | None = None
    goal: float | None = None


@dataclass(frozen=True)
class Timing:
    """All functions at one shape, layout and number of threads.

    Args:
        shape: of the input.
        layout: a key of `LAYOUTS`.
        threads: PyTorch's.
        relu_microseconds: median of a call of `nn.ReLU`.
        copy_gigabytes: per second, read and written by a plain copy of the input.
        rows: the functions, then the copy.
    """

    shape: tuple[int, ...]
    layout: str
    threads: int
    relu_microseconds: float
    copy_gigabytes: float
    rows: tuple[Row, ...]


def measure_at(
    subjects: Sequence[Subject], shape: tuple[int, ...], layout: str, threads: int, rounds: int = 15
) -> Timing:
    """Check all subjects, then time them in turns.

    Args:
        subjects: what is timed, `nn.ReLU` and `nn.PReLU` among them; other packages' that cannot take the input are
            left out.
        shape: of the input; four dimensions for a layout other than contiguous.
        layout: a key of `LAYOUTS`.
        threads: PyTorch's.
        rounds: turns of each.

    Raises:
        WrongResultError: a function differs from its composite in float64.
    """
    with use_threads(threads):
        x = torch.randn(shape).contiguous(memory_format=LAYOUTS[layout])
        subjects = [subject for subject in subjects if subject.checked or _takes(subject.module, x)]
        errors = {subject.name: _errors(subject, x) for subject in subjects if subject.checked}
        kept = {subject.name: bytes_kept(subject.module, x) for subject in subjects}
        seconds = _take_turns(subjects, x, rounds)
    outputs = {subject.name: subject.outputs for subject in subjects}
    functions = {subject.name: subject.function for subject in subjects}
    rows = tuple(
        Row(
            function=name,
            ratio=quartiles(values, seconds["nn.ReLU"], outputs.get(name, 1)),
            to_prelu=quartiles(values, seconds["nn.PReLU"], outputs.get(name, 1)),
            microseconds=1e6 * statistics.median(values),
            spread=(1e6 * percentiles(values)[0], 1e6 * percentiles(values)[2]),
            bytes_kept=kept.get(name),
            error=errors[name][0] if name in errors else None,
            composite_error=errors[name][1] if name in errors else None,
            goal=goal_of(functions.get(name, ""), shape),
        )
        for name, values in seconds.items()
    )
    relu, copied = (statistics.median(seconds[name]) for name in ("nn.ReLU", "copy"))
    return Timing(shape, layout, threads, 1e6 * relu, 2 * x.nbytes / copied / 1e9, rows)


def measure(
    rivals: Sequence[Subject],
    shapes: Sequence[tuple[int, ...]],
    threads: Sequence[int],
    rounds: int = 15,
    names: Sequence[str] | None = None,
) -> Iterator[Timing]:
    """Check and time all functions, shape by shape; images in both memory layouts.

    Args:
        rivals: what is timed without a check: other packages' functions, from `find_rivals`, and those of `make_noisy`.
        shapes: of the input, channels second.
        threads: numbers of PyTorch's.
        rounds: turns of each function.
        names: of the functions; None takes those that have a kernel, learn or have a goal.

    Raises:
        WrongResultError: a function differs from its composite in float64.
    """
    for shape in shapes:
        subjects = [*make_yardsticks(), *make_subjects(shape[1], names), *rivals]
        for count in threads:
            for layout in LAYOUTS if len(shape) == 4 else ("contiguous",):
                yield measure_at(subjects, shape, layout, count, rounds)


def bytes_kept(module: nn.Module, x: Tensor) -> float:
    """Bytes that a call keeps for its derivative beyond its output, per element of the input.

    Args:
        module: the function.
        x: its input, of any shape.

    Example:
        >>> bytes_kept(nn.ReLU(), torch.randn(5)), bytes_kept(nn.Tanh(), torch.randn(5))
        (0.0, 0.0)
        >>> bytes_kept(nn.SiLU(), torch.randn(5))
        4.0
    """
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = module(x.detach().requires_grad_())
    storages.pop(out.untyped_storage().data_ptr(), None)
    return sum(storages.values()) / x.numel()


def _takes(module: nn.Module, x: Tensor) -> bool:
    try:
        module(x)
    except RuntimeError:
        return False
    return True


def _errors(subject: Subject, x: Tensor) -> tuple[float, float]:
    """Largest relative errors against float64 of the function as it runs, and of its composite."""
    grad = torch.randn_like(subject.module(x))
    with kernels.using("reference"):
        truth = _derive(deepcopy(subject.module).double(), x.double(), grad.double())
        composite = distance(_derive(subject.module, x, grad), truth)
    found = distance(_derive(subject.module, x, grad), truth)
    if not found <= TOLERANCE:
        raise WrongResultError(
            f"{subject.name} at {tuple(x.shape)} differs from its value in float64 by {found:.1e}, "
            f"more than {TOLERANCE:.0e}; RECTIFIERS_KERNELS=reference does without the kernels"
        )
    return found, composite


def _derive(module: nn.Module, x: Tensor, grad: Tensor) -> list[Tensor]:
    """Output and all gradients."""
    leaf = x.detach().requires_grad_()
    out = module(leaf)
    return [out.detach(), *torch.autograd.grad(out, [leaf, *module.parameters()], grad)]


def distance(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Largest error, in units of the largest value.

    A parameter's gradient sums n terms and may come out near zero; its unit is √n at least, a usual size for them.
    """
    elements = truth[0].numel()
    return worst(
        float((one - other).abs().max() / other.abs().max().clamp(min=max(1.0, (elements / other.numel()) ** 0.5)))
        for one, other in zip(found, truth, strict=True)
    )


def _take_turns(subjects: Sequence[Subject], x: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of a call in every round, per subject; a copy of the input takes its turn, too."""
    calls = max(1, min(200, 2_000_000 // x.numel()))
    leaf = x.requires_grad_()
    watches = {subject.name: _stopwatch(subject.module, leaf, calls) for subject in subjects}
    watches["copy"] = lambda: clock(lambda: x.detach().clone(), calls)
    return take_turns(watches, rounds)


def _stopwatch(module: nn.Module, x: Tensor, calls: int) -> Callable[[], float]:
    grad = torch.randn_like(module(x).detach())
    leaves = [x, *module.parameters()]

    def forget() -> None:
        for leaf in leaves:
            leaf.grad = None

    return lambda: clock(lambda: module(x).backward(grad), calls, forget)
