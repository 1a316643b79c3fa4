"""A module and inputs for every registered activation, by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from rectifiers.activations import registry
from rectifiers.core.spec import ActivationSpec
from rectifiers.testing import samples
from rectifiers.testing.samples import BATCH, CHANNELS, SIDE, default_rank, inputs, kinks, off_zero, ranks, shape, vary

__all__ = ["BATCH", "CHANNELS", "SIDE", "default_rank", "inputs", "kinks", "off_zero", "ranks", "shape", "vary"]

NAMES = registry.names()


def spec_of(name: str) -> ActivationSpec:
    spec: ActivationSpec = registry.get(name).spec
    return spec


def names(condition: Callable[[ActivationSpec], object] = lambda spec: True) -> list[str]:
    return [name for name in NAMES if condition(spec_of(name))]


def build(name: str, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any) -> Any:
    """A module in evaluation mode; see `rectifiers.testing.samples.build`."""
    return samples.build(registry.get(name), rank, dtype, **arguments)


def sample(
    name: str, rank: int | None = None, dtype: torch.dtype = torch.float64, **arguments: Any
) -> tuple[Any, Tensor]:
    """A module and an input for it."""
    return samples.sample(registry.get(name), rank, dtype, **arguments)


def one_of_each(key: Callable[[ActivationSpec], object]) -> list[str]:
    """The first name of every group that `key` tells apart."""
    first: dict[object, str] = {}
    for name in NAMES:
        first.setdefault(key(spec_of(name)), name)
    return sorted(first.values())


def quick_first(quick: list[str], candidates: list[str]) -> list[Any]:
    """`candidates` as test parameters, those outside `quick` marked slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in candidates]
