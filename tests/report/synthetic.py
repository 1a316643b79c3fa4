"""Made-up results with the traits that reports must cope with; their numbers mean nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Collection

from rectifiers.experiments.experiment import Arm, Experiment, Lead, Preset, PublishedNumbers
from rectifiers.experiments.result import Epoch, Result, Shape, Trajectory
from rectifiers.experiments.trial import Trial
from rectifiers.report.table import Outcomes

HOSTILE = "<script>alert(1)</script>"
WEIRD = (HOSTILE, "_under & 100% $x^2$", 'a|b "q" \\frac{1}{2}')
LEADS = (Lead("Lead over both", "AReLU", ("ReLU", "LeakyReLU")), Lead("Lead over ReLU", "AReLU", ("ReLU",)))
GRID = [place / 4 - 4 for place in range(33)]


def experiment(
    rows: tuple[str, ...] = ("ReLU", "LeakyReLU", "AReLU"),
    columns: tuple[str, ...] = ("digits",),
    *,
    epochs: int = 6,
    seeds: int = 5,
    published: bool = False,
    **fields: object,
) -> Experiment:
    """An experiment whose rows are named after what they run; those that end in "LU" but not in "ReLU" learn."""
    cells = {(row, column): 90.0 + place % 9 for place, row in enumerate(rows) for column in columns}
    derived = {(LEADS[0].label, column): 1.5 for column in columns}
    settings = {"dataset": "digits", "network": "digits-conv", "epochs": epochs, "lr": 0.01}
    return Experiment(
        **{
            "name": "made/up",
            "title": "A comparison made up for tests",
            "settings": settings,
            "rows": tuple(Arm(row, {"activation": row.lower()}) for row in rows),
            "columns": tuple(Arm(column, {"batch_size": 32 + place}) for place, column in enumerate(columns)),
            "presets": {
                "paper": Preset("as published", seeds=seeds, comparable=True),
                "pocket": Preset("less data and fewer epochs", seeds=seeds),
            },
            "published": PublishedNumbers("A Paper, Table 9", cells, derived, ("1.5 is misprinted.",))
            if published
            else None,
            "deviations": ("the paper does not say which seeds it used",),
            "figures": ("curves", "shapes", "traces"),
            **fields,
        }
    )


def outcomes(
    made: Experiment,
    preset: str = "paper",
    *,
    learning: Collection[str] = ("AReLU",),
    diverged: Collection[tuple[str, str, int]] = (),
    missing: Collection[tuple[str, str, int]] = (),
) -> Outcomes:
    """Results for every cell; those named by (row, column, seed) in `diverged` and `missing` ended so."""
    pairs = []
    labels = [arm.label for arm in made.rows]
    for cell in made.cells(preset):
        place = (cell.row, cell.column, cell.trial.seed)
        level = 90.0 + labels.index(cell.row) % 9
        done = result(cell.trial, level, learns=cell.row in learning, diverged=place in diverged)
        pairs.append((cell, None if place in missing else done))
    return pairs


def result(trial: Trial, level: float, *, learns: bool = False, diverged: bool = False) -> Result:
    """One training that climbs to about `level` percent."""
    noise = random.Random(f"{trial.id}")
    epochs = [
        Epoch(
            epoch=epoch,
            lr=trial.lr,
            train_loss=math.exp(-epoch),
            train_accuracy=level,
            test_loss=math.exp(-epoch),
            test_accuracy=level - 20 * math.exp(-epoch) + noise.gauss(0, 0.4),
            train_seconds=0.5,
            test_seconds=0.1,
        )
        for epoch in range(1, trial.epochs + 1)
    ]
    layers = ("features.0", "features.3") if learns else ()
    return Result(
        trial=trial,
        status="diverged" if diverged else "done",
        epochs=epochs[:-1] if diverged else epochs,
        parameters=1000 + 4 * learns,
        activation_parameters=4 * learns,
        shapes=[_shape(layer, 0.2 + depth / 4) for depth, layer in enumerate(layers)],
        trace=_trace(layers, noise) if learns else None,
        provenance={"versions": {"torch": "2.10.0"}, "device": "cpu", "command": HOSTILE, "started": trial.seed},
    )


def _shape(layer: str, slope: float) -> Shape:
    after = [x if x > 0 else slope * x for x in GRID]
    return Shape(
        layer=layer,
        x=GRID,
        before=[max(x, 0.0) for x in GRID],
        after=after,
        after_low=[y - 0.3 for y in after],
        after_high=[y + 0.3 for y in after],
    )


def _trace(layers: tuple[str, ...], noise: random.Random) -> Trajectory:
    steps = list(range(0, 200, 10))
    return Trajectory(
        steps=steps,
        values={
            f"{layer}.{name}": [start + depth + step / 200 + noise.gauss(0, 0.03) for step in steps]
            for depth, layer in enumerate(layers)
            for name, start in (("alpha", 0.9), ("beta", 2.0))
        },
    )
