"""The check of GPUs, without one: a simulated device with a clock of its own, and processes that fail in every way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers.core.errors import ConfigError
from rectifiers.kernels.formulas import VARIANTS
from rectifiers.kernels.triton.loading import Triton
from rectifiers.speed.gpu import device as devices
from rectifiers.speed.gpu import page
from rectifiers.speed.gpu.pieces import DTYPES, FULL, TINY, Piece, plan, variants
from rectifiers.speed.gpu.run import run
from rectifiers.speed.gpu.workers import Worker, command
from rectifiers.speed.subjects import names_of_ours

ROOT = Path(__file__).parents[3]

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")

# Answers as a worker does; what a piece is decides how.
ANSWERS = """
import json, os, sys, time
for line in sys.stdin:
    kind, subject, dtype, *shape = line.strip().split("/")
    if subject == "hinges":
        time.sleep(60)
    if subject == "wave":
        print("an illegal memory access", file=sys.stderr, flush=True)
        os._exit(7)
    case = {"layout": "contiguous", "share": "layer", "error": 1e-7, "allowed": 1e-5, "first_call_seconds": 0.5}
    if subject == "threshold":
        case["error"] = 1.0
    if kind == "check":
        found = {"passed": case["error"] < 1e-5, "cases": [case]}
    elif kind == "prepare":
        found = {"failed": {}}
    else:
        both = {"forward": [1.0, 2.0, 3.0], "full": [4.0, 5.0, 6.0]}
        times = {name: both for name in ("rectifiers", "nn.ReLU", "inductor")}
        found = {"sizes": [8, 4], "outputs": 0, "times": {**times, "copy": {"forward": [1.0, 1.0, 1.0]}}, "failed": {}}
    print(json.dumps(found), flush=True)
"""


class Simulated(devices.Interpreted):
    """Stands in for a GPU where processes only seem to use it."""

    def check(self) -> None:
        """It is always there."""

    def describe(self) -> dict[str, str]:
        """A GPU that nobody makes."""
        return {"device": "simulated", "torch": "2", "triton": "3"}


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(devices.DEVICES, "simulated", Simulated())


def pretend(device: str) -> Sequence[str]:
    return [sys.executable, "-c", ANSWERS]


def among(*subjects: str) -> Callable[[Piece], bool]:
    return lambda piece: piece.subject in subjects


def run_simulated(folder: Path, *subjects: str, seconds: float = 60.0) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    content = run("simulated", folder, seconds, workers=2, start=pretend, say=said.append, only=among(*subjects))
    return content, said


def test_the_plan_has_every_formula_in_every_precision_and_every_function() -> None:
    pieces = list(plan(FULL))
    assert len({piece.key for piece in pieces}) == len(pieces)
    assert all(Piece.read(piece.key) == piece for piece in pieces)
    for dtype in DTYPES:
        checked = {p.subject.partition("-")[0] for p in pieces if p.kind == "check" and p.dtype == dtype}
        assert checked == set(VARIANTS) - Triton.lacks
    assert {p.subject for p in pieces if p.kind == "time" and p.shape == "tokens"} == set(names_of_ours())
    assert {p.subject for p in pieces if p.kind == "time" and "convolution" in p.shape} == {"convrelu2d"}


def test_everything_is_kept_at_once_and_on_one_page(simulated: None, tmp_path: Path) -> None:
    content, said = run_simulated(tmp_path, "two_slopes-0", "arelu")
    kept = json.loads((tmp_path / "gpu-check.json").read_text(encoding="utf-8"))
    assert kept["results"] == content["results"]
    assert len(said) == content["planned"] == len(content["results"]) == 3 + 4
    text = (tmp_path / "gpu-check.md").read_text(encoding="utf-8")
    assert "## Failures: none so far" in text
    assert "| two_slopes-0 | 1e-07 | 1e-07 | 1e-07 | 1.5 |" in text
    assert "| arelu | 2 | 1.00 | 1.00 | 2.00 | 5 | 1.00 | 1.00 |" in text
    assert "still to be tried" not in text


def test_what_is_wrong_is_named_and_counted(simulated: None, tmp_path: Path) -> None:
    content, said = run_simulated(tmp_path, "threshold")
    wrong = page.failures(content)
    assert wrong["check/threshold/float32"] == "contiguous, layer: error 1.0e+00, allowed 1.0e-05"
    assert len(wrong) == 3
    assert "WRONG, error 1e+00" in said[0]
    assert "| threshold | **1e+00** |" in (tmp_path / "gpu-check.md").read_text(encoding="utf-8")


def test_a_process_that_dies_costs_its_piece_alone(simulated: None, tmp_path: Path) -> None:
    content, _ = run_simulated(tmp_path, "wave", "two_slopes-1")
    results = content["results"]
    assert results["check/wave/float16"]["error"] == "its process ended with code 7: an illegal memory access"
    assert all(results[f"check/two_slopes-1/{dtype}"]["passed"] for dtype in DTYPES)


def test_a_kernel_that_hangs_is_given_up() -> None:
    worker = Worker(pretend(""))
    try:
        found = worker.run(Piece("check", "hinges", "float32"), 1.0)
        assert found == {"passed": False, "error": "it took longer than 1 s"}
        assert worker.run(Piece("check", "two_slopes-0", "float32"), 60.0)["passed"]
    finally:
        worker.close()


def test_a_run_that_is_out_of_time_is_completed_by_the_next(simulated: None, tmp_path: Path) -> None:
    subjects = ("two_slopes-0", "hinges", "arelu")
    content, _ = run_simulated(tmp_path, *subjects, seconds=5.0)
    # What hangs until the end is not to blame.
    assert not [key for key in content["results"] if "hinges" in key]
    assert len(content["results"]) < content["planned"]
    assert "still to be tried" in (tmp_path / "gpu-check.md").read_text(encoding="utf-8")
    before = dict(content["results"])
    content, said = run_simulated(tmp_path, "two_slopes-0", "arelu")
    assert len(said) == content["planned"] - len(before)
    assert all(content["results"][key] == result for key, result in before.items())


def test_results_from_elsewhere_are_not_mixed(simulated: None, tmp_path: Path) -> None:
    run_simulated(tmp_path, "two_slopes-0")
    path = tmp_path / "gpu-check.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["facts"]["device"] = "another"
    path.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is from elsewhere \(device: another there, simulated here\); move it away"):
        run_simulated(tmp_path, "two_slopes-0")
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a record of such a run"):
        run_simulated(tmp_path, "two_slopes-0")


def test_no_gpu_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="PyTorch finds no CUDA device"):
        run("cuda", tmp_path)
    with pytest.raises(ConfigError, match="device must be one of cuda, interpreted, got 'tpu'"):
        run("tpu", tmp_path)


def test_events_of_the_device_time_calls_that_find_an_empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    order: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing
            self.at = -1.0

        def record(self) -> None:
            self.at = clock[0]

        def elapsed_time(self, other: Event) -> float:
            assert order[-1] == "synchronize"
            return other.at - self.at

    class Cleared:
        def zero_(self) -> None:
            order.append("clear")
            clock[0] += 100.0

    def call() -> None:
        order.append("call")
        clock[0] += 2.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append("synchronize"))
    monkeypatch.setattr(torch, "empty", lambda *sizes, **options: Cleared())
    assert devices.Cuda().time(call, 3) == [2.5, 2.5, 2.5]
    assert order == ["clear", "call"] * 3 + ["synchronize"]


def test_every_variant_can_be_found_by_its_name() -> None:
    assert {formula.name for formula in variants().values()} == set(VARIANTS) - Triton.lacks - {"conv_threshold"}


@needs_triton
def test_pieces_in_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    worker = Worker(command("interpreted"))
    try:
        found = worker.run(Piece("check", "two_slopes-2", "bfloat16"), 300.0)
        assert found["passed"], found
        shares = [(case["layout"], case["share"]) for case in found["cases"]]
        assert shares == [
            (layout, share) for layout in ("contiguous", "channels_last") for share in ("layer", "channel")
        ]
        assert worker.run(Piece("prepare", "arelu", "float32", "tokens"), 300.0) == {"failed": {}}
        timed = worker.run(Piece("time", "arelu", "float32", "tokens"), 300.0)
        assert set(timed["times"]) == {"rectifiers", "nn.ReLU", "inductor", "copy"}
        assert all(low <= middle <= high for low, middle, high in timed["times"]["rectifiers"].values())
        assert "no option" in worker.run(Piece("check", "no option", "float32"), 300.0)["error"]
    finally:
        worker.close()


@needs_triton
@pytest.mark.slow
def test_all_of_it_in_the_interpreter(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "rectifiers.speed.gpu",
            "--device",
            "interpreted",
            "--output",
            tmp_path,
            "--seconds",
            "1200",
        ],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "gpu-check.json").read_text(encoding="utf-8"))["results"]
    assert set(results) == {piece.key for piece in plan(TINY)}
    assert "**No GPU was used**" in (tmp_path / "gpu-check.md").read_text(encoding="utf-8")
