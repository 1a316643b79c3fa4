"""First figure of section 4.1: test accuracy over the epochs without augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..published import load_published
from . import scratch
from .six_conv import BEST_RUN, ELU_UNPRINTED, PROTOCOL

experiment = replace(
    scratch.experiment,
    name="pvlu/scratch-curves",
    title="Five functions over the epochs, without augmentation",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, ELU_UNPRINTED, BEST_RUN),
    runs="pvlu/scratch",
    figures=("curves",),
)
