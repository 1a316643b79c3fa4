"""Examine the models of the zoo that have no result yet, then write the page.

    python -m benchmarks.zoo [--only PATTERN] [--again | --failed] [--memory GIB] [--seconds N]

Results are kept model by model in `benchmarks/results/surgery_zoo.json`, so that it can be interrupted and started
again. The page `docs/surgery-zoo.md` is written from them.
"""

from __future__ import annotations

import argparse
import platform
import re
from pathlib import Path

import torch

from . import families
from .checks import examine, warm_up
from .cost import measure
from .entry import select
from .page import page
from .result import Result, read, write
from .run import Limits, run

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "surgery_zoo.json"
PAGE = ROOT / "docs" / "surgery-zoo.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="models whose names fit this pattern, such as timm/dla*")
    repeat = parser.add_mutually_exclusive_group()
    repeat.add_argument("--again", action="store_true", help="also models that have results")
    repeat.add_argument("--failed", action="store_true", help="also models that failed or were skipped")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of the results")
    parser.add_argument("--memory", type=float, default=Limits.memory, help="GiB that a model may take")
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="processor time that a model may take")
    options = parser.parse_args()
    torch.set_num_threads(1)
    limits = Limits(options.memory, options.seconds)
    zoo = read(options.results)
    zoo.machine, zoo.limits = processor(), {"memory": limits.memory, "seconds": limits.seconds}
    zoo.versions, zoo.missing = {"torch": torch.__version__}, []
    for library in families.LIBRARIES:
        if families.is_installed(library):
            zoo.versions[library.package] = families.version(library)
        else:
            zoo.missing.append(library.package)

    def repeated(result: Result) -> bool:
        return options.again or (options.failed and not result.fine)

    warm_up()
    for library in families.LIBRARIES:
        if library.package in zoo.missing:
            continue
        entries = list(families.entries(library))
        zoo.keep_only(library.module, [entry.name for entry in entries])
        run(select(entries, options.only), zoo, options.results, examine, limits, again=repeated)
    if zoo.cost is None or options.again:
        zoo.cost = measure()
    write(options.results, zoo)
    if options.results == RESULTS:
        PAGE.write_text(page(zoo), encoding="utf-8")


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return models[0] if models else platform.processor()


if __name__ == "__main__":
    main()
