"""Figure 5: segmentation of brain MRI by UNet with ReLU and AReLU over the iterations."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .segmentation import PROTOCOL, ROWS, SETTINGS

experiment = Experiment(
    name="arelu/figure5",
    title="UNet on brain MRI",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=(Arm("DSC", {}),),
    presets={
        "smoke": Preset(
            note="Noise in the shape of two patients and a sixteenth of the features: does it run at all?",
            settings={
                "dataset": "generated:lgg-prepared",
                "network_args": {"features": 2},
                "epochs": 1,
                "train_size": 2,
            },
            seeds=1,
        ),
        "pocket": Preset(
            note="40 patients, 5 epochs and a quarter of the features, three seeds.",
            settings={"network_args": {"features": 8}, "lr": 1e-3, "epochs": 5, "train_size": 40},
            seeds=3,
        ),
        "paper": Preset(note="100 epochs of all slices; as published, as far as the paper states it.", comparable=True),
    },
    metric="best_on_test",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=PROTOCOL,
    runs="arelu/segmentation",
    figures=("curves",),
    gpu="10 runs of 100 epochs of slices of 256×256",
)
