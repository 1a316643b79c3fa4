"""From smooth functions to ReLU to int8: accuracy, sparsity and speed at each step; writes the tables of docs/fold.md.

    python -m benchmarks.fold [--encoder] [--seeds 0 1 2] [--latency] [--pretrained] [--page]

A small convolutional net is trained on CIFAR-10 with SiLU and fine-tuned in several ways; what comes out is folded,
exported and quantised. `--encoder` does the same with a pretrained sentence encoder on MR instead. Results are kept arm
by arm in `benchmarks/results/fold.json`, and trained nets in `--folder`, so that it can be interrupted and started
again. `--latency` times the nets, which takes a quiet machine. `--pretrained` folds EfficientNet lite0 as well.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from . import cifar, efficientnet, encoder
from .page import page

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "fold.json"
PAGE = ROOT / "docs" / "fold.md"


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fold", description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", action="store_true", help="take the sentence encoder instead of the small net")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=ROOT / ".fold", help="where trained nets are kept")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of the results")
    parser.add_argument("--latency", action="store_true", help="time the nets")
    parser.add_argument("--pretrained", action="store_true", help="fold EfficientNet lite0 as well")
    parser.add_argument("--page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    facts = json.loads(options.results.read_text()) if options.results.exists() else {}
    its = facts.setdefault("encoder", {}) if options.encoder else facts

    def keep() -> None:
        options.results.write_text(json.dumps(facts, indent=1) + "\n")

    if not options.page:
        options.folder.mkdir(exist_ok=True)
        (encoder if options.encoder else cifar).measure(its, options.seeds, options.folder, keep)
        if options.latency:
            its["latency"] = encoder.latency() if options.encoder else cifar.latency(options.folder)
        if options.pretrained:
            facts["pretrained"] = efficientnet.measure()
        keep()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), facts), encoding="utf-8")


if __name__ == "__main__":
    main()
