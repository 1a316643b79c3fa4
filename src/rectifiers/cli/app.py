"""All verbs, each with an example for its help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from ..core.version import __version__
from .bench import run_benchmark
from .check import check_thing
from .compare import compare_activations
from .cost import cost_model
from .doctor import diagnose_model
from .env import show_environment
from .export import export_results
from .list import list_names
from .new import write_template
from .plan import plan_experiment
from .report import write_experiment_report
from .run import run_experiment
from .show import show_thing
from .status import show_status
from .swap import swap_activations
from .table import print_table
from .verify import verify_folder

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: rectifiers run quickstart",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rectifiers {__version__}")
        raise typer.Exit


@app.callback()
def _rectifiers(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """ReLUs that learn: put them into a model, and find out whether they help."""


def _add(group: str, name: str, verb: Callable[..., None], example: str) -> None:
    """Add a verb; its docstring is the help, whose paragraphs the terminal breaks into lines."""
    paragraphs = inspect.cleandoc(verb.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app.command(name, help=text, epilog=f"Example: rectifiers {example}", rich_help_panel=group)(verb)


MODEL, FUNCTION, EXPERIMENT, LOOK = "Your model", "A function", "Experiments", "What there is"

_add(MODEL, "compare", compare_activations, "compare my_model:make_net --data photos -a arelu,pvlu@first --budget 30m")
_add(MODEL, "swap", swap_activations, "swap torchvision.models:resnet18 --to pvlu --input 1,3,64,64")
_add(MODEL, "doctor", diagnose_model, "doctor my_package.models:net --weights net.safetensors --data photos")
_add(MODEL, "cost", cost_model, "cost torchvision.models:resnet18 --activations arelu,pvlu --input 8,3,64,64")
_add(FUNCTION, "new", write_template, "new activation my_act")
_add(FUNCTION, "check", check_thing, "check my_act.py:MyAct")
_add(FUNCTION, "bench", run_benchmark, "bench --sizes 128x64x32x32 --threads 2")
_add(EXPERIMENT, "plan", plan_experiment, "plan arelu/table1 --preset paper --workers 2")
_add(EXPERIMENT, "run", run_experiment, "run quickstart --seeds 10 --set epochs=5")
_add(EXPERIMENT, "table", print_table, "table arelu/table1 --preset paper --format markdown")
_add(EXPERIMENT, "report", write_experiment_report, "report quickstart --output quickstart.html")
_add(EXPERIMENT, "status", show_status, "status --results runs")
_add(EXPERIMENT, "verify", verify_folder, "verify runs/quickstart --mend")
_add(EXPERIMENT, "export", export_results, "export exported --results results")
_add(LOOK, "list", list_names, "list activations")
_add(LOOK, "show", show_thing, "show arelu --plot arelu.svg")
_add(LOOK, "env", show_environment, "env --json")
