"""The trained networks of an experiment, column by column, with the test images that they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ... import datasets
from ...datasets.splits import subset
from ...experiments.batches import build_batches
from ...experiments.experiment import Cell, Experiment
from ...experiments.network import build_network
from ...experiments.weights import read_run
from ...training.batches import Batches
from ...training.devices import check_device
from ...watching.calls import list_calls
from ...watching.feeding import read_batch
from ..table import Outcomes

IMAGES = 1000
"""Number of test images at most."""

IMAGES_OF_SMOKE = 100
"""Number of test images at most in the preset `smoke`."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, and the test images as it takes them.

    Args:
        net: in evaluation mode.
        batches: the batches of its test data.
    """

    net: nn.Module
    batches: Batches

    def images(self, count: int) -> tuple[Tensor, Tensor]:
        """Take test images (N, C, H, W), and their labels or masks.

        They are spread evenly over the data, which may be sorted by class.

        Args:
            count: how many; all if there are fewer.
        """
        total = len(self.batches.targets)
        count = min(count, total)
        which = torch.arange(count, device=self.batches.targets.device) * total // count
        raw = self.batches.split.take(which).to(self.batches.device)
        return self.batches.normalise(raw), self.batches.targets[which]

    @property
    def first_activation(self) -> str:
        """Name of the first activation, as in `rectifiers.analysis`."""
        calls = list_calls(self.net, read_batch(self.net, self.images(1)[0]))
        return next(call.name for call in calls if call.role == "activation")


@dataclass(frozen=True)
class ColumnNetworks:
    """The trained networks of one column.

    Args:
        experiment: what was run.
        preset: in which size.
        label: of the column.
        rows: row → seed → network, without those that diverged.
        classes: names of the classes.
    """

    experiment: Experiment
    preset: str
    label: str
    rows: Mapping[str, Mapping[int, TrainedNetwork]]
    classes: Sequence[str]

    @property
    def smoke(self) -> bool:
        """Whether the preset only shows that everything runs."""
        return self.preset == "smoke"

    @property
    def first_seeds(self) -> dict[str, TrainedNetwork]:
        """The first seed's network of each row."""
        return {row: seeds[min(seeds)] for row, seeds in self.rows.items()}

    def heading(self, text: str) -> str:
        """Complete a heading by the column's label where there are several columns."""
        labels = [column.label for column in self.experiment.columns]
        chosen = self.experiment.preset(self.preset).columns
        return text if len(labels if chosen is None else chosen) == 1 else f"{text}: {self.label}"


def middles(images: Tensor, height: int, width: int) -> Tensor:
    """The middle of each image, of this size."""
    top, left = (images.shape[-2] - height) // 2, (images.shape[-1] - width) // 2
    return images[..., top : top + height, left : left + width]


def first_convolution(network: TrainedNetwork) -> nn.Conv2d:
    """The convolution that sees the images."""
    return next(module for module in network.net.modules() if isinstance(module, nn.Conv2d))


def load_networks(
    experiment: Experiment, preset: str, outcomes: Outcomes, weights: Path, data_dir: Path | None
) -> list[ColumnNetworks]:
    """Load the networks of all columns that have a run that did not diverge.

    Args:
        experiment: what was run.
        preset: in which size.
        outcomes: its trials, each with its result.
        weights: folder of the trained weights.
        data_dir: where data sets lie.
    """
    size = IMAGES_OF_SMOKE if preset == "smoke" else IMAGES
    columns = []
    for column in dict.fromkeys(cell.column for cell, _ in outcomes):
        done = [cell for cell, result in outcomes if cell.column == column and result and result.status == "done"]
        if not done:
            continue
        data = datasets.load(done[0].trial.dataset, data_dir)
        some = replace(data, test=subset(data.test, min(size, len(data.test.strata)), seed=0))
        rows: dict[str, dict[int, TrainedNetwork]] = {}
        for cell, net in _networks(done, some, weights):
            rows.setdefault(cell.row, {})[cell.trial.seed] = TrainedNetwork(net, build_batches(cell.trial, some).test)
        columns.append(ColumnNetworks(experiment, preset, column, rows, data.classes))
    return columns


def _networks(cells: Sequence[Cell], data: datasets.Dataset, weights: Path) -> Iterator[tuple[Cell, nn.Module]]:
    """Load the networks whose weights were kept."""
    for cell in cells:
        kept = read_run(weights, cell.trial)
        if kept is not None:
            check_device(cell.trial.device)
            net = build_network(cell.trial, data)
            net.load_state_dict(kept.weights)
            yield cell, net.eval()
