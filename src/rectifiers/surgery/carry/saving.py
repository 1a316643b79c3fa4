"""Saving a swapped model: its weights in a safetensors file, its swap plans in JSON. Nothing is pickled.

`plan.json` names the file of the weights and is replaced last, so that the folder has a complete save at any moment,
whatever interrupts the next one.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...core.errors import ConfigError, DataError, UnsupportedError
from ...core.files import write_whole
from ...core.granularity import with_axis
from ...core.reading import damage, parse_json, read_regular
from ...core.version import __version__
from ...core.wording import listing
from ...watching.wrappers import check_whole, peel, unwrap
from ..plan import SwapPlan, history
from ..weights_file import load_safetensors, read_weights
from .names import swapped_parts

FORMAT = 1
PLAN = "plan.json"


def save(model: nn.Module, folder: str | Path) -> None:
    """Write a model's weights, and the swap plans that were carried out on it, to a folder; replace an earlier save.

    Flags and modes are not written: `requires_grad` and training mode stay those of the instance that is loaded into.
    Nor are the plans of parts that were swapped by themselves, as by `swap(model.backbone, …)`: `load` takes an
    instance whose parts were swapped likewise.

    Args:
        model: swapped any number of times, or not at all; it may be inside `torch.compile` and the like.
        folder: made if it does not exist.

    Raises:
        ConfigError: a plan puts in a function without a name, a parameter has no values yet, or safetensors is missing.
        UnsupportedError: the model is sharded, or the state dict has something other than plain tensors.
        DataError: the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> from rectifiers import swap
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> report = swap(net, "pvlu", example=(1, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(net, folder)
        ...     load(folder, nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): PVLU(alpha=0, beta=1, share='channel', channels=3, channel_dim=-1)
        )
    """
    check_whole(model)
    inner, folder = peel(model), Path(folder)
    safetensors = load_safetensors()
    tensors, aliases = _tensors(inner.state_dict())
    name = f"weights-{secrets.token_hex(4)}.safetensors"
    document = {
        "format": FORMAT,
        "rectifiers": __version__,
        "model": type(inner).__name__,
        "weights": name,
        "aliases": aliases,
        "parts": swapped_parts(inner),
        "plans": [json.loads(plan.to_json()) for plan in history(inner)],
    }
    former = _weights_of(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_whole(folder / name) as file:
            safetensors.torch.save_file(tensors, file)
        with write_whole(folder / PLAN) as file:
            file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except BaseException as error:
        if _weights_of(folder) != name:
            with suppress(OSError):
                (folder / name).unlink()
        if not isinstance(error, (OSError, safetensors.SafetensorError)):
            raise
        reason = getattr(error, "strerror", None) or error
        kept = "; an earlier save there is still complete" if (folder / PLAN).is_file() else "; choose another place"
        raise DataError(f"cannot write {folder}: {reason}{kept}") from None
    _clear(folder, former)


def load(folder: str | Path, model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """Load the model that `save` wrote: carry out its swap plans on an unswapped instance, and load its weights.

    No example is needed. If anything does not fit, the instance is left as it was.

    Args:
        folder: the folder that `save` wrote.
        model: an unswapped instance, changed in place; or a function, such as its class, that makes one.

    Returns:
        The instance.

    Raises:
        DataError: a file is missing, damaged, or of another version.
        ConfigError: the instance has another structure, is swapped already, or is on the meta device; or safetensors
            is missing.
    """
    folder = Path(folder)
    document = _read(folder)
    state = read_weights(folder / document["weights"]).tensors
    missing = {name for name in document["aliases"].values() if name not in state}
    if missing:
        raise DataError(f"{folder / document['weights']} has no {sorted(missing)[0]}; it is damaged")
    state |= {alias: state[name] for alias, name in document["aliases"].items()}
    built = model if isinstance(model, nn.Module) else model()
    inner = unwrap(built)
    if history(inner):
        raise ConfigError(
            f"this {type(inner).__name__} is swapped already ({history(inner)[-1].to}); load into an unswapped instance"
        )
    origin = f"{folder}, saved from {document['model']},"
    here = swapped_parts(inner)
    apart = [part for part in document["parts"] if part not in here]
    if apart:
        raise ConfigError(
            f"{origin} has {listing(apart)} swapped apart from the rest, so that its plan says nothing of that; swap "
            f"the same in this {type(inner).__name__} first"
        )
    with ExitStack() as stack:
        for plan in document["plans"]:
            stack.callback(plan.apply(inner).revert)
        load_strictly(inner, state, origin)
        stack.pop_all()
    return built


def _weights_of(folder: Path) -> str:
    """Return the name of the weights of an earlier save in a folder; empty if there is none that can be read."""
    try:
        return str(parse_json(read_regular(folder / PLAN))["weights"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _clear(folder: Path, former: str) -> None:
    """Remove the weights of the former save, and what interrupted ones left long ago.

    Other processes may save to the same folder, and have written weights that their plan is about to name.
    """
    kept = _weights_of(folder)
    for path in folder.glob("weights-*.safetensors"):
        if path.name != kept and _OURS.fullmatch(path.name):
            # On Windows, what somebody is reading cannot be removed.
            with suppress(OSError):
                if path.name == former or time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()


_OURS = re.compile(r"weights-[0-9a-f]{8}\.safetensors")
_ABANDONED = 3600.0
"""Seconds after which weights that no plan names are nobody's."""


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Load `state` into `model` if all of it fits and nothing is missing; otherwise change nothing.

    Args:
        model: the model to load into.
        state: the tensors by name.
        origin: where they come from, for errors.

    Raises:
        ConfigError: something does not fit; the message says what.
    """
    expected = model.state_dict(keep_vars=True)
    state = {
        name: with_axis(value, expected[name]) if _has_shape(expected.get(name)) else value
        for name, value in state.items()
    }
    if any(isinstance(value, Tensor) and value.is_meta for value in expected.values()):
        raise ConfigError(f"{type(model).__name__} is on the meta device and has no values; call to_empty first")
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
    versioned: Any = OrderedDict(state)
    # Files of tensors have no versions of the layers, and a layer may take what has none for something old.
    versioned._metadata = getattr(expected, "_metadata", None)
    model.load_state_dict(versioned, strict=True)


def _has_shape(value: Any) -> bool:
    return isinstance(value, Tensor) and not is_lazy(value)


def _tensors(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors to write, without repetitions, and for each repeated one the name it is written under."""
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    names: dict[Any, str] = {}
    memory: set[int] = set()
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
            raise UnsupportedError(
                f"{name} is of type {type(value).__name__}; only plain tensors can be saved, because nothing is pickled"
            )
        if is_lazy(value) or value.is_meta:
            raise ConfigError(f"{name} has no values yet; call the model on a batch, or give it memory, first")
        identity = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        if value.numel() and identity in names:
            aliases[name] = names[identity]
            continue
        names[identity] = name
        # The format takes only contiguous tensors that share no memory with others.
        pointer = value.untyped_storage().data_ptr()
        tensors[name] = value.contiguous() if pointer not in memory else value.clone().contiguous()
        memory.add(pointer)
    return tensors, aliases


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PLAN
    try:
        document = parse_json(read_regular(path))
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
    with damage(f"{path} is damaged", ConfigError):
        plans = [SwapPlan.from_json(json.dumps(plan)) for plan in document["plans"]]
        weights, aliases, model = str(document["weights"]), dict(document["aliases"]), str(document["model"])
        aliases = {str(alias): str(name) for alias, name in aliases.items()}
        # Earlier releases did not write them.
        parts = [str(part) for part in document.get("parts", ())]
    if Path(weights).name != weights:
        raise DataError(f"{path} names weights outside of its folder: {weights!r}")
    return {"plans": plans, "weights": weights, "aliases": aliases, "model": model, "parts": parts}


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
