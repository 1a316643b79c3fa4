"""Triton's kernels: interpreted and compiled elsewhere than in this process, and who takes them when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from rectifiers import functional as R
from rectifiers import kernels
from rectifiers.core.errors import ConfigError
from rectifiers.kernels import dispatch, selftest
from rectifiers.kernels.formulas import VARIANTS
from rectifiers.kernels.triton import loading

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AOT = ROOT / "benchmarks" / "triton_aot.py"
RESULTS = ROOT / "benchmarks" / "results" / "triton_aot.json"
FACTS = ("formula", "kernel", "dtype", "layout", "target")

needs_triton = pytest.mark.skipif(loading.find_spec("triton") is None, reason="Triton is not installed")


def run(*command: str | Path, **variables: str) -> str:
    """What a Python command prints; its failure fails the test."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **variables}
    done = subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_triton
@pytest.mark.parametrize("which", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_interpreted(which: str) -> None:
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", which, HERE / "interpreted.py")
    out = run(*arguments, TRITON_INTERPRET="1", RECTIFIERS_KERNELS="triton")
    assert " passed" in out


def test_triton_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, torch; before = set(sys.modules); import rectifiers.functional as R; R.pvlu(torch.ones(3, 2)); "
    run("-c", code + "assert not {'triton', 'triton.language'} & (set(sys.modules) - before)")


@pytest.fixture
def no_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not asked for Triton's kernels yet."""
    monkeypatch.setattr(loading, "_states", {})


@pytest.fixture
def as_if_interpreted(monkeypatch: pytest.MonkeyPatch, no_states: None) -> Iterator[None]:
    """Triton seems to be there for this process's tensors, without taking their operators over."""
    monkeypatch.setattr(loading, "device", lambda: "cpu")
    monkeypatch.setattr(loading, "_register", lambda where: None)
    with kernels.using("triton"):
        yield


def test_insisting_on_what_is_not_there(monkeypatch: pytest.MonkeyPatch, no_states: None) -> None:
    monkeypatch.setattr(loading, "device", lambda: None)
    with kernels.using("triton"):
        with pytest.raises(ConfigError, match=r"kernels=triton: no kernel for two_slopes: .*; take 'auto'"):
            R.prelu(torch.ones(3), 0.2)
        assert all(text.startswith("reference, composite PyTorch: ") for text in kernels.status().values())


def test_tensors_elsewhere_than_the_kernels_are_the_reference(monkeypatch: pytest.MonkeyPatch, no_states: None) -> None:
    monkeypatch.setattr(loading, "device", lambda: "cuda")
    with kernels.using("triton"):
        assert R.prelu(torch.tensor([-1.0]), 0.2).item() == pytest.approx(-0.2)


def test_a_kernel_that_is_wrong_is_not_taken(monkeypatch: pytest.MonkeyPatch, as_if_interpreted: None) -> None:
    monkeypatch.setattr(
        selftest, "mismatches", lambda device, formula: {formula: "it differs"} if formula == "wave" else {}
    )
    assert dispatch.serves("threshold", torch.ones(3))
    with pytest.raises(ConfigError, match="no kernel for wave: it differs"):
        dispatch.serves("wave", torch.ones(3))


def test_a_kernel_that_fails_leaves_the_reference_and_one_warning(
    monkeypatch: pytest.MonkeyPatch, as_if_interpreted: None
) -> None:
    def fail(device: str, formula: str) -> dict[str, str]:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(selftest, "mismatches", fail)
    with pytest.warns(RuntimeWarning, match="runs wave without its GPU kernel: it failed: RuntimeError: no such instr"):
        assert not loading.state("wave", warn=True).formulas
    assert not loading.state("wave", warn=True).formulas


@needs_triton
def test_the_compiler_accepts_a_kernel(tmp_path: Path) -> None:
    out = tmp_path / "aot.json"
    run(AOT, "--formula", "threshold", "--output", out, TRITON_INTERPRET="0")
    rows = json.loads(out.read_text())["kernels"]
    assert {row["target"] for row in rows} == {"sm_80", "sm_90"}
    assert all(0 < row["registers"] <= 255 and not row["spilled_bytes"] for row in rows)


@needs_triton
@pytest.mark.slow
def test_the_compiler_accepts_every_kernel(tmp_path: Path) -> None:
    out = tmp_path / "aot.json"
    run(AOT, "--output", out, TRITON_INTERPRET="0")
    rows, kept = (json.loads(path.read_text())["kernels"] for path in (out, RESULTS))
    assert [[row[fact] for fact in FACTS] for row in rows] == [[row[fact] for fact in FACTS] for row in kept]
    assert not [row for row in rows if row["spilled_bytes"]]


def test_the_record_covers_every_formula() -> None:
    rows = json.loads(RESULTS.read_text())["kernels"]
    for name in sorted(VARIANTS.keys() - loading.Triton.lacks):
        found = {(row["kernel"], row["target"]) for row in rows if row["formula"] == name}
        passes = ("forward", "input", "weight") if name == "conv_threshold" else ("forward", "backward")
        assert found == {(kernel, target) for kernel in passes for target in ("sm_80", "sm_90")}
