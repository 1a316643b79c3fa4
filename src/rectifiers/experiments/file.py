"""Experiments that a user wrote as a TOML file."""

from __future__ import annotations

from pathlib import Path

from .definition import define
from .experiment import Experiment
from .toml import read_toml


def load_experiment(path: Path) -> Experiment:
    """The experiment that a TOML file describes, with every one of its trials checked; see `define`.

    Args:
        path: the file.

    Raises:
        ConfigError: the file cannot be read, a key or a name is unknown (with the nearest one), something is
            missing, or a value is outside its domain.
    """
    return define(read_toml(path), str(path), note="As the file says.")
