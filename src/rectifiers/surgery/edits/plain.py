"""The edit that puts one of PyTorch's own plain rectifiers in place of an activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from .edit import Undo, submodule
from .replace import put_module

PLAIN: dict[str, type[nn.Module]] = {
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "LeakyReLU": nn.LeakyReLU,
    "Hardtanh": nn.Hardtanh,
    "Identity": nn.Identity,
}
"""What can be put in, by its name in `torch.nn`."""


@dataclass(frozen=True)
class PutPlain:
    """Replaces an activation by a plain rectifier, under all of its names.

    Args:
        paths: all names of the module.
        plain: name of what is put in, in `torch.nn`.
        options: the numbers that it takes.
    """

    kind: ClassVar[str] = "plain"
    paths: tuple[str, ...]
    plain: str
    options: Mapping[str, float] = field(default_factory=dict)

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        return put_module(model, self.paths, submodule(model, self.paths[0]), PLAIN[self.plain](**self.options))

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"paths": list(self.paths), "plain": self.plain, "options": dict(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PutPlain:
        """Read the edit that `to_json` wrote."""
        return cls(tuple(data["paths"]), data["plain"], {str(name): float(n) for name, n in data["options"].items()})
