"""Figure 1: AlexNet's first filters, each beside its pairing filter."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import ALEXNET, CRELU, ON_CIFAR10, PUBLISHED, RELU, SMALL_ALEXNET

experiment = Experiment(
    name="crelu/figure1",
    title="Filters and their opposites",
    paper=PAPER,
    rows=(RELU, CRELU),
    columns=(SMALL_ALEXNET, ALEXNET),
    presets={**ON_CIFAR10, "paper": PUBLISHED},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "A filter's pairing filter is the one with the smallest cosine similarity.",
        "The weights of AlexNet are those that torchvision publishes, for a variant with 64 filters in the first "
        "layer; the original has 96.",
    ),
    runs="crelu/all-cnn",
    analysis="filters",
    figures=("curves",),
)
