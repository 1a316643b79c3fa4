"""One trial, from its description to its result: the same bits whoever runs it, alone or beside others."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .. import datasets, networks
from ..core.errors import ConfigError
from ..kernels import dispatch
from ..networks import outside
from ..training.devices import check_device
from ..training.group import current
from . import own, pretrained
from .adapter import load_peft
from .checkpointing import describe_resumption, open_checkpoints, remove_checkpoints
from .compare.run_own import run_own
from .compare.trial import OwnTrial
from .identity import check_identity
from .provenance import provenance
from .result import Result
from .store import is_kept
from .train_network import train_network
from .train_together import train_together
from .trial import Trial
from .vote import take_vote
from .weights import Run, Weights, lock_weights, read_run, write_run


def run_trial(
    trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None, *, keep: bool = False
) -> Result:
    """Train and test once.

    Args:
        trial: what to do.
        data_dir: where data sets and published weights lie; see `datasets.load`.
        weights: folder of the trained weights that other trials start from; checkpoints lie beside it. None trains
            those first, each time, and keeps no checkpoints.
        keep: keep the weights there, because another trial will need them.

    Returns:
        The result; its status is `diverged`, with the epochs before, if the training loss, or the test loss after
        the last epoch, left the finite numbers, here or in a trial whose weights it needs.

    Raises:
        RectifiersError: a name is unknown, data are missing or damaged, or the parts do not fit together.
    """
    if weights is not None and (keep or current().take_first(is_kept(weights, trial))):
        return run_once(trial, data_dir, weights).result
    return run_afresh(trial, data_dir, weights).result


def run_once(trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None) -> Run:
    """The run of a trial, with the weights that it ends with: as kept in a folder, or else made now and kept there.

    Of several processes that ask for the same weights, one trains and the others wait.
    """
    if weights is None:
        return run_afresh(trial, data_dir)
    # Of processes that train together, the first one looks and writes, and the others do as it does.
    group = current()
    with lock_weights(weights, trial) if group.is_first else nullcontext():
        kept = read_run(weights, trial) if group.take_first(is_kept(weights, trial)) else None
        if kept is None:
            kept = run_afresh(trial, data_dir, weights)
            if group.is_first:
                write_run(weights, kept)
                remove_checkpoints(weights, trial)
    return kept


def run_afresh(trial: Trial, data_dir: Path | str | None = None, weights: Path | None = None) -> Run:
    """Carry out a trial, whatever is kept of it; a vote ends with no weights of its own."""
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.perf_counter()
    own.check(trial)
    check_device(trial.device)
    # The kernels that it names: they are loaded, and named by their instruction set in the result.
    kernels = dispatch.require(trial.provider) + (", fused" if trial.fuses else "")
    # Here and not behind the training: nothing that can fail stands between it and its result.
    facts = provenance()
    if trial.parallel != "none":
        facts["processes"] = str(current().size)
    if isinstance(trial, OwnTrial):
        check_identity(trial)
        if current().size > 1:
            raise ConfigError("a model of your own is trained by one process; start it without torchrun")
        checkpoints = open_checkpoints(weights, trial, trial.dataset)
        fields, weights_at_end, content = run_own(trial, data_dir, checkpoints)
        where_from = _where_from(facts, content, started, clock, kernels=kernels, **describe_resumption(checkpoints))
        return Run(Result(trial=trial, **fields, provenance=where_from), weights_at_end)
    data = datasets.load(trial.dataset, data_dir)
    check_identity(trial)
    content = f"{data.name} {datasets.digest(data)}"
    used = {"kernels": kernels, **_describe_library(trial.network)}
    if trial.pretrained:
        used["pretrained"] = pretrained.get(trial.pretrained).resource.file
    if trial.adapter is not None:
        used["adapter"] = f"peft {load_peft().__version__}"
    needed = [run_once(ancestor, data_dir, weights) for ancestor in trial.ancestors]
    checkpoints = open_checkpoints(weights, trial, datasets.digest(data))
    outcome: dict[str, Any]
    end: Weights
    if any(run.result.status == "diverged" for run in needed):
        outcome, end = {"status": "diverged", "epochs": [], "parameters": 0, "activation_parameters": 0}, {}
    elif trial.together:
        ((outcome, end),) = train_together([trial], data)
    elif trial.vote:
        outcome, end = take_vote(trial, data, needed), {}
    elif trial.pretrained is not None:
        outcome, end = train_network(trial, data, pretrained.load(trial.pretrained, data_dir), checkpoints)
    else:
        outcome, end = train_network(trial, data, needed[0].weights if needed else None, checkpoints)
    where_from = _where_from(facts, content, started, clock, **used, **describe_resumption(checkpoints))
    return Run(Result(trial=trial, **outcome, provenance=where_from), end)


def run_together(trials: Sequence[Trial], data_dir: Path | str | None = None) -> list[Result]:
    """Carry out trials that are one computation; each has the bits that it has alone.

    Args:
        trials: of one company: they differ in their seeds alone.
        data_dir: where data sets lie.

    Raises:
        RectifiersError: as for `run_trial`; ConfigError if they are not of one company.
    """
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.perf_counter()
    first = trials[0]
    own.check(first)
    check_device(first.device)
    facts = provenance()
    data = datasets.load(first.dataset, data_dir)
    check_identity(first)
    outcomes = train_together(trials, data)
    content = f"{data.name} {datasets.digest(data)}"
    where_from = _where_from(facts, content, started, clock, together=f"{len(trials)} trials in these seconds")
    return [
        Result(trial=trial, **outcome, provenance=where_from)
        for trial, (outcome, _) in zip(trials, outcomes, strict=True)
    ]


def _where_from(
    facts: Mapping[str, str], data: str, started: datetime.datetime, clock: float, **used: str
) -> dict[str, Any]:
    """The provenance of a result."""
    return {
        **facts,
        "data": data,
        **used,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
    }


def _describe_library(network: str) -> dict[str, str]:
    """The library that a network comes from, with its version, as the result keeps it; nothing for others."""
    library = outside.get(network).library if networks.is_outside(network) else ""
    return {"network": library} if library else {}
