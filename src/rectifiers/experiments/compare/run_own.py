"""One trial of the user's own model carried out: made, changed, trained, tested."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ... import datasets
from ...core.errors import ConfigError, RectifiersError
from ...core.factory import story
from ...core.memory import is_out_of_memory
from ...core.wording import plural
from ...training.batches import Batches, TrainingBatches
from ...training.checkpoints import Checkpoints
from ...training.frozen import freeze
from ...training.reproducible import reproducible
from ...training.tasks import Task
from ...watching.example import Example
from ..batches import TrialBatches, build_batches
from ..network import count_parameters
from ..pulse import StoppedError
from ..train_network import train_given
from ..training_parts import build_mixing, build_task
from ..weights import Weights, weights_of
from .calls import as_example
from .data import Fed, OwnBatches, OwnData, first_batch, read_data
from .first_call import first_call
from .model import make_model
from .own_training import is_finite, train_by_user
from .references import resolve, title
from .task import read_measure, task_of
from .trial import OwnTrial


class Ready(NamedTuple):
    """All that a training by our loop needs.

    Args:
        model: as the variant has it.
        called: takes the batches in place of the model, where they are not what it takes.
        train: the batches that it learns from, mixed where the trial says so.
        batches: of the data.
        task: what is learned.
    """

    model: nn.Module
    called: nn.Module | None
    train: TrainingBatches
    batches: TrialBatches
    task: Task


def run_own(
    trial: OwnTrial, data_dir: Path | str | None = None, checkpoints: Checkpoints | None = None
) -> tuple[dict[str, Any], Weights, str]:
    """Make, train and test the model of a trial.

    Args:
        trial: what to do.
        data_dir: as for `run_trial`.
        checkpoints: as for `train_network`; a training of the user's own keeps none.

    Returns:
        Fields of the result, the weights at the end, and what identifies the data.

    Raises:
        RectifiersError: model, variant, data and training do not fit together.
    """
    for reference in trial.references:
        # Before, so that what a module sets when it is imported holds for all runs of this process.
        resolve(reference)
    with reproducible(trial.threads, trial.provider, keep_defaults=True):
        # As in the process that began the comparison; `reproducible` puts it back.
        torch.set_default_dtype(getattr(torch, trial.default_dtype))
        if trial.train:
            return *_run_by_user(trial, data_dir), ""
        ready = get_ready(trial, data_dir)
        with told_in_a_line(trial):
            outcome, end = train_given(
                trial,
                ready.model,
                ready.train,
                ready.batches,
                ready.task,
                started=True,
                called=ready.called,
                tested=not (trial.untested and ready.batches.validation is not None),
                checkpoints=checkpoints,
            )
    if outcome["status"] == "done" and not trial.untested and not is_finite(outcome["epochs"]):
        outcome["status"] = "diverged"
    return outcome, end, trial.dataset


@contextmanager
def told_in_a_line(trial: OwnTrial) -> Iterator[None]:
    """Turn what a training of the user's model raises into an error of one line.

    Raises:
        ConfigError: the training failed, or ran out of memory.
    """
    try:
        yield
    except (RectifiersError, StoppedError):
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise ConfigError(
                f"{title(trial.network)} ran out of memory in training; use smaller batches, or fewer workers"
            ) from None
        lone = "more than 1 value per channel" in str(error)
        advice = "; a batch has a single example: change batch_size, or drop_last in your loader" if lone else ""
        raise ConfigError(f"training {title(trial.network)} failed: {story(error)}{advice}") from error


def get_ready(trial: OwnTrial, data_dir: Path | str | None = None) -> Ready:
    """Make the model, the batches and the task of a trial that our loop trains.

    Raises:
        RectifiersError: they do not fit together.
    """
    model = make_model(trial, lambda plain: example_of(trial, plain, data_dir))
    if "#" not in trial.dataset:
        data = datasets.load(trial.dataset, data_dir)
        batches = build_batches(trial, data)
        outputs, targets = answer(trial, model, batches.test)
        usual = not (trial.task or trial.loss or trial.measure)
        # Few batches hold the highest class, which would end the training later.
        if usual and outputs.dim() == 2 and outputs.shape[1] < len(data.classes):
            raise ConfigError(
                f"{trial.dataset} has {len(data.classes)} classes, but {title(trial.network)} has "
                f"{plural(outputs.shape[1], 'output')}; make its last layer larger"
            )
        task = build_task(trial, data, batches.train) if usual else task_of(trial, outputs, targets)
        return Ready(model, None, build_mixing(trial, data, batches.train), batches, read_measure(task, trial))
    if trial.mixup or trial.cutmix:
        raise ConfigError("mixup and cutmix are for data known by name; mix in your loaders, or in train=… of your own")
    batches = _own_batches(trial, model)
    called = Fed(model)
    task = read_measure(task_of(trial, *answer(trial, called, batches.test)), trial)
    return Ready(model, called, batches.train, batches, task)


def _own_batches(trial: OwnTrial, model: nn.Module) -> TrialBatches:
    """The batches of the data that the user brought."""
    data = own_data(trial.dataset).divided(trial)
    held_out = None
    if data.validation is not None:
        held_out = OwnBatches(data.validation, trial, model, "validation", shuffled=False)
    return TrialBatches(
        OwnBatches(data.train, trial, model, "train", shuffled=True),
        held_out,
        OwnBatches(data.test, trial, model, "test", shuffled=False),
    )


def answer(trial: OwnTrial, called: nn.Module, test: Batches) -> tuple[Tensor, Tensor]:
    """What a model gives for the first batch of the test data, and what it should have given.

    Raises:
        ConfigError: it fails.
    """
    inputs, targets = next(iter(test))
    with torch.no_grad():
        try:
            return called.eval()(inputs), targets
        except RectifiersError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise ConfigError(f"{title(trial.network)} does not fit into memory; use smaller batches") from None
            raise ConfigError(f"{title(trial.network)} fails on a batch of the data: {story(error)}") from error


def example_of(trial: OwnTrial, model: nn.Module, data_dir: Path | str | None = None) -> Example:
    """What a trial's model is called with, to see its activations.

    Raises:
        ConfigError: nobody says.
    """
    if "#" in trial.example:
        given: Example = resolve(trial.example)
        return given
    if trial.example:
        return tuple(map(int, trial.example.split(",")))
    if "#" in trial.dataset:
        batch = first_batch(own_data(trial.dataset), model)
        return as_example(model, batch.args, batch.kwargs)
    if trial.dataset:
        return torch.zeros(1, *datasets.load(trial.dataset, data_dir).shape)
    if trial.train:
        return as_example(model, *first_call(trial))
    raise ConfigError("give example=…, such as example=(1, 3, 32, 32): nothing says what the model is called with")


def own_data(reference: str) -> OwnData:
    """The user's data by name, read once for each default dtype, which decides what NumPy's numbers become."""
    return _own_data(reference, torch.get_default_dtype())


@cache
def _own_data(reference: str, dtype: torch.dtype) -> OwnData:
    return read_data(resolve(reference))


def _run_by_user(trial: OwnTrial, data_dir: Path | str | None) -> tuple[dict[str, Any], Weights]:
    model = make_model(trial, lambda plain: example_of(trial, plain, data_dir))
    freeze(model, trial.trained)
    measure, epochs = train_by_user(trial, model)
    status = "done" if is_finite(epochs) else "diverged"
    outcome: Mapping[str, Any] = {
        "status": status,
        "measure": measure,
        "epochs": [epoch for epoch in epochs if math.isfinite(epoch.test_score)],
        **count_parameters(model),
    }
    return dict(outcome), weights_of(model)
