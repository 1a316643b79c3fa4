"""What the README says was found, from the runs and the measurements that are published."""

from __future__ import annotations

from benchmarks.marks import replace_between
from rectifiers.report.table import Table
from rectifiers.report.wording import our_number

from . import arelu, claims, kernels, plasticity
from .published import DOCS, read_measured

PAGE = DOCS.parent / "README.md"

FINDINGS = """\
- **AReLU learns far sooner at small learning rates.** One epoch of MNIST, SGD at 1e-3: {slow}.
- **At 1e-2 it does not lead.** Adam: {fast}. SGD: {usual}.
- **{table.agreements} of the {table.judgements} means in AReLU's Table 1 lie inside our 95 % intervals**, over
  {table.planned} runs; a second draw of the same numbers would leave out about 18. [The
  others, with fresh seeds](results/arelu-table1/README.md#the-40-that-miss-retested).
- **After 20 epochs it leads at small rates alone**, and [Table 7](docs/table7.md) comes out much as printed:
  {longer.agreements} of its {longer.judgements} means lie inside our intervals. SGD at 1e-5: {slowest}
  against SELU's {slowest_next}.
- **Most of what the papers claim is not settled.** {statuses}.
- **Learning a function need not cost anything.** AReLU takes {arelu[0]:.2f} × the time of `nn.ReLU` and
  {arelu[1]:.2f} × its memory in training; as published {published[0]:.1f} × and {published[1]:.1f} ×, and PyTorch's own
  PReLU {prelu[0]:.1f} × and {prelu[1]:.1f} ×. [Measured](docs/kernel-costs.md) on 128×64×32×32 numbers, one
  thread, and in a ResNet-18.
- **CReLU keeps a network learning where ReLU stops.** New random labels, phase after phase: {kept[CReLU]} % against
  {kept[ReLU]} % over the last tenth of the phases, at small scale, and at a learning rate chosen as one at which ReLU
  loses much; [25 functions on four sequences](docs/plasticity.md).
- **CReLU's lead is nearly all size.** In small networks on CIFAR-10 it gains {crelu} points over ReLU with as many
  filters, but {sized} over [ReLU with as many parameters](results/decide-crelu/README.md).
- **PVLU's fine-tuning adds next to nothing to a small network that has converged.** Its waves, trained alone, gain
  {gained} points on CIFAR-10, and [PReLU's slopes as much](results/decide-pvlu/README.md); the paper's
  gain in VGG-16 is 1.24.
- **ConvReLU's thresholds add little to a small network.** Behind its first two convolutions they gain
  {thresholds} points over ReLU on CIFAR-10, and [PReLU's two slopes no less](results/decide-convrelu/README.md); the
  paper's gain in VGG-16 is 0.30.
"""


def page() -> str:
    """The README with the findings between its marks, each number from what is published."""
    (found, _), (longer, _) = arelu.TABLE1.computed, arelu.TABLE7.computed

    def shown(row: str, column: str, table: Table = found) -> str:
        cell = table.cells[row, column]
        return f"{our_number(cell)} % (paper: {cell.published:.2f})"

    statuses = claims.statuses()
    times = {function: row["ratio"][1] for function, row in kernels.quoted().items() if row["ratio"]}
    memory = {one["function"]: one["ratio"] for one in read_measured("kernels")["training_step"]}
    text = FINDINGS.format(
        slow=f"{shown('AReLU', 'SGD 1e-3')}\n  against ReLU's {shown('ReLU', 'SGD 1e-3')}",
        fast=f"{shown('AReLU', 'Adam 1e-2')}\n  against ReLU's {shown('ReLU', 'Adam 1e-2')}",
        usual=f"{shown('AReLU', 'SGD 1e-2')}\n  against ReLU's {shown('ReLU', 'SGD 1e-2')} "
        f"and PAU's {shown('PAU', 'SGD 1e-2')}",
        table=found,
        longer=longer,
        slowest=shown("AReLU", "SGD 1e-5", longer),
        slowest_next=shown("SELU", "SGD 1e-5", longer),
        statuses=statuses[0].upper() + statuses[1:],
        arelu=(times["arelu"], memory["arelu"]),
        published=(times["arelu, as published"], memory["arelu, as published"]),
        prelu=(times["nn.PReLU"], memory["nn.PReLU"]),
        kept={row: cell.number for row, cell in plasticity.late("random-labels").items()},
        crelu=_lead("CReLU", "ReLU"),
        sized=_lead("CReLU", "ReLU × √2"),
        gained=_lead("PVLU", "ReLU"),
        thresholds=_lead("ConvReLU", "ReLU"),
    )
    return replace_between(PAGE.read_text(encoding="utf-8"), "findings", text)


def _lead(row: str, over: str) -> str:
    """How far a row is ahead of another in an experiment that was made to decide a claim, in points."""
    (found,) = {
        (one.effect, one.low, one.high)
        for one in claims.judged()
        if (made := one.claim.decide) and (made.row, made.over, made.metric) == (row, (over,), None)
    }
    lead, low, high = (f"{number:+.2f}".replace("-", "−") for number in found if number is not None)
    return f"{lead} [{low}, {high}]"
