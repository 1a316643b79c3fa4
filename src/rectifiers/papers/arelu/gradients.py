"""Sections 2.3, 2.4, 3.2: the gradient in each layer of MNIST-Conv, untrained and after an epoch at small rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .functions import ARELU
from .mnist import ONE_EPOCH, OPTIMIZERS, PROTOCOL, SETTINGS

SGD = OPTIMIZERS["SGD"]

experiment = Experiment(
    name="arelu/gradients",
    title="Gradients by layer at small learning rates",
    paper=PAPER,
    settings={**SETTINGS, **SGD},
    rows=(
        Arm("ReLU", {"activation": "relu"}),
        Arm("LeakyReLU", {"activation": "leaky_relu"}),
        Arm("PReLU", {"activation": "prelu"}),
        ARELU,
    ),
    columns=(
        Arm("Before training", {"lr": 1e-5, "epochs": 0}),
        *(Arm(f"SGD {rate}", {"lr": float(rate), "epochs": 1}) for rate in ("1e-4", "1e-5")),
    ),
    presets={
        "smoke": replace(
            ONE_EPOCH["smoke"],
            note="Noise in the shape of MNIST, two seeds: does it run at all?",
            settings={**ONE_EPOCH["smoke"].settings, "dataset": "generated:mnist"},
            rows=None,
            columns=None,
        ),
        "pocket": replace(ONE_EPOCH["pocket"], note="A third of the images, three seeds: minutes.", columns=None),
        "paper": replace(ONE_EPOCH["paper"], note="All images, five seeds, as in Table 1."),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "The paper argues from the slope 1 + σ(β) and measures no gradients; we measure them at the input of each "
        "activation, over test images, in the networks of Table 1.",
    ),
    analysis="gradients",
    figures=("curves",),
)
