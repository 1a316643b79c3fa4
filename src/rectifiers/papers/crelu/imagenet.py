"""What Tables 4 to 6 and Figures 3 to 5 share: All-CNN-B with CReLU and AVR, and its protocol on ImageNet."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Column, Preset, continue_row

SETTINGS: dict[str, Any] = {
    "dataset": "imagenet",
    "network": "all-cnn-b",
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "batch_size": 128,
    "epochs": 90,
    "milestones": (30, 60),
    "normalise": "imagenet",
    "augment": ("patch:224", "flip", "pca:0.1"),
}

BEHIND: dict[str, tuple[int, ...]] = {
    "conv1–4": (0, 1, 2, 3),
    "conv1–7": (0, 1, 2, 3, 4, 5, 6),
    "conv1–9": (0, 1, 2, 3, 4, 5, 6, 7, 8),
}
"""Sites of the layers that keep their number of filters."""

FEW = (0, 3, 6)
"""Sites of conv1,4,7."""


def baseline(width: float = 1.0) -> dict[str, Any]:
    """Give the settings of ReLU everywhere."""
    return {"activation": "relu", "network_args": {"width": width}}


def in_layers(activation: str, layers: str, width: float = 1.0) -> dict[str, Any]:
    """Give the settings of a function in the first layers, with as many filters as before."""
    return {"activation": activation, "where": _numbers(BEHIND[layers]), "network_args": {"width": width}}


def half_filters(width: float = 1.0) -> dict[str, Any]:
    """Give the settings of CReLU in conv1,4,7, with half the filters before it."""
    return {"activation": "crelu", "where": _numbers(FEW), "network_args": {"width": width, "halve": FEW}}


def everywhere(width: float = 1.0) -> dict[str, Any]:
    """Give the settings of CReLU in all layers, with half the filters, and the logits rectified too."""
    options = {"width": width, "halve": True, "rectify_logits": True}
    return {"activation": "crelu", "network_args": options}


def _numbers(sites: tuple[int, ...]) -> str:
    return ", ".join(map(str, sites))


ON_TEN: dict[str, Any] = {"patches": 10, "epochs": 0, "start": {"patches": 1, "epochs": SETTINGS["epochs"]}}
"""Ten patches are evaluated with the weights of the run that the centre is evaluated with."""

COLUMNS = (
    Arm("top-1", {"start": None}),
    Column("top-5", {"start": None}, metric="final_top5"),
    Arm("top-1†", ON_TEN),
    Column("top-5†", ON_TEN, metric="final_top5"),
)


def rows(*arms: Arm) -> tuple[Arm, ...]:
    """Make rows whose ten patches are evaluated with their own weights."""
    return tuple(continue_row(arm) for arm in arms)


def table_presets(models: dict[str, dict[str, Any]], narrow: dict[str, dict[str, Any]]) -> dict[str, Preset]:
    """Make the presets of a table.

    Args:
        models: the rows at an eighth of their width.
        narrow: the rows at a quarter of their width.
    """
    return {
        "smoke": Preset(
            note="Noise of 64×64 pixels and an eighth of the filters: does it run at all?",
            settings={
                "dataset": "generated:tiny-imagenet",
                "milestones": (),
                "train_size": 200,
                "batch_size": 100,
                "augment": (),
            },
            seeds=1,
            rows=_chains(models),
            columns=_epochs(1),
        ),
        "pocket": Preset(
            note="20,000 images of Tiny ImageNet, 10 epochs of Adam and a quarter of the filters, three seeds.",
            settings={
                "dataset": "tiny-imagenet",
                "train_size": 20_000,
                "optimizer": "adam",
                "momentum": 0.0,
                "lr": 1e-3,
                "weight_decay": 0.0,
                "milestones": (8,),
                "augment": ("crop:8", "flip"),
            },
            seeds=3,
            rows=_chains(narrow),
            columns=_epochs(10),
        ),
        "paper": Preset(note="As published, as far as the paper states it.", seeds=1, comparable=True),
    }


def _chains(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {label: {**settings, "start": settings} for label, settings in models.items()}


def _epochs(count: int) -> dict[str, dict[str, Any]]:
    """Give every column but that of the parameters a number of epochs."""
    return {
        column.label: {"start": {"epochs": count}} if "patches" in column.settings else {"epochs": count}
        for column in COLUMNS
    }


PROTOCOL = (
    "Schedule and details of the network are described in a supplement that we do not have. The network is All-CNN-B "
    "of Springenberg et al. (2014) for ImageNet; a learning rate of 0.01 with steps by 0.1 at epochs 30 and 60 of 90, "
    "momentum 0.9, weight decay 5e-4 and batches of 128 are our choice.",
    "Images are augmented as by Krizhevsky et al. (2012), as the paper says: by random crops of 224×224 from images of "
    "256 on the shorter side, by flips, and by colours shifted along their principal components. Krizhevsky et al. do "
    "not print the components; ours are those that are customary for ImageNet.",
    "CReLU (conv1–4), (conv1–7) and (conv1–9) keep the number of filters; CReLU (conv1,4,7) and (all) halve it before "
    "each CReLU, as the paper says.",
    "CReLU (all) has 4.7M parameters only if the last convolution has 500 filters and is followed by CReLU; that is "
    "how ours is built.",
    "The paper does not say how many runs a number summarises; each of ours is a single run.",
)
