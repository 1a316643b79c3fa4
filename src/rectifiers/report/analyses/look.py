"""The trained networks of an experiment, column by column, with the images that they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ... import datasets
from ...datasets.splits import subset
from ...experiments.experiment import Cell, Experiment
from ...experiments.network import build_network
from ...experiments.run_trial import build_batches, check_device
from ...experiments.weights import read_training
from ...training.batches import Batches
from ...watching.calls import list_calls
from ...watching.feeding import read_batch
from ..table import Outcomes

IMAGES = 1000
"""Of the test data, at most."""

IMAGES_OF_SMOKE = 100


@dataclass(frozen=True)
class Trained:
    """A trained network, and the test images as it takes them.

    Args:
        net: in evaluation mode.
        batches: of its test data.
    """

    net: nn.Module
    batches: Batches

    def images(self, count: int) -> tuple[Tensor, Tensor]:
        """So many test images (N, C, H, W), or all if there are fewer, and their labels or masks.

        They are as far apart in the data as can be: data may be sorted by class.
        """
        total = len(self.batches.targets)
        count = min(count, total)
        which = torch.arange(count, device=self.batches.targets.device) * total // count
        raw = self.batches.split.take(which).to(self.batches.device)
        return self.batches.normalise(raw), self.batches.targets[which]

    @property
    def first_activation(self) -> str:
        """Its name, as `rectifiers.analysis.calls` has it."""
        calls = list_calls(self.net, read_batch(self.net, self.images(1)[0]))
        return next(call.name for call in calls if call.kind == "activation")


@dataclass(frozen=True)
class Look:
    """The networks of one column.

    Args:
        experiment: what was run.
        preset: in which size.
        column: label of the column.
        rows: row → seed → network; without those that diverged.
        classes: names of the classes.
    """

    experiment: Experiment
    preset: str
    column: str
    rows: Mapping[str, Mapping[int, Trained]]
    classes: Sequence[str]

    @property
    def smoke(self) -> bool:
        """Whether it is only to be seen that everything runs."""
        return self.preset == "smoke"

    @property
    def firsts(self) -> dict[str, Trained]:
        """The first seed's network of each row."""
        return {row: trained[min(trained)] for row, trained in self.rows.items()}

    def heading(self, text: str) -> str:
        """A heading that names the column where there are several."""
        labels = [column.label for column in self.experiment.columns]
        shown = self.experiment.preset(self.preset).columns
        return text if len(labels if shown is None else shown) == 1 else f"{text}: {self.column}"


def look(experiment: Experiment, preset: str, outcomes: Outcomes, weights: Path, data_dir: Path | None) -> list[Look]:
    """All columns of an experiment that have a network left.

    Args:
        experiment: what was run.
        preset: in which size.
        outcomes: its trials, each with its result.
        weights: folder of the trained weights.
        data_dir: where data sets lie.
    """
    size = IMAGES_OF_SMOKE if preset == "smoke" else IMAGES
    looks = []
    for column in dict.fromkeys(cell.column for cell, _ in outcomes):
        done = [cell for cell, result in outcomes if cell.column == column and result and result.status == "done"]
        if not done:
            continue
        data = datasets.load(done[0].trial.dataset, data_dir)
        shown = replace(data, test=subset(data.test, min(size, len(data.test.strata)), seed=0))
        rows: dict[str, dict[int, Trained]] = {}
        for cell, net in _networks(done, shown, weights):
            rows.setdefault(cell.row, {})[cell.trial.seed] = Trained(net, build_batches(cell.trial, shown)[2])
        looks.append(Look(experiment, preset, column, rows, data.classes))
    return looks


def _networks(cells: Sequence[Cell], data: datasets.Dataset, weights: Path) -> Iterator[tuple[Cell, nn.Module]]:
    """The trained networks of cells whose weights are there."""
    for cell in cells:
        kept = read_training(weights, cell.trial)
        if kept is not None:
            check_device(cell.trial.device)
            net = build_network(cell.trial, data)
            net.load_state_dict(kept[1])
            yield cell, net.eval()
