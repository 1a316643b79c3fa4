"""What a swap will do: for a reader, site by site; for a machine, edit by edit. Written to JSON and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import ConfigError
from .changes import Change, Left
from .edits import Distribute, Edit, Intercept, Replace, Undo
from .fold import Fold
from .guard import inside, unwrap

VERSION = 1
EDITS: dict[str, type[Edit]] = {edit.kind: edit for edit in (Replace, Distribute, Intercept, Fold)}


@dataclass(frozen=True)
class Plan:
    """What a swap does to one model, or to any other of the same structure.

    Args:
        model: class of the model that it was made for.
        to: what is put in.
        changes: what happens, site by site in forward order.
        left: sites that were asked for and stay what they are.
        edits: what is done, in order.
        notes: what else there is to know.
    """

    model: str
    to: str
    changes: tuple[Change, ...]
    left: tuple[Left, ...]
    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """How many parameters are added."""
        return sum(change.parameters for change in self.changes)

    def apply(self, model: nn.Module) -> Applied:
        """Do it to `model`, wholly or, if an edit fails, not at all.

        Raises:
            ConfigError: the model is not of the structure that the plan was made for.
        """
        inner = unwrap(model)
        applied = Applied(inner, self)
        try:
            # Parameters made in inference mode could never be trained.
            with torch.inference_mode(False):
                for edit in self.edits:
                    applied.undos.append(edit.apply(inner))
        except BaseException:
            applied.revert()
            raise
        history(inner).append(self)
        return applied

    def to_json(self) -> str:
        """The plan as JSON text.

        Raises:
            ConfigError: it puts in a function without a name.
        """
        data = {
            "version": VERSION,
            "model": self.model,
            "to": self.to,
            "changes": [asdict(change) for change in self.changes],
            "left": [asdict(left) for left in self.left],
            "notes": list(self.notes),
            "edits": [{"kind": edit.kind, **edit.to_json()} for edit in self.edits],
        }
        return json.dumps(data, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote.

        Raises:
            ConfigError: the text is no plan, or one of a later version.
        """
        try:
            data = json.loads(text)
            version = data["version"]
        except (ValueError, TypeError, KeyError):
            raise ConfigError("this is not a plan: expected the JSON text that Plan.to_json writes") from None
        if version != VERSION:
            raise ConfigError(f"the plan is of version {version}; this release of rectifiers reads version {VERSION}")
        try:
            return cls._from_data(data)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"the plan is damaged: {type(error).__name__} {error}") from None

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> Plan:
        return cls(
            model=data["model"],
            to=data["to"],
            changes=tuple(Change(**{**row, "shape": tuple(row["shape"])}) for row in data["changes"]),
            left=tuple(Left(**row) for row in data["left"]),
            edits=tuple(EDITS[row["kind"]].from_json(row) for row in data["edits"]),
            notes=tuple(data["notes"]),
        )

    def save(self, path: str | Path) -> None:
        """Write the JSON text to a file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    def __str__(self) -> str:
        """A table of the changes, what stays, and the sum."""
        rows = [("site", "was", "becomes", "shape", "channels", "parameters", "start")]
        rows += [
            (c.site, c.was, c.becomes, "×".join(map(str, c.shape)), str(c.channels), f"+{c.parameters:,}", c.start)
            for c in self.changes
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"{change.site}: {change.note}" for change in self.changes if change.note]
        lines += [f"left as it is: {left.site} ({left.was}): {left.reason}" for left in self.left]
        lines += self.notes
        lines.append(f"{self.model}: {len(self.changes)} sites → {self.to}, {self.parameters:+,} parameters")
        return "\n".join(lines)


@dataclass
class Applied:
    """A plan that has been carried out."""

    model: nn.Module
    plan: Plan
    undos: list[Undo] = field(default_factory=list)

    def revert(self) -> None:
        """Undo all edits, the last first; the second call does nothing.

        Raises:
            ConfigError: a later swap stands on this one.
        """
        plans = history(self.model)
        if any(plan is self.plan for plan in plans[:-1]):
            raise ConfigError("a later swap stands on this one; revert that one first")
        while self.undos:
            self.undos.pop()()
        if plans and plans[-1] is self.plan:
            plans.pop()


_HISTORY = "_rectifiers_plans"


def history(model: nn.Module) -> list[Plan]:
    """The plans carried out on `model` and not undone, first to last; the list itself, which travels with the model."""
    plans: list[Plan] = inside(model).__dict__.setdefault(_HISTORY, [])
    return plans
