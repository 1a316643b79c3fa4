"""Activations compared in the user's own model: would another one help, what does it cost, how is it put in."""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from .. import datasets
from ..core.errors import ConfigError, UnknownNameError
from ..core.files import check_folder
from ..core.wording import is_printable_line, plural
from ..experiments.compare.budget import read_budget
from ..experiments.compare.campaign import FRESH, MOST_PAIRS, Campaign, Course, Outcomes
from ..experiments.compare.checking import check_goal, check_settings
from ..experiments.compare.costs import measure_costs
from ..experiments.compare.distrust import ignored_model, ignored_seeds, unrepeatable
from ..experiments.compare.findings import read_findings
from ..experiments.compare.looked import Looked
from ..experiments.compare.margin import doubt, usual_margin
from ..experiments.compare.own_training import check_training, rate_of
from ..experiments.compare.preparing import doubt_model, prepare_rows, trial_of
from ..experiments.compare.references import resolve, title
from ..experiments.compare.run_plan import ComparisonPlan, plan_campaign
from ..experiments.compare.scores import is_usable
from ..experiments.compare.start_weights import refer_weights
from ..experiments.compare.trial import OwnTrial
from ..experiments.compare.tuning import list_tried, tune
from ..experiments.compare.variants import Variant as Variant
from ..experiments.compare.variants import Variants, read_variants
from ..experiments.kernel_choice import REFERENCE, choose_kernels
from ..experiments.own import list_references, use
from ..experiments.result import Result
from ..experiments.statistics import FEWEST
from ..experiments.store import Store
from ..kernels import status as load_kernels
from ..training.devices import check_device
from .bench import Bench
from .brought import fields_of, name_data, refer_function, usual_settings
from .comparison import Comparison
from .progress import in_notebook, say
from .selecting import RESULTS, check_count

Protocol = Literal["scratch", "finetune"]

MOST_SEEDS = 10_000
"""Of each variant: more are a slip, and to count them alone would take minutes."""


def compare(
    model: Callable[[], nn.Module] | nn.Module | str,
    *,
    activations: Variants,
    data: Any = None,
    train: Callable[..., Any] | str | None = None,
    weights: Path | str | None = None,
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
    kernels: Literal["reference", "cpu", "cpu-fused", "triton"] | None = None,
    name: str = "",
    results: Path | str | None = None,
    data_dir: Path | str | None = None,
    download: bool = False,
    own: Sequence[str] | str = (),
    progress: bool = True,
    on_plan: Callable[[ComparisonPlan], object] | None = None,
    **settings: Any,
) -> Comparison:
    """Compare activations in a model of your own, on your data or in your training, and say whether one of them helps.

    Every variant is trained with the same seeds. A seed decides the initial weights, the order of the data and what
    the model draws while it trains, so that runs of one seed differ in their activation alone. What has finished is
    kept in the results folder, and the same call continues from there.

    Args:
        model: what makes the model when called without arguments; a model, which is copied; or `package.module:name`.
        activations: what is compared with the model as it is: texts such as `"pvlu"`, `"convrelu@R1"`,
            `"pvlu:start=was:activation_lr=0.01@first"`, or several swaps with `+` between them; dictionaries such as
            `{"to": "pvlu", "where": "R1"}`; functions that take a model and return a changed one; or a mapping of
            labels to these.
        data: what the built-in loop trains on: a folder of pictures or an archive of one, an `.npz` file, a data set's
            name, `package.module:name`, or loaders, data sets or (inputs, targets), as one part, (train, test) or
            (train, validation, test).
        train: instead of data, your own training: `train(model, seed, report) -> metrics`. It returns a number, of
            which more is better unless `better` says otherwise, or a dictionary of numbers, and may call
            `report(accuracy=…)` meanwhile.
        weights: a file of weights that every run starts from, `.safetensors`, `.pt` or `.pth`; it is known by what it
            holds. By default, those that `model` makes.
        example: what the model is called with, as `rectifiers.swap` takes it; by default, the first batch that the data
            or the training give it.
        where: at which sites, for variants that do not say.
        from_: kinds of activation to replace; by default ReLU, or what the model has in its place.
        start: where functions start, for variants that do not say: `published`, `relu`, `was` or `added`; by default
            `published` from scratch, and what `rectifiers.swap` decides in fine-tuning.
        protocol: `scratch`, or `finetune` for a model that is trained already: weights are frozen, activations swapped,
            and their parameters trained alone.
        controls: whether a fine-tuning is compared with what the same extra training gives without other activations.
        seeds: runs per variant; with a budget, how many there are before the result is first judged.
        budget: a limit for all runs together, such as `"30m"` or `"60 runs"`: then what is clearly worse is left out on
            validation data, and the best is compared with the baseline on fresh seeds until it is decided.
        tune_lr: whether each variant gets a learning rate of its own, chosen on validation data.
        task: `classification`, `multi-label`, `pixels`, `regression` or `segmentation`; by default, what targets look
            like.
        loss: a function of outputs and targets, or a name; by default the task's.
        metric: a function of outputs and targets, or the name of what `train` returns; by default the task's.
        better: whether more or less of the metric is better; by default as its name tells, such as less of an RMSE and
            more of an accuracy. Required where a name does not say.
        unit: unit of the metric, shown in tables.
        margin: the largest difference that counts as none; by default 0.5 points where the metric is in percent,
            0.01 of R², else 1 % of the baseline's mean.
        costs: whether time, memory and the exported model are measured too, in turns, which takes seconds.
        workers: runs at a time; more than one needs functions that a new process can import.
        threads: threads of PyTorch in each run; by default as many as now, or one where there are several workers.
        kernels: what our functions run on; by default the fast kernels on a CPU, unless runs of this comparison were
            made on the reference.
        name: name for the folder of the runs; by default the model's.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        data_dir: folder with the files of named data sets; None takes RECTIFIERS_DATA, or `data`.
        download: fetch files of named data sets that are missing.
        own: what files of yours define, each `FILE.py:NAME`, to be named in `activations` and elsewhere.
        progress: show first what it will take, then how far it is.
        on_plan: is told what the comparison will take, before it runs; see `plan_comparison`.
        **settings: fields of a `Trial` for the built-in loop, such as `epochs`, `lr`, `optimizer`, `batch_size`,
            `device`.

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
    most = MOST_SEEDS if budget is None else MOST_PAIRS
    if seeds > most:
        which = "" if budget is None else " before the first look"
        raise ConfigError(f"seeds{which} must be at most {most:,}, got {seeds:,}; a few, such as 5, are usual")
    if budget is not None and seeds < FEWEST:
        raise ConfigError(f"seeds before the first look must be at least {FEWEST}, got {seeds}; fewer bear no verdict")
    if (data is None) == (train is None):
        raise ConfigError("give either data, for the built-in loop, or train, a training of your own")
    if protocol not in ("scratch", "finetune"):
        raise UnknownNameError("protocol", str(protocol), ("scratch", "finetune"))
    # All that words tell comes before data are read and anything is trained.
    limit = None if budget is None else read_budget(budget)
    margins = _margin(margin)
    if not isinstance(unit, str) or not is_printable_line(unit):
        raise ConfigError(f"unit must be a word of one line, such as kg, got {unit!r}")
    for reference in list_references(own):
        use(reference)
    variants = read_variants(activations)
    goal = check_goal(task, loss, metric, better, own_training=train is not None)
    if isinstance(data, Iterator):
        raise ConfigError(f"data must be readable more than once, got a {type(data).__name__}; give a list or loaders")
    name_of_data = name_data(data)
    chosen = usual_settings(settings, train, chooses=limit is not None or tune_lr, tunes=tune_lr)
    check_settings(
        settings, chosen, inspect.signature(compare).parameters, named=train is not None or bool(name_of_data)
    )
    check_device(OwnTrial.create(network="", kernels=kernels or REFERENCE, **chosen).device)
    folder = check_folder(datasets.data_folder(data_dir), "data_dir")
    common = OwnTrial.create(
        **fields_of(model, name_of_data or data, train, example),
        weights="" if weights is None else refer_weights(weights),
        task=goal.task,
        loss=goal.loss or refer_function(loss),
        measure=goal.measure or refer_function(metric),
        better=goal.better,
        unit=unit,
        threads=threads or (torch.get_num_threads() if workers == 1 else 1),
        kernels=kernels or REFERENCE,
        # Now that the user's modules are imported, which may set it.
        default_dtype=str(torch.get_default_dtype()).removeprefix("torch."),
        **chosen,
    )
    if train is not None:
        check_training(resolve(common.train), title(common.train), common.passed)
        if tune_lr and "lr" not in settings:
            common = common.model_copy(update={"lr": rate_of(resolve(common.train), title(common.train))})
    if limit is not None and math.isfinite(limit.seconds):
        # Kernels are compiled once, before the clock starts.
        load_kernels()
    bench = Bench(_open(results, name or _usual_name(common)), workers, folder, progress)
    if common.dataset and "#" not in common.dataset:
        datasets.load(common.dataset, folder, download=download)
        common = common.model_copy(update={"data_digest": datasets.digest_files(common.dataset)})
    rows = prepare_rows(
        common,
        variants,
        folder,
        where=where,
        from_=tuple(filter(None, from_.split(","))) if isinstance(from_, str) else tuple(from_),
        start=start,
        finetune=protocol == "finetune",
        controls=controls,
    )
    if not all(trial_of(common, row, 0).is_portable for row in rows):
        bench.stay_here()
    if kernels is None:
        begun = [trial_of(common, rows[0], seed, chooses=chooses) for seed in (0, FRESH) for chooses in (False, True)]
        common = common.model_copy(update={"kernels": choose_kernels(begun, bench.store.has).name})

    def make(variant: Variant, seed: int, *, chooses: bool = False) -> OwnTrial:
        return trial_of(common, variant, seed, chooses=chooses)

    campaign = Campaign(
        rows[0],
        tuple(rows[1:]),
        make,
        bench.execute,
        bench.read,
        seeds,
        limit,
        bench.workers,
        margins,
        spent=bench.spent,
        looked=Looked(bench.store.folder),
    )
    tried = [trial for trials in list_tried(rows, common.lr, make).values() for trial in trials] if tune_lr else []
    campaign.check(len(tried))
    notes = doubt_model(common, folder)
    before: Outcomes = []
    to_tune = [trial for trial in tried if bench.read(trial) is None]

    def choose_rates() -> Campaign:
        tuned = tune(rows, common.lr, make, bench.execute, bench.read)
        before.extend(tuned.outcomes)
        notes.extend(tuned.notes)
        return replace(campaign, baseline=tuned.variants[0], others=tuned.variants[1:])

    if tried and not to_tune:
        campaign = choose_rates()
    if train is not None:
        # The first run tells how long one takes, and whether the training works at all.
        bench.execute([*to_tune, campaign.first][:1], words="one run, to see how long it takes")
    if on_plan is not None or progress or (limit is not None and math.isfinite(limit.seconds)):
        plan = plan_campaign(campaign, common, folder, tuning=to_tune)
        campaign = replace(campaign, paces=plan.seconds)
        campaign.check(len(tried))
        if on_plan is not None:
            on_plan(plan)
        elif progress:
            _say_plan(plan)
    if to_tune:
        campaign = choose_rates()
    course = campaign.go(before)
    if course.results and not any(map(is_usable, course.results)):
        raise ConfigError(
            f"all {plural(len(course.results), 'run')} diverged, or gave a metric that is not a number; look for NaN "
            "in the data, take a smaller lr, or mend the metric"
        )
    distrust = ""
    if train is not None:
        training = title(common.train)
        distrust = ignored_seeds(course.outcomes, training) or ignored_model(course.outcomes, training)
        if not distrust and course.outcomes:
            first = make(campaign.baseline, course.outcomes[0][0].trial.seed)
            again = first.model_copy(update={"repeat": 1})
            if campaign.affords(course, [again]):
                bench.execute([again], words="one run again, to see whether it gives the same")
            else:
                notes.append("nothing was left of the budget to see whether one seed gives the same outcome twice")
            notes += filter(None, [unrepeatable(bench.read(first), bench.read(again), training)])
    measured, trouble = measure_costs(common, [row for row in rows if not row.control], folder) if costs else ({}, "")
    notes += filter(None, [bench.note, trouble, "" if margin is not None else _doubt(course, campaign.baseline)])
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

    For the built-in loop, a few steps are timed; for a training of your own, the first run is carried out, which the
    comparison needs anyway.

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
        # In a notebook, what goes to stderr looks like something that went wrong.
        (print if in_notebook() else say)(str(plan))


def _margin(given: float | None) -> Callable[[Sequence[float], Result], float]:
    if given is not None and not (isinstance(given, (int, float)) and 0 <= given < math.inf):
        raise ConfigError(f"margin must be zero or a positive number, got {given!r}")
    return lambda scores, result: usual_margin(scores, result.measure) if given is None else given


def _doubt(course: Course, baseline: Variant) -> str:
    """What to say of the margin, where nobody gave one."""
    found = [result for cell, result in course.outcomes if cell.row == baseline.label and result is not None]
    scores = [score for score in (result.value("final_epoch") for result in found) if math.isfinite(score)]
    return doubt(scores, found[0].measure) if found else ""


def _example_code(common: OwnTrial) -> str:
    """How the lines that put the winner in may write the example."""
    return f"({common.example})" if common.example and "#" not in common.example else "example"


def _open(results: Path | str | None, name: str) -> Store:
    if not re.fullmatch(r"\w[\w .-]*", name):
        raise ConfigError(f"name must be a plain name, such as my-comparison, got {name!r}; it is that of a folder")
    root = check_folder(Path(results or os.environ.get("RECTIFIERS_RESULTS") or RESULTS), "results")
    # From the root, for a training of the user's may change the working directory.
    return Store(root.absolute(), name)


def _usual_name(common: OwnTrial) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", title(common.network)).strip("-").lower()
    return f"compare-{plain or 'model'}"
