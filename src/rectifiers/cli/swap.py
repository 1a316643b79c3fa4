"""`rectifiers swap`: another activation into a model of the user's own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError
from ..core.wording import finite
from . import completion
from .inputs import make_inputs, parse_sizes
from .options import (
    DtypeOption,
    InputsOption,
    JsonOption,
    ModelArgument,
    OwnOption,
    SwapSettingsOption,
    WhereOption,
    read_folder,
    split_settings,
    use_own,
)
from .output import print_json, spell_options, width

if TYPE_CHECKING:
    from rich.table import Table as Grid

    from ..surgery.plan import SwapPlan


def swap_activations(
    model: ModelArgument,
    to: Annotated[
        str,
        typer.Option("--to", help="The activation to put in.", autocompletion=completion.activations),
    ],
    inputs: InputsOption,
    dtype: DtypeOption = "float",
    where: WhereOption = "all",
    from_: Annotated[str, typer.Option("--from", help="Kinds to replace, separated by commas.")] = "relu",
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            help="Where it starts: published, relu, was (fitted to what was there), or added (to what was there, which "
            "stays). By default, in place of a ReLU "
            "at ReLU, and in place of others at what was there if it comes near.",
            show_default=False,
        ),
    ] = None,
    settings: SwapSettingsOption = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", help="Weights of the unswapped model, a .safetensors, .pt or .pth file.", show_default=False
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Folder for the swapped model: weights and plan.",
            parser=read_folder("--save"),
            show_default=False,
        ),
    ] = None,
    own: OwnOption = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Say what would happen, and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put another activation into a model, and show what changes and whether the outputs stay."""
    if plan_only and target is not None:
        raise ConfigError("--plan-only changes nothing, so there is nothing to --save; leave one of them out")
    use_own(own)
    shapes, chosen = [parse_sizes(text) for text in inputs], read_settings(settings)

    import torch

    from ..core.factory import build_model
    from ..surgery import plan_swap, swap
    from ..surgery.carry import saving
    from ..surgery.weights_file import read_weights
    from ..surgery.where import parse_where

    choices = {"where": parse_where(where), "from_": tuple(from_.split(",")), "start": start, **chosen}
    example = make_inputs(shapes, dtype)

    # A model without weights of its own is the same in every call, and so are the figures of the check.
    torch.manual_seed(0)
    subject = build_model(model)
    if weights is not None:
        saving.load_strictly(subject, read_weights(weights).tensors, str(weights))
    if plan_only:
        plan, check = plan_swap(subject, to, example=example, **choices), None
    else:
        report = swap(subject, to, example=example, **choices)
        plan, check = report.plan, report.check
    if target is not None:
        saving.save(subject, target)
    if as_json:
        # Why outputs are not comparable is said only where some are not.
        facts = None if check is None else {name: fact for name, fact in asdict(check).items() if fact != ""}
        print_json(
            {
                "plan": json.loads(plan.to_json()),
                "check": finite(facts),
                "saved": None if target is None else str(target),
            }
        )
        return
    print_plan(plan)
    if not plan_only:
        print(check or "outputs on the example: not compared")
    if target is not None:
        print(f"saved: {target}")


def print_plan(plan: SwapPlan) -> None:
    """Print a plan as a table as wide as the terminal, with what stays as it is, and the sum."""
    from rich.console import Console

    Console(width=width(), highlight=False).print(_grid(plan))
    print(spell_options("\n".join(["", *plan.remarks(), plan.summary()])))


def _grid(plan: SwapPlan) -> Grid:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    heading, *rows = plan.rows()
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in heading:
        right = name in ("channels", "parameters")
        grid.add_column(Text(name), justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def read_settings(settings: Sequence[str] | None) -> dict[str, Any]:
    """The settings as keyword arguments, but for those that have an option of their own or make no sense here."""
    from ..surgery import plan_swap, swap

    own = {"model", "to", "example", "where", "from_", "start"}
    elsewhere = set(inspect.signature(swap).parameters) - set(inspect.signature(plan_swap).parameters)
    chosen = split_settings(settings, "share=layer")
    for key in chosen:
        if key in own:
            raise ConfigError(f"--set cannot change {key}, which has an option or argument of its own")
        if key == "loader":
            raise ConfigError("--set cannot give a loader; use rectifiers.swap for it")
        if key in elsewhere:
            raise ConfigError(f"--set cannot change {key}, which concerns training; use rectifiers.swap for it")
    return chosen
