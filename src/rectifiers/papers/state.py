"""What stands between an experiment and its run, in words."""

from __future__ import annotations

from pathlib import Path

from .. import datasets
from ..experiments.experiment import Experiment


def state(experiment: Experiment, data_dir: Path) -> str:
    """Whether an experiment runs here, or what is missing.

    Args:
        experiment: of the registry, or of one's own.
        data_dir: folder with the files of the data sets.

    Returns:
        "waits for …" what is not built yet, "needs data: …" whose files are not there, or "runs here"; and why its
        full size wants a GPU.

    Example:
        >>> from rectifiers.papers import registry
        >>> state(registry.get("quickstart"), Path("data"))
        'runs here'
    """
    if experiment.lacking:
        text = f"waits for {', '.join(experiment.lacking)}"
    elif absent := [name for name in experiment.uses("dataset") if not datasets.check(name, data_dir).ready]:
        text = f"needs data: {', '.join(absent)}"
    else:
        text = "runs here"
    return f"{text}; as published, needs a GPU: {experiment.gpu}" if experiment.gpu else text
