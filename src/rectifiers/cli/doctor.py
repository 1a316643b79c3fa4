"""`rectifiers doctor`: what the activations of a model of the user's own do, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError, DataError, ShapeError
from .factory import build_model
from .options import DATA, DataOption, JsonOption
from .output import print_json, save

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..analysis.doctor.diagnosis import Diagnosis
    from ..analysis.inside.parameters import ParameterHistogram
    from ..datasets.examples import Examples


def diagnose_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE.MODULE:FACTORY",
            help="What makes the model, called without arguments; found from the working directory, too.",
            show_default=False,
        ),
    ],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Its weights, a .safetensors file.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="A folder of pictures in a folder per class, or a data set's name, such as cifar10 or npz:PATH.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="SIZES",
            help="Shape of an input of random numbers, where there are no data; one for each argument.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which examples: train or test.")] = "train",
    normalise: Annotated[
        str, typer.Option("--normalise", help="What the model was trained with: standard, unit, cifar10, imagenet, ….")
    ] = "standard",
    batch_size: Annotated[int, typer.Option("--batch-size", help="Examples per batch.", min=1)] = 64,
    batches: Annotated[
        int | None, typer.Option("--batches", help="Batches to look at; all by default.", min=1, show_default=False)
    ] = None,
    data_dir: DataOption = DATA,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write: .html, .json or .csv, by its ending.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find dead units, linear layers and vanishing gradients in a model, and the swap that helps."""
    if output is not None and output.suffix not in (".html", ".json", ".csv"):
        raise ConfigError(f"--output must end in .html, .json or .csv, got {output}")
    if data is None and not inputs:
        raise ConfigError("give --data, for real examples, or --input, for random numbers")
    shapes = [_shape(text) for text in inputs or ()]

    import torch

    from ..analysis import diagnose, parameter_histograms
    from ..analysis.doctor.advice import Command
    from ..analysis.inside.parameters import learned

    # A model without weights of its own is the same in every call, and so are the figures.
    torch.manual_seed(0)
    subject = build_model(model)
    if weights is not None:
        _load(subject, weights)
    if data is None:
        diagnosis = diagnose(subject, [_noise(shapes)]).with_note(
            "random numbers were looked at, no data: give --data for figures that mean something"
        )
    else:
        examples = _examples(data, data_dir, split)
        if shapes and shapes != [(shapes[0][0], *examples.shape)]:
            raise ShapeError(
                f"--input {', '.join(inputs or ())} does not fit the data, whose examples are of shape "
                f"{'×'.join(map(str, examples.shape))}; leave it out, or resize the data"
            )
        shapes = [(1, *examples.shape)]
        diagnosis = diagnose(subject, _Batches(examples, normalise, batch_size), batches=batches)
    diagnosis = diagnosis.with_command(Command(model, tuple(shapes), str(weights or "")))
    if output is not None:
        _write(diagnosis, output, parameter_histograms(subject) if any(True for _ in learned(subject)) else [])
    if as_json:
        print_json(diagnosis.to_dict())
        return
    print(diagnosis)
    if output is not None:
        print(f"\nReport: {output}")


class _Batches:
    """Batches of a split in its own order, with labels or masks."""

    def __init__(self, examples: Examples, normalise: str, size: int) -> None:
        self.examples, self.size = examples, size
        self.numbers = examples.numbers(normalise)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.examples.targets), self.size):
            run = slice(start, start + self.size)
            yield self.numbers(self.examples.take(run)), self.examples.targets[run]


def _examples(data: str, data_dir: Path, split: str) -> Examples:
    """The examples of a data set, or of a folder of pictures."""
    from .. import datasets

    if split not in ("train", "test"):
        raise ConfigError(f"--split must be train or test, got {split!r}")
    dataset = datasets.load(f"folder:{data}" if Path(data).exists() else data, data_dir)
    return dataset.train if split == "train" else dataset.test


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ConfigError(f"--input needs sizes with commas, such as 64,3,32,32, got {text!r}")
    return tuple(map(int, text.split(",")))


def _noise(shapes: list[tuple[int, ...]]) -> tuple[Tensor, ...]:
    """A batch of normal numbers."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def _load(model: nn.Module, path: Path) -> None:
    """Put weights into a model.

    Raises:
        DataError: the file is not there, or is no safetensors file.
        ConfigError: the weights are another model's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {path}: {error}; expected a .safetensors file") from None
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(f"{path} does not fit {type(model).__name__}: {error}") from None


def _write(diagnosis: Diagnosis, path: Path, histograms: list[ParameterHistogram]) -> None:
    if path.suffix == ".html":
        from ..report.doctor import write_diagnosis

        write_diagnosis(diagnosis, path, histograms=histograms)
    else:
        save(path, diagnosis.to_json() if path.suffix == ".json" else diagnosis.to_csv())
