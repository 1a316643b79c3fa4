"""`rectifiers plan`: what a run will take, before it runs."""

from __future__ import annotations

from .options import (
    DATA,
    RESULTS,
    DataOption,
    ExperimentArgument,
    JsonOption,
    KernelsOption,
    OwnOption,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
    WorkersOption,
    read_settings,
)
from .output import print_json


def plan_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    workers: WorkersOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Tell how many runs an experiment has, whether the data are there, and how long it will take."""
    from .. import lab

    plan = lab.plan(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        workers=workers,
        data_dir=data_dir,
        results=results,
        own=own or (),
    )
    if as_json:
        print_json(plan.to_dict())
    else:
        print(plan)
