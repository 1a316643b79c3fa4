"""The laboratory's front door: plan, run, tabulate and report an experiment, as the command line does.

An experiment is a registered name ("arelu/table1"), the path of a TOML file, or built here from rows and columns by
`experiment`. `open` chooses one in a size, with changes; `plan`, `run`, `table` and `report` take that choice, or make
it themselves from the same keywords.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..experiments.own import Own as Own
    from ..experiments.own import use as use
    from ..experiments.verifying import verify as verify
    from .building import experiment as experiment
    from .claims import Judged as Judged
    from .claims import judge_claims as judge_claims
    from .comparing import Variant as Variant
    from .comparing import compare as compare
    from .comparing import plan_comparison as plan_comparison
    from .comparison import Comparison as Comparison
    from .environment import describe_environment as describe_environment
    from .exporting import Export as Export
    from .exporting import export as export
    from .following import Status as Status
    from .following import status as status
    from .planning import RunPlan as RunPlan
    from .planning import plan as plan
    from .reports import Report as Report
    from .reports import report as report
    from .running import run as run
    from .selecting import Selection as Selection
    from .selecting import select
    from .slurm import SlurmScript as SlurmScript
    from .slurm import write_slurm_script as write_slurm_script
    from .tables import Results as Results
    from .tables import table as table

    open = select

_HOME = {
    "Comparison": "comparison:Comparison",
    "Export": "exporting:Export",
    "Own": ".experiments.own:Own",
    "Judged": "claims:Judged",
    "Report": "reports:Report",
    "Results": "tables:Results",
    "RunPlan": "planning:RunPlan",
    "Selection": "selecting:Selection",
    "SlurmScript": "slurm:SlurmScript",
    "Status": "following:Status",
    "Variant": "comparing:Variant",
    "compare": "comparing:compare",
    "describe_environment": "environment:describe_environment",
    "experiment": "building:experiment",
    "export": "exporting:export",
    "judge_claims": "claims:judge_claims",
    "open": "selecting:select",
    "plan": "planning:plan",
    "plan_comparison": "comparing:plan_comparison",
    "report": "reports:report",
    "run": "running:run",
    "status": "following:status",
    "table": "tables:table",
    "use": ".experiments.own:use",
    "write_slurm_script": "slurm:write_slurm_script",
    "verify": ".experiments.verifying:verify",
}

__all__ = sorted(_HOME)


if not TYPE_CHECKING:  # A misspelt name is an error to type checkers, too.

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            module, attribute = _HOME[name].split(":")
            return getattr(importlib.import_module(f".{module}", __name__), attribute)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
