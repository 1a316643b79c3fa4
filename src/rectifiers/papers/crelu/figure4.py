"""Figure 4: invariance scores of ReLU and CReLU models, layer by layer."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CIFAR10, CIFAR100, CRELU, RELU, as_published, on_imagenet, small_presets

experiment = Experiment(
    name="crelu/figure4",
    title="How invariant the layers are",
    paper=PAPER,
    rows=(RELU, CRELU),
    columns=(CIFAR10, CIFAR100, on_imagenet("conv1–7")),
    presets={**small_presets("ConvPool-CNN-C"), "paper": as_published("CIFAR-10", "CIFAR-100", "ImageNet")},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "How scores are measured is described in a supplement that we do not have; ours follow Goodfellow et al. "
        "(2009): a unit's threshold is set so that it fires on 1 % of all inputs, and a layer's score is the mean of "
        "its best 20 % of units.",
        "Our copy of the paper does not say which transformations the scores average over; ours are translations, "
        "rotations and flips.",
        "The paper speaks of all seven convolutional layers of the networks on CIFAR. ConvPool-CNN-C has nine, of "
        "which the last computes the class scores; ours shows the other eight, which are those that an activation "
        "follows.",
        "The units of each half of CReLU are counted separately, and scores are taken after the pooling.",
    ),
    runs="crelu/all-cnn",
    analysis="invariance",
    figures=("curves",),
    gpu="6 runs, 2 of them of 90 epochs of 1.3 million images, all of them those of Tables 1 and 4",
)
