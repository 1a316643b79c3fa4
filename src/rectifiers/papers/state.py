"""Whether an experiment runs here, in words."""

from __future__ import annotations

from pathlib import Path

from .. import datasets
from ..experiments import pretrained
from ..experiments.experiment import Experiment


def state(experiment: Experiment, data_dir: Path) -> str:
    """Say whether an experiment runs here, or what is missing.

    Args:
        experiment: from the registry, or the user's own.
        data_dir: folder with the files of data sets and published weights.

    Returns:
        "waits for …" and what is not built yet; or which presets run here, and which data the others need; and why
        its full size needs a GPU.

    Example:
        >>> from rectifiers.papers import registry
        >>> state(registry.get("quickstart"), Path("data"))
        'can run here: smoke, pocket'
    """
    parts = [f"waits for {', '.join(experiment.lacking)}"] if experiment.lacking else _by_preset(experiment, data_dir)
    if experiment.gpu:
        parts.append(f"as published, needs a GPU: {experiment.gpu}")
    return "; ".join(parts)


def _by_preset(experiment: Experiment, data_dir: Path) -> list[str]:
    absent = {preset: _absent(experiment, preset, data_dir) for preset in experiment.presets}
    ready = [preset for preset, missing in absent.items() if not missing]
    return [
        *([f"can run here: {', '.join(ready)}"] if ready else []),
        *(f"{preset} needs data: {', '.join(missing)}" for preset, missing in absent.items() if missing),
    ]


def _absent(experiment: Experiment, preset: str, data_dir: Path) -> list[str]:
    """List the data sets and published weights of a preset whose files are missing."""
    trials = [one for cell in experiment.cells(preset, seeds=1) for one in (cell.trial, *cell.trial.lineage)]
    data = dict.fromkeys(trial.dataset for trial in trials)
    weights = dict.fromkeys(trial.pretrained for trial in trials if trial.pretrained)
    return [
        *(name for name in data if not datasets.check(name, data_dir).ready),
        *(f"the weights {name}" for name in weights if not pretrained.check(name, data_dir).ready),
    ]
