"""`rectifiers cost`: what activations cost in a model of the user's own."""

from __future__ import annotations

from typing import Annotated

import typer

from ..core.errors import ConfigError
from . import completion
from .inputs import make_inputs, parse_sizes
from .options import (
    DtypeOption,
    FromOption,
    InputsOption,
    JsonOption,
    ModelArgument,
    OwnOption,
    SwapSettingsOption,
    ThreadsOption,
    WhereOption,
    read_count,
    use_own,
)
from .output import print_json, spell_options
from .swap import read_settings


def cost_model(
    model: ModelArgument,
    activations: Annotated[
        str,
        typer.Option(
            "--activations",
            "-a",
            help="What to put in, separated by commas; NAME@WHERE chooses the sites for one of them.",
            autocompletion=completion.activations,
            show_default=False,
        ),
    ],
    inputs: InputsOption,
    dtype: DtypeOption = "float",
    where: WhereOption = "all",
    from_: FromOption = "",
    settings: SwapSettingsOption = None,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="Measure with torch.compile too; compiling takes a while.")
    ] = True,
    exported: Annotated[
        bool, typer.Option("--export/--no-export", help="Measure torch.export, and onnxruntime if it is installed.")
    ] = True,
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds",
            metavar="N",
            help="How many times each is measured in each way.",
            parser=str,
            callback=read_count(2),
        ),
    ] = 15,
    threads: ThreadsOption = None,
    own: OwnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what activations cost in a model: training step, inference, memory, parameters, export."""
    shapes, names = [parse_sizes(text) for text in inputs], [part.strip() for part in activations.split(",")]
    if not all(names):
        raise ConfigError(f"--activations needs names with commas, such as relu,arelu,pvlu, got {activations!r}")
    use_own(own)
    chosen = read_settings(settings)

    import torch

    from ..core.factory import build_model
    from ..lab.costing import cost
    from ..surgery.where import parse_where

    # A model without weights of its own is the same in every call.
    torch.manual_seed(0)
    costs = cost(
        build_model(model),
        names,
        example=make_inputs(shapes, dtype),
        where=parse_where(where),
        from_=tuple(filter(None, from_.split(","))),
        compiled=compiled,
        exported=exported,
        rounds=rounds,
        threads=threads,
        progress=lambda line: typer.echo(f"measuring {line}", err=True),
        **chosen,
    )
    if as_json:
        print_json(costs.to_dict())
    else:
        print(spell_options(str(costs)))
