"""What reports and listings load: neither the table nor its page needs PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rectifiers import activations
from rectifiers.core.spec import ParameterSpec
from rectifiers.report.figures.traces import _effects

LOADED = """
import sys
from rectifiers.cli import main
sys.argv[0] = "rectifiers"
try:
    main()
except SystemExit:
    pass
print("torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["list", "papers"], ["report", "quickstart"], ["table", "quickstart"]])
def test_what_only_reads_loads_no_torch(arguments: list[str], tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert ended.stdout
    assert ended.stderr.splitlines()[-1] == "False", ended.stderr


def test_effects_are_those_of_the_classes() -> None:
    assert _effects("arelu") == {"beta": "1 + σ"}
    for name in activations.registry:
        parameters: tuple[ParameterSpec, ...] = activations.registry.get(name).spec.parameters
        assert _effects(name) == {one.name: one.effect for one in parameters if one.effect}
