"""Second figure of section 4.1: test accuracy over the epochs with augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..published import load_published
from . import scratch_augmented
from .six_conv import AUGMENTATION, BEST_RUN, PROTOCOL

experiment = replace(
    scratch_augmented.experiment,
    name="pvlu/scratch-augmented-curves",
    title="Three functions over the epochs, with augmentation",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *AUGMENTATION, BEST_RUN),
    runs="pvlu/scratch-augmented",
    figures=("curves",),
)
