"""Which way a formula runs: by a kernel or by its composite, and why.

`RECTIFIERS_KERNELS` chooses for a process: `auto` takes the kernels wherever they can be had, `cpu` insists on them,
`reference` takes the composites. `using` chooses for a block.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal, get_args

import torch

from ..core.errors import ConfigError
from . import library

Choice = Literal["auto", "cpu", "reference"]
VARIABLE = "RECTIFIERS_KERNELS"

_chosen: ContextVar[Choice | None] = ContextVar("kernels", default=None)


@contextmanager
def using(choice: Choice) -> Iterator[None]:
    """Take these kernels within the block, in this thread.

    Args:
        choice: `auto`, `cpu` or `reference`.

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


def serves(stem: str) -> bool:
    """Whether the kernel of a stem is to be taken; builds and loads the kernels if that is still to be done.

    Raises:
        ConfigError: the kernels are insisted on and cannot be had, or `RECTIFIERS_KERNELS` is no choice.
    """
    choice = _chosen.get() or _environment()
    if choice == "reference":
        return False
    state = library.state(warn=choice == "auto")
    if stem in state.stems:
        return True
    if choice == "cpu":
        raise ConfigError(f"{VARIABLE}=cpu: no kernel for {stem}: {state.reason}; take 'auto' to run without")
    return False


@cache
def operator(name: str) -> Callable[..., Any]:
    """An operator of the library, which is loaded."""
    found: Callable[..., Any] = getattr(torch.ops.rectifiers, name).default
    return found


def status() -> dict[str, str]:
    """How each stem runs on this machine's CPU, and why."""
    from . import stems

    choice = _chosen.get() or _environment()
    if choice == "reference":
        return dict.fromkeys(stems.names(), "reference, composite PyTorch, as chosen")
    state = library.state(warn=False)
    return {
        stem: state.origin if stem in state.stems else f"reference, composite PyTorch: {state.why(stem)}"
        for stem in stems.names()
    }


@cache
def _environment() -> Choice:
    return _check(os.environ.get(VARIABLE) or "auto", VARIABLE)


def _check(choice: str, source: str) -> Choice:
    for known in get_args(Choice):
        if choice == known:
            return choice  # type: ignore[return-value]
    raise ConfigError(f"{source}: expected one of {', '.join(get_args(Choice))}, got {choice!r}")
