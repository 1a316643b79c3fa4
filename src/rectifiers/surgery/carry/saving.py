"""A swapped model in a folder: its weights in a safetensors file, and its plans in JSON beside it. Nothing is pickled.

`plan.json` names the file of the weights that belong to it and is replaced last, so that the folder holds one whole
save at any moment, whatever interrupts the next.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...core.errors import ConfigError, DataError, UnsupportedError
from ...core.files import written_whole
from ...core.version import __version__
from ...watching.wrappers import peel, unwrap
from ..plan import SwapPlan, history

FORMAT = 1
PLAN = "plan.json"


def save(model: nn.Module, folder: str | Path) -> None:
    """Write a model's weights, and the plans that were carried out on it, to a folder; an earlier save is replaced.

    Flags and modes are not written: `requires_grad` and training mode are those of the instance that it is loaded into.

    Args:
        model: swapped any number of times, or not at all; inside `torch.compile` and the like, too.
        folder: made if it is not there.

    Raises:
        ConfigError: a plan puts in a function without a name; a parameter has no values yet; safetensors is missing.
        UnsupportedError: the state dict holds something else than plain tensors.
        DataError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> from ..swap import swap
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> report = swap(net, "pvlu", example=(1, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(net, folder)
        ...     load(folder, nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): PVLU(alpha=0, beta=1, share='channel', channels=3)
        )
    """
    inner, folder = peel(model), Path(folder)
    safetensors = _safetensors()
    tensors, aliases = _tensors(inner.state_dict())
    name = f"weights-{secrets.token_hex(4)}.safetensors"
    document = {
        "format": FORMAT,
        "rectifiers": __version__,
        "model": type(inner).__name__,
        "weights": name,
        "aliases": aliases,
        "plans": [json.loads(plan.to_json()) for plan in history(inner)],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / name) as file:
            safetensors.torch.save_file(tensors, file)
        with written_whole(folder / PLAN) as file:
            file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except (OSError, safetensors.SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot write {folder}: {reason}; what was saved there before is whole") from None
    for path in folder.glob("weights-*.safetensors"):
        if path.name != name:
            path.unlink(missing_ok=True)


def load(folder: str | Path, model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """The model that `save` wrote: carry out its plans on an unswapped instance, and load its weights.

    No example is needed. If anything does not fit, the instance is left as it was.

    Args:
        folder: what `save` was given.
        model: an unswapped instance, changed in place; or a function, such as its class, that makes one.

    Returns:
        The instance.

    Raises:
        DataError: a file is missing, damaged, or of another version.
        ConfigError: the instance is of another structure, swapped already, or without memory; safetensors is missing.
    """
    folder = Path(folder)
    document = _read(folder)
    state = read_tensors(folder / document["weights"])
    missing = {name for name in document["aliases"].values() if name not in state}
    if missing:
        raise DataError(f"{folder / document['weights']} has no {sorted(missing)[0]}; it is damaged")
    state |= {alias: state[name] for alias, name in document["aliases"].items()}
    built = model if isinstance(model, nn.Module) else model()
    inner = unwrap(built)
    if history(inner):
        raise ConfigError(
            f"this {type(inner).__name__} is swapped already ({history(inner)[-1].to}); load into one that is not"
        )
    origin = f"{folder}, saved from {document['model']},"
    with ExitStack() as stack:
        for plan in document["plans"]:
            stack.callback(plan.apply(inner).revert)
        load_strictly(inner, state, origin)
        stack.pop_all()
    return built


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Load `state` if all of it fits `model`, and nothing is missing; else change nothing.

    Args:
        model: where to.
        state: what.
        origin: where it comes from, for errors.

    Raises:
        ConfigError: with what does not fit.
    """
    expected = model.state_dict(keep_vars=True)
    if any(isinstance(value, Tensor) and value.is_meta for value in expected.values()):
        raise ConfigError(f"{type(model).__name__} is on the device meta and holds no values; call to_empty first")
    problems = [f"it has no {name}" for name in expected if name not in state]
    problems += [f"it has {name}" for name in state if name not in expected]
    problems += [
        f"its {name} is {_size(state[name])} instead of {_size(value)}"
        for name, value in expected.items()
        if name in state and not is_lazy(value) and state[name].shape != value.shape
    ]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ConfigError(f"{origin} does not fit this {type(model).__name__}: {'; '.join(problems[:3])}{more}")
    model.load_state_dict(dict(state), strict=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        DataError: it is missing, or no such file.
        ConfigError: safetensors is not installed.
    """
    safetensors = _safetensors()
    try:
        with path.open("rb"):
            tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except safetensors.SafetensorError as error:
        raise DataError(f"{path} is truncated, damaged, or no safetensors file: {error}") from None
    return tensors


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ModuleNotFoundError:
        raise ConfigError('weights are kept by safetensors; install "rectifiers[lab]"') from None
    return safetensors


def _tensors(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What to write, each memory once, and the other names of what is shared."""
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    seen: dict[Any, str] = {}
    memory: set[int] = set()
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.is_sparse or value.is_quantized:
            raise UnsupportedError(
                f"{name} is {type(value).__name__}, which is not written, for nothing is pickled: plain tensors alone"
            )
        if is_lazy(value) or value.is_meta:
            raise ConfigError(f"{name} has no values yet; call the model on a batch, or give it memory, first")
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        if value.numel() and place in seen:
            aliases[name] = seen[place]
            continue
        seen[place] = name
        # The format takes what is contiguous and shares no memory with another tensor.
        pointer = value.untyped_storage().data_ptr()
        tensors[name] = value.contiguous() if pointer not in memory else value.clone().contiguous()
        memory.add(pointer)
    return tensors, aliases


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["format"]
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; expected a folder that rectifiers.save wrote"
        ) from None
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{path} is truncated, damaged, or not what rectifiers.save writes") from None
    if version != FORMAT:
        raise DataError(
            f"{path} is of format {version}, written by rectifiers {document.get('rectifiers', '?')}; this release, "
            f"{__version__}, reads format {FORMAT}"
        )
    try:
        plans = [SwapPlan.from_json(json.dumps(plan)) for plan in document["plans"]]
        weights, aliases, model = str(document["weights"]), dict(document["aliases"]), str(document["model"])
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if Path(weights).name != weights:
        raise DataError(f"{path} names weights outside of its folder: {weights!r}")
    return {"plans": plans, "weights": weights, "aliases": aliases, "model": model}


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
