"""Figure 5: segmentation of brain MRI by UNet with ReLU and AReLU over the iterations."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .segmentation import NEEDS, PROTOCOL, ROWS, SETTINGS

experiment = Experiment(
    name="arelu/figure5",
    title="UNet on brain MRI",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=(Arm("DSC", {}),),
    presets={"paper": Preset(note="100 epochs of all slices, as far as the paper tells.", comparable=True)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=PROTOCOL,
    runs="arelu/segmentation",
    figures=("curves",),
    needs=NEEDS,
    gpu="10 trainings of 100 epochs of slices of 256×256",
)
