"""Swap plans: what a swap will do, as changes for a reader and edits for a machine, written to JSON and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from ..core import notebook
from ..core.errors import ConfigError
from ..core.files import write_file
from ..core.reading import damage, parse_json
from ..core.wording import plural
from ..watching.wrappers import peel, unwrap
from .carry.configuration import note_in_configuration
from .carry.freezing import Freeze, freeze_weights
from .carry.names import remember_names
from .carry.optimizer import Migration, migrate
from .carry.parameters import compare_parameters, parameter_slots
from .carry.schedules import Schedulers
from .carry.snapshot import take_snapshot
from .carry.structure import remember_structure
from .edits import EDITS, Edit, Undo
from .edits.graph import keep_in_copies
from .edits.references import list_modules, renew_references
from .planning.planned import Change, Left

VERSION = 1


@dataclass(frozen=True)
class SwapPlan:
    """What a swap does to a model, or to any other model of the same structure.

    Args:
        model: class of the model that the plan was made for.
        to: what is put in.
        changes: what happens, site by site in forward order.
        left: sites that were selected and stay what they are.
        edits: what is done, in order.
        notes: what else there is to know, in words.
        written: whether it was read from text, which may be damaged.
    """

    model: str
    to: str
    changes: tuple[Change, ...]
    left: tuple[Left, ...]
    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()
    written: bool = field(default=False, compare=False, repr=False)

    @property
    def parameters(self) -> int:
        """How many parameters are added."""
        return sum(change.parameters for change in self.changes)

    def apply(
        self,
        model: nn.Module,
        *,
        freeze: Freeze | None = None,
        optimizer: Optimizer | None = None,
        scheduler: Schedulers | None = None,
        activation_lr: float | None = None,
        snapshot: bool = False,
    ) -> Applied:
        """Carry out the plan on `model`; if anything fails, the model is left as it was.

        Args:
            model: any model of the structure that the plan was made for.
            freeze: what to freeze, as in `swap`.
            optimizer: the optimizer that goes along, as in `swap`.
            scheduler: its schedules, as in `swap`.
            activation_lr: learning rate of the parameters that are added, as in `swap`.
            snapshot: whether `revert` brings the values back too, as in `swap`.

        Raises:
            ConfigError: the model has another structure than the plan was made for, or what goes along does not fit.
        """
        if optimizer is None and (scheduler is not None or activation_lr is not None):
            raise ConfigError(
                "scheduler and activation_lr need the optimizer that they are for; give it as optimizer=…"
            )
        inner = unwrap(model)
        applied = Applied(inner, self)
        parameters, names = parameter_slots(inner), inner.state_dict(keep_vars=True)
        if snapshot:
            applied.undos.append(take_snapshot(inner, optimizer))
        restore, modules = remember_structure(inner), list_modules(inner)
        try:
            # Parameters made in inference mode could never be trained.
            with torch.inference_mode(False):
                for edit in self.edits:
                    applied.undos.append(self._carry_out(edit, inner))
            applied.undos.append(renew_references(inner, modules))
            applied.undos.append(remember_names(inner, names))
            applied.undos.append(note_in_configuration(inner, self.to_json))
            diff = compare_parameters(parameters, inner, self.edits)
            if freeze is not None:
                applied.undos.append(freeze_weights(inner, freeze, diff.added))
            if optimizer is not None:
                applied.migration = migrate(optimizer, diff, scheduler=scheduler, lr=activation_lr)
                applied.undos.append(applied.migration.undo)
        except BaseException:
            # What an edit has altered before it failed is undone by nothing else.
            applied.revert()
            restore()
            raise
        history(inner).append(self)
        keep_in_copies(inner, _HISTORY)
        return applied

    def _carry_out(self, edit: Edit, model: nn.Module) -> Undo:
        if not self.written:
            return edit.apply(model)
        with damage(f"the plan is damaged: its edit {edit.kind!r} failed", error_class=ConfigError):
            return edit.apply(model)

    def to_json(self) -> str:
        """Return the plan as JSON text.

        Raises:
            ConfigError: the plan puts in a function without a registered name.
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
    def from_json(cls, text: str) -> SwapPlan:
        """Read the plan that `to_json` wrote.

        Raises:
            ConfigError: the text is not a plan, or is a plan of another version.
        """
        try:
            data = parse_json(text)
            version = data["version"]
        except (ValueError, TypeError, KeyError):
            raise ConfigError("this is not a plan; expected the JSON text that SwapPlan.to_json writes") from None
        if version != VERSION:
            raise ConfigError(f"the plan is of version {version}; this release of rectifiers reads version {VERSION}")
        with damage("the plan is damaged", error_class=ConfigError):
            return cls._from_data(data)

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> SwapPlan:
        return cls(
            model=data["model"],
            to=data["to"],
            changes=tuple(Change(**{**row, "shape": tuple(row["shape"])}) for row in data["changes"]),
            left=tuple(Left(**row) for row in data["left"]),
            edits=tuple(EDITS[row["kind"]].from_json(row) for row in data["edits"]),
            notes=tuple(map(str, data["notes"])),
            written=True,
        )

    def save(self, path: str | Path) -> None:
        """Write the JSON text to a file, whole or not at all.

        Raises:
            ConfigError: it cannot be written, or the plan puts in a function without a registered name.
        """
        write_file(Path(path), self.to_json())

    def rows(self) -> list[tuple[str, ...]]:
        """Return the changes as rows of a table, the heading first."""
        return [
            ("site", "was", "becomes", "shape", "channels", "parameters", "start"),
            *(
                (
                    c.site,
                    c.was,
                    c.becomes,
                    "×".join(map(str, c.shape)),
                    str(c.channels),
                    f"{c.parameters:+,}",
                    c.nearness,
                )
                for c in self.changes
            ),
        ]

    def remarks(self) -> list[str]:
        """Return the notes on single sites, the sites that stay, and the plan's own notes, in words."""
        return [
            *(f"{change.site}: {change.note}" for change in self.changes if change.note),
            *(f"left as it is: {left.site} ({left.was}): {left.reason}" for left in self.left),
            *self.notes,
        ]

    def summary(self) -> str:
        """Sum up the plan on one line."""
        return f"{self.model}: {plural(len(self.changes), 'site')} → {self.to}, {self.parameters:+,} parameters"

    def __str__(self) -> str:
        """Return a table of the changes, the remarks, and the summary."""
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *self.remarks(), self.summary()])

    def _repr_html_(self) -> str:
        heading, *rows = self.rows()
        return notebook.grid(self.summary(), heading, [list(map(escape, row)) for row in rows], self.remarks())


@dataclass
class Applied:
    """A swap plan that has been carried out on a model."""

    model: nn.Module
    plan: SwapPlan
    undos: list[Undo] = field(default_factory=list)
    migration: Migration | None = None

    def revert(self) -> None:
        """Undo all edits, the last first; a second call does nothing.

        Raises:
            ConfigError: a later swap is still in place.
        """
        plans = history(self.model)
        if any(plan is self.plan for plan in plans[:-1]):
            raise ConfigError("a later swap builds on this one; revert the later one first")
        while self.undos:
            # One that fails can be tried again.
            self.undos[-1]()
            self.undos.pop()
        if plans and plans[-1] is self.plan:
            plans.pop()


_HISTORY = "_rectifiers_plans"


def history(model: nn.Module) -> list[SwapPlan]:
    """Return the list, kept in the model, of the plans carried out on it and not reverted, from first to last."""
    plans: list[SwapPlan] = peel(model).__dict__.setdefault(_HISTORY, [])
    return plans
