"""Networks from outside the registry: their names have a colon.

`package.module:factory` is one of the user's own; `timm:NAME` and `torchvision:NAME` are those of these libraries, and
`hf:TYPE` or `hf:PATH` is one that a configuration of Hugging Face's transformers describes.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import OutsideNetwork

LIBRARIES = {
    "hf": "hugging_face:HuggingFaceNetwork",
    "timm": "timm:TimmNetwork",
    "torchvision": "torchvision:TorchvisionNetwork",
}
"""By what stands before the colon; anything else there is a module of the user's own."""


def get(name: str) -> OutsideNetwork:
    """The network from outside that is called `name`; what it is made by is imported once.

    Raises:
        ConfigError: it cannot be imported, or is nothing that makes networks.
        UnknownNameError: there is none of this name; with the nearest ones.
    """
    # A file that a library reads may have been edited since.
    return _find(name) if _is_file(name) else _find_once(name)


def _find(name: str) -> OutsideNetwork:
    module, class_name = LIBRARIES.get(name.partition(":")[0], "own:OwnNetwork").split(":")
    found: OutsideNetwork = getattr(importlib.import_module(f".{module}", __name__), class_name)(name)
    return found


_find_once = cache(_find)


def _is_file(name: str) -> bool:
    """Whether it is described by a file that a library reads."""
    library, _, within = name.partition(":")
    return library in LIBRARIES and (Path(within).suffix == ".json" or Path(within).is_dir())


def digest(name: str) -> str | None:
    """Sixteen hexadecimal digits that stand for the file that describes a network; None where a library does.

    That a library makes it is known without the library, which need not be there to describe a trial.

    Raises:
        ConfigError: it is described by a file that cannot be read, or is nothing that makes networks.

    Example:
        >>> digest("hf:bert") is None
        True
    """
    if name.partition(":")[0] in LIBRARIES and not _is_file(name):
        return None
    return get(name).digest
