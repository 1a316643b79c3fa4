"""Theorem 4.1: whether CReLU and a linear map are no more complex than their inputs, for a network's own filters."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CIFAR10, CRELU, small_presets

experiment = Experiment(
    name="crelu/theorem41",
    title="Complexity of CReLU and a linear map",
    paper=PAPER,
    rows=(CRELU,),
    columns=(CIFAR10,),
    presets=small_presets("ConvPool-CNN-C with CReLU"),
    baseline="CReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The paper proves an inequality and measures nothing; its proof is in a supplement that we do not have.",
    ),
    runs="crelu/all-cnn",
    analysis="complexity",
    figures=("curves",),
)
