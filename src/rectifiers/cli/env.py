"""`rectifiers env`: what a run would find on this machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .options import DATA, RESULTS, DataOption, JsonOption, ResultsOption
from .output import print_json

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pydantic", "matplotlib", "pillow")


def show_environment(
    data_dir: DataOption = DATA, results: ResultsOption = RESULTS, as_json: JsonOption = False
) -> None:
    """Show versions, devices, kernels, and which data are there."""
    facts = {
        "versions": _versions(),
        "machine": _machine(),
        "kernels": _kernels(),
        "data": _data(data_dir),
        "results": {"folder": str(results), "experiments": _experiments(results)},
    }
    if as_json:
        print_json(facts)
        return
    for place, (heading, table) in enumerate(facts.items()):
        print(f"\n{heading}" if place else heading)
        longest = max(map(len, table))
        for key, value in table.items():
            print(f"  {key:<{longest}}  {', '.join(value) or 'none' if isinstance(value, list) else value}")


def _versions() -> dict[str, str]:
    from ..core.version import __version__
    from ..experiments.provenance import commit

    versions = {"rectifiers": f"{__version__} {commit()}".strip(), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _machine() -> dict[str, Any]:
    import torch

    from ..experiments.provenance import processor

    devices = ["cpu", *(f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count()))]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "devices": devices,
    }


def _kernels() -> dict[str, str]:
    """How each family of functions is computed."""
    from .. import kernels

    return kernels.status()


def _data(data_dir: Path) -> dict[str, str]:
    from .. import datasets
    from ..datasets.source import GivenSource

    states = {"folder": str(data_dir)}
    for name in datasets.registry:
        if not issubclass(datasets.registry.get(name), GivenSource):
            missing = datasets.check(name, data_dir).missing
            states[name] = f"missing {', '.join(missing)}" if missing else "ready"
    return states


def _experiments(results: Path) -> list[str]:
    """Folders of runs, with how many there are."""
    cards = sorted(results.glob("*/store.json"))
    return [f"{card.parent.name} ({sum(1 for _ in card.parent.glob('*/result.json'))})" for card in cards]
