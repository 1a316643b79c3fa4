"""One elementary alteration of a model: it applies, gives back what undoes it, and is plain data in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from torch import nn

from ...core.errors import ConfigError

Undo = Callable[[], None]


class Edit(Protocol):
    """One alteration."""

    kind: ClassVar[str]

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Edit:
        """The edit that `to_json` wrote."""


def submodule(model: nn.Module, path: str) -> nn.Module:
    """The module at `path`.

    Raises:
        ConfigError: `model` has none there: the plan was made for another model.
    """
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise ConfigError(
            f"{type(model).__name__} has no module {path!r}; the plan was made for another model, or for this one "
            "before it was changed"
        ) from None


def undo_all(*undos: Undo) -> Undo:
    """Run these, in this order."""

    def undo() -> None:
        for back in undos:
            back()

    return undo
