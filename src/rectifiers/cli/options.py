"""Arguments and options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError
from ..core.files import check_folder
from ..core.reading import parse_json
from ..core.wording import read_duration
from . import completion
from .output import reserve_stdout

if TYPE_CHECKING:
    from ..lab import Own


def read_count(least: int = 1) -> Callable[[typer.CallbackParam, str | int | None], int | None]:
    """The callback of an option that is a whole number: it reads the text, and refuses what is none or too small.

    To be given beside `parser=str`, else the option's own type refuses first, without saying what it got.
    """

    def read(option: typer.CallbackParam, value: str | int | None) -> int | None:
        if value is None:
            return None
        name = option.opts[0]
        try:
            count = int(value)
        except ValueError:
            raise ConfigError(f"{name} must be a whole number, got {value!r}") from None
        if count < least:
            raise ConfigError(f"{name} must be at least {least}, got {count}")
        return count

    return read


def read_workers(option: typer.CallbackParam, value: str | None) -> Any:
    """The callback of `--workers`: a number, or `auto`."""
    try:
        return value if value == "auto" else read_count()(option, value)
    except ConfigError as error:
        raise ConfigError(f"{error}; write a number, or auto") from None


def _check_folder(option: typer.CallbackParam, value: Path) -> Path:
    return check_folder(value, option.opts[0])


def read_folder(option: str) -> Callable[[str], Path]:
    """The parser of an option that names a folder; an empty text is refused, which a path takes for the current one."""

    def read(text: str) -> Path:
        if not str(text):
            raise ConfigError(f"{option} needs a folder, got ''; write . for the working directory")
        return Path(text)

    return read


def input_option(help_: str) -> Any:
    """`--input SIZES`, which may be repeated, with what it is for."""
    return typer.Option("--input", metavar="SIZES", help=help_, show_default=False)


ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="PACKAGE.MODULE:FACTORY",
        help="A model, or a function without arguments that makes one. Modules in the working directory are found.",
        show_default=False,
    ),
]
InputsOption = Annotated[list[str], input_option("Shape of an input, such as 8,3,224,224; one for each argument.")]
DtypeOption = Annotated[
    str, typer.Option("--input-dtype", help="Dtype of the inputs, such as long; floats get the dtype of the model.")
]
WhereOption = Annotated[
    str,
    typer.Option(
        "--where",
        help="At which sites: all, first, last, R1 (the first stage), R2 (the last stage), stage:N, a name, a number, "
        "START:STOP, /pattern/, or several with commas between them.",
    ),
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="Kinds of activation to replace, separated by commas. By default ReLU, or what the model has instead.",
        show_default=False,
    ),
]
SwapSettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the activation or the swap, such as share=layer or cap=drop; may be repeated.",
        show_default=False,
    ),
]
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
        help="Size of the experiment: smoke (seconds), pocket (minutes) or paper (as published). By default pocket, if "
        "there is one.",
        show_default=False,
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        help="Number of seeds, instead of the preset's.",
        parser=str,
        callback=read_count(),
        show_default=False,
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
KernelsOption = Annotated[
    str | None,
    typer.Option(
        "--kernels",
        metavar="cpu-fused|cpu|triton|reference",
        help="What computes the functions. By default what existing runs used; otherwise, on a CPU, the fast C++ "
        "kernels.",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    Any,
    typer.Option(
        "--workers",
        metavar="N",
        help="How many runs at a time. By default as many as there are cores for; auto finds the number that gets most "
        "done.",
        parser=str,
        callback=read_workers,
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        help="Threads of PyTorch for each model or run.",
        parser=str,
        callback=read_count(),
        show_default=False,
    ),
]
DataOption = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        envvar="RECTIFIERS_DATA",
        help="Folder with the files of the data sets.",
        parser=read_folder("--data-dir"),
        callback=_check_folder,
    ),
]
ResultsOption = Annotated[
    Path,
    typer.Option(
        "--results",
        metavar="FOLDER",
        envvar="RECTIFIERS_RESULTS",
        help="Folder that holds the runs.",
        parser=read_folder("--results"),
        callback=_check_folder,
    ),
]
OwnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="FILE.py:NAME",
        help="An activation of your own to add; or a network, data set, augmentation or optimizer of your own, which "
        "can then be chosen by its name. May be repeated.",
        show_default=False,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="LABEL",
        help="Limit the table to this row or column, by its label; may be repeated.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", callback=reserve_stdout)]

DATA = Path("data")
RESULTS = Path("runs")


def use_own(references: Sequence[str] | None) -> list[Own]:
    """Make known what `--with` was given, for a verb that takes things by name.

    Raises:
        RectifiersError: a file cannot be used.
    """
    if not references:
        return []
    from ..lab import use

    return [use(reference) for reference in references]


def read_settings(settings: Sequence[str] | None, kernels: str | None) -> dict[str, Any]:
    """What `--set` and `--kernels` were given, as settings by name.

    Raises:
        ConfigError: both name kernels, or there is no equals sign.
    """
    chosen = split_settings(settings)
    if kernels is None:
        return chosen
    if "kernels" in chosen:
        raise ConfigError(
            f"kernels are given twice: --kernels {kernels} and --set kernels={chosen['kernels']}; leave one out"
        )
    return {**chosen, "kernels": kernels}


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
    for key, text in split_texts("--set", settings, example).items():
        try:
            values[key] = parse_json(text)
        except ValueError:
            values[key] = text
    return values


def split_texts(option: str, given: Sequence[str] | None, example: str) -> dict[str, str]:
    """What an option that may be repeated was given, as texts by key.

    Args:
        option: its name.
        given: what the user wrote, each KEY=VALUE.
        example: a right one, for the error.

    Raises:
        ConfigError: there is no equals sign, or no key before it; or a key is given twice.
    """
    values: dict[str, str] = {}
    for one in given or ():
        key, equals, text = one.partition("=")
        if not (equals and key.strip()):
            raise ConfigError(f"{option} needs KEY=VALUE, such as {example}, got {one!r}")
        if key in values:
            raise ConfigError(f"{key} is given twice: {option} {key}={values[key]} and {option} {one}; leave one out")
        values[key] = text
    return values


def read_time(option: typer.CallbackParam, value: str | float | None) -> float | None:
    """The callback of an option that is a duration, such as `90s`, `30m` or `4h`, in seconds; beside `parser=str`."""
    if value is None or isinstance(value, float):
        return value
    seconds = read_duration(value)
    if not seconds:
        raise ConfigError(f"{option.opts[0]} must be a time such as 90s, 30m or 4h, got {value!r}")
    return seconds
