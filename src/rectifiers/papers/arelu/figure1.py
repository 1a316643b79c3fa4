"""Figure 1: feature maps of MNIST-Conv before and after ReLU and AReLU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .functions import ARELU
from .mnist import OPTIMIZERS, PROTOCOL, SETTINGS, TWENTY_EPOCHS

experiment = Experiment(
    name="arelu/figure1",
    title="Feature maps before and after activation",
    paper=PAPER,
    settings={**SETTINGS, "epochs": 20},
    rows=(Arm("ReLU", {"activation": "relu"}), ARELU),
    columns=(Arm("Adam 1e-3", {**OPTIMIZERS["Adam"], "lr": 1e-3}),),
    presets={
        "smoke": replace(
            TWENTY_EPOCHS["smoke"],
            note="Noise in the shape of MNIST, two epochs, two seeds: does it run at all?",
            settings={**TWENTY_EPOCHS["smoke"].settings, "dataset": "generated:mnist"},
            rows=None,
            columns=None,
        ),
        "pocket": replace(TWENTY_EPOCHS["pocket"], columns=None),
        "paper": replace(TWENTY_EPOCHS["paper"], note="Networks of Table 7, 20 epochs of all images."),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "The left half of the figure is a drawing of the kinds of attention.",
        "The paper does not say how the networks were trained, nor which layer and image are shown; ours are those of "
        "Table 7 under Adam at 1e-3, their first activation, and a test image.",
    ),
    runs="arelu/mnist-20",
    analysis="maps",
)
