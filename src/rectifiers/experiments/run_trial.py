"""One trial, from its description to its result: the same bits whoever runs it, alone or beside others."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .. import datasets, kernels
from ..core.errors import ConfigError
from ..core.param_groups import activation_parameters
from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..datasets.splits import folds, hold_out, subset
from ..training import optimizers, record
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.frozen import freeze
from ..training.loop import DivergedError, evaluate, fit
from ..training.metrics import Epoch
from ..training.tasks import task_of
from .network import build_network
from .provenance import provenance
from .result import Result, Shape, Trace
from .trial import Trial
from .weights import Weights, held, is_kept, read_training, transplant, weights_of, write_training

EVALUATION_BATCH = 250


def run_trial(
    trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None, *, keep: bool = False
) -> Result:
    """Train and test once.

    Args:
        trial: what to do.
        data_dir: where data sets lie; see `datasets.load`.
        weights: folder of the trained weights that other trials start from; None trains those first, each time.
        keep: keep the weights there, because another trial will need them.

    Returns:
        The result; its status is `diverged`, with the epochs before, if the training loss, or the test loss after
        the last epoch, left the finite numbers, here or in a trial whose weights it needs.

    Raises:
        RectifiersError: a name is unknown, data are missing or damaged, or the parts do not fit together.
    """
    if weights is not None and (keep or is_kept(weights, trial)):
        return trained(trial, data_dir, weights)[0]
    return train(trial, data_dir, weights)[0]


def trained(trial: Trial, data_dir: Path | str | None, folder: Path | None) -> tuple[Result, Weights]:
    """A trial's result with the weights that it ends with: those in `folder`, or else made now and kept there.

    Of several processes that ask for the same weights, one trains and the others wait.
    """
    if folder is None:
        return train(trial, data_dir)
    with held(folder, trial):
        kept = read_training(folder, trial)
        if kept is None:
            kept = train(trial, data_dir, folder)
            write_training(folder, *kept)
    return kept


def train(trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None) -> tuple[Result, Weights]:
    """`run_trial` from scratch, with the weights at the end; a vote ends with none of its own."""
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.perf_counter()
    check_device(trial.device)
    data = datasets.load(trial.dataset, data_dir)
    needed = [trained(ancestor, data_dir, weights) for ancestor in trial.ancestors]
    outcome: dict[str, Any]
    state: Weights
    if any(result.status == "diverged" for result, _ in needed):
        outcome, state = {"status": "diverged", "epochs": [], "parameters": 0, "activation_parameters": 0}, {}
    elif trial.vote:
        outcome, state = _vote(trial, data, needed), {}
    else:
        outcome, state = _train(trial, data, needed[0][1] if needed else None)
    where_from = {
        **provenance(),
        "data": f"{data.name} {datasets.digest(data)}",
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
    }
    return Result(trial=trial, **outcome, provenance=where_from), state


def _train(trial: Trial, data: Dataset, first: Weights | None) -> tuple[dict[str, Any], Weights]:
    """One training, from the weights `first` or from fresh ones: fields of its result, and the weights at the end."""
    with reproducible(trial.threads):
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
            task=task_of(data.train, trial.patches),
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
            # A network as it is first drawn has its counts, and nothing to evaluate.
            if trial.epochs or first is not None:
                epochs.extend(training)
        except DivergedError:
            status = "diverged"
        # The last step can blow the network up after its loss was taken.
        if epochs and not math.isfinite(epochs[-1].test_loss):
            status = "diverged"
        shapes = [_shape(name, before[name], record.curve(module)) for name, module in record.learnable(net)]
    outcome = {
        "status": status,
        "epochs": epochs,
        **_sizes(net),
        "shapes": shapes if status == "done" else [],
        "trace": tracer.trace,
    }
    return outcome, weights_of(net)


def _vote(trial: Trial, data: Dataset, members: Sequence[tuple[Result, Weights]]) -> dict[str, Any]:
    """The mean of the answers of trained networks: fields of a result."""
    with reproducible(trial.threads):
        nets = []
        for result, weights in members:
            nets.append(build_network(result.trial, data))
            nets[-1].load_state_dict(weights)
        epoch = evaluate(nets, task_of(data.train, trial.patches), build_batches(trial, data)[2])
    return {"status": "done", "epochs": [epoch], **_sizes(nets[0])}


def _sizes(net: nn.Module) -> dict[str, int]:
    return {
        "parameters": sum(p.numel() for p in net.parameters()),
        "activation_parameters": sum(p.numel() for module in net.modules() for p in activation_parameters(module)),
    }


def build_batches(trial: Trial, data: Dataset) -> tuple[Batches, Batches | None, Batches]:
    """Training, validation and test batches of a trial; no validation batches where it holds nothing out.

    Raises:
        ConfigError: the data have fewer images than the trial takes.
    """
    train = data.train
    if trial.train_size is not None:
        train = subset(train, trial.train_size, trial.seed)
    held_out = None
    if trial.folds:
        # The folds are the same for all seeds, which number them.
        train, held_out = folds(train, trial.folds, seed=0)[trial.seed % trial.folds]
    elif trial.validation:
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
def reproducible(threads: int) -> Iterator[None]:
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
