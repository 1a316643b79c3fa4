"""`rectifiers plan`: what a run will take, before it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..core.errors import ConfigError
from .options import (
    DATA,
    RESULTS,
    DataOption,
    ExperimentArgument,
    JsonOption,
    KernelsOption,
    OnlyOption,
    OwnOption,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
    read_count,
    read_settings,
)
from .output import print_json


def _read_counts(option: typer.CallbackParam, value: str | None) -> str | None:
    """The callback of `--workers`: it refuses what is no list of numbers with commas between them."""
    for text in () if value is None else value.split(","):
        read_count()(option, text.strip())
    return value


def _read_price(option: typer.CallbackParam, value: str | float | None) -> float | None:
    """The callback of `--price`."""
    if value is None or isinstance(value, float):
        return value
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{option.opts[0]} must be a number such as 2.10, got {value!r}") from None


def plan_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    only: OnlyOption = None,
    workers: Annotated[
        str | None,
        typer.Option(
            "--workers",
            metavar="N[,N…]",
            help="How many runs at a time, or several such numbers, such as 1,8,64,1000. By default as many as there "
            "are cores for.",
            callback=_read_counts,
            show_default=False,
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(
            "--price",
            metavar="AMOUNT",
            help="What an hour of one worker costs, such as 2.10, in any currency.",
            parser=str,
            callback=_read_price,
            show_default=False,
        ),
    ] = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Say what an experiment will take, in runs, hours, gigabytes and money, and whether its data are there."""
    from .. import lab

    plan = lab.plan(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        workers=None if workers is None else [int(text) for text in workers.split(",")],
        price=price,
        data_dir=data_dir,
        results=results,
        own=own or (),
        only=only or (),
    )
    if as_json:
        print_json(plan.to_dict())
    else:
        print(plan)
