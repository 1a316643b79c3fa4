"""Footnotes 3 and 4: AVR in VGG, and CReLU after its second and fourth convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .cifar import COUNTING, columns
from .vgg import AS_TABLE_2, PROTOCOL, SETTINGS, models, presets, with_crelu


def _with_avr(where: str, width: float, dropout: float) -> dict[str, Any]:
    return {"activation": "avr", "where": where, "network_args": {"width": width, "dropout": dropout}}


def rows(width: float = 1.0, dropout: float = 1.0) -> tuple[Arm, ...]:
    """Make the rows.

    Args:
        width: factor of all numbers of filters.
        dropout: factor of all rates of dropout.
    """
    return (
        models(width, dropout)[0],
        Arm("AVR (conv1)", _with_avr("0", width, dropout)),
        Arm("AVR (conv1,3,5)", _with_avr("0, 2, 4", width, dropout)),
        Arm("AVR (all)", _with_avr("all", width, dropout)),
        Arm("CReLU (conv2)", with_crelu((1,), width, dropout)),
        Arm("CReLU (conv4)", with_crelu((3,), width, dropout)),
    )


experiment = Experiment(
    name="crelu/footnotes",
    title="AVR, and CReLU before pooling, in VGG",
    paper=PAPER,
    settings=SETTINGS,
    rows=rows(),
    columns=columns("Single"),
    presets=presets(rows, AS_TABLE_2),
    baseline="VGG",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The footnotes say neither in which layers AVR was tried nor what was measured; we try the first layer, those "
        "of CReLU in Table 2, and all. CReLU halves the filters before it, as in Table 2.",
        *COUNTING[:1],
        *PROTOCOL,
    ),
    runs="crelu/vgg",
    gpu="120 runs of 300 epochs of 50,000 images: six models, two data sets, ten seeds",
)
