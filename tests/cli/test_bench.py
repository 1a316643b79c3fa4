"""`rectifiers bench`: its table, its numbers for programs, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Cli

CONFIG = "extra_benchmark_config_str"

# As Liger-Kernel's file of benchmarks has them, but for the version.
COLUMNS = [
    "kernel_name",
    "kernel_provider",
    "kernel_operation_mode",
    "metric_name",
    "metric_unit",
    "x_name",
    "x_label",
    "x_value",
    "y_value_50",
    "y_value_20",
    "y_value_80",
    CONFIG,
    "gpu_name",
    "timestamp",
    "rectifiers_version",
]

SMALL = ("--sizes", "2x4", "--threads", "1", "--rounds", "2", "--batch", "0")


def test_table(cli: Cli) -> None:
    outcome = cli("bench", *SMALL)
    assert outcome.code == 0
    assert "2×4, contiguous, threads: 1; nn.ReLU" in outcome.out
    assert "goal ≤ 1.8" in outcome.out
    for function in ("arelu, as published", "arelu, channel", "pau", "copy"):
        assert f"\n  {function} " in outcome.out
    for package in ("rational-activations", "torch-activation", "echoai"):
        assert f"\n{package}: " in outcome.out


def test_numbers_for_programs_and_to_keep(cli: Cli, tmp_path: Path) -> None:
    printed = json.loads(cli("bench", *SMALL, "--json", "--output", "new/bench.json", "--plot", "bench.svg").out)
    kept = json.loads((tmp_path / "new" / "bench.json").read_text(encoding="utf-8"))
    assert kept.keys() == {"machine", "rivals", "settings", "training_step"}
    (setting,) = kept["settings"]
    rows = {row["function"]: row for row in setting["rows"]}
    assert len(printed) == len(rows)
    by_name = {(row["kernel_name"], row["kernel_provider"], "channel" in row[CONFIG]): row for row in printed}
    pau = by_name["pau", "rectifiers", True]
    assert list(pau) == COLUMNS
    assert pau["y_value_50"] == pytest.approx(rows["pau, channel"]["microseconds"] / 1e3, rel=1e-3)
    assert pau["y_value_20"] <= pau["y_value_50"] <= pau["y_value_80"]
    assert (pau["x_value"], pau["metric_unit"], pau["kernel_operation_mode"]) == (8, "ms", "full")
    config = {"shape": [2, 4], "layout": "contiguous", "dtype": "float32", "threads": 1, "share": "channel"}
    assert json.loads(pau[CONFIG]) == config
    assert {("relu", "torch", False), ("copy", "torch", False)} <= by_name.keys()
    assert rows["nn.ReLU"]["ratio"] == [1, 1, 1]
    assert rows["nn.PReLU"]["to_prelu"] == [1, 1, 1]
    assert rows["arelu"]["goal"] == 1.8
    assert rows["arelu"]["error"] < 1e-6
    picture = (tmp_path / "bench.svg").read_text(encoding="utf-8")
    assert "that of nn.ReLU" in picture
    assert "pau, channel" in picture


def test_functions_by_name_and_of_ones_own(cli: Cli, own_file: Callable[..., Path]) -> None:
    formula = "from rectifiers import elementwise\n\nMine = elementwise('x*tanh(a*x)', a=1.0)\n"
    outcome = cli("bench", *SMALL, "--functions", "pvlu,tanh", "--with", f"{own_file(formula)}:Mine")
    timed = {line[2:].partition("   ")[0].rstrip() for line in outcome.out.splitlines() if "[" in line}
    assert {"pvlu", "pvlu, channel", "tanh", "Mine", "Mine, channel"} <= timed
    assert "arelu" not in timed
    plain = cli("bench", *SMALL, "--with", f"{own_file()}:MyAct")
    assert "\n  MyAct  " in plain.out
    assert "\n  arelu  " in plain.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--sizes", "8"], "--sizes: expected shapes of two dimensions or more, such as 128x64x32x32, got '8'"),
        (["--sizes", "2x0"], "got '2x0'"),
        (["--sizes", ""], "--sizes needs values with commas between them, got ''"),
        (["--threads", "1,none"], "--threads: expected whole numbers of at least 1, such as 1,2, got 'none'"),
        ([*SMALL, "--functions", "arelo"], "unknown activation 'arelo'; did you mean arelu"),
        ([*SMALL, "--functions", "rrelu"], "rrelu cannot be timed beside nn.ReLU: it draws random numbers"),
        # Before anything is measured.
        (["--functions", "arelo", "--output", "."], "cannot write .: it is a folder"),
        (["--functions", "arelo", "--plot", "/dev/null/bench.svg"], "cannot write /dev/null/bench.svg"),
        (["--functions", "arelo", "--output", "bench.csv"], "--output must end in .json, got bench.csv"),
        (["--functions", "arelo", "--plot", "bench.png"], "--plot must end in .svg, got bench.png"),
        (["--device", "tpu"], "device must be one of cuda, interpreted, got 'tpu'"),
    ],
)
def test_mistakes(refused: Callable[..., str], arguments: list[str], line: str) -> None:
    assert line in refused("bench", *arguments)
