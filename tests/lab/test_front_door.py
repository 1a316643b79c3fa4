"""From an experiment built in Python to its report, on digits; and what all that looks like."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import types
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import rectifiers
from rectifiers import lab
from rectifiers.activations import registry
from rectifiers.core.errors import ConfigError, DataError, StoreError
from rectifiers.experiments import runner
from rectifiers.experiments.store import Store
from rectifiers.lab.tables import Failure

TINY: dict[str, Any] = {"dataset": "digits", "network": "digits-conv", "lr": 0.1, "train_size": 64}


class Balanced(HTMLParser):
    """Checks that what is opened is closed, and collects the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def fragment(thing: Any) -> str:
    """What a notebook shows of a thing; it brings all it needs, and no colours of text or page of its own."""
    page: str = thing._repr_html_()
    assert not re.search(r"<(script|style|link|img)|(src|href)=.https?:", page)
    colours = set(re.findall(r"(?<![-\w])(?:background|color):([^;\"]+)", page))
    assert colours <= {"none", "inherit", "#2e9e5b", "#d9534f", "#2a9fb0", "#c78a1b"}
    return Balanced(page).text


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> lab.Results:
    """Two rows under two columns, run once for all tests."""
    experiment = lab.experiment(
        ["relu", "arelu"], {"fast": {"lr": 0.1}, "<slow>": {"lr": 0.01}}, seeds=1, title="Rates & rows", **TINY
    )
    return lab.run(experiment, workers=1, results=tmp_path_factory.mktemp("runs"), progress=False)


def test_running_fills_the_table(ran: lab.Results) -> None:
    assert (ran.table.planned, ran.table.missing, dict(ran.failed)) == (4, 0, {})
    assert ran.selection.done() == set(ran.selection.trials)


def test_every_form_of_a_table(ran: lab.Results) -> None:
    assert str(ran).startswith("my-experiment, preset full: As built in Python.\n\nRates & rows")
    assert str(ran).endswith(ran.to_text().rstrip())
    assert len(ran.to_jsonl().splitlines()) == 4
    assert ran.to_csv().startswith("experiment,")
    assert "|:--" in ran.to_markdown()
    assert r"\toprule" in ran.to_latex()
    again = lab.table(ran.selection)
    assert again.to_json() == ran.to_json()


def test_packed_results_hold_the_runs_that_others_start_from(tmp_path: Path) -> None:
    experiment = lab.experiment(["relu", "arelu"], seeds=1, start={**TINY, "activation": "relu", "lr": 0.01}, **TINY)
    text = lab.run(experiment, workers=1, results=tmp_path / "runs", progress=False).to_jsonl()
    rates = [json.loads(line)["trial"]["lr"] for line in text.splitlines()]
    assert rates == [0.1, 0.1, 0.01]
    packed = tmp_path / "packed" / experiment.folder
    packed.mkdir(parents=True)
    (packed / "results.jsonl").write_text(text, encoding="utf-8")
    again = lab.table(experiment, results=tmp_path / "packed")
    assert again.to_jsonl() == text


def test_a_notebook_sees_the_table(ran: lab.Results) -> None:
    text = fragment(ran)
    assert {"Rates & rows", "fast", "<slow>", "relu", "arelu"} <= {
        word.strip() for word in Balanced(ran._repr_html_()).words
    }
    for cell in ran.to_dict()["cells"]:
        assert f"{cell['value']:.2f}" in text
    assert "· inconclusive" in text
    cells = ran.to_dict()["cells"]
    highest = {
        column: max(cell["value"] for cell in cells if cell["column"] == column) for column in ("fast", "<slow>")
    }
    bold = sum(cell["value"] == highest[cell["column"]] for cell in cells)
    assert ran._repr_html_().count("<b>") == 1 + bold


def test_what_is_not_run_and_what_failed_is_said(ran: lab.Results, tmp_path: Path) -> None:
    empty = lab.table(ran.selection.experiment, results=tmp_path)
    assert fragment(empty).count("not run") >= 4
    trial = empty.selection.trials[0]
    failed = lab.Results(
        empty.selection, empty.outcomes, {trial: Failure("ZeroDivisionError: of 1", Path("error.txt"))}
    )
    for text in (str(failed), fragment(failed)):
        assert f"failed: {trial}" in text
        assert "ZeroDivisionError: of 1" in text


def test_published_numbers_stand_beside_ours_with_their_marks() -> None:
    results = Path(__file__).parents[2] / "results"
    found = lab.table("arelu/table1", preset="paper", results=results)
    text, cells = fragment(found), found.to_dict()["cells"]
    for cell in cells:
        assert f"({cell['published']:.2f})" in text
    assert text.count("†") == sum(cell["published_outside_interval"] is True for cell in cells) + 1
    marks = {"better": "▲", "worse": "▼", "equivalent": "="}
    for verdict, mark in marks.items():
        assert len(re.findall(f"{mark}(?! {verdict})", found._repr_html_().replace('="', ""))) >= sum(
            cell["verdict"] == verdict for cell in cells
        )


def test_a_plan_says_what_it_will_take(ran: lab.Results, tmp_path: Path) -> None:
    plan = lab.plan(ran.selection.experiment, workers=2, results=tmp_path)
    assert (plan.runs, plan.done, plan.to_do, plan.workers) == (4, 0, 4, 2)
    assert plan.seconds is not None
    assert plan.costs is not None
    assert {cost.activation for cost in plan.costs} == {"relu", "arelu"}
    for text in (str(plan), fragment(plan)):
        for piece in ("4: 0 done, 4 to do", "digits: ready", "digits-conv on digits", "with 2 workers"):
            assert piece in text
    assert not list(tmp_path.iterdir())
    finished = lab.plan(ran.selection)
    assert "4: 4 done, 0 to do" in str(finished)
    assert "time" not in str(finished)


def test_a_plan_without_data_has_deviations(tmp_path: Path) -> None:
    plan = lab.plan("arelu/figure2", preset="smoke", data_dir=tmp_path, results=tmp_path)
    for text in (str(plan), fragment(plan)):
        assert "mnist, 0.012 GB: missing train-images-idx3-ubyte.gz" in text
        assert "on noise of the same shape" in text
        assert plan.deviations[0] in text


def test_speeds_that_are_known_are_not_measured_again(ran: lab.Results, tmp_path: Path) -> None:
    speeds: Any = {}
    first = lab.plan(ran.selection.experiment, results=tmp_path, speeds=speeds)
    assert len(speeds) == 2
    assert lab.plan(ran.selection.experiment, results=tmp_path, speeds=speeds).costs == first.costs


def test_a_report_is_a_path(ran: lab.Results, tmp_path: Path) -> None:
    report = lab.report(ran.selection, output=tmp_path / "page.html")
    assert str(report) == str(Path(report)) == str(tmp_path / "page.html")
    assert "page.html" in fragment(report)
    assert "rectifiers.lab.run(experiment, preset=&#39;full&#39;)" in report.path.read_text(encoding="utf-8")
    assert lab.report(ran.selection).path == ran.selection.report_path


def test_missing_data_are_found_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 of 4 files are missing"):
        lab.run("arelu/figure2", preset="smoke", data_dir=tmp_path, results=tmp_path / "runs", progress=False)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_failed_says_why_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = lab.experiment(["relu"], seeds=1, **TINY)
    ended = runner.run

    def fail(cells: Any, store: Store, **options: Any) -> runner.Progress:
        return runner.Progress(total=1, kept=0, failed={cells[0].trial: "Traceback\nZeroDivisionError: of 1\n"})

    monkeypatch.setattr(runner, "run", fail)
    found = lab.run(one, results=tmp_path, progress=False)
    (failure,) = found.failed.values()
    assert failure.reason == "ZeroDivisionError: of 1"
    assert "activation=relu" in failure.path.read_text(encoding="utf-8")
    monkeypatch.setattr(runner, "run", ended)
    assert not lab.run(one, workers=1, results=tmp_path, progress=False).failed
    assert not failure.path.exists()


SCRIPT = """
from pathlib import Path

from rectifiers import lab

with Path("imported.txt").open("a") as file:
    file.write(__name__ + "\\n")
one = lab.experiment(["relu"], dataset="digits", network="digits-conv", lr=0.1, train_size=64)
print(lab.run(one, seeds=1, workers=1).table.missing)
"""


def test_a_plain_script_is_not_run_again_by_its_workers(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout == "0\n"
    assert done.stderr.splitlines()[-1].startswith("1 of 1 run")
    assert (tmp_path / "imported.txt").read_text() == "__main__\n"


def test_what_a_notebook_registers_runs_in_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Half(nn.Module):
        """Half of ReLU."""

        def __init__(self, channels: int | None = None) -> None:
            super().__init__()

        def forward(self, x: Any) -> Any:
            return x.relu() / 2

    Half.__module__ = "__main__"
    monkeypatch.setitem(registry._added, "half", Half)
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    found = lab.run(lab.experiment(["half"], seeds=1, **TINY), results=tmp_path, progress=False)
    assert (found.table.missing, dict(found.failed)) == (0, {})


@pytest.mark.parametrize(
    ("call", "options", "message"),
    [
        (lab.run, {"time_limit": "4h"}, "time_limit must be a number of seconds above 0, got '4h'"),
        (lab.run, {"gpu_share": "half"}, "got 'half' without one; name the cluster by on"),
        (lab.run, {"on": "ray", "gpu_share": "half"}, "gpu_share must be a part of one GPU, .* got 'half'"),
        (lab.run, {"on": "ray", "gpu_share": math.inf}, "gpu_share must be a part of one GPU, .* got inf"),
        (lab.plan, {"price": "2.10"}, "price must be what an hour of one worker costs, 0 or more, got '2.10'"),
    ],
)
def test_texts_in_the_place_of_numbers_are_named(
    call: Callable[..., object], options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        call("quickstart", results=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()


def test_the_folder_to_verify_may_be_a_text(ran: lab.Results) -> None:
    assert lab.verify(str(ran.selection.folder)) == ()
    with pytest.raises(StoreError, match="there are no runs in nowhere"):
        lab.verify("nowhere")


def test_the_package_offers_it() -> None:
    assert rectifiers.lab is lab
    names = [
        "Comparison",
        "Export",
        "Judged",
        "Own",
        "Report",
        "Results",
        "RunPlan",
        "Selection",
        "SlurmScript",
        "Status",
        "Variant",
    ]
    names += ["compare", "describe_environment", "experiment", "export", "judge_claims"]
    assert lab.__all__ == [
        *names,
        "open",
        "plan",
        "plan_comparison",
        "report",
        "run",
        "status",
        "table",
        "use",
        "verify",
        "write_slurm_script",
    ]
    for name in lab.__all__:
        assert getattr(lab, name).__doc__
    with pytest.raises(AttributeError, match=r"'rectifiers\.lab' has no attribute 'rnu'"):
        getattr(lab, "rnu")  # noqa: B009
