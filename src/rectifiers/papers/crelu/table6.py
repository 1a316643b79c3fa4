"""Table 6: correlation of the weights that leave the two halves of CReLU."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CIFAR10, CRELU, as_published, on_imagenet, small_presets

experiment = Experiment(
    name="crelu/table6",
    title="Correlation of outgoing weights, pairs and others",
    paper=PAPER,
    rows=(CRELU,),
    columns=(CIFAR10, on_imagenet("conv1–7")),
    presets={**small_presets("ConvPool-CNN-C with CReLU"), "paper": as_published("ImageNet")},
    baseline="CReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "In our copy of the paper, the first column of numbers is headed non-pair. The paper says that pairs are more "
        "strongly correlated, so the larger numbers are theirs.",
        "The paper does not say what the number behind ± is; in the first row it is as large as the mean, so we take "
        "the standard deviation. Nor does it say whether correlations are absolute; ours are.",
    ),
    runs="crelu/all-cnn",
    analysis="correlation",
    figures=("curves",),
    gpu="1 run of 90 epochs of 1.3 million images, one of Table 4",
)
