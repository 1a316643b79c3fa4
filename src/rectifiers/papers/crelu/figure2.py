"""Figure 2: cosine similarity of pairing filters in the five layers of AlexNet, and of random filters."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import ALEXNET, ON_CIFAR10, PUBLISHED, RELU, SMALL_ALEXNET

experiment = Experiment(
    name="crelu/figure2",
    title="How opposite AlexNet's filters are",
    paper=PAPER,
    rows=(RELU,),
    columns=(SMALL_ALEXNET, ALEXNET),
    presets={**ON_CIFAR10, "paper": PUBLISHED},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "Random filters are Gaussian, of unit length, and of the same number and size as the layer's.",
        "The weights of AlexNet are those that torchvision publishes; its layers have other numbers of filters than "
        "the original's.",
    ),
    runs="crelu/all-cnn",
    analysis="pairing",
    figures=("curves",),
)
