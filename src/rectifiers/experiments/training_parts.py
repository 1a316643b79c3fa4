"""What the training of a trial consists of: its task, batches, optimizer, learning rate, and steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..core.errors import ConfigError
from ..core.wording import plural
from ..datasets.dataset import Dataset
from ..training import optimizers, schedules
from ..training.batches import Batches, TrainingBatches
from ..training.renewal import Renewal, pull_to_start
from ..training.tasks import Classification, Task, task_of
from ..training.update import Update
from .trial import Trial


def build_task(trial: Trial, data: Dataset, train: Batches) -> Task:
    """What the trial's network learns.

    Args:
        trial: the trial.
        data: its data set.
        train: its training batches.

    Raises:
        ConfigError: the trial has a setting for classes, and the data have none, or others.
    """
    task = task_of(data.train, trial.patches)
    if isinstance(task, Classification):
        task.smoothing = trial.label_smoothing
        task.weights = _class_weights(trial, len(data.classes), train)
        return task
    for name in ("label_smoothing", "class_weights"):
        if getattr(trial, name):
            raise ConfigError(
                f"{name} is for data with a class for each example, which {data.name} lacks; leave it out"
            )
    return task


def _class_weights(trial: Trial, classes: int, train: Batches) -> torch.Tensor | None:
    """A weight for each class; balanced ones are N/(K·n) for a class of n examples, as scikit-learn has them."""
    if trial.class_weights is None:
        return None
    if trial.class_weights == "balanced":
        counts = train.targets.bincount(minlength=classes).clamp(min=1)
        return (len(train.targets) / (classes * counts.double())).float()
    if len(trial.class_weights) != classes:
        raise ConfigError(
            f"class_weights has {plural(len(trial.class_weights), 'number')} for {classes} classes of {trial.dataset}; "
            "give one for each, or 'balanced'"
        )
    return torch.tensor(trial.class_weights, dtype=torch.float32, device=trial.device)


def build_mixing(trial: Trial, data: Dataset, train: Batches) -> TrainingBatches:
    """The trial's training batches, mixed in pairs where it says so."""
    if not (trial.mixup or trial.cutmix):
        return train
    from ..training.mixing import MixedBatches  # torchvision takes a second to import

    return MixedBatches(train, len(data.classes), mixup=trial.mixup, cutmix=trial.cutmix)


def build_optimizer(trial: Trial, net: nn.Module) -> torch.optim.Optimizer:
    """The trial's optimizer over the parameters of its network that are trained."""
    optimizer = optimizers.create(
        trial.optimizer,
        net,
        lr=trial.lr,
        momentum=trial.momentum,
        nesterov=trial.nesterov,
        weight_decay=trial.weight_decay,
        activation_lr=trial.activation_lr,
        activation_weight_decay=trial.activation_weight_decay,
        rho=trial.rho,
        eps=trial.eps,
        fused=trial.parallel != "fsdp",
    )
    if trial.l2_init:
        pull_to_start(optimizer, trial.l2_init)
    return optimizer


def build_renewal(trial: Trial) -> Renewal | None:
    """What the trial's network becomes when its data change; None where it stays."""
    renewal = Renewal(trial.shrink, trial.perturb, trial.redo)
    return None if renewal == Renewal() else renewal


def build_update(trial: Trial, net: nn.Module, optimizer: torch.optim.Optimizer, task: Task) -> Update:
    """What takes a step of the trial."""
    if trial.compile:
        net.compile()
    return Update(net, optimizer, task, clip_norm=trial.clip_norm, precision=trial.precision, device=trial.device)


def build_average(trial: Trial, net: nn.Module) -> AveragedModel | None:
    """The moving average of the network's parameters and statistics; None where the trial keeps none."""
    if not trial.ema:
        return None
    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(trial.ema), use_buffers=True)


def build_factor(trial: Trial, steps: int) -> Callable[[float], float]:
    """The factor of the trial's learning rate, by the time in epochs.

    Args:
        trial: the trial.
        steps: in an epoch.
    """
    if trial.schedule == "milestones":
        return partial(
            schedules.lr_factor,
            milestones=trial.milestones,
            gamma=trial.gamma,
            warmup_epochs=trial.warmup_epochs,
            decay=trial.lr_decay * steps,
        )
    kind = schedules.cosine_factor if trial.schedule == "cosine" else schedules.one_cycle_factor
    return partial(kind, epochs=trial.epochs, steps=steps, warmup_epochs=trial.warmup_epochs)


def count_steps(trial: Trial, train: TrainingBatches) -> int:
    """How many steps an epoch has.

    Raises:
        ConfigError: a step would take more batches than there are.
    """
    if trial.accumulate > len(train):
        raise ConfigError(
            f"accumulate={trial.accumulate} is more than the {plural(len(train), 'batch', 'batches')} of an epoch; "
            "take less, or a smaller batch_size"
        )
    return -(-len(train) // trial.accumulate)
