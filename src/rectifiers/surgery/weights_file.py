"""Weights in a safetensors file: the one reader of it. Nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..core.errors import ConfigError, DataError


class WeightsFile(NamedTuple):
    """What a safetensors file holds.

    Args:
        tensors: by name.
        metadata: texts by name.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def read_weights(path: Path) -> WeightsFile:
    """Read a safetensors file.

    Raises:
        DataError: it is missing or damaged, or no safetensors file.
        ConfigError: safetensors is not installed.
    """
    safetensors = load_safetensors()
    try:
        # Its own error for a missing file has no reason in it.
        with path.open("rb"), safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()
            return WeightsFile({name: file.get_tensor(name) for name in names}, file.metadata() or {})
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except safetensors.SafetensorError as error:
        raise DataError(f"{path} is truncated, damaged, or no safetensors file: {error}") from None


def load_safetensors() -> Any:
    """The package, with its functions for PyTorch.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import safetensors.torch
    except ModuleNotFoundError:
        raise ConfigError('weights are saved with safetensors; install "rectifiers[lab]"') from None
    return safetensors
