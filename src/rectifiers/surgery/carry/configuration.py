"""What a swap notes in the configuration of a Transformers model, so that `save_pretrained` keeps it.

The configuration is all that `save_pretrained` writes beside the weights. `rectifiers.hf` reads the note and carries
the plans out before weights are loaded. Who loads without it must not get the old activation by mistake: the note
stands where Transformers looks for a quantisation, and names one that it refuses, with a text that says what to do.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from ...core.errors import ConfigError
from ..edits.edit import Undo

KEY = "rectifiers"
ADVICE = "none: rectifiers has swapped activations of this model; import rectifiers.hf before from_pretrained"


def note_in_configuration(model: nn.Module, to_json: Callable[[], str]) -> Undo:
    """Note a plan in the configurations of the Transformers models concerned; return what removes the note.

    If it is a part that was swapped, or a model around them, the note says that they cannot be loaded by themselves.

    Args:
        model: what the plan was carried out on.
        to_json: the `to_json` of the plan.
    """
    utils = sys.modules.get("transformers.modeling_utils")
    if utils is None:
        return _nothing
    notes = []
    own = model.config if isinstance(model, utils.PreTrainedModel) else None
    for config in _configurations(model, utils.PreTrainedConfig):
        if (note := _note(config)) is None:
            warnings.warn(
                f"save_pretrained will not keep this swap, because {type(model).__name__} is quantised; "
                "rectifiers.save keeps it",
                stacklevel=4,
            )
            continue
        entry: Any
        if config is not own:
            kind, entry = "obstacles", f"what was swapped is {type(model).__name__}, of which this is not the whole"
        else:
            try:
                kind, entry = "plans", json.loads(to_json())
            except ConfigError as error:
                kind, entry = "obstacles", str(error)
        note[KEY][kind].append(entry)
        notes.append((config, note[KEY][kind], entry))

    def undo() -> None:
        for config, entries, entry in notes:
            entries[:] = [other for other in entries if other is not entry]
            if not any(config.quantization_config[KEY].values()):
                del config.quantization_config

    return undo


def read_note(config: Any) -> dict[str, Any] | None:
    """Return the plans and obstacles noted in a configuration; None if there is no note."""
    note = getattr(config, "quantization_config", None)
    found = note.get(KEY) if isinstance(note, dict) else None
    return found if isinstance(found, dict) else None


def _configurations(model: nn.Module, kind: type) -> Iterator[Any]:
    seen: set[int] = set()
    for module in model.modules():
        config = getattr(module, "config", None)
        if isinstance(config, kind) and id(config) not in seen:
            seen.add(id(config))
            yield config


def _note(config: Any) -> dict[str, Any] | None:
    """Return the note of a configuration, made if there is none; None if something else stands in its place."""
    if getattr(config, "quantization_config", None) is None:
        config.quantization_config = {"quant_method": "awq", "backend": ADVICE, KEY: {"plans": [], "obstacles": []}}
    return config.quantization_config if read_note(config) is not None else None


def _nothing() -> None:
    pass
