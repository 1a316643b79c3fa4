"""Experiments that a user wrote as a TOML file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.errors import UnknownNameError
from .definition import define
from .experiment import Experiment
from .extension import extend
from .toml import read_toml


def load_experiment(path: Path, find: Callable[[str], Experiment] | None = None) -> Experiment:
    """The experiment that a TOML file describes, with every one of its trials checked; see `define`.

    Args:
        path: the file.
        find: gives the experiment of a name, where the file extends one; None where there are none.

    Raises:
        ConfigError: the file cannot be read, a key or a name is unknown (with the nearest one), something is
            missing, or a value is outside its domain.
    """
    document = read_toml(path)
    if "extends" in document:
        return extend(document, str(path), find or _find_none)
    return define(document, str(path), note="As the file says.")


def _find_none(name: str) -> Experiment:
    raise UnknownNameError("experiment", name, ())
