"""The families of models: one file per library, with a function `entries` that yields the models."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass

from ..entry import Entry


@dataclass(frozen=True)
class Library:
    """A library whose models are in the zoo.

    Args:
        module: the file here that yields its entries.
        package: what it is called on the package index.
        imports: the module that it brings.
    """

    module: str
    package: str
    imports: str


LIBRARIES = (
    Library("torchvision", "torchvision", "torchvision"),
    Library("timm", "timm", "timm"),
    Library("transformers", "transformers", "transformers"),
    Library("diffusers", "diffusers", "diffusers"),
    Library("segmentation", "segmentation-models-pytorch", "segmentation_models_pytorch"),
    Library("monai", "monai", "monai"),
    Library("geometric", "torch-geometric", "torch_geometric"),
    Library("ultralytics", "ultralytics-opencv-headless", "ultralytics"),
)


def is_installed(library: Library) -> bool:
    """Return whether a library is there; its parts are not loaded yet."""
    return importlib.util.find_spec(library.imports) is not None


def version(library: Library) -> str:
    """Return the version of a library that is installed."""
    return importlib.metadata.version(library.package)


def entries(library: Library) -> Iterator[Entry]:
    """Yield the models of a library that is installed."""
    found: Iterator[Entry] = importlib.import_module(f".{library.module}", __name__).entries()
    return found
