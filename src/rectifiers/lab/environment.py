"""What a run would find on this machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from .. import datasets, kernels
from ..core.version import __version__
from ..datasets.source import GivenSource
from ..experiments.counting import count_all_results
from ..experiments.provenance import commit, processor

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pydantic", "matplotlib", "pillow")


def describe_environment(data_dir: Path, results: Path) -> dict[str, dict[str, Any]]:
    """Versions, devices, how formulas are computed, which data are there, and how many results.

    Args:
        data_dir: folder with the files of data sets.
        results: folder that holds the runs.

    Example:
        >>> list(describe_environment(Path("nowhere"), Path("nowhere")))
        ['versions', 'machine', 'kernels', 'data', 'results']
    """
    experiments = [f"{name} ({count:,})" for name, count in count_all_results(results).items()]
    return {
        "versions": _versions(),
        "machine": _machine(),
        "kernels": kernels.status(),
        "data": _data(data_dir),
        "results": {"folder": str(results), "experiments": experiments},
    }


def _versions() -> dict[str, str]:
    versions = {"rectifiers": f"{__version__} {commit()}".strip(), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _machine() -> dict[str, Any]:
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


def _data(data_dir: Path) -> dict[str, str]:
    states = {"folder": str(data_dir)}
    for name in datasets.registry:
        if not issubclass(datasets.registry.get(name), GivenSource):
            missing = datasets.check(name, data_dir).missing
            states[name] = f"missing {', '.join(missing)}" if missing else "ready"
    return states
