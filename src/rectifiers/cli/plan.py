"""`rectifiers plan`: what a run will take, before it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .duration import duration
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
    from ..experiments.trial import Trial


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
    from .preflight import check_names
    from .selection import select

    selection = select(experiment, preset, seeds, settings)
    check_names(selection.trials)
    done = selection.done(results)
    to_do = [trial for trial in selection.trials if trial not in done]
    data = _data(selection.trials, data_dir)
    ready = all(item["ready"] for item in data)
    count = min(workers or os.cpu_count() or 1, max(1, len(to_do)))
    plan: dict[str, Any] = {
        "experiment": selection.experiment.name,
        "preset": selection.preset,
        "note": selection.experiment.preset(selection.preset).note,
        "comparable": selection.experiment.preset(selection.preset).comparable,
        "trainings": len(selection.trials),
        "done": len(done),
        "to_do": len(to_do),
        "workers": count,
        "data": data,
        "deviations": list(selection.experiment.deviations),
        "costs": None,
        "seconds": None,
    }
    if ready:
        plan["costs"], seconds = _costs(to_do, data_dir)
        # The longest training is the least there is, however many workers.
        plan["seconds"] = max(sum(seconds) / count, max(seconds, default=0.0))
    if as_json:
        print_json(plan)
    else:
        print("\n".join([selection.heading, *_lines(plan)]))


def _data(trials: Sequence[Trial], data_dir: Path) -> list[dict[str, Any]]:
    """Each data set, and whether its files are there."""
    from .. import datasets

    found = {name: datasets.check(name, data_dir) for name in dict.fromkeys(trial.dataset for trial in trials)}
    return [
        {"name": name, "ready": item.ready, "missing": list(item.missing), "advice": item.advice}
        for name, item in found.items()
    ]


def _costs(trials: Sequence[Trial], data_dir: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """What each combination of network, data and activation costs, and the seconds of each trial."""
    from .. import datasets
    from .cost import Speed, measure

    speeds: dict[tuple[Any, ...], Speed] = {}
    seconds: dict[tuple[Any, ...], list[float]] = {}
    for trial in trials:
        data = datasets.load(trial.dataset, data_dir)
        key = (trial.network, trial.dataset, trial.activation, trial.batch_size, trial.device, trial.threads)
        if key not in speeds:
            speeds[key] = measure(trial, data)
        seconds.setdefault(key, []).append(speeds[key].seconds(trial, data))
    costs = [
        {
            "network": key[0],
            "dataset": key[1],
            "activation": key[2],
            "batch_size": key[3],
            "step_seconds": speed.step,
            "trainings": len(seconds[key]),
            "training_seconds": sum(seconds[key]) / len(seconds[key]),
        }
        for key, speed in speeds.items()
    ]
    return costs, [value for values in seconds.values() for value in values]


def _lines(plan: dict[str, Any]) -> list[str]:
    lines = [f"trainings  {plan['trainings']}: {plan['done']} done, {plan['to_do']} to do"]
    for item in plan["data"]:
        state = "ready" if item["ready"] else f"missing {', '.join(item['missing'])}; {item['advice']}"
        lines.append(f"data       {item['name']}: {state}")
    if plan["seconds"] is None:
        lines.append("time       can be measured when the data are there")
    elif plan["to_do"]:
        for pair in dict.fromkeys((cost["network"], cost["dataset"]) for cost in plan["costs"]):
            costs = [cost for cost in plan["costs"] if (cost["network"], cost["dataset"]) == pair]
            step, training = (_span([cost[key] for cost in costs]) for key in ("step_seconds", "training_seconds"))
            lines.append(f"cost       {pair[0]} on {pair[1]}: {step} a step, {training} a training, by activation")
        workers = "1 worker" if plan["workers"] == 1 else f"{plan['workers']} workers"
        lines.append(f"time       about {duration(plan['seconds'])} with {workers}, measured on a few steps of each")
    heading = "deviations and assumptions" if plan["deviations"] else ""
    return [*lines, *filter(None, [heading]), *(f"  - {text}" for text in plan["deviations"])]


def _span(seconds: Sequence[float]) -> str:
    low, high = duration(min(seconds)), duration(max(seconds))
    return low if low == high else f"{low} to {high}"
