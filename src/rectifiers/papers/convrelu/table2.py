"""Table 2: test accuracy of six functions in a character network on MR, AG's News and Yelp Full."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment, Preset
from ..published import load_published
from . import PAPER
from .functions import COMPARED_FUNCTIONS
from .texts import COLUMNS, FUNCTIONS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/table2",
    title="Six functions in a character network on texts",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets={
        "smoke": Preset(
            note="64 texts of noise and a narrow network: does it run at all?",
            settings={
                "network_args": {"width": 0.03125, "hidden": 16},
                "epochs": 1,
                "milestones": (),
                "train_size": 64,
                "batch_size": 32,
            },
            seeds=1,
            columns={"MR": {"dataset": "generated:mr-short"}},
        ),
        "pocket": Preset(
            note="All sentences of MR, in texts as long as the longest one and shifted by up to 60 characters, 20 "
            "epochs of Adam, a quarter of the filters and a fifth of the dropout, three seeds: shows in half an hour "
            "what differs by more than the noise.",
            settings={
                "network_args": {"width": 0.25, "hidden": 128, "dropout": 0.2},
                "optimizer": "adam",
                "momentum": 0.0,
                "lr": 1e-3,
                "epochs": 20,
                "milestones": (16,),
                "batch_size": 32,
                "augment": ("delay:60",),
                "weight_decay": 0.0,
                "activation_weight_decay": 0.0,
            },
            seeds=3,
            columns={"MR": {"dataset": "mr-short"}},
        ),
        "paper": Preset(note="350 epochs of all texts; as published, as far as the paper states it.", comparable=True),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS),
    gpu="90 runs of 350 epochs of up to 650,000 texts",
)
