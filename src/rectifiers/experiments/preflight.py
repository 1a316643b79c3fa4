"""What can go wrong before the first run, looked for before the first worker starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import activations, datasets, networks
from ..training.devices import check_device
from ..training.fetching import count_loader_workers
from . import pretrained
from .batches import build_batches
from .checkpointing import checkpoint_minutes
from .network import build_network
from .trial import Trial
from .weights import transplant


def check_names(trials: Sequence[Trial], *, here: bool = True) -> None:
    """Make sure that activations, networks, data sets and published weights exist and that the devices are there.

    Args:
        trials: what will run.
        here: whether they run on this machine, so that it must have their devices.

    Raises:
        UnknownNameError: with the nearest names.
        ConfigError: the machine has no such device, a data set lacks its path, or weights are those of another network.
    """
    for trial in _distinct(trials, "activation", "base"):
        activations.registry.get(trial.activation)
        activations.registry.get(trial.base)
    for trial in _distinct(trials, "network"):
        networks.check(trial.network)
    for trial in _distinct(trials, "dataset"):
        datasets.check(trial.dataset)
    for trial in _distinct(trials, "network", "pretrained"):
        if trial.pretrained:
            pretrained.get(trial.pretrained).check_network(trial.network)
    for trial in _distinct(trials, "device") if here else ():
        check_device(trial.device)


def check_data(trials: Sequence[Trial], data_dir: Path, *, download: bool = False) -> None:
    """Read all data and published weights once, and build every network and every choice of images once.

    Args:
        trials: what will run, and what that starts from.
        data_dir: where data sets and weights lie.
        download: fetch what is missing.

    Raises:
        DataError: data or weights are missing or damaged.
        ConfigError: an activation does not take its arguments, the data have too few images, or an environment variable
            that every run reads makes no sense.
        RectifiersError: data, network, activation and weights do not fit together.
    """
    if trials:
        checkpoint_minutes()
        count_loader_workers()
    for trial in _distinct(
        trials, "dataset", "network", "network_args", "activation", "activation_args", "where", "base", "pretrained"
    ):
        net = build_network(trial, datasets.load(trial.dataset, data_dir, download=download))
        if trial.pretrained:
            transplant(pretrained.load(trial.pretrained, data_dir, download=download), net)
    for trial in _distinct(trials, "dataset", "train_size", "validation", "folds"):
        build_batches(trial, datasets.load(trial.dataset, data_dir))


def _distinct(trials: Sequence[Trial], *fields: str) -> list[Trial]:
    """One trial for each combination of values of these fields."""
    return list({tuple(getattr(trial, field) for field in fields): trial for trial in trials}.values())
