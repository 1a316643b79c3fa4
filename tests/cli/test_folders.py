"""`rectifiers status` and `rectifiers verify`, and settings that are refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.experiments.leases import Leases
from rectifiers.experiments.store import Store

from ..experiments.samples import result, tiny
from .conftest import Cli


def test_status_tells_who_does_what(cli: Cli, tmp_path: Path) -> None:
    assert cli("status", "--results", "nowhere").out == "no runs in nowhere\n"
    store = Store(tmp_path / "runs", "sweep")
    store.write(result())
    (store.folder / "log.txt").write_text("first\nlast\n")
    with Leases(store.folder) as leases:
        leases.running = {tiny().id: "epoch 3 of 5"}
        leases._write()
        told = cli("status").out
        facts = json.loads(cli("status", "--json").out)
    assert told.startswith("runs/sweep: 1 result\n")
    assert f"{tiny().id} epoch 3 of 5" in told
    assert told.endswith("last: last\n")
    assert [(one["results"], one["failed"], one["runners"][0]["dead"]) for one in facts] == [(1, 0, False)]


def test_verify_names_and_mends(cli: Cli, tmp_path: Path) -> None:
    store = Store(tmp_path / "runs", "sweep")
    path = store.write(result())
    assert cli("verify", "runs/sweep").out == "runs/sweep: nothing is damaged\n"
    path.write_text("{")
    named = cli("verify", "runs/sweep")
    assert named.code == 1
    assert "result.json: is damaged" in named.out
    assert [one["remedy"] for one in json.loads(cli("verify", "runs/sweep", "--json").out)]
    assert cli("verify", "runs/sweep", "--mend").code == 0
    assert cli("verify", "runs/sweep").code == 0


NESTED = "{" + '"a":{' * 100_000 + "}" * 100_001
SWAP = ("swap", "torchvision.models:squeezenet1_1", "--to", "pvlu", "--input")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("plan", "quickstart", "--set", f"network_args={NESTED}"),
            'network_args: expected a table such as {alpha = 0.9}, got \'{"a":',
        ),
        (("plan", "quickstart", "--set", "start=5"), "start: expected a table of settings, such as {epochs = 5}"),
        (("plan", "quickstart", "--set", f"device=cuda:{10**20}"), "device: expected cpu, mps, cuda, or cuda: and a"),
        (("plan", "quickstart", "--set", "threads=2000"), "threads: expected at most 1024, got 2000"),
        (("plan", "quickstart", "--set", f"batch_size={10**21}"), "batch_size: expected at most 10000000"),
        (("plan", "quickstart", "--set", "epochs=1e9"), "epochs: expected at most 10000000"),
        (("run", "quickstart", "--results", ""), "--results needs a folder, got ''; write . for the working directory"),
        (("run", "quickstart", "--results", "a\nb"), r"--results must be a path that can be printed, got b'a\nb'"),
        (("run", "quickstart", "--data-dir", ""), "--data-dir needs a folder, got ''"),
        ((*SWAP, "99999999,3,64,64"), "--input 99999999,3,64,64 takes 4,915 GB"),
        ((*SWAP, "0,3,64,64"), "--input needs sizes of at least 1"),
        ((*SWAP, "1,3,64,64", "--input-dtype", "quint8"), "--input-dtype needs a dtype of plain numbers"),
        (("swap", "sys:exit", "--to", "pvlu", "--input", "1,3"), "sys:exit failed: SystemExit"),
        (("verify", "nowhere"), "there are no runs in nowhere"),
        (("verify", ""), "there are no runs in ."),
    ],
)
def test_one_line_and_exit_code_2(refused: Callable[..., str], arguments: tuple[str, ...], line: str) -> None:
    assert line in refused(*arguments)


def test_a_terminal_of_no_width_still_shows_a_table(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert "AReLU" in cli("table", "quickstart", "--preset", "smoke").out
