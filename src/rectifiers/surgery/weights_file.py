"""Weights in a file, of safetensors or of PyTorch: the one reader of them. Nothing but tensors is unpickled."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from torch import Tensor

from ..core.errors import ConfigError, DataError
from ..core.reading import MALFORMED, open_regular

PYTORCH = (".pt", ".pth")
"""How the names of PyTorch's files end; all others are taken for safetensors."""
_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Under which keys training scripts keep the weights, beside those of the optimizer and others."""


class WeightsFile(NamedTuple):
    """What a file of weights holds.

    Args:
        tensors: by name.
        metadata: texts by name; none in a file of PyTorch's.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def read_weights(path: Path) -> WeightsFile:
    """Read a safetensors file, or one of PyTorch's (`.pt`, `.pth`): a state dict, or a dictionary that holds one.

    Raises:
        DataError: it is missing or damaged, or holds no weights.
        ConfigError: safetensors is not installed.
    """
    if path.suffix in PYTORCH:
        return WeightsFile(_read_pytorch(path), {})
    safetensors = load_safetensors()
    try:
        # Its own error for a missing file has no reason in it.
        with open_regular(path), safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()
            return WeightsFile({name: file.get_tensor(name) for name in names}, file.metadata() or {})
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except safetensors.SafetensorError as error:
        raise DataError(f"{path} is truncated, damaged or not a safetensors file: {error}") from None


def unpickle_tensors(file: Path | IO[bytes], name: str) -> dict[str, Tensor]:
    """Read a file of PyTorch's, of which nothing but tensors is ever unpickled.

    Args:
        file: the file.
        name: what errors call it.

    Raises:
        DataError: it is damaged, or holds anything but tensors by name, or a dictionary that holds them.
    """
    try:
        with warnings.catch_warnings():
            # About pickles that are none of PyTorch's; the error says all.
            warnings.simplefilter("ignore")
            found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DataError(
            f"{name} is damaged, or holds more than tensors, which is never unpickled; save the model's state_dict() "
            "alone"
        ) from None
    except (*MALFORMED, zipfile.BadZipFile) as error:
        reason = str(error).partition(".")[0] or type(error).__name__
        raise DataError(f"{name} is not a file of weights: {reason}; use another") from None
    held = found if isinstance(found, Mapping) else {}
    for key in _WRAPPERS:
        if isinstance(held.get(key), Mapping):
            held = held[key]
            break
    weights = dict(held)
    if not weights or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()):
        raise DataError(f"{name} holds {type(found).__name__} where tensors by name are expected; use another")
    return weights


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    try:
        with open_regular(path) as file:
            return unpickle_tensors(file, str(path))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


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
