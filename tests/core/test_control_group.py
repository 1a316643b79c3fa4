"""Limits of control groups, as both versions of them write them down."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.core import control_group, memory
from rectifiers.experiments.machine import count_cores

GROUP = "slurm/job 7"


def write(root: Path, lines: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "cgroup").write_text(lines)
    monkeypatch.setattr(control_group, "ROOT", root)
    monkeypatch.setattr(control_group, "LINES", root / "cgroup")


SECOND = {
    f"{GROUP}/cpu.max": "max 100000\n",
    "slurm/cpu.max": "150000 100000\n",
    f"{GROUP}/memory.max": "1000000\n",
    f"{GROUP}/memory.current": "400000\n",
    f"{GROUP}/memory.stat": "anon 300000\nfile 100000\ninactive_file 50000\n",
    "slurm/memory.max": "max\n",
    "slurm/memory.current": "900000\n",
}
FIRST = {
    f"cpu,cpuacct/{GROUP}/cpu.cfs_quota_us": "-1\n",
    f"cpu,cpuacct/{GROUP}/cpu.cfs_period_us": "100000\n",
    "cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    f"memory/{GROUP}/memory.limit_in_bytes": "1000000\n",
    f"memory/{GROUP}/memory.usage_in_bytes": "400000\n",
    f"memory/{GROUP}/memory.stat": "cache 100000\ninactive_file 7\ntotal_inactive_file 50000\n",
}


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        (f"0::/{GROUP}\n", SECOND),
        (f"4:memory:/{GROUP}\n3:cpu,cpuacct:/{GROUP}\n1:name=systemd:/\n", FIRST),
        # A container that sees its own folders alone, under names from outside.
        ("0::/docker/abc\n", {name.rpartition("/")[2]: text for name, text in SECOND.items() if GROUP in name}),
    ],
    ids=["second version", "first version", "container"],
)
def test_the_tightest_limit_around_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, files: dict[str, str]
) -> None:
    write(tmp_path, lines, files, monkeypatch)
    assert control_group.cores() == (None if "docker" in lines else 1.5)
    assert control_group.memory() == 650_000
    assert memory.free() == 0


def test_fewer_workers_than_there_are_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "0::/\n", {"cpu.max": "50000 100000\n"}, monkeypatch)
    assert count_cores() == 1


@pytest.mark.parametrize("text", ["", "max", "0 0", "many 100000", "\xff", "-1 100000"])
def test_what_says_nothing_limits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    write(tmp_path, "0::/\nnonsense\n", {"cpu.max": text, "memory.max": text, "memory.current": "5"}, monkeypatch)
    assert control_group.cores() is None
    if text != "0 0":
        assert control_group.memory() is None
    monkeypatch.setattr(control_group, "LINES", tmp_path / "nowhere")
    assert (control_group.cores(), control_group.memory()) == (None, None)
