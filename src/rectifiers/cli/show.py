"""`rectifiers show`: all there is to know of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import ConfigError
from ..lab.describing import describe
from ..lab.kinds import KINDS, find
from . import completion
from .options import DATA, DataOption, JsonOption, OwnOption, use_own
from .output import print_json


def show_thing(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An activation, network, data set or experiment.",
            autocompletion=completion.names,
            show_default=False,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="What it is, if several kinds of things have this name: " + ", ".join(KINDS) + ".",
            autocompletion=completion.kinds,
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw the function and its derivative to a .svg or .png file.", show_default=False),
    ] = None,
    own: OwnOption = None,
    data_dir: DataOption = DATA,
    as_json: JsonOption = False,
) -> None:
    """Show an activation's equation, parameters, paper and curve; or describe a network, data set or experiment."""
    use_own(own)
    kind = find(name, kind)
    if plot is not None:
        if kind != "activations":
            raise ConfigError(f"--plot draws activations; {name!r} is in {kind}")
        from ..core.files import write_file

        write_file(plot, _draw(name, plot.suffix))
    facts = describe(name, kind, data_dir)
    if as_json:
        print_json(facts)
        return
    print(f"{name}: {facts['summary']}\n")
    print("\n".join(_spec_text(facts) if kind == "activations" else _text(facts)))
    if plot is not None:
        print(f"\nplot: {plot}")
    elif kind == "activations":
        from .sketch import sketch

        print(sketch(KINDS[kind].get(name), name))


def _text(facts: dict[str, Any]) -> list[str]:
    """One line per fact that says something, and one per item of a list of long ones."""
    lines = []
    for key, value in facts.items():
        if key in ("name", "summary") or value in (None, "", [], (), {}):
            continue
        label = key.replace("_", " ")
        if isinstance(value, dict):
            lines += [label, *(f"  {name}: {_words(item)}" for name, item in value.items())]
        elif isinstance(value, list | tuple) and any(isinstance(item, dict) or len(str(item)) > 30 for item in value):
            lines += [label, *(f"  - {_words(item)}" for item in value)]
        else:
            lines.append(f"{label}: {_words(value)}")
    return lines


def _spec_text(spec: dict[str, Any]) -> list[str]:
    """The facts of an activation, one line each, those left out that say nothing of it."""
    (low, high), (outputs, inputs) = spec["ranks"], spec["channel_factor"]
    starts = {"exact": "exactly", "nearest": "as near as it comes", "none": "not possible"}
    lines = {
        "equation": spec["equation"],
        "paper": spec["paper"],
        "parameters": "; ".join(map(_parameter, spec["parameters"])) or "none",
        "shared by": spec["share"] if spec["parameters"] else "",
        "starts as ReLU": starts[spec["relu_start"]] if spec["parameters"] else "",
        "kinks": ", ".join(map(_words, spec["kinks"])) or "none",
        "properties": ", ".join(word for word in ("monotone", "invertible", "stochastic") if spec[word]),
        "channels": "" if outputs == inputs else f"{outputs} out for {inputs} in",
        "dimensions": "" if (low, high) == (0, None) else f"{low} or more" if high is None else f"{low} to {high}",
        "kernel": spec["formula"],
        "cannot": "; ".join(f"{what}: {why}" for what, why in spec["unsupported"].items()),
    }
    return [f"{label:<14}  {text}" for label, text in lines.items() if text]


def _parameter(parameter: dict[str, Any]) -> str:
    relu = "" if parameter["relu"] is None else f", ReLU at {_words(parameter['relu'])}"
    return f"{parameter['name']} from {_words(parameter['init'])}{relu}, {parameter['domain']}"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _draw(name: str, suffix: str) -> str | bytes:
    from ..report.figures.canvas import png, standalone
    from ..report.figures.function import function_figure, plot_function

    if suffix.lower() == ".svg":
        return standalone(plot_function(name))
    if suffix.lower() == ".png":
        return png(function_figure(name))
    raise ConfigError(f"--plot writes .svg or .png, got {suffix or 'a name without an ending'!r}")
