"""A vote: the mean of the answers of several trained networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..datasets.dataset import Dataset
from ..training.loop import evaluate
from ..training.reproducible import reproducible
from ..training.tasks import task_of
from .batches import build_batches
from .network import count_parameters, prepare_network
from .trial import Trial
from .weights import Run


def take_vote(trial: Trial, data: Dataset, members: Sequence[Run]) -> dict[str, Any]:
    """Evaluate the mean of the answers of trained networks.

    Args:
        trial: the vote.
        data: its data set.
        members: the runs whose networks vote.

    Returns:
        Fields of its result.
    """
    with reproducible(trial.threads, trial.provider):
        nets = []
        for result, weights in members:
            nets.append(prepare_network(result.trial, data))
            nets[-1].load_state_dict(weights)
        task = task_of(data.train, trial.patches)
        epoch = evaluate(nets, task, build_batches(trial, data).test)
    return {"status": "done", "measure": task.measure, "epochs": [epoch], **count_parameters(nets[0])}
