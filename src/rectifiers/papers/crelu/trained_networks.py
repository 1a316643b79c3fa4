"""The trained networks that the figures and Table 6 look into: AlexNet, and those of Tables 1 and 4."""

from __future__ import annotations

from ...experiments.experiment import Arm, Column, Preset
from . import imagenet
from .convpool import ON_DIGITS, ON_PART, POCKET, SETTINGS, SMALL, SMALLEST, SMOKE

RELU = Arm("ReLU", {"activation": "relu"})
CRELU = Arm("CReLU", {"activation": "crelu"})

CIFAR10 = Arm("CIFAR-10", {**SETTINGS, "dataset": "cifar10", "network_args": {"width": 1.0}})
CIFAR100 = Arm("CIFAR-100", {**CIFAR10.settings, "dataset": "cifar100"})

# The figures look at weights alone: noise gives the network its shape, and its accuracy on noise is not shown.
ALEXNET = Column(
    "AlexNet",
    {
        "dataset": "generated:imagenet",
        "network": "alexnet",
        "network_args": {},
        "pretrained": "alexnet-imagenet1k-v1",
        "epochs": 0,
        "lr": 1.0,
        "normalise": "imagenet",
    },
    metric="parameters",
)

SMALL_ALEXNET = Arm(
    "AlexNet on CIFAR-10",
    {
        "dataset": "cifar10",
        "network": "alexnet",
        # A fixed factor of the images' size: AlexNet's first filters have 11×11 taps.
        "network_args": {"width": 0.5, "enlarge": 2},
        "optimizer": "sgd",
        "lr": 0.01,
        "momentum": 0.9,
        "weight_decay": 0.001,
        "batch_size": 64,
        "epochs": 6,
        "milestones": (5,),
        "normalise": "standard",
        "augment": ("flip",),
    },
)
"""A small AlexNet that is trained here, for its first filters: those of ConvPool-CNN-C have 3×3 taps."""

ON_CIFAR10 = {
    "smoke": Preset(
        note="AlexNet of a few filters after 80 digits: does it run at all?",
        settings=SMOKE,
        seeds=2,
        columns={SMALL_ALEXNET.label: {**ON_DIGITS, "network_args": {"width": 0.0625, "enlarge": 2}}},
    ),
    "pocket": Preset(
        note="10,000 images of CIFAR-10 at twice their size, 6 epochs of AlexNet with half the filters, three seeds.",
        seeds=3,
        columns={SMALL_ALEXNET.label: ON_PART},
    ),
}

PUBLISHED = Preset(
    note="The weights that torchvision publishes.", seeds=1, rows=("ReLU",), columns=("AlexNet",), comparable=True
)


def on_imagenet(layers: str) -> Column:
    """Make the column of All-CNN-B with CReLU in its first layers.

    Args:
        layers: "conv1–4", "conv1–7" or "conv1–9".
    """
    settings = {**imagenet.SETTINGS, "network_args": {"width": 1.0}}
    return Column("ImageNet", settings, cells={CRELU.label: imagenet.in_layers("crelu", layers)})


def small_presets(what: str) -> dict[str, Preset]:
    """Make the presets that look into small networks on small images.

    Args:
        what: names the networks.
    """
    return {
        "smoke": Preset(
            note=f"{what} of a few filters after 80 digits: does it run at all?",
            settings=SMOKE,
            seeds=2,
            columns={"CIFAR-10": {**ON_DIGITS, "network_args": SMALLEST}},
        ),
        "pocket": Preset(
            note=f"{what} of Table 1's pocket: 10,000 images of CIFAR-10, 8 epochs, a sixth of the filters and a "
            "quarter of the dropout, three seeds.",
            settings=POCKET,
            seeds=3,
            columns={"CIFAR-10": {**ON_PART, "network_args": SMALL}},
        ),
    }


def as_published(*columns: str) -> Preset:
    """Make the preset of the paper's own networks."""
    return Preset(
        note="One network of each kind in the tables; as published, as far as the paper states it.",
        seeds=1,
        columns=columns,
        comparable=True,
    )
