"""The paper's protocol for transfer: MNIST-Conv on SVHN, directly, from MNIST, and from MNIST with fine-tuning."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Preset, continue_row
from .functions import FUNCTIONS

SETTINGS: dict[str, Any] = {
    "network": "mnist-conv",
    "batch_size": 128,
    "normalise": "unit",
    "optimizer": "sgd",
    "momentum": 0.9,
}

PRETRAIN: dict[str, Any] = {"dataset": "mnist-colour", "lr": 0.01, "epochs": 20}
FINETUNE: dict[str, Any] = {"dataset": "svhn-28", "lr": 1e-5, "epochs": 100}

REGIMES: tuple[dict[str, Any], ...] = (
    {**FINETUNE, "start": None},
    {**FINETUNE, "epochs": 0, "start": PRETRAIN},
    {**FINETUNE, "start": PRETRAIN},
)
"""Settings under each of the three columns: trained directly, pretrained alone, pretrained and fine-tuned."""

ROWS = tuple(continue_row(arm) for arm in FUNCTIONS)


def columns(*labels: str) -> tuple[Arm, ...]:
    """Make the three columns.

    Args:
        labels: as the table prints them.
    """
    return tuple(Arm(label, regime) for label, regime in zip(labels, REGIMES, strict=True))


def presets(*labels: str) -> dict[str, Preset]:
    """Make the presets of a table.

    Args:
        labels: of its columns.
    """
    return {
        "smoke": Preset(
            note="From 64 of scikit-learn's digits to 64 others, three functions: does it run at all?",
            settings={"train_size": 64, "start": {"dataset": "digits-28", "epochs": 1}},
            seeds=1,
            rows=("ReLU", "PReLU", "AReLU"),
            columns=_elsewhere(labels, epochs=1),
        ),
        "pocket": Preset(
            note="From 10,000 images of MNIST, 5 epochs, to scikit-learn's digits instead of SVHN, 20 epochs at a "
            "learning rate of 1e-3; three seeds.",
            settings={"start": {"train_size": 10_000, "epochs": 5}},
            seeds=3,
            columns=_elsewhere(labels, epochs=20),
        ),
        "paper": Preset(note="As published, on all images.", comparable=True),
    }


def _elsewhere(labels: tuple[str, ...], epochs: int) -> dict[str, dict[str, Any]]:
    """Make the columns on another second data set, with fewer epochs of fine-tuning."""
    return {
        label: {"dataset": "digits-28", "lr": 1e-3, "epochs": min(epochs, regime["epochs"])}
        for label, regime in zip(labels, REGIMES, strict=True)
    }


PROTOCOL = (
    "MNIST gets three equal channels, and SVHN is cropped to the central 28×28; the paper refers to another paper for "
    "this, and we follow its authors' public code.",
    "Batches of 128, momentum 0.9, no weight decay and division by 255 follow the authors' public code.",
    "The paper gives learning rate and epochs for pretraining (0.01, 20) and fine-tuning (1e-5, 100), but not for "
    "training on SVHN directly; ours trains as in fine-tuning.",
    "The paper does not say how many runs a number summarises; ours summarise five, with the seeds 0 to 4.",
    "19.58 is the percentage of the digit 1 among SVHN's test images, 5,099 of 26,032: networks with this accuracy "
    "have learned nothing.",
    "AReLU starts from α = 0.9 and β = 2.0, as for MNIST.",
)
