"""What an entry waits for: data, published weights, and what it starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments.experiment import Arm, Experiment, Preset
from rectifiers.papers import registry
from rectifiers.papers.state import state

RUNNING = Experiment(
    name="paper/table",
    title="a table",
    settings={"dataset": "mnist", "network": "mnist-conv", "lr": 0.1},
    rows=(Arm("ReLU", {"activation": "relu"}),),
    columns=(Arm("all", {}),),
    presets={"paper": Preset(note="all")},
)


def test_an_experiment_without_its_data_names_them(tmp_path: Path) -> None:
    assert state(RUNNING, tmp_path) == "paper needs data: mnist"
    assert state(registry.get("quickstart"), tmp_path) == "can run here: smoke, pocket"


def test_each_preset_has_data_of_its_own_and_what_it_starts_from_counts(tmp_path: Path) -> None:
    assert state(registry.get("arelu/table8"), tmp_path) == (
        "can run here: smoke; pocket needs data: mnist-colour; paper needs data: svhn-28, mnist-colour"
    )


def test_published_weights_count_as_data(tmp_path: Path) -> None:
    """Those of what it starts from too; networks with pre-activation are trained on ImageNet instead."""
    assert "paper needs data: cifar10, the weights vgg-16-imagenet1k-v1, the weights vgg-19-imagenet1k-v1;" in state(
        registry.get("pvlu/vgg"), tmp_path
    )
    assert "paper needs data: cifar10-gaussian, cifar10, the weights vgg-16-imagenet1k-v1, " in state(
        registry.get("pvlu/vgg-blurred"), tmp_path
    )
    assert "paper needs data: cifar10, imagenet, the weights resnet-50-imagenet1k-v1;" in state(
        registry.get("pvlu/resnet-cifar10"), tmp_path
    )


def test_what_is_not_built_yet_is_named(tmp_path: Path) -> None:
    waiting = Experiment(
        name="paper/figure",
        title="a figure",
        paper="Somebody (2020): A Paper",
        settings={"network": "net-of-tomorrow"},
        rows=RUNNING.rows,
        columns=(Arm("a", {"dataset": "data-of-tomorrow"}),),
        gpu="9 trainings",
    )
    assert state(waiting, tmp_path) == (
        "waits for the network net-of-tomorrow, the data set data-of-tomorrow; as published, needs a GPU: 9 trainings"
    )
    for ask in (waiting.check_runnable, lambda: waiting.cells("paper"), lambda: waiting.preset("paper")):
        with pytest.raises(
            ConfigError, match=r"paper/figure cannot run yet: it waits for .*data-of-tomorrow; `rectifiers"
        ):
            ask()
    RUNNING.check_runnable()


def test_data_of_ones_own_are_looked_for_where_they_lie(tmp_path: Path) -> None:
    own = replace(RUNNING, settings={**RUNNING.settings, "dataset": f"npz:{tmp_path / 'images.npz'}"})
    assert state(own, tmp_path) == f"paper needs data: npz:{tmp_path / 'images.npz'}"
    (tmp_path / "images.npz").touch()
    assert state(own, tmp_path) == "can run here: paper"
