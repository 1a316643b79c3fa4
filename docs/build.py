"""Write what follows from code and published results: reference of functions and networks, README's table, pictures."""

from __future__ import annotations

import csv
import importlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rectifiers import activations, functional
from rectifiers import networks as nets
from rectifiers.activations import registry
from rectifiers.core.errors import UnsupportedError
from rectifiers.core.spec import ActivationSpec, ParameterSpec
from rectifiers.core.wording import duration, plural, span
from rectifiers.experiments.result import Shape
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.lab import coverage as covering
from rectifiers.lab.claims import Judged, judge_claims
from rectifiers.networks.placement import list_sites
from rectifiers.papers import registry as experiments
from rectifiers.papers.claims import PAPERS as PAPERS_WITH_CLAIMS
from rectifiers.papers.claims import SNAPSHOT, count_statuses
from rectifiers.papers.peft.rows import FUNCTIONS as TUNED
from rectifiers.report.export import to_markdown
from rectifiers.report.figures.accuracy import accuracy_figure
from rectifiers.report.figures.canvas import drawing_style, panels, standalone, svg, zero_lines
from rectifiers.report.figures.costs import TITLE, costs_figure
from rectifiers.report.figures.gallery import draw_gallery
from rectifiers.report.figures.style import MUTED, SERIES, styles
from rectifiers.report.sampling import sample
from rectifiers.report.table import Outcomes, Table, build
from rectifiers.report.wording import MARKS, our_number

HERE = Path(__file__).parent
CLASSES = HERE.parent / "src" / "rectifiers" / "activations" / "classes.py"
PAGE = HERE / "activations.md"
NETWORKS = HERE / "networks.md"
PAPERS = HERE / "papers.md"
CLAIMS = HERE / "claims.md"
FINDINGS = HERE.parent / "benchmarks" / "results" / "gallery.json"
GALLERY = HERE / "images" / "gallery.svg"
ACCURACY = HERE / "images" / "table1.svg"
README = HERE.parent / "README.md"
RESULTS = HERE.parent / "results"
FINDINGS_BEGIN, FINDINGS_END = "<!-- findings:begin -->\n", "<!-- findings:end -->\n"
TABLE1 = HERE / "table1.md"
LEARNED = HERE / "images" / "learned.svg"
KERNELS = HERE / "kernels.md"
COSTS = HERE.parent / "benchmarks" / "results" / "kernels.json"
COSTS_PICTURE = HERE / "images" / "kernels.svg"
COSTS_BEGIN, COSTS_END = "<!-- kernels:begin -->\n", "<!-- kernels:end -->\n"
CONVOLUTIONS = HERE.parent / "benchmarks" / "results" / "conv_relu.json"
SHAPES = HERE.parent / "benchmarks" / "results" / "shapes.json"
PRESETS = HERE.parent / "benchmarks" / "results" / "paper_presets.json"
PLASTICITY = HERE / "plasticity.md"
SEQUENCES = {"regression": "regression", "permuted-mnist": "permuted MNIST", "random-labels": "random labels"}
PLASTICITY_BEGIN, PLASTICITY_END = "<!-- plasticity:begin -->\n", "<!-- plasticity:end -->\n"
PEFT = HERE / "peft.md"
PEFT_PICTURE = HERE / "images" / "peft.svg"
TUNED_CELLS = {"peft": "peft/new-classes.csv"}
"""Cells below `results`, by the word in the marks of their table on the page on fine-tuning."""
CONVOLUTIONS_BEGIN, CONVOLUTIONS_END = "<!-- conv_relu:begin -->\n", "<!-- conv_relu:end -->\n"

CLASSES_INTRODUCTION = '''\
"""The classes of `TABLE`, for type checkers and editors; nothing imports it. Written by `make docs`; edit `TABLE`."""

'''

INTRODUCTION = """\
# The functions

<!-- Written by `make docs` from the functions' specs; edit those. -->

![All functions of one number at their start, and their derivatives](images/gallery.svg)

*Solid: the function as it starts; dashed: its derivative. Functions that learn are blue.*

`rectifiers.AReLU()` or `rectifiers.create("arelu")` makes a module, `rectifiers.functional.arelu(x)` applies the plain
function. Every elementwise module takes `share` ("layer", "channel" or "element"), `channels` (inferred at the first
call if it is not given), `channel_dim`, `device` and `dtype`; in the signatures below they are `**granularity`.
`relu_like=True` starts a function at ReLU, or as near as possible.
"""

NETWORKS_INTRODUCTION = """\
# The networks

<!-- Written by `make docs` from the networks' specs; edit those. -->

`rectifiers.networks.create(name, act, shape=…, classes=…, **options)` makes a network with any activation:
`act(channels)` makes the activation for a number of channels, and is called once per site, in forward order. No network
names an activation itself. An activation that changes the number of channels, as CReLU doubles it, fits wherever the
layers after it can read another number; where a network adds two of its parts, an error says so.

```python
from rectifiers import activations
from rectifiers.networks import create
from rectifiers.networks.placement import list_sites, place

shape, classes = (3, 32, 32), 100
sites = list_sites("densenet-convrelu", shape=shape, classes=classes)
act = place(
    [site.index for site in sites if site.name.startswith("block1.")],
    inside=lambda channels: activations.create("prelu", share="channel", channels=channels),
    elsewhere=lambda channels: activations.create("relu"),
)
net = create("densenet-convrelu", act, shape=shape, classes=classes)
```

`list_sites` returns the index, name, channels and stage of every site, and what reads it; `heads.replace_head` gives a
trained network another last layer. The parameters below are counted with ReLU, for the paper's input and number of
classes.
"""

PAPERS_INTRODUCTION = """\
# The papers

<!-- Written by `make docs` from the experiments; edit those. -->

Every table and figure of the four papers has an entry. `rectifiers run NAME --preset PRESET` runs it, in three sizes:
`smoke` shows in seconds that it runs, `pocket` takes minutes on two cores, and `paper` follows the published
protocol, as far as the paper states it. `rectifiers show NAME` prints the published numbers. To find out what an
entry takes on your machine, `rectifiers plan NAME --preset paper` measures a step, on noise of the same shape where
data are missing, and says how many runs, gigabytes and hours it takes. Below each `paper` preset is what `plan` said
on two cores without a GPU, after a real step of every kind of run
([benchmarks/paper_presets.py](../benchmarks/paper_presets.py)): these hours are calculated from the time of a step,
not measured on whole runs. `rectifiers list papers` says which entries can run on your machine, and which have been
run: in the results that are published here, and by you.

Entries that look into trained networks say so; their report shows what they find, as pictures and as numbers with
intervals over the seeds. They share the runs of a table where possible, but need the trained weights: runs that were
made for a table alone are repeated, with the same bits.

Where a paper is silent or contradicts itself, the assumptions made are listed below the entry and in its report.

The `decide/…` entries are experiments of ours: networks small enough to be trained to the end on two cores, with the
control arms that the papers lack, and with as many seeds as it takes to find half of the published difference.
`rectifiers plan` prints the power calculation, which was written down before anything ran.
"""

CLAIMS_INTRODUCTION = """\
# What the papers claim, and what holds

<!-- Written by `make docs` from the papers' `claims.toml` and the published results; edit those. -->

For every claim, this page says where its paper makes it, and what the answer here rests on: runs in
[results](../results/README.md), analyses in [the gallery](gallery.md), whose networks on CIFAR-10 saw JPEG pictures,
or a test. `rectifiers list claims` prints the same, and `--json` gives it to programs;
`rectifiers list claims --results runs` judges by your own runs.

- **reproduced**, **contradicted**: run as published, and the 95 % interval of the difference, paired by seed, lies
  wholly on the claimed side of zero, or wholly on the other. A claim that two functions are level is reproduced if the
  90 % interval lies within the experiment's margin, and contradicted if the 95 % interval lies wholly outside it.
  Matters of mathematics and counting are settled by a test.
- **at small scale only**: runs of a smaller size, or of an experiment of ours that was made to decide the claim on
  small machines. They settle nothing, but the table says which way they lean: one of the latter is against a claim also
  if its interval leaves out half of the published difference and all beyond. The command shown repeats them, or runs
  the published size of an analysis from the gallery; the cost shown is always that of the published size, which would
  settle the claim.
- **open**: not run, or run as published with an interval that leaves both answers possible.

Where a paper does not state its protocol, "as published" includes the assumptions listed with
[its entry](papers.md). Each claim is judged by itself: the intervals are not corrected for the number of claims. If a
row is compared with the best of several others, that other was picked after the runs, so chance favours it, not the
row.
"""

TABLE1_INTRODUCTION = """\
# AReLU's Table 1

<!-- Written by `make docs` from the published results; edit those. -->

Test accuracy on MNIST after the first epoch: 19 functions, two optimizers, four learning rates and five seeds.
[The reading](../results/arelu-table1/README.md) says what agrees with the paper and what does not, and how long it
took. The paper's number is in brackets, with † where it lies outside our interval; the marks compare with ReLU:
▲ better, ▼ worse, = equivalent, · inconclusive.

![Ours with intervals, the paper's numbers beside them](images/table1.svg)

"""

FINDINGS_TEXT = """\
- **AReLU learns far sooner at small learning rates.** One epoch of MNIST, SGD at 1e-3: {slow}.
- **At usual ones it does not.** Adam at 1e-2: {fast}.
- **{table.agreements} of {table.judgements} published means lie inside our intervals**, over {table.planned} runs.
- **Most of what the papers claim is not settled.** {statuses}.
- **Learning a function need not cost anything.** AReLU takes {arelu[0]:.2f} × the time of `nn.ReLU` and
  {arelu[1]:.2f} × its memory in training; as published {published[0]:.1f} × and {published[1]:.1f} ×, and PyTorch's own
  PReLU {prelu[0]:.1f} × and {prelu[1]:.1f} ×. [Measured](docs/kernels.md#what-it-costs) on 128×64×32×32 numbers, one
  thread, and in a ResNet-18.
- **CReLU keeps a network learning where ReLU stops.** New random labels, phase after phase: {kept[CReLU]} % against
  {kept[ReLU]} % over the last tenth of the phases, at small scale; [25 functions on three
  sequences](docs/plasticity.md).
- **PVLU's fine-tuning adds nothing to a small network that has converged.** Its waves, trained alone, gain
  {gained} points on CIFAR-10, and [PReLU's slopes as much](results/decide-pvlu/README.md); the paper's
  gain in VGG-16 is 1.24.
"""

RELU_START = {
    "exact": "`relu_like=True` makes it ReLU.",
    "nearest": "`relu_like=True` starts it near ReLU, not exactly at ReLU.",
    "none": "It cannot start at ReLU.",
}


def classes() -> str:
    """The module that says to type checkers which classes `rectifiers` and `rectifiers.activations` offer."""
    targets = sorted(target.split(":") for target in activations.TABLE.values())
    return CLASSES_INTRODUCTION + "".join(f"from .{module} import {name} as {name}\n" for module, name in targets)


def activations_page() -> str:
    """The reference of all registered functions, in Markdown."""
    specs = ordered()
    parts = [INTRODUCTION, _overview(specs)]
    for title, learnable in (("Functions that learn", True), ("Fixed functions", False)):
        parts += [f"## {title}\n", *(_entry(spec) for spec in specs if spec.learnable == learnable)]
    return "\n".join(parts)


def networks_page() -> str:
    """The reference of all registered networks, in Markdown."""
    lines = [
        NETWORKS_INTRODUCTION,
        "| Name | Network | Input | Classes | Parameters | Sites | Options | Proposed in; used in |",
        "|---|---|---|--:|--:|--:|---|---|",
        *map(_network, nets.registry),
    ]
    return "\n".join([*lines, ""])


def papers_page() -> str:
    """All tables and figures of the papers: what they show, how to run them, and what they assume."""
    measured = json.loads(PRESETS.read_text(encoding="utf-8"))
    parts = [PAPERS_INTRODUCTION, _measured_on(measured.values())]
    packages = dict.fromkeys(name.partition("/")[0] for name in experiments if "/" in name)
    # The four papers come first, then experiments of ours.
    for paper in sorted(packages, key=lambda name: name not in PAPERS_WITH_CLAIMS):
        package = importlib.import_module(f"rectifiers.papers.{paper}")
        parts.append(f"## {package.PAPER}\n")
        if package.DRAWINGS:
            parts.append(f"{package.DRAWINGS}\n")
        parts += [_paper_entry(name, measured.get(name)) for name in experiments if name.startswith(f"{paper}/")]
    return "\n".join(parts)


def _paper_entry(name: str, measured: dict[str, Any] | None) -> str:
    experiment = experiments.get(name)
    lines = [f"### `{name}`\n", f"{experiments.summary(name)}\n"]
    if experiment.lacking:
        lines.append(f"Waits for {', '.join(experiment.lacking)}.\n")
    for preset in () if experiment.lacking else experiment.presets:
        trials = {cell.trial for cell in experiment.cells(preset)}
        data = ", ".join(_data_of(trials))
        count = plural(len(trials), "run")
        lines.append(
            f"- `rectifiers run {name} --preset {preset}`: {count} on {data}. {experiment.preset(preset).note}"
        )
    if measured:
        lines.append(f"  {_cost(measured)}")
    if experiment.analysis:
        source = f" It shares its runs with the other entries in `{experiment.folder}`." if experiment.runs else ""
        lines.append(f"\nIt looks into the trained networks with the analysis `{experiment.analysis}`.{source}")
    if experiment.gpu:
        lines.append(f"\nAs published, it needs a GPU: {experiment.gpu}.")
    if experiment.deviations:
        lines += ["\nAssumptions:\n", *(f"- {text}" for text in experiment.deviations)]
    return "\n".join([*lines, ""])


def claims() -> list[Judged]:
    """Judge the papers' claims by the published results and the gallery's findings."""
    measured = json.loads(PRESETS.read_text(encoding="utf-8"))
    costs = {name: f"about {duration(one['seconds'])} with two workers" for name, one in measured.items()}
    sections = {
        name: " ".join(section["finding"] for section in found["sections"])
        for name, found in json.loads(FINDINGS.read_text(encoding="utf-8")).items()
    }
    return judge_claims(RESULTS, sections, costs)


def claims_page(judged: Sequence[Judged]) -> str:
    """The register of claims as a page."""
    parts = [CLAIMS_INTRODUCTION, f"**{count_statuses(one.to_dict() for one in judged)}.**\n"]
    for paper in dict.fromkeys(one.claim.paper for one in judged):
        package = importlib.import_module(f"rectifiers.papers.{paper}")
        parts += [
            f"## {package.PAPER}\n",
            "| Claim | Place, printed | Status | What was found | Shown or settled by |",
            "|---|---|---|---|---|",
        ]
        parts += [_claim_row(one) for one in judged if one.claim.paper == paper] + [""]
    return "\n".join(parts)


def _claim_row(one: Judged) -> str:
    claim = one.claim
    printed = f"{claim.place}: {claim.printed}" if claim.printed else claim.place
    how = f"`{one.command}`" + (f"; {one.cost}" if one.cost else "")
    cells = (claim.says, printed, f"**{one.status}**", one.finding, how)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def claims_snapshot(judged: Sequence[Judged]) -> str:
    """The register as the package carries it: one claim per line."""
    lines = ",\n".join(json.dumps(one.to_dict(), ensure_ascii=False) for one in judged)
    return f"[\n{lines}\n]\n"


def coverage_snapshot() -> str:
    """What the published results cover, as the package carries it: one table or figure per line."""
    lines = [
        f"{json.dumps(name)}: {json.dumps([asdict(one) for one in covered])}"
        for name in experiments
        if (covered := covering.begun(covering.count_cells(experiments.get(name), RESULTS) + _in_tables(name)))
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _in_tables(name: str) -> list[covering.Coverage]:
    """The same of an experiment whose runs are too large to publish: its cells alone are, as CSV."""
    folder, _, table = name.partition("/")
    path = RESULTS / folder / f"{table}.csv"
    if not path.exists() or (path.parent / "results.jsonl").exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        published = {(cell["preset"], cell["row"], cell["column"]): int(cell["n"]) for cell in csv.DictReader(file)}
    found = []
    for preset in experiments.get(name).presets:
        planned = experiments.get(name).cells(preset)
        wanted = Counter((cell.row, cell.column) for cell in planned)
        runs = {cell: published.get((preset, *cell), 0) for cell in wanted}
        whole = sum(runs[cell] >= wanted[cell] for cell in wanted)
        begun = sum(map(bool, runs.values())) - whole
        # Columns show several measures of one run.
        rows: dict[str, int] = {}
        for (row, _column), n in runs.items():
            rows[row] = max(rows.get(row, 0), n)
        trials = len({cell.trial for cell in planned})
        found.append(covering.Coverage(preset, len(wanted), whole, begun, sum(rows.values()), trials))
    return found


def _measured_on(measured: Iterable[dict[str, Any]]) -> str:
    """The machines and commits of the costs; more than one where a measurement was interrupted."""
    places: dict[str, dict[str, None]] = {}
    for one in measured:
        places.setdefault(f"{one['processor']}, PyTorch {one['torch']}", {})[one["commit"]] = None
    texts = (
        f"{place} ({'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)})"
        for place, commits in places.items()
    )
    return f"Costs were measured on {'; '.join(texts)}.\n"


def _cost(measured: dict[str, Any]) -> str:
    """Say what a preset takes on the machine that it was measured on."""
    step = span([cost["step_seconds"] for cost in measured["costs"]])
    noise = "" if all(item["ready"] for item in measured["data"]) else ", on noise of the data's shape"
    # The first entries that were measured do not record it; their batches were whole.
    parts = {
        one["measured_batch"]
        for one in measured["costs"]
        if one.get("measured_batch", one["batch_size"]) < one["batch_size"]
    }
    part = (
        f"; batches that do not fit into memory are split into parts of {', '.join(map(str, sorted(parts)))}"
        if parts
        else ""
    )
    workers = plural(measured["workers"], "worker")
    return f"About {duration(measured['seconds'])} with {workers}; a step takes {step}{noise}{part}."


def _data_of(trials: Iterable[Trial]) -> list[str]:
    """List the data sets of trials and of what they start from, and the published weights."""
    known = {one for trial in trials for one in (trial, *trial.lineage)}
    weights = {one.pretrained for one in known if one.pretrained}
    return [
        *(f"`{name}`" for name in sorted({one.dataset for one in known})),
        *(f"the weights `{name}`" for name in sorted(weights)),
    ]


def _network(name: str) -> str:
    cls = nets.registry.get(name)
    spec = cls.spec
    with torch.device("meta"):
        net = nets.create(name, lambda _: nn.ReLU(), shape=spec.shape, classes=spec.classes)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    sites = len(list_sites(name, shape=spec.shape, classes=spec.classes))
    known = inspect.signature(cls).parameters
    options = ", ".join(f"`{option}`" for option in known if option not in ("act", "shape", "classes")) or "–"
    shape = "×".join(map(str, spec.shape))
    cells = (f"`{name}`", spec.title, shape, str(spec.classes), f"{parameters:,}", str(sites), options, spec.paper)
    return f"| {' | '.join(cells)} |"


def gallery() -> str:
    """All functions of one number at their start, with their derivatives, as SVG."""
    # Some functions start at random places.
    torch.manual_seed(0)
    curves = []
    for spec in ordered():
        try:
            curves.append((spec, sample(spec.name, points=161)))
        except UnsupportedError:
            continue
    with drawing_style():
        figure, axes = panels(len(curves), width=1.35, height=1.25, most=6, sharex=True, sharey=True)
        for axis, (spec, (x, y, slope)) in zip(axes, curves, strict=True):
            colour = SERIES[0] if spec.learnable else MUTED
            zero_lines(axis)
            axis.plot(x, slope, color=colour, linestyle="--", linewidth=0.8)
            axis.plot(x, y, color=colour)
            axis.set_title(spec.title, fontsize=8)
            axis.set_ylim(-2, 4)
    title = "All functions of one number at their start, and their derivatives"
    return standalone(svg(figure, name="gallery", title=title))


def table1() -> tuple[Table, Outcomes]:
    """Compute AReLU's Table 1 from the published results, and give the runs that it comes from."""
    experiment = experiments.get("arelu/table1")
    outcomes = Store(RESULTS, experiment.folder).outcomes(experiment.cells("paper"))
    return build(experiment, "paper", outcomes), outcomes


def table1_page() -> str:
    """AReLU's Table 1 as a page."""
    return TABLE1_INTRODUCTION + to_markdown(table1()[0])


def readme(text: str) -> str:
    """README with the findings between its marks written anew."""
    before, rest = text.split(FINDINGS_BEGIN)
    return before + FINDINGS_BEGIN + _surprises() + FINDINGS_END + rest.split(FINDINGS_END)[1]


def _surprises() -> str:
    """What readers may not expect, each number from the runs and the measurements that are published."""
    table, _ = table1()

    def shown(row: str, column: str) -> str:
        cell = table.cells[row, column]
        return f"{our_number(cell)} % (paper: {cell.published:.2f})"

    statuses = count_statuses(json.loads(SNAPSHOT.read_text("utf-8")))
    measured = json.loads(COSTS.read_text("utf-8"))
    (large,) = filter(is_reference, measured["settings"])
    times = {row["function"]: row["ratio"][1] for row in large["rows"]}
    memory = {one["function"]: one["ratio"] for one in measured["training_step"]}
    return FINDINGS_TEXT.format(
        slow=f"{shown('AReLU', 'SGD 1e-3')}\n  against ReLU's {shown('ReLU', 'SGD 1e-3')}",
        fast=f"{shown('AReLU', 'Adam 1e-2')}\n  against {shown('ReLU', 'Adam 1e-2')}",
        table=table,
        statuses=statuses[0].upper() + statuses[1:],
        arelu=(times["arelu"], memory["arelu"]),
        published=(times["arelu, as published"], memory["arelu, as published"]),
        prelu=(times["nn.PReLU"], memory["nn.PReLU"]),
        gained=_gain("PVLU"),
        kept={row: text.rstrip(" " + "".join(MARKS.values())) for row, text in _late("random-labels").items()},
    )


def _gain(row: str) -> str:
    """What a kind of fine-tuning gains over the network that it starts from, in points, with its interval."""
    with (RESULTS / "decide-pvlu" / "fine-tuning.csv").open(encoding="utf-8", newline="") as file:
        (cell,) = (cell for cell in csv.DictReader(file) if cell["row"] == row)
    gain, low, high = (f"{float(cell[f'minus_baseline{end}']):+.2f}".replace("-", "−") for end in ("", "_low", "_high"))
    return f"{gain} [{low}, {high}]"


def is_reference(setting: dict[str, Any]) -> bool:
    """Whether these are the costs that pages quote: a large input, contiguous, one thread."""
    return (setting["shape"], setting["layout"], setting["threads"]) == ([128, 64, 32, 32], "contiguous", 1)


def learned() -> str:
    """What the layers of a network made of four functions, as SVG."""
    known = json.loads(SHAPES.read_text("utf-8"))["functions"]
    names = ("arelu", "pvlu", "apl", "pau")
    shapes = {registry.get(name).spec.title: [Shape(**one) for one in known[name]] for name in names}
    figure = draw_gallery(shapes, dict(zip(shapes, SERIES, strict=False)))
    return standalone(svg(figure, name="learned", title="Functions before and after training"))


def accuracy() -> str:
    """AReLU's Table 1 as a picture, as SVG."""
    table, outcomes = table1()
    figure = accuracy_figure(table, styles(table.experiment, outcomes))
    assert figure is not None
    title = "Test accuracy after the first epoch: ours with intervals, and the paper's"
    return standalone(svg(figure, name="table1", title=title))


def kernels(text: str) -> str:
    """The page on kernels with the numbers between its marks written anew."""
    before, rest = text.split(COSTS_BEGIN)
    text = before + COSTS_BEGIN + "\n".join(_costs(json.loads(COSTS.read_text("utf-8")))) + rest.split(COSTS_END)[1]
    before, rest = text.split(CONVOLUTIONS_BEGIN)
    table = "\n".join(_convolutions(json.loads(CONVOLUTIONS.read_text("utf-8"))))
    return before + CONVOLUTIONS_BEGIN + table + rest.split(CONVOLUTIONS_END)[1]


def plasticity(text: str) -> str:
    """The page on plasticity with the table between its marks written anew."""
    before, rest = text.split(PLASTICITY_BEGIN)
    return before + PLASTICITY_BEGIN + _kept() + PLASTICITY_END + rest.split(PLASTICITY_END)[1]


def _kept() -> str:
    """What networks learn at the end of each sequence of tasks."""
    columns = [_late(name) for name in SEQUENCES]
    lines = [f"| | {' | '.join(SEQUENCES.values())} |", "|:--|--:|--:|--:|"]
    lines += [f"| {row} | {' | '.join(column.get(row, '–') for column in columns)} |" for row in max(columns, key=len)]
    return "\n".join([*lines, ""])


def _late(name: str) -> dict[str, str]:
    """By row, the online score over the last tenth of a sequence's phases, from the published cells."""
    with (RESULTS / "plasticity" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for cell in csv.DictReader(file) if cell["metric"] == "online_late"]
    texts = {}
    for cell in cells:
        mean, low = float(cell["mean"]), float(cell["low"])
        texts[cell["row"]] = f"{mean:.1f} ± {mean - low:.1f} {MARKS.get(cell['verdict'], '')}".rstrip()
    return texts


def peft(text: str) -> str:
    """The page on fine-tuning a few numbers with the tables between its marks written anew."""
    for name, cells in TUNED_CELLS.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->\n"
        before, rest = text.split(begin)
        lines = ["| trained | numbers | accuracy, % |", "|:--|--:|--:|"]
        for row, numbers, cell in _tuned(cells):
            mean, low = float(cell["mean"]), float(cell["low"])
            mark = MARKS.get(cell["verdict"], "")
            lines.append(f"| {row} | {numbers:,} | {mean:.1f} ± {mean - low:.1f} {mark}".rstrip() + " |")
        text = before + begin + "\n".join([*lines, ""]) + end + rest.split(end)[1]
    return text


def _tuned(cells_file: str) -> list[tuple[str, int, dict[str, str]]]:
    """Row, how many numbers are trained, and the cell of the accuracy, from the published cells."""
    with (RESULTS / cells_file).open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    counts = {cell["row"]: round(float(cell["mean"])) for cell in cells if cell["metric"] == "trained_parameters"}
    return [(cell["row"], counts[cell["row"]], cell) for cell in cells if cell["metric"] == "final_epoch"]


def peft_picture() -> str:
    """Accuracy by what is trained, the fewest numbers at the top, as SVG."""
    rows = sorted(_tuned(TUNED_CELLS["peft"]), key=lambda one: one[1])
    with drawing_style():
        figure, (axis,) = panels(1, width=7.4, height=3.8)
        for place, (row, _, cell) in enumerate(rows):
            mean, low = float(cell["mean"]), float(cell["low"])
            colour = SERIES[0] if row in TUNED else SERIES[1]
            axis.errorbar(mean, place, xerr=mean - low, fmt="o", color=colour, markersize=4, capsize=2, linewidth=1)
        axis.set_yticks(range(len(rows)), [f"{row}: {numbers:,}" for row, numbers, _ in rows])
        axis.invert_yaxis()
        axis.set_ylabel("what is trained, and how many numbers")
        axis.set_xlabel("test accuracy, %")
    return standalone(svg(figure, name="peft", title="Accuracy by what is trained, and how many numbers"))


def costs() -> str:
    """What the functions cost beside `nn.ReLU`, as SVG."""
    figure = costs_figure(json.loads(COSTS.read_text("utf-8"))["settings"])
    return standalone(svg(figure, name="kernels", title=TITLE))


def _costs(facts: dict[str, Any]) -> Iterator[str]:
    """Where the numbers were taken, large inputs, small ones, and the memory of a training step."""
    machine = facts["machine"]
    load = machine["load in the last 1, 5, 15 minutes"]
    yield f"\n{machine['processor']}, PyTorch {machine['torch']}, commit {machine['commit']}, float32."
    yield f"The machine was shared; its load was {load} before the start.\n"
    for shape, threads in dict.fromkeys((tuple(one["shape"]), one["threads"]) for one in facts["settings"]):
        settings = [one for one in facts["settings"] if (tuple(one["shape"]), one["threads"]) == (shape, threads)]
        size = "×".join(map(str, shape))
        yield f"**{size}, {plural(threads, 'thread')}**, forward and backward, × `nn.ReLU`\n"
        yield f"| | goal | {' | '.join(one['layout'] for one in settings)} | bytes kept | error | of the composite |"
        yield "|:--|--:|" + "--:|" * (len(settings) + 3)
        tables = [{row["function"]: row for row in one["rows"]} for one in settings]
        for name, row in tables[0].items():
            cells = [_ratio(table.get(name)) for table in tables]
            errors = ["" if row[key] is None else f"{row[key]:.0e}" for key in ("error", "composite_error")]
            goal = "" if row["goal"] is None else f"≤ {row['goal']}"
            kept = "" if row["bytes_kept"] is None else f"{row['bytes_kept']:.1f}"
            yield f"| {name} | {goal} | {' | '.join([*cells, kept, *errors])} |"
        absolute = "; ".join(
            f"{one['layout']}: `nn.ReLU` {one['relu_microseconds']:.0f} µs, copy {one['copy_gigabytes']:.1f} GB/s"
            for one in settings
        )
        yield f"\n{absolute}.\n"
    batch = facts["training_step"][0]["batch"]
    yield f"**Peak memory of a training step**, ResNet-18 for 32×32, batch {batch}, all activations replaced: the most"
    yield "that PyTorch's allocator holds, parameters and images included, without what oneDNN allocates for itself\n"
    yield "| | goal | MiB | × `nn.ReLU` |\n|:--|--:|--:|--:|"
    for one in facts["training_step"]:
        goal = "" if one["goal"] is None else f"≤ {one['goal']}"
        yield f"| {one['function']} | {goal} | {one['bytes'] / 2**20:.1f} | {one['ratio']:.3f} |"
    yield COSTS_END


def _convolutions(runs: list[dict[str, Any]]) -> Iterator[str]:
    """ConvReLU's times, a column per run of the benchmark."""
    machine = runs[0]["machine"]
    yield f"\n{machine['processor']}, PyTorch {machine['torch']}, commit {machine['commit']}, float32.\n"
    heads = [f"{plural(run['threads'], 'thread')}, {run['clock']} time" for run in runs]
    yield f"| N×channels→outputs, size | goal | {' | '.join(heads)} |"
    yield "|:--|--:|" + "--:|" * len(runs)
    for rows in zip(*(run["rows"] for run in runs), strict=True):
        cells = [f"{row['ratio']:.2f} [{row['quartiles'][0]:.2f}, {row['quartiles'][1]:.2f}]" for row in rows]
        yield f"| {rows[0]['shape']} | {rows[0]['goal']} | {' | '.join(cells)} |"
    loads = "; ".join(f"{head}: {run['machine']['load']}" for head, run in zip(heads, runs, strict=True))
    yield f"\nLoad of the machine before each run: {loads}."
    yield CONVOLUTIONS_END


def _ratio(row: dict[str, Any] | None) -> str:
    if row is None:
        return "cannot"
    low, middle, high = row["ratio"]
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def ordered() -> list[ActivationSpec]:
    """The specs of all functions, those that learn first, then by title."""
    specs: list[ActivationSpec] = [registry.get(name).spec for name in registry.names()]
    return sorted(specs, key=lambda spec: (not spec.learnable, spec.title.lower()))


def _overview(specs: list[ActivationSpec]) -> str:
    lines = ["| Name | Function | Learns | ReLU-like start | Proposed by |", "|---|---|---|---|---|"]
    for spec in specs:
        learns = ", ".join(parameter.name for parameter in spec.parameters) or "–"
        start = {"exact": "yes", "nearest": "nearly", "none": "no"}[spec.relu_start]
        authors = spec.paper.split(":")[0]
        lines.append(f"| `{spec.name}` | [{spec.title}](#{_anchor(spec.title)}) | {learns} | {start} | {authors} |")
    return "\n".join([*lines, ""])


def _anchor(title: str) -> str:
    """The anchor that Markdown renderers give to a heading."""
    return "".join(
        character for character in title.lower().replace(" ", "-") if character.isalnum() or character in "-_"
    )


def _entry(spec: ActivationSpec) -> str:
    cls = registry.get(spec.name)
    signatures = [f"{cls.__name__}{_signature(cls)}"]
    signatures += [f"functional.{form}{_signature(getattr(functional, form))}" for form in forms(spec)]
    return "\n".join(
        [
            f"### {spec.title}\n",
            f"{registry.summary(spec.name)}\n",
            f"```text\n{spec.equation}\n```\n",
            *("```python", *signatures, "```\n"),
            *(f"- {fact}" for fact in facts(spec)),
            "",
        ]
    )


def forms(spec: ActivationSpec) -> list[str]:
    """The names of a function's plain forms."""
    return [form for form in functional.__all__ if form.replace("_", "") == spec.name.replace("_", "")]


def facts(spec: ActivationSpec) -> Iterator[str]:
    """What a spec says, in sentences."""
    yield f"Name: `{spec.name}`."
    for parameter in spec.parameters:
        yield _parameter(parameter)
    if spec.parameters:
        yield (
            "One parameter per input channel and tap of the kernel."
            if spec.kind == "convolution"
            else f"Parameters are shared per {spec.share} unless `share` says otherwise."
        )
    yield RELU_START[spec.relu_start]
    factor = spec.channel_factor[0] / spec.channel_factor[1]
    if factor != 1:
        yield f"{factor:g} output channels per input channel."
    low, high = spec.ranks
    if (low, high) != (0, None):
        dimensions = f"{low} or more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        yield f"Takes inputs of {dimensions} dimensions."
    if spec.stochastic:
        yield "Draws random numbers in training mode."
    for reason in spec.unsupported.values():
        yield f"Limit: {reason}"
    yield f"Paper: {spec.paper}."


def _parameter(parameter: ParameterSpec) -> str:
    init = parameter.init
    start = (
        init
        if isinstance(init, str)
        else ", ".join(f"{value:.6g}" for value in (init if isinstance(init, tuple) else (init,)))
    )
    count = f", {parameter.coefficients} coefficients" if parameter.coefficients > 1 else ""
    return f"`{parameter.name}`, at first {start} ({parameter.domain}{count})."


def _signature(thing: Callable[..., Any]) -> str:
    signature = inspect.signature(thing)
    bare = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


if __name__ == "__main__":
    CLASSES.write_text(classes(), encoding="utf-8")
    PAGE.write_text(activations_page(), encoding="utf-8")
    NETWORKS.write_text(networks_page(), encoding="utf-8")
    PAPERS.write_text(papers_page(), encoding="utf-8")
    judged = claims()
    CLAIMS.write_text(claims_page(judged), encoding="utf-8")
    SNAPSHOT.write_text(claims_snapshot(judged), encoding="utf-8")
    covering.SNAPSHOT.write_text(coverage_snapshot(), encoding="utf-8")
    GALLERY.parent.mkdir(exist_ok=True)
    GALLERY.write_text(gallery(), encoding="utf-8")
    ACCURACY.write_text(accuracy(), encoding="utf-8")
    COSTS_PICTURE.write_text(costs(), encoding="utf-8")
    KERNELS.write_text(kernels(KERNELS.read_text(encoding="utf-8")), encoding="utf-8")
    PLASTICITY.write_text(plasticity(PLASTICITY.read_text(encoding="utf-8")), encoding="utf-8")
    PEFT.write_text(peft(PEFT.read_text(encoding="utf-8")), encoding="utf-8")
    PEFT_PICTURE.write_text(peft_picture(), encoding="utf-8")
    TABLE1.write_text(table1_page(), encoding="utf-8")
    LEARNED.write_text(learned(), encoding="utf-8")
    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")
