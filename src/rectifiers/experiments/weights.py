"""Trained weights, to start from and to look into: kept by trial, taken over by layer. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from safetensors.torch import save
from torch import Tensor, nn

from ..core.errors import ConfigError, DataError, StoreError
from ..core.granularity import with_axis
from ..core.learned import shaping_parameters
from ..surgery.weights_file import read_weights
from . import pulse
from .result import Result
from .store import weights_path, write_patiently
from .trial import Trial

Weights = Mapping[str, Tensor]
"""Parameters and buffers by name."""


LOOK = 5.0
"""Seconds between two words on whom a trial waits for."""


class Run(NamedTuple):
    """A trial carried out.

    Args:
        result: what it gave.
        weights: those that it ends with; none for a vote, and none if what it starts from diverged.
    """

    result: Result
    weights: Weights


def weights_of(net: nn.Module) -> Weights:
    """The weights of `net` as they are now, on the CPU, without what its modules keep beside tensors."""
    state = {name: value for name, value in net.state_dict().items() if isinstance(value, Tensor)}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def read_run(folder: Path, trial: Trial) -> Run | None:
    """What `write_run` kept, or None.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    path = weights_path(folder, trial)
    if not path.exists():
        return None
    try:
        tensors, metadata = read_weights(path)
        return Run(Result.model_validate_json(metadata["result"]), tensors)
    except DataError as error:
        raise StoreError(f"{error}; delete it and run again") from None
    except (ValueError, KeyError) as error:
        raise StoreError(f"{path} is damaged ({type(error).__name__}); delete it and run again") from None


def write_run(folder: Path, run: Run) -> None:
    """Keep a run for `read_run`.

    Raises:
        StoreError: it cannot be written.
    """
    content = save(dict(run.weights), metadata={"result": run.result.model_dump_json()})
    write_patiently(weights_path(folder, run.result.trial), content)


@contextmanager
def lock_weights(folder: Path, trial: Trial) -> Iterator[None]:
    """Let nobody else train these weights meanwhile; a process that dies lets go.

    Raises:
        StoreError: the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{trial.id}.lock")
        while not _try(lock):
            pulse.wait(f"another process trains {trial.id}, whose weights it needs")
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror}; give another results folder") from None
    try:
        yield
    finally:
        lock.release()


def _try(lock: FileLock) -> bool:
    """Try for a while to get a lock."""
    try:
        lock.acquire(timeout=LOOK)
    except Timeout:
        return False
    return True


HEAD = 2
"""Parameters of the last layer: its weight and its bias."""


def transplant(weights: Weights, net: nn.Module) -> None:
    """Load into `net` all weights that fit it; its activations keep what the others did not learn.

    Layers at the end whose shape follows the number of classes stay as they are.

    Raises:
        ConfigError: the weights are those of another network.
    """
    own = net.state_dict()
    named = {name: with_axis(tensor, own[name]) for name, tensor in weights.items() if name in own}
    fitting = {name: tensor for name, tensor in named.items() if own[name].shape == tensor.shape}
    shaping = shaping_parameters(net)
    layers = [name for name, parameter in net.named_parameters() if parameter not in shaping]
    fresh = [name for name in layers if name not in fitting]
    if fresh != layers[len(layers) - len(fresh) :] or len(fresh) > HEAD:
        raise ConfigError(
            f"the trial starts from another network: {len(fresh)} of {len(layers)} parameters do not fit, such as "
            f"{fresh[0]}; give it the same network and network_args, and data of the same shape"
        )
    net.load_state_dict(fitting, strict=False)
