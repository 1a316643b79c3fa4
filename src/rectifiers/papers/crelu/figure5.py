"""Figure 5: an image reconstructed from the first four layers of the CReLU model."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CIFAR10, CRELU, as_published, on_imagenet, small_presets

experiment = Experiment(
    name="crelu/figure5",
    title="Images from features",
    paper=PAPER,
    rows=(CRELU,),
    columns=(CIFAR10, on_imagenet("conv1–4")),
    presets={**small_presets("ConvPool-CNN-C with CReLU"), "paper": as_published("ImageNet")},
    baseline="CReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The model is CReLU (conv1–4) of Table 4.",
        "The algorithm is described in a supplement that we do not have; ours follows from Proposition 2.1: each "
        "layer's input is the least-squares solution for its responses, the positive minus the negative half.",
        "The paper does not say which image it shows.",
    ),
    runs="crelu/all-cnn",
    analysis="reconstruction",
    figures=("curves",),
    gpu="1 run of 90 epochs of 1.3 million images, one of Table 4",
)
