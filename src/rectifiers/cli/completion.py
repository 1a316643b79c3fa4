"""What the shell offers when the user presses Tab. Imports no torch."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from typing import Any

from ..core.registry import Registry
from ..lab.kinds import KINDS
from ..papers import registry as experiments_registry


def names(incomplete: str) -> list[tuple[str, str]]:
    """Everything that `rectifiers show` knows."""
    return [item for registry in KINDS.values() for item in _matching(registry, incomplete)]


def kinds(incomplete: str) -> list[str]:
    """What `rectifiers list` lists."""
    return _starting((*KINDS, "papers", "claims"), incomplete)


def activations(incomplete: str) -> list[tuple[str, str]]:
    """Registered activations."""
    return _matching(KINDS["activations"], incomplete)


def experiments(incomplete: str) -> list[tuple[str, str]]:
    """Registered experiments, and files that may hold one."""
    files = glob.glob(f"{glob.escape(incomplete)}*.toml")  # noqa: PTH207 - keeps the path as the user began it
    return [*_matching(experiments_registry, incomplete), *((file, "an experiment of your own") for file in files)]


def _matching(registry: Registry[Any], incomplete: str) -> list[tuple[str, str]]:
    return [(name, registry.summary(name)) for name in _starting(registry, incomplete)]


def _starting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
