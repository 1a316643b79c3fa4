"""Figure 3: cosine similarity of pairing filters in the CReLU model on ImageNet, and of random filters."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CRELU, ON_CIFAR10, RELU, SMALL_ALEXNET, as_published, on_imagenet

experiment = Experiment(
    name="crelu/figure3",
    title="How opposite the filters are with CReLU",
    paper=PAPER,
    rows=(RELU, CRELU),
    columns=(SMALL_ALEXNET, on_imagenet("conv1–4")),
    presets={**ON_CIFAR10, "paper": as_published("ImageNet")},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The model is CReLU (conv1–4) of Table 4.",
        "Random filters are Gaussian, of unit length, and of the same number and size as the layer's.",
    ),
    runs="crelu/all-cnn",
    analysis="pairing",
    figures=("curves",),
    gpu="2 runs of 90 epochs of 1.3 million images, those of Table 4",
)
