"""Figure 3: cosine similarity of pairing filters in the CReLU model on ImageNet, and of random filters."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained import CIFAR10, CRELU, RELU, as_published, on_imagenet, small

experiment = Experiment(
    name="crelu/figure3",
    title="How opposite the filters are with CReLU",
    paper=PAPER,
    rows=(RELU, CRELU),
    columns=(CIFAR10, on_imagenet("conv1–4")),
    presets={**small("ConvPool-CNN-C"), "paper": as_published("ImageNet")},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The model is CReLU (conv1–4) of Table 4.",
        "Random filters are Gaussian, of unit length, as many and as large as the layer's.",
    ),
    runs="crelu/all-cnn",
    analysis="pairing",
    figures=("curves",),
    gpu="2 trainings of 90 epochs of 1.3 million images, those of Table 4",
)
