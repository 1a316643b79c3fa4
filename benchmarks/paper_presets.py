"""Measure a real step of every network that the `paper` presets train, at full size, and what the presets would cost.

    python benchmarks/paper_presets.py [--only PATTERN] [--data-dir DATA] [--again]

Each entry is planned as by `rectifiers plan NAME --preset paper`: the published network, batch, resolution and
function, on noise of the data's shape where the files are missing. A kind of run that several entries have is
measured once. Finished entries are kept in `results/paper_presets.json`, so that an interrupted measurement continues
where it stopped; `--again` starts afresh. Runs have one thread, as with a worker per core: measure with as
many cores busy as you would run on.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rectifiers import lab
from rectifiers.core.errors import DataError, RectifiersError
from rectifiers.core.files import write_whole
from rectifiers.experiments.cost import Speeds
from rectifiers.experiments.provenance import provenance
from rectifiers.papers import registry

RESULTS = Path(__file__).parent / "results" / "paper_presets.json"


def names() -> list[str]:
    """The entries that have the preset."""
    return [name for name in registry if "paper" in registry.get(name).presets]


def plan_entry(name: str, data_dir: Path | None, speeds: Speeds) -> dict[str, Any]:
    """What `rectifiers plan` says of an entry.

    Args:
        name: of the entry.
        data_dir: where data sets lie; None takes RECTIFIERS_DATA, or `data`.
        speeds: kinds of runs that were measured before; added to.

    Raises:
        RectifiersError: it fails, or cannot measure.
    """
    with TemporaryDirectory() as nothing:
        # Results of earlier runs must not shorten the plan.
        plan = lab.plan(name, preset="paper", data_dir=data_dir, results=nothing, speeds=speeds).to_dict()
    if plan["costs"] is None:
        raise DataError(f"{name}: nothing to measure on; {plan['data']}")
    plan["costs"] = [{key: _round(value) for key, value in cost.items()} for cost in plan["costs"]]
    kept = {key: plan[key] for key in ("trainings", "started_from", "workers", "data", "costs")}
    return kept | {"seconds": _round(plan["seconds"]), **provenance()}


def _round(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="entries whose name matches, such as 'crelu/*'")
    parser.add_argument("--data-dir", type=Path, help="where data sets lie; RECTIFIERS_DATA, or data, by default")
    parser.add_argument("--again", action="store_true", help="measure what is kept anew")
    options = parser.parse_args(arguments)
    kept: dict[str, Any] = {}
    if RESULTS.exists():
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    failed = False
    speeds: Speeds = {}
    for name in fnmatch.filter(names(), options.only):
        if name in kept and not options.again:
            continue
        try:
            kept[name] = plan_entry(name, options.data_dir, speeds)
        except RectifiersError as error:
            failed = True
            print(error, file=sys.stderr, flush=True)
            continue
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        steps = [cost["step_seconds"] for cost in kept[name]["costs"]]
        print(
            f"{name}: a step {min(steps):.3g} to {max(steps):.3g} s, all of it {kept[name]['seconds'] / 3600:.3g} h; "
            f"at most {peak:.1f} GiB so far",
            flush=True,
        )
        with write_whole(RESULTS) as path:
            path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
