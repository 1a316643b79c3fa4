"""Write what follows from code and published results: pages, parts of pages, pictures, and what the package carries."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docs.pages import (
    arelu,
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
    arelu.TABLE1.page_path: arelu.TABLE1.page,
    arelu.TABLE7.page_path: arelu.TABLE7.page,
    readme.PAGE: readme.page,
}
PICTURES: dict[Path, Callable[[], str]] = {
    functions.PICTURE: functions.picture,
    arelu.TABLE1.picture_path: arelu.TABLE1.picture,
    arelu.TABLE7.picture_path: arelu.TABLE7.picture,
    kernels.PICTURE: kernels.picture,
    peft.PICTURE: peft.picture,
    learned.PICTURE: learned.picture,
}
"""As SVG, whose bytes also depend on the release of matplotlib."""


if __name__ == "__main__":
    for path, write in {**TEXTS, **PICTURES}.items():
        path.write_text(write(), encoding="utf-8")
