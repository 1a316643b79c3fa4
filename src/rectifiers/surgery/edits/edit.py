"""What every edit can do: alter a model, undo the alteration, and be written to JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from torch import nn

from ...core.errors import ConfigError

Undo = Callable[[], None]


class Edit(Protocol):
    """One elementary alteration of a model that can be undone."""

    kind: ClassVar[str]

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Edit:
        """Read the edit that `to_json` wrote."""


def submodule(model: nn.Module, path: str) -> nn.Module:
    """Return the module at `path`.

    Raises:
        ConfigError: `model` has none there, because the plan was made for another model.
    """
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise ConfigError(
            f"{type(model).__name__} has no module {path!r}; the plan was made for another model, or for this one "
            "before it was changed"
        ) from None


def chain_undos(*undos: Undo) -> Undo:
    """Combine `undos` into one, which carries them out in this order."""

    def undo() -> None:
        for back in undos:
            back()

    return undo
