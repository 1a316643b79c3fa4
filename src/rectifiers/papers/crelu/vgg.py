"""What Tables 2 and 3 share: a VGG network with CReLU in its first layers, and its protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...experiments.experiment import Arm, Preset

SETTINGS: dict[str, Any] = {
    "network": "vgg-dropout",
    "optimizer": "sgd",
    "lr": 1.0,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "batch_size": 128,
    "epochs": 300,
    "milestones": tuple(range(25, 300, 25)),
    "gamma": 0.5,
    "normalise": "standard",
    "augment": ("crop:4", "flip"),
}


def with_crelu(sites: tuple[int, ...], width: float = 1.0, dropout: float = 1.0) -> dict[str, Any]:
    """Give the settings of CReLU at some sites, with half the filters before it.

    Args:
        sites: numbers of the sites, from 0.
        width: factor of all numbers of filters.
        dropout: factor of all rates of dropout.
    """
    where = ", ".join(map(str, sites))
    return {"activation": "crelu", "where": where, "network_args": {**_size(width, dropout), "halve": sites}}


def models(width: float = 1.0, dropout: float = 1.0) -> tuple[Arm, ...]:
    """Make the rows of Table 2.

    Args:
        width: factor of all numbers of filters.
        dropout: factor of all rates of dropout.
    """
    return (
        Arm("VGG", {"activation": "relu", "network_args": _size(width, dropout)}),
        Arm("(conv1)", with_crelu((0,), width, dropout)),
        Arm("(conv1,3)", with_crelu((0, 2), width, dropout)),
        Arm("(conv1,3,5)", with_crelu((0, 2, 4), width, dropout)),
    )


def _size(width: float, dropout: float) -> dict[str, Any]:
    return {"width": width, "dropout": dropout}


SMOKE: dict[str, Any] = {"epochs": 1, "milestones": (), "train_size": 60, "batch_size": 27, "lr": 0.1}

POCKET: dict[str, Any] = {"lr": 0.05, "epochs": 10, "milestones": (5, 8), "gamma": 0.3, "batch_size": 64}
ON_PART: dict[str, Any] = {"dataset": "cifar10", "train_size": 10_000}
SMALL: dict[str, float] = {"width": 0.25, "dropout": 0.25}
"""A quarter of the filters, and of the dropout: the networks of the pocket presets."""

PAPER_PRESET = Preset(note="As published, as far as the paper states it.", seeds=10, comparable=True)


def presets(rows: Callable[..., Sequence[Arm]], note: str) -> dict[str, Preset]:
    """Make the presets of a table of these networks.

    Args:
        rows: makes the rows, for a width and a factor of the dropout.
        note: what the small networks of `pocket` are, and show.
    """
    return {
        "smoke": Preset(
            note="60 digits and a sixteenth of the filters: does it run at all?",
            settings=SMOKE,
            seeds=1,
            rows={arm.label: arm.settings for arm in rows(1 / 16)},
            columns={"CIFAR-10 Single": {"dataset": "digits-32"}},
        ),
        "pocket": Preset(
            note=note,
            settings=POCKET,
            seeds=3,
            rows={arm.label: arm.settings for arm in rows(**SMALL)},
            columns={"CIFAR-10 Single": ON_PART},
        ),
        "paper": PAPER_PRESET,
    }


AS_TABLE_2 = (
    "The networks of Table 2's pocket: 10,000 images of CIFAR-10, 10 epochs and a quarter of the filters and of the "
    "dropout, three seeds."
)

PROTOCOL = (
    "The paper follows someone else's public code for network and training. From there come batch normalisation that "
    "adds 1e-3 to the variance, dropout of 0.3, 0.4 and 0.5, the initialisation of the weights, batches of 128, "
    "learning rate 1 halved every 25 epochs, momentum 0.9, weight decay 5e-4 and 300 epochs.",
    "The layer before CReLU has half the filters, as the paper says.",
    "Random shifts are by up to 4 pixels; the paper does not say how far.",
)
