"""Trained weights that other trials start from: kept by trial, taken over by layer. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ..core.errors import ConfigError, StoreError
from ..core.param_groups import activation_parameters
from .store import read_bytes, write_bytes_atomically
from .trial import Trial

Weights = Mapping[str, Tensor]
"""Parameters and buffers by name."""


def weights_of(net: nn.Module) -> Weights:
    """The weights of `net` as they are now, on the CPU."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in net.state_dict().items()}


def read_weights(folder: Path, trial: Trial) -> Weights | None:
    """What `write_weights` kept, or None.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    path = _path(folder, trial)
    content = read_bytes(path)
    if content is None:
        return None
    try:
        return load(content)
    except SafetensorError as error:
        raise StoreError(f"{path} is damaged ({error}); delete it and run again") from None


def write_weights(folder: Path, trial: Trial, weights: Weights) -> None:
    """Keep weights for `read_weights`.

    Raises:
        StoreError: they cannot be written.
    """
    write_bytes_atomically(_path(folder, trial), save(dict(weights)))


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


def _path(folder: Path, trial: Trial) -> Path:
    return folder / f"{trial.id}.safetensors"
