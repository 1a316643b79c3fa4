"""`rectifiers.cost`: what activations cost in a model of the user's own, beside the model as it is."""

from __future__ import annotations

import json
import platform
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import torch
from torch import nn

from ..core import notebook
from ..core.checks import check_count
from ..core.errors import ConfigError, RectifiersError, UnsupportedError
from ..core.version import __version__
from ..core.wording import duration, listing, plural
from ..speed.model_cost import ModelCost, measure_models
from ..speed.ways import WAYS, Call, Loss, mean_square
from ..surgery import NothingToSwapError, swap
from ..surgery.edits.recipe import Factory
from ..surgery.select import Where
from ..surgery.usual import kinds_of
from ..surgery.where import parse_where
from ..watching.contents import find_tensors
from ..watching.example import Example, read_example

_EAGER, _COMPILED = ("train", "infer"), ("train_compiled", "infer_compiled")

WIDTH = 100
"""Characters per line of the notes."""

AS_IT_IS = "as it is"
"""Label of the model to which nothing was done."""


@dataclass(frozen=True)
class Costs:
    """What activations cost in one model.

    Args:
        model: its class.
        inputs: shapes of what it was called with.
        device: where it ran.
        threads: PyTorch's.
        rounds: turns of each model in each way.
        rows: the model as it is, then with each of the activations.
        refused: why activations could not be put in, or why a way could not be measured at all, by label and title.
    """

    model: str
    inputs: tuple[tuple[int, ...], ...]
    device: str
    threads: int
    rounds: int
    rows: tuple[ModelCost, ...]
    refused: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The facts as `rectifiers cost --json` prints them: seconds, bytes, and ratios as three quartiles."""
        facts = asdict(self)
        facts["versions"] = {"rectifiers": __version__, "torch": torch.__version__, "python": platform.python_version()}
        return json.loads(json.dumps(facts))  # type: ignore[no-any-return]

    @property
    def heading(self) -> str:
        """The model, what it was called with, and where."""
        inputs = ", ".join("×".join(map(str, shape)) or "a number" for shape in self.inputs)
        return f"{self.model} on {inputs}; {self.device}, {plural(self.threads, 'thread')}"

    @property
    def notes(self) -> list[str]:
        """How to read the numbers, and what could not be measured."""
        lines = [
            f"Times are ratios to the model as it is: median [quartiles] of n = {self.rounds} rounds, in each of which "
            "every model took its turn. Where the quartiles lie on both sides of 1, noise may be all there is.",
            "A training step is forward, backward and a step of SGD. Peaks, as ratios too, are of parameters, inputs "
            "and what PyTorch allocates.",
        ]
        lines += [f"{label}: left out; {reason}" for label, reason in self.refused.items()]
        lines += [
            f"{row.label}, {WAYS[name].title}: not measured; {reason}"
            for row in self.rows
            for name, reason in row.failures.items()
        ]
        return lines

    def grids(self) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        """Yield each table: its titles and its rows, without columns that are empty."""
        first = self.rows[0]
        timed = [name for name in WAYS if any(name in row.times for row in self.rows)]
        for names in (_EAGER, _COMPILED):
            if shown := [name for name in names if name in timed]:
                titles = [WAYS[name].title for name in shown]
                yield ("", *titles), [(row.label, *(_time(row, name, first) for name in shown)) for row in self.rows]
        if shown := [name for name in timed if WAYS[name].exports]:
            titles = [title for name in shown for title in (WAYS[name].title, "size")]
            pairs = [[(_time(row, name, first), _size(row.sizes.get(name))) for name in shown] for row in self.rows]
            yield ("", *titles), [(row.label, *sum(cells, ())) for row, cells in zip(self.rows, pairs, strict=True)]
        shown = [name for name in _EAGER if any(name in row.peaks for row in self.rows)]
        titles = [f"peak, {WAYS[name].title}" for name in shown]
        yield (
            ("", "parameters", *titles),
            [(row.label, _count(row, first), *(_peak(row, name, first) for name in shown)) for row in self.rows],
        )

    def print(self) -> None:
        """Print the tables and notes."""
        print(self)

    def __str__(self) -> str:
        parts = [self.heading]
        for titles, rows in self.grids():
            widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
            parts.append("\n".join(_align(row, widths) for row in (titles, *rows)))
        notes = [textwrap.fill(note, WIDTH, subsequent_indent="  ") for note in self.notes]
        return "\n\n".join([*parts, "\n".join(notes)])

    def _repr_html_(self) -> str:
        tables = [
            notebook.grid(self.heading if place == 0 else "", titles, [[escape(cell) for cell in row] for row in rows])
            for place, (titles, rows) in enumerate(self.grids())
        ]
        return "".join([*tables, notebook.facts("", {}, self.notes)])


def cost(
    model: nn.Module | Callable[[], nn.Module],
    activations: Sequence[str | Factory] | Mapping[str, str | Factory],
    *,
    example: Example,
    where: Where = "all",
    from_: str | Iterable[str] = (),
    loss: Loss = mean_square,
    compiled: bool = True,
    exported: bool = True,
    rounds: int = 15,
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Costs:
    """Measure what activations cost in a model, beside the model as it is: time, memory, parameters, exported size.

    Each activation is put into a copy of the model. All are checked against the eager model and then timed in turns.

    Args:
        model: any module that `rectifiers.swap` takes, or a function that makes one; it is not changed.
        activations: registered names, `NAME@WHERE` to choose sites for one, or functions that make a module for a
            number of channels; as a mapping, by the labels they are to have.
        example: what the model is called with, as in `rectifiers.swap`; its batch size counts.
        where: at which sites, as in `rectifiers.swap`.
        from_: kinds of activation to replace; by default ReLU, or what the model has in its place.
        loss: what training minimises, as a function of the outputs; their mean square by default.
        compiled: measure with `torch.compile` too, which takes a compiler, and a minute for larger models.
        exported: measure what `torch.export` makes, and onnxruntime where it is installed.
        rounds: turns of each; at least 2.
        threads: PyTorch's; as many as it has by default.
        progress: is told what is being prepared.
        **options: of the swap and of the activations, as in `rectifiers.swap`.

    Returns:
        Numbers for each model; `print` shows them.

    Raises:
        ConfigError: there is no activation, the model cannot be run, or memory does not suffice.
        UnknownNameError: an activation is not known.
        NothingToSwapError: the model has no such site.
        UnsupportedError: none of the activations can be put in.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> costs = cost(net, ["arelu", "pvlu"], example=(16, 4), compiled=False, exported=False, rounds=2)
        >>> [(row.label, row.parameters) for row in costs.rows]
        [('as it is', 58), ('arelu', 60), ('pvlu', 74)]
    """
    if check_count("cost", "rounds", rounds) < 2:
        raise ConfigError(f"rounds must be at least 2, for quartiles, got {rounds}")
    if threads is not None:
        check_count("cost", "threads", threads)
    if not callable(model):
        raise ConfigError(f"model must be a module, or a function that makes one, got {model!r}")
    plain = model if isinstance(model, nn.Module) else model()
    if not isinstance(plain, nn.Module):
        raise ConfigError(f"model must be a module, or a function that makes one, got {type(plain).__name__}")
    labelled = _label(activations)
    models: dict[str, nn.Module] = {AS_IT_IS: plain}
    refused: dict[str, RectifiersError] = {}
    replaced = from_ or kinds_of(plain, example)
    for label, to in labelled.items():
        name, sites = _read(to) if isinstance(to, str) else (to, None)
        copy = deepcopy(plain)
        try:
            swap(copy, name, example=example, where=where if sites is None else sites, from_=replaced, **options)
        except (NothingToSwapError, UnsupportedError) as error:
            refused[label] = error
        else:
            models[label] = copy
    if len(models) == 1:
        raise next(iter(refused.values()))
    args, kwargs = read_example(plain, example)
    wanted = {
        name: way for name, way in WAYS.items() if (compiled or not way.compiles) and (exported or not way.exports)
    }
    absent = {
        way.title: f"{listing(way.missing)} not installed: pip install 'rectifiers[{name}]'"
        for name, way in wanted.items()
        if way.missing
    }
    rows = measure_models(
        models,
        Call(args, kwargs, loss),
        ways=[name for name, way in wanted.items() if not way.missing],
        rounds=rounds,
        threads=threads,
        say=progress or (lambda line: None),
    )
    tensors = [tensor for _, tensor in find_tensors([args, kwargs])]
    return Costs(
        model=type(plain).__name__,
        inputs=tuple(tuple(tensor.shape) for tensor in tensors),
        device=str(tensors[0].device) if tensors else "cpu",
        threads=threads or torch.get_num_threads(),
        rounds=rounds,
        rows=rows,
        refused={label: str(error) for label, error in refused.items()} | absent,
    )


def _label(activations: Sequence[str | Factory] | Mapping[str, str | Factory]) -> dict[str, str | Factory]:
    if isinstance(activations, str):
        raise ConfigError(f"activations must be a list, such as [{activations!r}]")
    if isinstance(activations, Mapping):
        labelled = dict(activations)
    else:
        named = [(to if isinstance(to, str) else getattr(to, "__name__", repr(to)), to) for to in activations]
        labelled = dict(named)
        if len(labelled) < len(named):
            raise ConfigError(
                "two activations have the same name; leave one out, or give a mapping from labels to activations"
            )
    if not labelled or AS_IT_IS in labelled:
        raise ConfigError(f"activations must name at least one activation, none of them {AS_IT_IS!r}")
    return labelled


def _read(text: str) -> tuple[str, Where | None]:
    name, at, sites = text.partition("@")
    return name, parse_where(sites) if at else None


def _time(row: ModelCost, name: str, first: ModelCost) -> str:
    time = row.times.get(name)
    if time is None:
        return "–"
    if row is first or name not in first.times:
        return duration(time.seconds) if time.seconds >= 1e-3 else f"{1e6 * time.seconds:.3g} µs"
    low, middle, high = time.ratio
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _count(row: ModelCost, first: ModelCost) -> str:
    return f"{row.parameters:,}" if row is first else f"{row.parameters - first.parameters:+,}"


def _peak(row: ModelCost, name: str, first: ModelCost) -> str:
    if name not in row.peaks:
        return "–"
    if row is first or name not in first.peaks:
        return _size(row.peaks[name])
    return f"{row.peaks[name] / first.peaks[name]:.3f}"


def _size(size: int | None) -> str:
    return "–" if size is None else f"{size / 2**20:.1f} MiB"


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
    return "  ".join([row[0].ljust(widths[0]), *cells[1:]])
