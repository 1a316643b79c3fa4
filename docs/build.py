"""Write what follows from code and published results: pages, parts of pages, pictures, and what the package carries."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docs.pages import (
    claims,
    classes,
    coverage,
    functions,
    kernels,
    learned,
    networks,
    papers,
    peft,
    plasticity,
    readme,
    table1,
)

TEXTS: dict[Path, Callable[[], str]] = {
    classes.PATH: classes.module,
    functions.PAGE: functions.page,
    networks.PAGE: networks.page,
    papers.PAGE: papers.page,
    claims.PAGE: claims.page,
    claims.SNAPSHOT: claims.snapshot,
    coverage.SNAPSHOT: coverage.snapshot,
    kernels.PAGE: kernels.page,
    plasticity.PAGE: plasticity.page,
    peft.PAGE: peft.page,
    table1.PAGE: table1.page,
    readme.PAGE: readme.page,
}
PICTURES: dict[Path, Callable[[], str]] = {
    functions.PICTURE: functions.picture,
    table1.PICTURE: table1.picture,
    kernels.PICTURE: kernels.picture,
    peft.PICTURE: peft.picture,
    learned.PICTURE: learned.picture,
}
"""As SVG, whose bytes also depend on the release of matplotlib."""


if __name__ == "__main__":
    for path, write in {**TEXTS, **PICTURES}.items():
        path.write_text(write(), encoding="utf-8")
