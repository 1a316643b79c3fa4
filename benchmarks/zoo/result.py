"""What is known of a model after all steps, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rectifiers.core.files import write_whole

STEPS = ("build", "sites", "exact", "fold", "swap", "size", "generate", "save", "diagnose", "train", "revert")
"""All steps in their order; what they do stands in `checks.py`."""


@dataclass
class Result:
    """What happened to one model.

    Args:
        model: library and name.
        family: heading on the page.
        example: the shapes of the tensors that it was called with, in words.
        sites: how many sites of each kind there are.
        exact: for each function that can equal ReLU, whether the outputs kept their bits.
        added: how many parameters the swap added that all later steps use.
        unread: how many of them are where no output depends on them, as in stages whose values nothing reads.
        left: why sites stayed in that swap, and how many for each reason.
        near: for each kind whose function was fitted, the largest distance from what was there, as a share.
        apart: largest difference of the outputs after that swap, in units of the largest output; None if they were
            not comparable.
        folded: how many ReLUs ConvReLU moved into convolutions.
        unfolded: why ReLUs stayed for ConvReLU, and how many for each reason.
        folded_apart: largest difference of the outputs after ConvReLU.
        size: what the other example changed: `size`, `length` or `batch`; empty if there was none.
        passed: the steps that were passed.
        failures: what went wrong, in words, by step.
        skipped: why the model was not examined; empty if it was.
        seconds: processor time of all steps.
    """

    model: str
    family: str
    example: str = ""
    sites: dict[str, int] = field(default_factory=dict)
    exact: dict[str, bool] = field(default_factory=dict)
    added: int = 0
    unread: int = 0
    left: dict[str, int] = field(default_factory=dict)
    near: dict[str, float] = field(default_factory=dict)
    apart: float | None = None
    folded: int = 0
    unfolded: dict[str, int] = field(default_factory=dict)
    folded_apart: float = 0.0
    size: str = ""
    passed: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    skipped: str = ""
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        """Whether the model was examined and passed every step."""
        return not self.failures and not self.skipped

    @property
    def rectified(self) -> bool:
        """Whether it has a ReLU, with or without a cap."""
        return bool(self.sites.keys() & {"relu", "relu6"})


@dataclass
class Cost:
    """What planning and applying cost on ResNet-152 with one image of 224 by 224 pixels.

    Args:
        seconds: processor time of a forward pass alone, of planning and of applying: medians of three rounds.
        mebibytes: by how much planning and applying raise the peak memory of forward passes.
    """

    seconds: dict[str, float]
    mebibytes: float


@dataclass
class Zoo:
    """All that is kept in the file.

    Args:
        models: the results by the models' names.
        machine: the processor.
        versions: of the libraries, by their names on the package index.
        missing: libraries that were not installed.
        limits: memory in GiB and processor time in seconds that a model may take.
        date: when a result was added last.
        cost: what planning and applying cost; None until it is measured.
        defined: how many models there are in each library that is installed, by its module.
    """

    models: dict[str, Result] = field(default_factory=dict)
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    date: str = ""
    cost: Cost | None = None
    defined: dict[str, int] = field(default_factory=dict)

    def keep_only(self, library: str, names: Sequence[str]) -> None:
        """Forget the models of a library that are not in the zoo any more, and order the others as they are there."""
        self.defined[library] = len(names)
        others = {name: result for name, result in self.models.items() if not name.startswith(f"{library}/")}
        self.models = others | {name: self.models[name] for name in names if name in self.models}


def read(path: Path) -> Zoo:
    """Read the file; an empty zoo if there is none."""
    if not path.exists():
        return Zoo()
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    results = [Result(**row) for row in data.pop("models")]
    cost = data.pop("cost")
    return Zoo({result.model: result for result in results}, cost=Cost(**cost) if cost else None, **data)


def write(path: Path, zoo: Zoo) -> None:
    """Write the file, a line for each model, without what is empty."""
    head = {name: value for name, value in asdict(zoo).items() if name != "models"}
    rows = [json.dumps(_filled(asdict(result)), ensure_ascii=False) for result in zoo.models.values()]
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    models = ",\n  ".join(rows)
    with write_whole(path) as file:
        file.write_text(
            f'{text},\n "models": [\n  {models}\n ]\n}}\n' if rows else f'{text},\n "models": []\n}}\n', "utf-8"
        )


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value or (name == "apart" and value is not None)}
