"""Trained weights, to start from and to look into: kept by trial, taken over by layer. Nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..core.errors import ConfigError, StoreError
from ..core.param_groups import activation_parameters
from .result import Result
from .store import read_bytes, weights_path, write_bytes_atomically
from .trial import Trial

Weights = Mapping[str, Tensor]
"""Parameters and buffers by name."""


def weights_of(net: nn.Module) -> Weights:
    """The weights of `net` as they are now, on the CPU."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}


def read_training(folder: Path, trial: Trial) -> tuple[Result, Weights] | None:
    """What `write_training` kept, or None.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    path = weights_path(folder, trial)
    content = read_bytes(path)
    if content is None:
        return None
    try:
        weights = load(content)
        size = int.from_bytes(content[:8], "little")
        return Result.model_validate_json(json.loads(content[8 : 8 + size])["__metadata__"]["result"]), weights
    except (SafetensorError, ValueError, KeyError) as error:
        raise StoreError(f"{path} is damaged ({type(error).__name__}); delete it and run again") from None


def write_training(folder: Path, result: Result, weights: Weights) -> None:
    """Keep a result and its weights for `read_training`.

    Raises:
        StoreError: they cannot be written.
    """
    content = save(dict(weights), metadata={"result": result.model_dump_json()})
    write_bytes_atomically(weights_path(folder, result.trial), content)


def is_kept(folder: Path, trial: Trial) -> bool:
    """Whether the weights of a trial are there."""
    return weights_path(folder, trial).exists()


@contextmanager
def held(folder: Path, trial: Trial) -> Iterator[None]:
    """Nobody else trains these weights meanwhile; a process that dies lets go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{trial.id}.lock")
        lock.acquire()
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror}; give another --results") from None
    try:
        yield
    finally:
        lock.release()


def transplant(weights: Weights, net: nn.Module) -> None:
    """Load into `net` all weights that fit it; its activations keep what the others did not learn.

    Layers at the end whose shape follows the number of classes stay as they are.

    Raises:
        ConfigError: the weights are those of another network.
    """
    own = net.state_dict()
    fitting = {name: tensor for name, tensor in weights.items() if name in own and own[name].shape == tensor.shape}
    shaping = {id(p) for module in net.modules() for p in activation_parameters(module)}
    layers = [name for name, parameter in net.named_parameters() if id(parameter) not in shaping]
    fresh = [name for name in layers if name not in fitting]
    if fresh != layers[len(layers) - len(fresh) :] or len(fresh) > HEAD:
        raise ConfigError(
            f"the trial starts from another network: {len(fresh)} of {len(layers)} parameters do not fit, such as "
            f"{fresh[0]}; network, network_args and data of the same shape make them fit"
        )
    net.load_state_dict(fitting, strict=False)


HEAD = 2
"""Parameters of the last layer: its weight and its bias."""
