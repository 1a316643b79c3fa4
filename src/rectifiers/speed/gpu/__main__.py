"""Try the GPU kernels on this machine: needs PyTorch and Triton, and nothing else.

python -m rectifiers.speed.gpu [--device cuda] [--output gpu-check] [--seconds 480]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...core.errors import RectifiersError
from .device import DEVICES
from .page import failures
from .run import PAGE, SECONDS, run
from .workers import work


def main() -> int:
    """Run what the command line asks for; 1 if a kernel is wrong, 2 if nothing can run here."""
    if sys.argv[1:2] == ["--work"]:
        work()
        return 0
    parser = argparse.ArgumentParser(
        prog="python -m rectifiers.speed.gpu", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--device", choices=DEVICES, default="cuda", help="interpreted: Triton's interpreter, to try this"
    )
    parser.add_argument("--output", type=Path, default=Path("gpu-check"), help="folder of the numbers and the page")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time for everything")
    options = parser.parse_args()
    try:
        content = run(options.device, options.output, options.seconds)
    except RectifiersError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    wrong = failures(content)
    done = f"{len(content['results'])} of {content['planned']} pieces"
    print(f"{done}, {len(wrong)} failed; read {options.output / PAGE}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
