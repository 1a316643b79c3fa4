"""Arguments and options that several verbs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import ConfigError
from . import completion


def _at_least_one(option: typer.CallbackParam, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ConfigError(f"--{option.name} must be at least 1, got {value}")
    return value


ExperimentArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="A name from `rectifiers list experiments`, or a .toml file of your own.",
        autocompletion=completion.experiments,
        show_default=False,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="Size of the experiment: smoke, pocket or paper; pocket by default, if it has one.",
        show_default=False,
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        "--seeds", help="Number of seeds, in place of the preset's.", callback=_at_least_one, show_default=False
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of all runs, such as epochs=5, device=cuda or milestones=[5,8]; may be repeated.",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", help="Runs at a time; one per core by default.", callback=_at_least_one, show_default=False
    ),
]
DataOption = Annotated[
    Path, typer.Option("--data-dir", envvar="RECTIFIERS_DATA", help="Folder with the files of the data sets.")
]
ResultsOption = Annotated[
    Path, typer.Option("--results", envvar="RECTIFIERS_RESULTS", help="Folder that holds the runs.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

DATA = Path("data")
RESULTS = Path("runs")


def split_settings(settings: Sequence[str] | None, example: str = "epochs=5") -> dict[str, Any]:
    """What `--set` was given, as values by key: JSON where the text is JSON, text otherwise.

    Args:
        settings: what the user wrote, each KEY=VALUE.
        example: a right one, for the error.

    Raises:
        ConfigError: there is no equals sign.

    Example:
        >>> split_settings(["epochs=5", "device=cuda"])
        {'epochs': 5, 'device': 'cuda'}
    """
    values: dict[str, Any] = {}
    for setting in settings or ():
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set needs KEY=VALUE, got {setting!r}; write --set {example}, say")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
