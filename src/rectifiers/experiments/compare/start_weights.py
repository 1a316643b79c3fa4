"""The weights that a user's model starts from: read from a file, and known by what the file holds."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...surgery.carry.saving import load_strictly
from ...surgery.weights_file import read_weights
from .digest import digest

_read: dict[str, dict[str, Tensor]] = {}
"""The tensors that were read last, by their name."""


def refer_weights(path: Path | str) -> str:
    """Name a file of weights by its path and a digest of its tensors, as `net.pt#0123456789ab`.

    Raises:
        DataError: it cannot be read, or holds no weights.
    """
    tensors = read_weights(Path(path)).tensors
    reference = f"{path}#{digest([[name, tensors[name]] for name in sorted(tensors)])}"
    _read.clear()
    _read[reference] = tensors
    return reference


def load_weights(model: nn.Module, reference: str) -> None:
    """Load the weights of that name.

    Raises:
        ConfigError: they do not fit the model, or the file has changed.
        DataError: the file cannot be read.
    """
    path = reference.rpartition("#")[0]
    if reference not in _read and refer_weights(path) != reference:
        raise ConfigError(f"{path} has changed since the comparison began; start it again")
    load_strictly(model, _read[reference], path)
