"""Table 5: test accuracy with ConvReLU in the first block, in the last, and everywhere."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .images import BLOCKS, CIFAR10, CONVRELU, DENSENET, FIRST, LAST, PRESETS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/table5",
    title="Where ConvReLU replaces ReLU",
    paper=PAPER,
    settings=SETTINGS,
    rows=(
        Arm("R1 (First)", {**CONVRELU, "where": FIRST}),
        Arm("R2 (Last)", {**CONVRELU, "where": LAST}),
        Arm("R3 (All)", {**CONVRELU, "where": BLOCKS}),
    ),
    columns=(CIFAR10,),
    presets=PRESETS,
    baseline="R1 (First)",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "R3 replaces all ReLUs of the four blocks, which makes 36,876 thresholds; the transitions between them "
        "would add 672 more. The rows marked (A) in Table 1 and Figure 5 replace those of the transitions too, as the "
        "counts of Table 6 imply.",
        *PROTOCOL,
    ),
    runs="convrelu/images",
    gpu="15 runs of 350 epochs of 50,000 images",
)
