"""One real step of every network that the `paper` presets train, at full size, and what they would cost here in all.

    python benchmarks/paper_presets.py [--only PATTERN] [--again]

Each entry is planned by `rectifiers plan NAME --preset paper` in a process of its own: the published network, batch,
resolution and function, on noise of the data's shape where the files are missing. What is done is kept entry by entry
in `results/paper_presets.json`, so that an interrupted run goes on where it was; `--again` starts afresh. Entries with
the same trainings are measured once. Trainings have one thread, as in a run with a worker per core: measure with as
many cores busy as you would run on.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rectifiers.core.files import written_whole
from rectifiers.experiments.provenance import provenance
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry

RESULTS = Path(__file__).parent / "results" / "paper_presets.json"


def names() -> list[str]:
    """The entries that have the preset."""
    return [name for name in registry if "paper" in registry.get(name).presets]


def same_trainings(name: str, kept: Iterable[str]) -> str | None:
    """One of the measured entries that has the very same trainings."""
    trials = _trials(name)
    return next((other for other in kept if other != name and _trials(other) == trials), None)


@functools.cache
def _trials(name: str) -> frozenset[Trial]:
    return frozenset(cell.trial for cell in registry.get(name).cells("paper"))


def planned(name: str) -> dict[str, Any]:
    """What `rectifiers plan` measures of an entry, and the memory it takes for it.

    Raises:
        RuntimeError: it fails, or cannot measure.
    """
    # Results of earlier runs must not shorten the plan.
    options = ["--preset", "paper", "--json", "--results", "runs/none"]
    done = subprocess.run(
        [sys.executable, "-m", "rectifiers", "plan", name, *options], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip()}")
    plan = json.loads(done.stdout)
    if plan["costs"] is None:
        raise RuntimeError(f"{name}: nothing to measure on; {plan['data']}")
    plan["costs"] = [{key: _rounded(value) for key, value in cost.items()} for cost in plan["costs"]]
    kept = {key: plan[key] for key in ("trainings", "started_from", "workers", "data", "costs")}
    return kept | {"seconds": _rounded(plan["seconds"]), **provenance()}


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="entries whose name matches, such as 'crelu/*'")
    parser.add_argument("--again", action="store_true", help="measure what is kept anew")
    options = parser.parse_args(arguments)
    kept: dict[str, Any] = {}
    if RESULTS.exists():
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    failed = False
    measured = [] if options.again else list(kept)
    for name in fnmatch.filter(names(), options.only):
        if name in kept and not options.again:
            continue
        twin = same_trainings(name, measured)
        try:
            kept[name] = kept[twin] if twin else planned(name)
        except RuntimeError as error:
            failed = True
            print(error, file=sys.stderr, flush=True)
            continue
        measured.append(name)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        steps = [cost["step_seconds"] for cost in kept[name]["costs"]]
        print(
            f"{name}: a step {min(steps):.3g} to {max(steps):.3g} s, all of it {kept[name]['seconds'] / 3600:.3g} h; "
            f"largest process so far {peak:.1f} GiB",
            flush=True,
        )
        with written_whole(RESULTS) as path:
            path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
