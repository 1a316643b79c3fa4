"""Table 2: test accuracy of six functions in a character network on MR, AG's News and Yelp Full."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment, Preset
from ..published import load_published
from . import PAPER
from .functions import COMPARED
from .texts import COLUMNS, FUNCTIONS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/table2",
    title="Six functions in a character network on texts",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets={"paper": Preset(note="350 epochs of all texts, as far as the paper tells.", comparable=True)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *COMPARED),
    needs=("replacement by place", "folds"),
    gpu="90 trainings of 350 epochs of up to 650,000 texts",
)
