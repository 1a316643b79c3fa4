"""The weights that a user's model starts from: read from a file, and known by what the file holds."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...surgery.carry.saving import load_strictly
from ...surgery.weights_file import read_weights
from .references import digest


def refer_weights(path: Path | str) -> str:
    """Name a file of weights by its path and a digest of its tensors, as `net.pt#0123456789ab`.

    Raises:
        DataError: it cannot be read, or holds no weights.
    """
    return f"{path}#{_digest(read_weights(Path(path)).tensors)}"


def load_weights(model: nn.Module, reference: str) -> None:
    """Load the weights of that name.

    Raises:
        ConfigError: they do not fit the model, or the file has changed.
        DataError: the file cannot be read.
    """
    load_strictly(model, _read(reference), reference.rpartition("#")[0])


@lru_cache(maxsize=1)
def _read(reference: str) -> dict[str, Tensor]:
    path, _, wanted = reference.rpartition("#")
    tensors = read_weights(Path(path)).tensors
    if _digest(tensors) != wanted:
        raise ConfigError(f"{path} has changed since the comparison began; start it again")
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    return digest([[name, tensors[name]] for name in sorted(tensors)])
