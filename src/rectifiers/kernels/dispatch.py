"""Which provider runs a formula, and why.

`RECTIFIERS_KERNELS` chooses for a process: `auto` asks the providers by priority, the name of a provider insists on it
for the inputs that it runs, and `reference` takes no kernels. `using` chooses for a block.

Providers register themselves; nothing here knows one by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ConfigError
from .provider import Provider

AUTO = "auto"
VARIABLE = "RECTIFIERS_KERNELS"

_chosen: ContextVar[str | None] = ContextVar("kernels", default=None)

# Per choice: whom to ask, in this order.
_asked: dict[str, tuple[Provider, ...]] = {AUTO: ()}


def register(provider: Provider) -> None:
    """Let formulas run on a provider; it can be chosen by its name."""
    ordered = sorted((*_asked[AUTO], provider), key=lambda one: -one.priority)
    _asked.clear()
    _asked[AUTO] = tuple(ordered)
    _asked.update({one.name: (one,) for one in ordered})


@contextmanager
def using(choice: str) -> Iterator[None]:
    """Run formulas on one provider within the block, in this thread.

    Args:
        choice: `auto`, `cpu`, `triton` or `reference`.

    Raises:
        ConfigError: there is no such choice.

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


def require(name: str) -> str:
    """Load the kernels of a provider, and return the name by which results know them.

    Args:
        name: of the provider.

    Raises:
        ConfigError: they are not available here.

    Example:
        >>> require("reference")
        'reference'
    """
    state = _asked[_check(name, "kernels")][0].load()
    if not state.description:
        raise ConfigError(f"kernels={name}: {state.reason}; kernels=reference does without")
    return state.description


def serves(formula: str, x: Tensor) -> bool:
    """Whether a formula's operator is to be used for `x`; builds and loads its kernel if that has not been done yet.

    Args:
        formula: name of the formula.
        x: the input.

    Raises:
        ConfigError: the provider insisted on has no such kernel, or `RECTIFIERS_KERNELS` is not one of the choices.
    """
    choice = _chosen.get() or _environment()
    insisted = choice != AUTO
    for provider in _asked[choice]:
        if formula not in provider.lacks and provider.takes(x, insisted):
            state = provider.state(formula, not insisted)
            if formula in state.formulas:
                return provider.has_operators
            if insisted:
                raise ConfigError(
                    f"kernels={choice}: no kernel for {formula}: {state.why(formula)}; take 'auto' to run without"
                )
    return False


@cache
def operator(name: str) -> Callable[..., Any]:
    """An operator that a provider has loaded."""
    # What an overload calls; the call through it would cost as much again as a kernel on a few elements.
    found: Callable[..., Any] = getattr(torch.ops.rectifiers, name).default._op
    return found


def explain(formula: str) -> str:
    """How a formula runs on this machine, and why."""
    choice = _chosen.get() or _environment()
    insisted = choice != AUTO
    told = [provider for provider in _asked[choice] if provider.is_reported(insisted)]
    return "; ".join(provider.explain(formula, insisted) for provider in told)


@cache
def _environment() -> str:
    return _check(os.environ.get(VARIABLE) or AUTO, VARIABLE)


def _check(choice: str, source: str) -> str:
    if choice not in _asked:
        raise ConfigError(f"{source}: expected one of {', '.join(_asked)}, got {choice!r}")
    return choice
