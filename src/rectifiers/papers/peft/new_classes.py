"""New classes: a network that is frozen except for its head and a few numbers learns them."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Column, Experiment, Preset
from . import PAPER
from .rows import COUNTED, DEVIATIONS, FULL_NOTE, SETTINGS, SMOKE, rows

CLOTHES: dict[str, Any] = {
    "dataset": "fashion-mnist",
    "network": "mlp",
    "network_args": {"norm": True},
    "normalise": "unit",
    "train_size": 2_000,
    "epochs": 10,
    "augment": (),
    "start": {
        "dataset": "mnist",
        "optimizer": "adam",
        "lr": 1e-3,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": 0.0,
        "train_size": 10_000,
        "epochs": 5,
        "schedule": "cosine",
        "warmup_epochs": 0,
        "augment": (),
    },
}
CLOTHES_NOTE = (
    "From MNIST to Fashion-MNIST instead, in two hidden layers of 100 with layer normalisation: trained on 10,000 "
    "digits for five epochs, fine-tuned on 2,000 pieces of clothing for ten, ten seeds; `pip install peft` for IA³ "
    "and LoRA: minutes."
)

experiment = Experiment(
    name="peft/new-classes",
    title="New classes for a frozen network, by the head and a few numbers more",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar100-part"},
    rows=rows(head=True),
    columns=(Column("new classes", {}), COUNTED),
    presets={
        "smoke": SMOKE,
        "pocket": Preset(note=CLOTHES_NOTE, settings=CLOTHES, seeds=10),
        "full": Preset(note=FULL_NOTE, settings={"dataset": "cifar100"}, seeds=10),
    },
    baseline="Head",
    deviations=DEVIATIONS,
    figures=(),
)
