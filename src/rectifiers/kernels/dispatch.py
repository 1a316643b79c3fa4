"""Which way a formula runs: by a kernel or by its composite, and why.

`RECTIFIERS_KERNELS` chooses for a process: `auto` takes the kernels wherever they can be had, `cpu` insists on the
compiled ones for the processor's tensors, `triton` on Triton's for a GPU's, `reference` takes the composites. `using`
chooses for a block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..core.errors import ConfigError
from . import library
from .triton import loading

Choice = Literal["auto", "cpu", "triton", "reference"]
VARIABLE = "RECTIFIERS_KERNELS"

_chosen: ContextVar[Choice | None] = ContextVar("kernels", default=None)


@contextmanager
def using(choice: Choice) -> Iterator[None]:
    """Take these kernels within the block, in this thread.

    Args:
        choice: `auto`, `cpu`, `triton` or `reference`.

    Raises:
        ConfigError: no such choice.

    Example:
        >>> import torch
        >>> from rectifiers import functional as R
        >>> with using("reference"):
        ...     R.prelu(torch.tensor([-2.0, 2.0]), a=0.5).tolist()
        [-1.0, 2.0]
    """
    token = _chosen.set(_check(choice, "kernels.using"))
    try:
        yield
    finally:
        _chosen.reset(token)


def serves(stem: str, x: Tensor) -> bool:
    """Whether the kernel of a stem is to be taken for `x`; builds and loads it if that is still to be done.

    Raises:
        ConfigError: the kernels are insisted on and cannot be had, or `RECTIFIERS_KERNELS` is no choice.
    """
    choice = _chosen.get() or _environment()
    if choice == "reference":
        return False
    if x.is_cuda or choice == "triton":
        if choice == "cpu" or x.dtype is torch.float64 or not _is_for_triton(x):
            return False
        state = loading.state(stem, warn=choice == "auto")
    else:
        state = library.state(warn=choice == "auto")
    if stem in state.stems:
        return True
    if choice != "auto":
        raise ConfigError(f"{VARIABLE}={choice}: no kernel for {stem}: {state.why(stem)}; take 'auto' to run without")
    return False


def _is_for_triton(x: Tensor) -> bool:
    """Whether `x` is where Triton would run its kernels; if it can run none at all, its error is to be seen."""
    return loading.device() in (None, x.device.type)


@cache
def operator(name: str) -> Callable[..., Any]:
    """An operator of the library, which is loaded."""
    # What an overload calls; the call through it would cost as much again as a kernel on a few elements.
    found: Callable[..., Any] = getattr(torch.ops.rectifiers, name).default._op
    return found


def status() -> dict[str, str]:
    """How each stem runs on this machine, and why."""
    from . import stems

    choice = _chosen.get() or _environment()
    if choice == "reference":
        return dict.fromkeys(sorted(stems.STEMS), "reference, composite PyTorch, as chosen")
    if choice == "triton":
        return {stem: _explain(stem, loading.state(stem, warn=False)) for stem in sorted(stems.STEMS)}
    found = {stem: _explain(stem, library.state(warn=False)) for stem in sorted(stems.STEMS)}
    if choice == "auto" and loading.device() == "cuda":
        for stem in found:
            found[stem] += f"; on CUDA: {_explain(stem, loading.state(stem, warn=False))}"
    return found


def _explain(stem: str, state: library.State) -> str:
    return state.origin if stem in state.stems else f"reference, composite PyTorch: {state.why(stem)}"


@cache
def _environment() -> Choice:
    return _check(os.environ.get(VARIABLE) or "auto", VARIABLE)


def _check(choice: str, source: str) -> Choice:
    for known in get_args(Choice):
        if choice == known:
            return choice  # type: ignore[return-value]
    raise ConfigError(f"{source}: expected one of {', '.join(get_args(Choice))}, got {choice!r}")
