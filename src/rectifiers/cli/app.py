"""All verbs, each with an example for its help."""

from __future__ import annotations

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
    """Rectifiers that learn: look at them, plan and run comparisons, and read the results."""


app.command("list", epilog="Example: rectifiers list activations")(list_names)
app.command("show", epilog="Example: rectifiers show arelu --plot arelu.svg")(show_thing)
app.command("swap", epilog="Example: rectifiers swap torchvision.models:resnet18 --to pvlu --input 1,3,64,64")(
    swap_activations
)
app.command(
    "compare", epilog="Example: rectifiers compare my_model:make_net --data photos -a arelu,pvlu@R1 --budget 30m"
)(compare_activations)
app.command("plan", epilog="Example: rectifiers plan arelu/table1 --preset paper --workers 2")(plan_experiment)
app.command("run", epilog="Example: rectifiers run quickstart --seeds 10 --set epochs=5")(run_experiment)
app.command("report", epilog="Example: rectifiers report quickstart --output quickstart.html")(write_experiment_report)
app.command("table", epilog="Example: rectifiers table arelu/table1 --preset paper --format markdown")(print_table)
app.command("export", epilog="Example: rectifiers export exported --results results")(export_results)
app.command("bench", epilog="Example: rectifiers bench --sizes 128x64x32x32 --threads 2")(run_benchmark)
app.command(
    "cost", epilog="Example: rectifiers cost torchvision.models:resnet18 --activations arelu,pvlu --input 8,3,64,64"
)(cost_model)
app.command(
    "doctor", epilog="Example: rectifiers doctor my_package.models:net --weights net.safetensors --data photos"
)(diagnose_model)
app.command("check", epilog="Example: rectifiers check my_act.py:MyAct")(check_thing)
app.command("new", epilog="Example: rectifiers new activation my_act")(write_template)
app.command("status", epilog="Example: rectifiers status --results runs")(show_status)
app.command("verify", epilog="Example: rectifiers verify runs/quickstart --mend")(verify_folder)
app.command("env", epilog="Example: rectifiers env --json")(show_environment)
