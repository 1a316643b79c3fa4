"""What can go wrong before the first training, looked for before the first worker starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from .. import activations, datasets, networks
from ..core.errors import ConfigError
from ..experiments.run_trial import build_network
from ..experiments.trial import Trial


def check_names(trials: Sequence[Trial]) -> None:
    """Make sure that activations, networks and data sets exist and that the devices are there.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: there is no such device, or a data set lacks its path.
    """
    for name in {trial.activation: None for trial in trials}:
        activations.registry.get(name)
    for name in {trial.network: None for trial in trials}:
        networks.registry.get(name)
    for name in {trial.dataset: None for trial in trials}:
        datasets.check(name)
    for name in {trial.device: None for trial in trials}:
        _check_device(name)


def check_data(trials: Sequence[Trial], data_dir: Path, *, download: bool = False) -> None:
    """Read all data once, and build every network once.

    Args:
        trials: what will run.
        data_dir: where data sets lie.
        download: fetch what is missing.

    Raises:
        DataError: data are missing or damaged.
        ConfigError: an activation does not take its arguments.
        RectifiersError: data, network and activation do not fit together.
    """
    for trial in _distinct(trials):
        data = datasets.load(trial.dataset, data_dir, download=download)
        try:
            build_network(trial, data)
        except TypeError as error:
            raise ConfigError(
                f"activation {trial.activation!r} does not take {dict(trial.activation_args)}: {error}"
            ) from None


def _distinct(trials: Sequence[Trial]) -> list[Trial]:
    """One trial for each combination of data, network and activation."""
    kinds = {(trial.dataset, trial.network, trial.activation, trial.activation_args): trial for trial in trials}
    return list(kinds.values())


def _check_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"device {name!r} is not there ({reason}); use device=cpu") from None
