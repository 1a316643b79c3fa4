"""`rectifiers compare`: activations in a model of the user's own, on their data or in their training."""

from __future__ import annotations

import inspect
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError
from ..core.files import check_file
from .inputs import make_inputs, parse_sizes
from .options import (
    DATA,
    RESULTS,
    DataOption,
    FromOption,
    JsonOption,
    KernelsOption,
    ModelArgument,
    OwnOption,
    ResultsOption,
    SettingsOption,
    ThreadsOption,
    WhereOption,
    input_option,
    read_count,
    split_settings,
    use_own,
)
from .output import print_json, width

if TYPE_CHECKING:
    from ..experiments.compare.run_plan import ComparisonPlan


def compare_activations(
    model: ModelArgument,
    activations: Annotated[
        list[str],
        typer.Option(
            "--activations",
            "-a",
            metavar="NAME[:KEY=VALUE][@WHERE]",
            help="What to compare with the model as it is, separated by commas, such as arelu,pvlu:start=was@R1; a + "
            "joins swaps that go together. May be repeated.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FOLDER|FILE.npz|NAME|PACKAGE.MODULE:LOADERS",
            help="Data to train on: pictures in a folder per class, arrays in a file, or a data set by name.",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            metavar="PACKAGE.MODULE:TRAIN",
            help="Instead of --data: your own training, train(model, seed, report) -> metrics.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="File of weights that every run starts from: .safetensors, .pt or .pth.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        input_option("Shape of an input of the model, if data or training do not show it; one for each argument."),
    ] = None,
    where: WhereOption = "all",
    from_: FromOption = "",
    start: Annotated[
        str | None,
        typer.Option("--start", help="Where functions start: published, relu, was or added.", show_default=False),
    ] = None,
    finetune: Annotated[
        bool,
        typer.Option("--finetune", help="The model is trained already: freeze it, and train only the new activations."),
    ] = False,
    no_controls: Annotated[
        bool,
        typer.Option("--no-controls", help="With --finetune: leave out the control rows, which train other parts."),
    ] = False,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Runs of each variant; with a budget, how many before the result is first judged.",
            parser=str,
            callback=read_count(),
        ),
    ] = 5,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            metavar="N",
            help="Passes over the data; 10 by default.",
            parser=str,
            callback=read_count(),
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="30m|2h|'60 runs'",
            help="Choose the best variant, then test it on fresh seeds until the verdict is clear or this is spent.",
            show_default=False,
        ),
    ] = None,
    tune_lr: Annotated[
        bool, typer.Option("--tune-lr", help="Choose a learning rate for each variant on validation data.")
    ] = False,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            help="classification, multi-label, pixels, regression or segmentation. By default as the targets suggest.",
            show_default=False,
        ),
    ] = "",
    loss: Annotated[
        str,
        typer.Option(
            "--loss", help="A loss by name, or PACKAGE.MODULE:FUNCTION of outputs and targets.", show_default=False
        ),
    ] = "",
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            help="What to judge by: a metric by name, such as one that --train returns, or PACKAGE.MODULE:FUNCTION of "
            "outputs and targets.",
            show_default=False,
        ),
    ] = "",
    better: Annotated[
        str | None,
        typer.Option("--better", help="Which value of the metric is better: higher or lower.", show_default=False),
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="Unit of the metric, shown in tables.", show_default=False)] = "",
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="The largest difference that does not matter to you.", show_default=False),
    ] = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    no_costs: Annotated[
        bool, typer.Option("--no-costs", help="Do not measure time, memory and exported models.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", metavar="N", help="How many runs at a time.", parser=str, callback=read_count()),
    ] = 1,
    threads: ThreadsOption = None,
    name: Annotated[
        str,
        typer.Option("--name", help="Name for the folder of the runs. By default the model's.", show_default=False),
    ] = "",
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    download: Annotated[bool, typer.Option("--download", help="Fetch data files that are missing.")] = False,
    own: OwnOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML page to write the result to.", show_default=False)
    ] = None,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Say what it will take, and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare activations in a model of your own: would another one help?

    Ctrl-C keeps what has finished, and the same command continues from there.
    """
    if better not in (None, "higher", "lower"):
        raise ConfigError(f"--better must be higher or lower, got {better!r}")
    if bool(data) == bool(train):
        raise ConfigError("give either --data, for the built-in loop, or --train, a training of your own")
    if no_controls and not finetune:
        raise ConfigError("--no-controls leaves out the control rows of --finetune, which was not given; leave it out")
    if output is not None:
        check_file(output)
    use_own(own)
    shapes = [parse_sizes(text) for text in inputs or ()]
    chosen = split_settings(settings)
    if epochs is not None and "epochs" in chosen:
        raise ConfigError(
            f"epochs are given twice: --epochs {epochs} and --set epochs={chosen['epochs']}; leave one out"
        )
    chosen |= {} if epochs is None else {"epochs": epochs}

    from ..experiments.compare.variants import split_variants
    from ..lab.comparing import compare

    not_settings = sorted(set(chosen) & (set(inspect.signature(compare).parameters) - {"settings"}))
    if not_settings:
        raise ConfigError(f"--set cannot change {not_settings[0]}, which has an option of its own")

    example = shapes[0] if len(shapes) == 1 else make_inputs(shapes) if shapes else None

    def stop(plan: ComparisonPlan) -> None:
        if as_json:
            print_json(plan.to_dict())
        else:
            print(plan)
        raise typer.Exit

    try:
        found = compare(
            model,
            activations=[variant for text in activations for variant in split_variants(text)],
            data=data,
            train=train,
            weights=weights,
            example=example,
            where=where,
            from_=from_,
            start=start,
            protocol="finetune" if finetune else "scratch",
            controls=not no_controls,
            seeds=seeds,
            budget=budget,
            tune_lr=tune_lr,
            task=task,
            loss=loss,
            metric=metric,
            better=better,  # type: ignore[arg-type]
            unit=unit,
            margin=margin,
            costs=not no_costs,
            workers=workers,
            threads=threads,
            kernels=kernels,  # type: ignore[arg-type]
            name=name,
            results=results,
            data_dir=data_dir,
            download=download,
            on_plan=stop if plan_only else None,
            **chosen,
        )
    except KeyboardInterrupt:
        again = shlex.join(["rectifiers", *sys.argv[1:]])
        sys.stderr.write(f"stopped: what has finished is kept; continue with\n  {again}\n")
        raise typer.Exit(130) from None
    page = None if output is None else found.report(output)
    if as_json:
        print_json(found.to_dict())
        return
    from rich.console import Console

    from ..report.comparison import render

    Console(width=width(), highlight=False).print(render(found.findings, width()))
    if page is not None:
        print(f"\nReport: {page}")
