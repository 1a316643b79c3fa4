"""Activations compared in the user's own model: would another one help, what does it cost, how is it put in."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from .. import datasets
from ..core.errors import ConfigError, RectifiersError, UnknownNameError
from ..core.files import check_folder
from ..core.wording import plural
from ..datasets.tree import ARCHIVES
from ..experiments import runner
from ..experiments.compare.budget import read_budget
from ..experiments.compare.campaign import Campaign, Outcomes
from ..experiments.compare.costs import measure_costs
from ..experiments.compare.distrust import ignored_model, ignored_seeds, unrepeatable
from ..experiments.compare.findings import read_findings
from ..experiments.compare.preparing import prepare_rows, trial_of
from ..experiments.compare.references import refer, title
from ..experiments.compare.run_plan import ComparisonPlan, plan_campaign
from ..experiments.compare.trial import OwnTrial
from ..experiments.compare.tuning import tune
from ..experiments.compare.variants import Variant as Variant
from ..experiments.compare.variants import Variants, read_variants
from ..experiments.experiment import Cell
from ..experiments.kernel_choice import REFERENCE, choose_kernels
from ..experiments.own import use
from ..experiments.result import Result
from ..experiments.store import Store
from .comparison import Comparison
from .progress import show_progress
from .selecting import RESULTS, check_count

Protocol = Literal["scratch", "finetune"]

USUAL: dict[str, Any] = {
    "optimizer": "adamw",
    "lr": 1e-3,
    "schedule": "cosine",
    "batch_size": 64,
    "epochs": 10,
}
"""Settings of our loop, where the user names none."""

HELD_OUT = 0.1
"""Share of the training data to choose on, where something is chosen and nobody says how much."""


def compare(
    model: Callable[[], nn.Module] | nn.Module | str,
    *,
    activations: Variants,
    data: Any = None,
    train: Callable[..., Any] | str | None = None,
    example: Any = None,
    where: str = "all",
    from_: str | Sequence[str] = (),
    start: str | None = None,
    protocol: Protocol = "scratch",
    controls: bool = True,
    seeds: int = 5,
    budget: str | float | None = None,
    tune_lr: bool = False,
    task: str = "",
    loss: Callable[..., Any] | str = "",
    metric: Callable[..., Any] | str = "",
    better: Literal["higher", "lower"] | None = None,
    unit: str = "",
    margin: float | None = None,
    costs: bool = True,
    workers: int = 1,
    threads: int | None = None,
    kernels: Literal["reference", "cpu", "triton"] | None = None,
    name: str = "",
    results: Path | str | None = None,
    data_dir: Path | str | None = None,
    download: bool = False,
    own: Sequence[str] = (),
    progress: bool = True,
    on_plan: Callable[[ComparisonPlan], object] | None = None,
    **settings: Any,
) -> Comparison:
    """Compare activations in a model of your own, on your data or in your training, and say whether one of them helps.

    Every variant is trained with the same seeds. A seed decides the initial weights, the order of the data and what
    the model draws while it trains, so that runs of one seed differ in their activation alone. What has finished is
    kept in the results folder, and the same call goes on from there.

    Args:
        model: what makes the model when called without arguments; a model, which is copied; or `package.module:name`.
        activations: what is compared with the model as it is: texts such as `"pvlu"`, `"convrelu@R1"`,
            `"pvlu:start=was:activation_lr=0.01@first"`, or several swaps with `+` between them; dictionaries such as
            `{"to": "pvlu", "where": "R1"}`; functions that take a model and return a changed one; or a mapping of
            labels to these.
        data: what our loop trains on: a folder of pictures or an archive of one, an `.npz` file, a data set's name,
            `package.module:name`, or loaders, data sets or (inputs, targets), as one part, (train, test) or (train,
            validation, test).
        train: instead of data, your own training: `train(model, seed, report) -> metrics`. It returns a number or a
            dictionary of numbers, and may call `report(accuracy=…)` meanwhile.
        example: what the model is called with, as `rectifiers.swap` takes it; by default, the first batch that the data
            or the training give it.
        where: at which sites, for variants that do not say.
        from_: kinds of activation to replace; by default ReLU, or what the model has in its place.
        start: where functions start, for variants that do not say: `published`, `relu` or `was`; by default `published`
            from scratch, and what `rectifiers.swap` decides in fine-tuning.
        protocol: `scratch`, or `finetune` for a model that is trained already: weights are frozen, activations swapped,
            and their parameters trained alone.
        controls: whether a fine-tuning is compared with what the same extra training gives without other activations.
        seeds: runs per variant; with a budget, how many there are before the first look.
        budget: a limit for all runs together, such as `"30m"` or `"60 runs"`: then the better ones are chosen on
            validation data, and the best is compared with the baseline on fresh seeds until it is decided.
        tune_lr: whether each variant gets a learning rate of its own, chosen on validation data.
        task: `classification`, `multi-label`, `pixels`, `regression` or `segmentation`; by default, what targets look
            like.
        loss: a function of outputs and targets, or a name; by default the task's.
        metric: a function of outputs and targets, or the name of what `train` returns; by default the task's.
        better: whether more or less of the metric is better; by default as its name tells, such as less of an RMSE and
            more of an accuracy. It is asked for where a name does not tell.
        unit: of the metric, for tables.
        margin: difference that counts as none; by default 0.5 points where the metric is in percent, else 1 % of the
            baseline's mean.
        costs: whether time, memory and the exported model are measured too, in turns, which takes seconds.
        workers: runs at a time; more than one needs functions that a new process can import.
        threads: of PyTorch in each run; by default those that it has now, and one where there are several workers.
        kernels: what our functions run by; by default the fast kernels on a CPU, unless runs of this comparison were
            made by the reference.
        name: of the folder of the runs; by default after the model.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        data_dir: folder with the files of named data sets; None takes RECTIFIERS_DATA, or `data`.
        download: fetch files of named data sets that are missing.
        own: what files of yours define, each `FILE.py:NAME`, to be named in `activations` and elsewhere.
        progress: show how far it is, and without a budget first what it will take.
        on_plan: is told what the comparison will take, before it runs; see `plan_comparison`.
        **settings: fields of a `Trial` for our loop, such as `epochs`, `lr`, `optimizer`, `batch_size`, `device`.

    Returns:
        The comparison: `print` it, write its `report`, take the code of its `best`.

    Raises:
        RectifiersError: a name is unknown, or model, data, training and activations do not fit together.
        KeyboardInterrupt: the user stopped it; what had finished is kept.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> def make_model():
        ...     return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> inputs = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> with TemporaryDirectory() as folder:
        ...     found = compare(
        ...         make_model, data=(inputs, (inputs[:, 0] > 0).long()), activations=["arelu"], seeds=3, epochs=1,
        ...         results=folder, progress=False)
        >>> found.labels, len(found.results)
        (('as it is', 'arelu'), 6)
    """
    check_count("seeds", seeds)
    check_count("workers", workers)
    for reference in own:
        use(reference)
    if (data is None) == (train is None):
        raise ConfigError("give either data, for our loop, or train, a training of your own")
    if protocol not in ("scratch", "finetune"):
        raise UnknownNameError("protocol", str(protocol), ("scratch", "finetune"))
    limit = None if budget is None else read_budget(budget)
    common = OwnTrial.create(
        **_own(model, data, train, example, loss, metric),
        task=task,
        better=better or "",
        unit=unit,
        threads=threads or (torch.get_num_threads() if workers == 1 else 1),
        kernels=kernels or REFERENCE,
        **_settings(settings, train, chooses=limit is not None or tune_lr, tunes=tune_lr),
    )
    folder = check_folder(datasets.data_folder(data_dir), "data_dir")
    if common.dataset and "#" not in common.dataset:
        datasets.load(common.dataset, folder, download=download)
        common = common.model_copy(update={"data_digest": datasets.digest_files(common.dataset)})
    rows = prepare_rows(
        common,
        read_variants(activations),
        folder,
        where=where,
        from_=tuple(filter(None, from_.split(","))) if isinstance(from_, str) else tuple(from_),
        start=start,
        finetune=protocol == "finetune",
        controls=controls,
    )
    bench = _Bench(_open(results, name or _usual_name(common)), workers, folder, progress)
    if kernels is None:
        common = common.model_copy(
            update={"kernels": choose_kernels([trial_of(common, rows[0], 0)], bench.store.has).name}
        )

    def make(variant: Variant, seed: int) -> OwnTrial:
        return trial_of(common, variant, seed)

    notes: list[str] = []
    before: Outcomes = []
    if tune_lr:
        tuned = tune(rows, common.lr, make, bench.execute, bench.read)
        rows, before = list(tuned.variants), tuned.outcomes
        notes += [f"{label}: the best of the learning rates tried is at their edge" for label in tuned.at_the_edge]
    campaign = Campaign(
        rows[0], tuple(rows[1:]), make, bench.execute, bench.read, seeds, limit, workers, _margin(margin)
    )
    if on_plan is not None or (progress and limit is None):
        plan = plan_campaign(campaign, common, folder)
        (on_plan or _say_plan)(plan)
    course = campaign.go(before)
    if course.results and not any(math.isfinite(result.value("final_epoch")) for result in course.results):
        raise ConfigError(
            f"all {plural(len(course.results), 'run')} diverged, or gave a metric that is not a number; look for NaN "
            "in the data, take a smaller lr, or mend the metric"
        )
    distrust = ""
    if train is not None:
        training = title(common.train)
        distrust = ignored_seeds(course.outcomes, training) or ignored_model(course.outcomes, training)
        if not distrust and course.outcomes:
            first = make(rows[0], course.outcomes[0][0].trial.seed)
            again = first.model_copy(update={"repeat": 1})
            bench.execute([again])
            notes += filter(None, [unrepeatable(bench.read(first), bench.read(again), training)])
    measured, trouble = measure_costs(common, [row for row in rows if not row.control], folder) if costs else ({}, "")
    notes += filter(None, [bench.note, trouble])
    found = read_findings(
        campaign,
        course,
        common,
        distrust=distrust,
        notes=notes,
        example=_example_code(common),
        costs=measured,
    )
    return Comparison(found, tuple((cell, result) for cell, result in course.outcomes if result is not None))


def plan_comparison(model: Callable[[], nn.Module] | nn.Module | str, **options: Any) -> ComparisonPlan:
    """Find out how many runs a comparison has, how long they take here, and which difference they could show.

    Of our loop a few steps are measured; a training of your own takes as long as the runs of it that there are.

    Args:
        model: as for `compare`.
        **options: as for `compare`.

    Raises:
        RectifiersError: as for `compare`.

    Example:
        >>> inputs = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     plan = plan_comparison(
        ...         lambda: nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)),
        ...         data=(inputs, (inputs[:, 0] > 0).long()), activations=["arelu"], results=folder)
        >>> plan.labels, plan.runs
        (('as it is', 'arelu'), 10)
    """

    def stop(plan: ComparisonPlan) -> None:
        raise _PlannedError(plan)

    try:
        compare(model, **options, on_plan=stop)
    except _PlannedError as planned:
        return planned.plan
    raise AssertionError("a comparison is planned before it runs")


class _PlannedError(Exception):
    """Ends a comparison that is planned only."""

    def __init__(self, plan: ComparisonPlan) -> None:
        super().__init__(plan)
        self.plan = plan


def _say_plan(plan: ComparisonPlan) -> None:
    if plan.done < plan.runs:
        sys.stderr.write(f"{plan}\n")


class _Bench:
    """Where trials of a comparison are run, and read again."""

    def __init__(self, store: Store, workers: int, data_dir: Path, progress: bool) -> None:
        self.store, self.workers, self.data_dir, self.progress = store, workers, data_dir, progress
        self.note = ""

    def execute(self, trials: Sequence[OwnTrial]) -> None:
        """Run what the store does not have.

        Raises:
            RectifiersError: a trial cannot run, or its process ended in an error.
        """
        cells = [Cell(trial.id, "", trial) for trial in trials if not self.store.has(trial)]
        if not cells:
            return
        here = self.workers == 1 or not all(trial.is_portable for trial in trials)
        if here and self.workers > 1:
            self.note = (
                "runs were made in this process, one after the other, because another one cannot import all that "
            )
            self.note += "they need; put it into a module"
        with show_progress(len(cells), hidden=not self.progress) as report:
            ended = runner.run(
                cells, self.store, workers=self.workers, data_dir=self.data_dir, on_progress=report, here=here
            )
        for trial, story in ended.failed.items():
            raise RectifiersError(f"a run failed: {story.rstrip().splitlines()[-1]} (seed {trial.seed})")

    def read(self, trial: OwnTrial) -> Result | None:
        """What the store has of a trial."""
        return self.store.read(trial)


def _own(model: Any, data: Any, train: Any, example: Any, loss: Any, metric: Any) -> dict[str, Any]:
    """Fields of a trial that name what the user brought."""
    return {
        "network": refer(model),
        "dataset": "" if data is None else _data(data),
        "train": "" if train is None else refer(train),
        "example": "" if example is None else _example(example),
        "loss": loss if isinstance(loss, str) and ":" not in loss else refer(loss),
        "measure": metric if isinstance(metric, str) and ":" not in metric else refer(metric),
    }


def _data(data: Any) -> str:
    """The data of a trial: a data set's name, or the name of what the user brought."""
    if isinstance(data, Path):
        data = str(data)
    if not isinstance(data, str):
        return refer(data)
    if Path(data).is_dir() or (data.endswith(ARCHIVES) and Path(data).is_file()):
        return f"folder:{data}"
    if data.endswith(".npz"):
        return f"npz:{data}"
    kind = data.partition(":")[0]
    if kind in datasets.registry:
        return data
    if ":" in data:
        return refer(data)
    raise UnknownNameError("data set, folder or package.module:name", data, datasets.registry)


def _example(example: Any) -> str:
    if isinstance(example, tuple | list) and example and all(type(size) is int for size in example):
        return ",".join(map(str, example))
    return refer(example)


def _settings(settings: dict[str, Any], train: Any, *, chooses: bool, tunes: bool) -> dict[str, Any]:
    """Settings of the runs, with what is usual where the user names nothing."""
    fixed = sorted({"seed", "swaps", "change", "network", "dataset", "tuning", "repeat", "passed"} & set(settings))
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot be set; a comparison decides it")
    if train is not None:
        return {**settings, "passed": tuple(sorted({*settings, *(("lr",) if tunes else ())}))}
    held_out = {"validation": HELD_OUT} if chooses else {}
    usual = dict(USUAL)
    if {"milestones", "lr_decay"} & set(settings):
        del usual["schedule"]
    return {**usual, **held_out, **settings}


def _margin(given: float | None) -> Callable[[Sequence[float], Result], float]:
    if given is not None and not 0 <= given < math.inf:
        raise ConfigError(f"margin must be zero or a positive number, got {given}")

    def margin(scores: Sequence[float], result: Result) -> float:
        if given is not None:
            return given
        if result.measure.unit == "%":
            return 0.5
        return 0.01 * abs(sum(scores) / len(scores)) if scores else 0.0

    return margin


def _open(results: Path | str | None, name: str) -> Store:
    root = check_folder(Path(results or os.environ.get("RECTIFIERS_RESULTS") or RESULTS), "results")
    return Store(root, name)


def _usual_name(common: OwnTrial) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", title(common.network)).strip("-").lower()
    return f"compare-{plain or 'model'}"


def _example_code(common: OwnTrial) -> str:
    """How the lines that put the winner in may write the example."""
    return f"({common.example})" if common.example and "#" not in common.example else "example"
