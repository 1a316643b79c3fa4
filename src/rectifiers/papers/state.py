"""What stands between an experiment and its run, in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .. import datasets
from ..experiments.experiment import Experiment
from ..experiments.trial import Trial


def state(experiment: Experiment, data_dir: Path) -> str:
    """Whether an experiment runs here, or what is missing.

    Args:
        experiment: of the registry, or of one's own.
        data_dir: folder with the files of the data sets.

    Returns:
        "waits for …" what is not built yet; or which presets run here, and which data the others need; and why its
        full size wants a GPU.

    Example:
        >>> from rectifiers.papers import registry
        >>> state(registry.get("quickstart"), Path("data"))
        'runs here: smoke, pocket'
    """
    parts = [f"waits for {', '.join(experiment.lacking)}"] if experiment.lacking else _by_preset(experiment, data_dir)
    if experiment.gpu:
        parts.append(f"as published, needs a GPU: {experiment.gpu}")
    return "; ".join(parts)


def _by_preset(experiment: Experiment, data_dir: Path) -> list[str]:
    absent = {preset: _absent(experiment, preset, data_dir) for preset in experiment.presets}
    ready = [preset for preset, missing in absent.items() if not missing]
    return [
        *([f"runs here: {', '.join(ready)}"] if ready else []),
        *(f"{preset} needs data: {', '.join(missing)}" for preset, missing in absent.items() if missing),
    ]


def _absent(experiment: Experiment, preset: str, data_dir: Path) -> list[str]:
    """The data sets of a preset whose files are not there."""
    trials = [cell.trial for cell in experiment.cells(preset, seeds=1)]
    return [name for name in dict.fromkeys(_datasets(trials)) if not datasets.check(name, data_dir).ready]


def _datasets(trials: Iterable[Trial]) -> Iterable[str]:
    for trial in trials:
        yield trial.dataset
        if trial.start is not None:
            yield from _datasets([trial.start])
