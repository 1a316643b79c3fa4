"""One trial, from its description to its result: the same bits whoever runs it, alone or beside others."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from .. import datasets, kernels
from ..core.errors import ConfigError
from ..core.param_groups import activation_parameters
from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..datasets.splits import hold_out, subset
from ..training import optimizers, record
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.frozen import freeze
from ..training.loop import DivergedError, fit
from ..training.metrics import Epoch
from .network import build_network
from .provenance import provenance
from .result import Result, Shape, Trace
from .trial import Trial
from .weights import Weights, held, read_weights, transplant, weights_of, write_weights

EVALUATION_BATCH = 250


def run_trial(trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None) -> Result:
    """Train and test once.

    Args:
        trial: what to do.
        data_dir: where data sets lie; see `datasets.load`.
        weights: folder that keeps the weights that trials start from; None trains those first, each time.

    Returns:
        The result; its status is `diverged`, with the epochs before, if the training loss, or the test loss after
        the last epoch, left the finite numbers, here or in the trial that it starts from.

    Raises:
        RectifiersError: a name is unknown, data are missing or damaged, or the parts do not fit together.
    """
    return train(trial, data_dir, weights)[0]


def train(trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None) -> tuple[Result, nn.Module]:
    """`run_trial`, with the trained network."""
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.perf_counter()
    check_device(trial.device)
    data = datasets.load(trial.dataset, data_dir)
    first = None if trial.start is None else trained_weights(trial.start, data_dir, weights)
    with _reproducible(trial.threads):
        net = build_network(trial, data)
        if first is not None:
            transplant(first, net)
        frozen = freeze(net, trial.trained)
        batches, validation, test = build_batches(trial, data)
        optimizer = optimizers.create(
            trial.optimizer,
            net,
            lr=trial.lr,
            momentum=trial.momentum,
            nesterov=trial.nesterov,
            weight_decay=trial.weight_decay,
            activation_lr=trial.activation_lr,
            activation_weight_decay=trial.activation_weight_decay,
        )
        before = {name: record.curve(module) for name, module in record.learnable(net)}
        tracer = _Tracer(net, every=max(1, len(batches) // trial.trace_points) if trial.trace_points else 0)
        epochs: list[Epoch] = []
        status: Literal["done", "diverged"] = "done"
        training = fit(
            net,
            optimizer,
            train=batches,
            validation=validation,
            test=test,
            epochs=trial.epochs,
            seed=trial.seed,
            factor=lambda time: optimizers.lr_factor(
                time,
                milestones=trial.milestones,
                gamma=trial.gamma,
                warmup_epochs=trial.warmup_epochs,
                decay=trial.lr_decay * len(batches),
            ),
            frozen=frozen,
            on_step=tracer,
        )
        try:
            epochs.extend(training)
        except DivergedError:
            status = "diverged"
        # The last step can blow the network up after its loss was taken.
        if epochs and not math.isfinite(epochs[-1].test_loss):
            status = "diverged"
        shapes = [_shape(name, before[name], record.curve(module)) for name, module in record.learnable(net)]
    result = Result(
        trial=trial,
        status=status,
        epochs=epochs,
        parameters=sum(p.numel() for p in net.parameters()),
        activation_parameters=sum(p.numel() for module in net.modules() for p in activation_parameters(module)),
        shapes=shapes if status == "done" else [],
        trace=tracer.trace,
        provenance={
            **provenance(),
            "data": f"{data.name} {datasets.digest(data)}",
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - clock, 3),
        },
    )
    return result, net


def trained_weights(trial: Trial, data_dir: Path | str | None, folder: Path | None) -> Weights:
    """The weights that `trial` ends with: those in `folder`, or else trained now and kept there.

    Of several processes that ask for the same weights, one trains and the others wait.
    """
    if folder is None:
        return weights_of(train(trial, data_dir)[1])
    with held(folder, trial):
        kept = read_weights(folder, trial)
        if kept is None:
            kept = weights_of(train(trial, data_dir, folder)[1])
            write_weights(folder, trial, kept)
    return kept


def build_batches(trial: Trial, data: Dataset) -> tuple[Batches, Batches | None, Batches]:
    """Training, validation and test batches of a trial; no validation batches where it holds nothing out.

    Raises:
        ConfigError: the data have fewer images than the trial takes.
    """
    train = data.train
    if trial.train_size is not None:
        train = subset(train, trial.train_size, trial.seed)
    held_out = None
    if trial.validation:
        train, held_out = hold_out(train, trial.validation, trial.seed)
    # oneDNN's convolutions are faster with channels innermost: MNIST-Conv gains a quarter of its step.
    normalise = train.numbers(trial.normalise, channels_last=True)
    augment = Augmentation(trial.augment)

    def batches(split: Examples, size: int) -> Batches:
        return Batches(split, size, normalise=normalise, seed=trial.seed, device=trial.device, augment=augment)

    return (
        batches(train, trial.batch_size),
        batches(held_out, EVALUATION_BATCH) if held_out is not None else None,
        batches(data.test, EVALUATION_BATCH),
    )


def check_device(name: str) -> None:
    """Make sure that this machine has a device.

    Raises:
        ConfigError: it has not.
    """
    device = torch.device(name)
    backend = getattr(torch, device.type)
    if not backend.is_available() or (device.index or 0) >= backend.device_count():
        raise ConfigError(f"this machine has no device {name!r}; use 'cpu'")


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    """Everything outside the trial that could change its bits, fixed; and put back afterwards."""
    before = torch.get_num_threads()
    # Kernels round differently from one instruction set to the next, and not every machine has them; the composites
    # give a trial the bits that it has everywhere.
    with torch.random.fork_rng(), kernels.using("reference"):
        torch.set_num_threads(threads)
        # Momentum of dead units decays into denormal numbers, which cost a hundred times the time of others.
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(before)


class _Tracer:
    """Records the activations' parameters every so many steps."""

    def __init__(self, net: nn.Module, every: int) -> None:
        self.net, self.every = net, every
        self.steps: list[int] = []
        self.values: dict[str, list[float]] = {}

    def __call__(self, step: int) -> None:
        if self.every and step % self.every == 0:
            self.steps.append(step)
            for name, value in record.parameter_means(self.net).items():
                self.values.setdefault(name, []).append(value)

    @property
    def trace(self) -> Trace | None:
        return Trace(steps=self.steps, values=self.values) if self.values else None


def _shape(layer: str, before: Tensor, after: Tensor) -> Shape:
    def rounded(values: Tensor) -> list[float]:
        return [round(value, 4) for value in values.tolist()]

    return Shape(
        layer=layer,
        x=rounded(record.GRID),
        before=rounded(before.mean(1)),
        after=rounded(after.mean(1)),
        after_low=rounded(after.amin(1)),
        after_high=rounded(after.amax(1)),
    )
