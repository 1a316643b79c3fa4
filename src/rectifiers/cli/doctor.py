"""`rectifiers doctor`: what the activations of a model of the user's own do, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError, ShapeError
from ..core.files import check_file
from .inputs import make_inputs, parse_sizes
from .options import DATA, DataOption, JsonOption, ModelArgument, OwnOption, input_option, read_count, use_own
from .output import print_json

if TYPE_CHECKING:
    from ..analysis.doctor.diagnosis import Diagnosis
    from ..analysis.inside.parameters import ParameterHistogram
    from ..datasets.examples import Examples


def diagnose_model(
    model: ModelArgument,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Its weights: a .safetensors, .pt or .pth file.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="A folder with one folder of pictures per class, or the name of a data set, such as cifar10.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        input_option("Shape of an input of random numbers, instead of data; one for each argument."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which examples: train or test.")] = "train",
    normalise: Annotated[
        str,
        typer.Option(
            "--normalise", help="Normalisation that the model was trained with: standard, unit, cifar10, imagenet, …."
        ),
    ] = "standard",
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", metavar="N", help="Examples per batch.", parser=str, callback=read_count()),
    ] = 64,
    batches: Annotated[
        int | None,
        typer.Option(
            "--batches",
            metavar="N",
            help="How many batches to look at; all by default.",
            parser=str,
            callback=read_count(),
            show_default=False,
        ),
    ] = None,
    ranks: Annotated[
        bool,
        typer.Option("--ranks", help="Compute the ranks of the activations' outputs too, for --json and --output."),
    ] = False,
    own: OwnOption = None,
    data_dir: DataOption = DATA,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write: .html, .json or .csv, by its ending.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find dead units, linear layers and vanishing gradients in a model, and the swap that helps."""
    if output is not None:
        if output.suffix not in (".html", ".json", ".csv"):
            raise ConfigError(f"--output must end in .html, .json or .csv, got {output}")
        check_file(output)
    if data is None and not inputs:
        raise ConfigError("give --data, for real examples, or --input, for random numbers")
    asked = {
        "--split": split != "train",
        "--normalise": normalise != "standard",
        "--batch-size": batch_size != 64,
        "--batches": batches is not None,
    }
    for option, given in asked.items():
        if data is None and given:
            raise ConfigError(f"{option} is for --data, which was not given; leave it out, or give --data")
    use_own(own)
    shapes = [parse_sizes(text) for text in inputs or ()]

    import torch

    from ..analysis import diagnose, parameter_histograms
    from ..analysis.doctor.advice import Command
    from ..core.factory import build_model
    from ..core.learned import learned_values
    from ..surgery.carry import saving
    from ..surgery.weights_file import read_weights
    from ..training.batches import Batches

    # A model without weights of its own is the same in every call, and so are the figures.
    torch.manual_seed(0)
    subject = build_model(model)
    if weights is not None:
        saving.load_strictly(subject, read_weights(weights).tensors, str(weights))
    if data is None:
        diagnosis = diagnose(subject, [make_inputs(shapes)], ranks=ranks).with_note(
            "these figures come from random numbers; give --data for figures that mean something"
        )
    else:
        examples, trained_on = _examples(data, data_dir, split)
        if shapes and shapes != [(shapes[0][0], *examples.shape)]:
            raise ShapeError(
                f"--input {', '.join(inputs or ())} does not fit the data, whose examples are of shape "
                f"{'×'.join(map(str, examples.shape))}; leave it out, or resize the data"
            )
        shapes = [(1, *examples.shape)]
        # Whichever examples are looked at, the model has learned those that are measured for it.
        fed = Batches(examples, batch_size, normalise=trained_on.numbers(normalise))
        diagnosis = diagnose(subject, fed, batches=batches, ranks=ranks)
    diagnosis = diagnosis.with_command(Command(model, tuple(shapes), str(weights or "")))
    if output is not None:
        _write(diagnosis, output, parameter_histograms(subject) if any(True for _ in learned_values(subject)) else [])
    if as_json:
        print_json(diagnosis.to_dict())
        return
    print(diagnosis)
    if output is not None:
        print(f"\nReport: {output}")


def _examples(data: str, data_dir: Path, split: str) -> tuple[Examples, Examples]:
    """The examples of a split of a data set, or of a folder of pictures, and those to learn from."""
    from .. import datasets

    if split not in ("train", "test"):
        raise ConfigError(f"--split must be train or test, got {split!r}")
    name = f"folder:{data}" if Path(data).exists() else data
    if name.partition(":")[0] not in datasets.registry:
        raise datasets.nothing_there(data, "data set or folder")
    dataset = datasets.load(name, data_dir)
    return (dataset.train if split == "train" else dataset.test), dataset.train


def _write(diagnosis: Diagnosis, path: Path, histograms: list[ParameterHistogram]) -> None:
    if path.suffix == ".html":
        from ..report.doctor import write_diagnosis

        write_diagnosis(diagnosis, path, histograms=histograms)
    else:
        from ..core.files import write_file

        write_file(path, diagnosis.to_json() if path.suffix == ".json" else diagnosis.to_csv(), make_folder=True)
