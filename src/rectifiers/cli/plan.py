"""`rectifiers plan`: what a run will take, before it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .duration import duration, span
from .options import (
    DATA,
    RESULTS,
    DataOption,
    ExperimentArgument,
    JsonOption,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
    WorkersOption,
)
from .output import print_json

if TYPE_CHECKING:
    from ..datasets.source import Availability
    from ..experiments.trial import Trial
    from .cost import Speeds
    from .selection import Selection


def plan_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    workers: WorkersOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Tell how many trainings an experiment has, whether the data are there, and how long it will take."""
    from .selection import select

    selection = select(experiment, preset, seeds, settings)
    plan = make_plan(selection, workers=workers, data_dir=data_dir, results=results, speeds={})
    if as_json:
        print_json(plan)
    else:
        print("\n".join([selection.heading, *_lines(plan)]))


def make_plan(
    selection: Selection, *, workers: int | None, data_dir: Path, results: Path, speeds: Speeds
) -> dict[str, Any]:
    """The facts of a plan, as `--json` prints them.

    Args:
        selection: what will run.
        workers: trainings at a time; None for one per core.
        data_dir: where data sets lie.
        results: folder of the runs.
        speeds: kinds of training that were measured before; what is measured now is added.

    Raises:
        RectifiersError: a name that no registry knows, or parts that do not fit together.
    """
    from .preflight import check_names

    done = selection.done(results)
    to_do = [trial for trial in selection.trials if trial not in done]
    before = selection.starts(results)
    check_names([*selection.trials, *before])
    data = _data([*selection.trials, *before], data_dir)
    count = min(workers or os.cpu_count() or 1, max(1, len(to_do)))
    plan: dict[str, Any] = {
        "experiment": selection.experiment.name,
        "preset": selection.preset,
        "note": selection.experiment.preset(selection.preset).note,
        "comparable": selection.experiment.preset(selection.preset).comparable,
        "trainings": len(selection.trials),
        "done": len(done),
        "to_do": len(to_do),
        "started_from": len(before),
        "workers": count,
        "data": data,
        "weights": _weights([*selection.trials, *before], data_dir),
        "deviations": list(selection.experiment.deviations),
        "costs": None,
        "seconds": None,
    }
    stand_ins = {item["name"]: _stand_in(item) for item in data}
    if all(stand_ins.values()):
        plan["costs"], seconds = _costs([*before, *to_do], data_dir, stand_ins, speeds)
        # The longest training is the least there is, however many workers.
        plan["seconds"] = max(sum(seconds) / count, max(seconds, default=0.0))
    return plan


def _data(trials: Sequence[Trial], data_dir: Path) -> list[dict[str, Any]]:
    """Each data set, whether its files are there, and how large they are."""
    from .. import datasets

    described = []
    for name in dict.fromkeys(trial.dataset for trial in trials):
        size = datasets.size(name)
        described.append(_described(name, datasets.check(name, data_dir), size.gigabytes if size else None))
    return described


def _weights(trials: Sequence[Trial], data_dir: Path) -> list[dict[str, Any]]:
    """Published weights that trainings start from, likewise."""
    from ..experiments import pretrained

    names = dict.fromkeys(trial.pretrained for trial in trials if trial.pretrained)
    return [_described(name, pretrained.check(name, data_dir), pretrained.get(name).gigabytes) for name in names]


def _described(name: str, found: Availability, gigabytes: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "ready": found.ready,
        "missing": list(found.missing),
        "advice": found.advice,
        "gigabytes": gigabytes,
    }


def _stand_in(data: dict[str, Any]) -> str:
    """The data set to measure on; empty where there is none."""
    return data["name"] if data["ready"] else f"generated:{data['name']}" if data["gigabytes"] else ""


def _costs(
    trials: Sequence[Trial], data_dir: Path, stand_ins: Mapping[str, str], speeds: Speeds
) -> tuple[list[dict[str, Any]], list[float]]:
    """What each kind of training costs, and the seconds of each trial.

    Args:
        trials: what will run.
        data_dir: where data sets lie.
        stand_ins: data set → the one to measure on.
        speeds: of kinds that were measured before; added to.
    """
    from .. import datasets
    from .cost import SPEED, measure

    groups: dict[tuple[Any, ...], list[Trial]] = {}
    seconds: dict[tuple[Any, ...], list[float]] = {}
    for trial in trials:
        data = datasets.load(stand_ins[trial.dataset], data_dir)
        key = (stand_ins[trial.dataset], *(getattr(trial, field) for field in SPEED))
        if key not in speeds:
            speeds[key] = measure(trial, data)
        size = datasets.size(trial.dataset) if stand_ins[trial.dataset] != trial.dataset else None
        counts = (size.train, size.test) if size else (len(data.train), len(data.test))
        groups.setdefault(key, []).append(trial)
        seconds.setdefault(key, []).append(speeds[key].seconds(trial, *counts))
    costs = [
        {
            "network": first.network,
            "dataset": first.dataset,
            "activation": first.activation,
            "batch_size": first.batch_size,
            "measured_batch": speeds[key].batch,
            "step_seconds": speeds[key].step,
            "trainings": len(seconds[key]),
            "training_seconds": sum(seconds[key]) / len(seconds[key]),
        }
        for key, (first, *_) in groups.items()
    ]
    return costs, [value for values in seconds.values() for value in values]


def _lines(plan: dict[str, Any]) -> list[str]:
    before = f", and {plan['started_from']} that they start from" if plan["started_from"] else ""
    lines = [f"trainings  {plan['trainings']}: {plan['done']} done, {plan['to_do']} to do{before}"]
    for kind in ("data", "weights"):
        for item in plan[kind]:
            state = "ready" if item["ready"] else f"missing {', '.join(item['missing'])}; {item['advice']}"
            size = f", {item['gigabytes']:g} GB" if item["gigabytes"] else ""
            lines.append(f"{kind:<11}{item['name']}{size}: {state}")
    if plan["seconds"] is None:
        lines.append("time       can be measured when the data are there")
    elif plan["to_do"]:
        for pair in dict.fromkeys((cost["network"], cost["dataset"]) for cost in plan["costs"]):
            costs = [cost for cost in plan["costs"] if (cost["network"], cost["dataset"]) == pair]
            step, training = (span([cost[key] for cost in costs]) for key in ("step_seconds", "training_seconds"))
            lines.append(f"cost       {pair[0]} on {pair[1]}: {step} a step, {training} a training, by activation")
        lines += [
            f"memory     {cost['network']} with {cost['activation']}: {cost['batch_size']} examples at a time do not "
            f"fit here, in a run neither; measured on {cost['measured_batch']}"
            for cost in plan["costs"]
            if cost["measured_batch"] < cost["batch_size"]
        ]
        workers = "1 worker" if plan["workers"] == 1 else f"{plan['workers']} workers"
        lines.append(f"time       about {duration(plan['seconds'])} with {workers}, measured on a few steps of each")
        if any(not item["ready"] for item in plan["data"]):
            lines.append("           where data are missing, on noise of their shape; reading the files is not in it")
    heading = "deviations and assumptions" if plan["deviations"] else ""
    return [*lines, *filter(None, [heading]), *(f"  - {text}" for text in plan["deviations"])]
