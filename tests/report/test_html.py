"""The page of an experiment: well formed, escaped, self-contained, and clear about what is missing."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.report import html
from rectifiers.report.html import render_page, write_report
from rectifiers.report.table import build
from rectifiers.report.wording import signed

from .synthetic import HOSTILE, LEADS, WEIRD, experiment, outcomes

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Outline(HTMLParser):
    """What a page consists of; fails on tags that do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(preset: str = "paper", **fields: object) -> str:
    made = experiment(published=True, **fields)  # type: ignore[arg-type]
    return render_page(made, preset, outcomes(made, preset))


def test_the_page_is_well_formed_and_its_ids_are_unique() -> None:
    outline = Outline(page(columns=("one", "two")))
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.tags.count("table") == outline.tags.count("caption") > 3
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("svg") >= 4


def test_the_page_loads_nothing_and_runs_its_own_script_alone() -> None:
    text = page()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    assert policy in text
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval|fetch|import|XMLHttp", script)
    outline = Outline(text)
    assert outline.tags.count("script") == 1
    assert not {"link", "img", "iframe", "object"} & set(outline.tags)
    assert not re.search(r"@import|url\((?!#)|\bon[a-z]+=", text)
    addresses = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith("#") for address in addresses)


def test_whatever_comes_from_users_or_results_is_escaped() -> None:
    made = experiment(
        rows=("ReLU", *WEIRD),
        columns=(HOSTILE + "1", HOSTILE + "2"),
        published=True,
        title=HOSTILE,
        paper=HOSTILE,
        name=HOSTILE,
        deviations=(HOSTILE,),
    )
    text = render_page(made, "paper", outcomes(made, learning=WEIRD), command=HOSTILE)
    assert text.count("<script") == 1
    shown = Outline(text).text
    assert shown.count(HOSTILE) > 10
    assert all(label in shown for label in WEIRD)


def test_the_page_tells_results_protocol_and_provenance() -> None:
    text = Outline(page()).text
    assert "▲ better" in text
    assert "Test accuracy after the last epoch" in text
    assert "(shown in this report)" in text
    assert "the paper does not say which seeds it used" in text
    assert "versions.torch 2.10.0" in text
    assert "rectifiers run made/up --preset paper" in text
    assert "15 of 15" in text
    assert "ours − paper" in text


def test_an_incomparable_preset_shows_a_banner_and_no_differences() -> None:
    text = Outline(page("pocket")).text
    assert "Not comparable: preset pocket." in text
    assert "ours − paper" not in text


@pytest.mark.parametrize("columns", [("digits",), ("one", "two")])
def test_leads_close_the_table_beside_the_papers(columns: tuple[str, ...]) -> None:
    made = experiment(columns=columns, published=True, leads=LEADS)
    runs = outcomes(made)
    gap = build(made, "paper", runs).lead_value(LEADS[0], columns[0])
    outline = Outline(render_page(made, "paper", runs))
    # The overview, and each column in detail.
    assert outline.tags.count("tfoot") == (1 if len(columns) == 1 else 1 + len(columns))
    assert f"Lead over both {signed(gap.value)} +1.50" in outline.text
    assert "The printed numbers contradict one another: 1.5 is misprinted." in outline.text
    assert "+1.50" not in Outline(render_page(made, "pocket", outcomes(made, "pocket"))).text


def test_missing_and_diverged_cells_are_named() -> None:
    made = experiment(columns=("one", "two"))
    lost = {("AReLU", "one", seed) for seed in range(5)}
    text = Outline(render_page(made, "paper", outcomes(made, missing=lost, diverged={("ReLU", "two", 1)}))).text
    assert "not run" in text
    assert "1 of 5 diverged" in text
    assert "1 diverged, 5 not run" in text


def test_nothing_run_and_nothing_planned_still_give_a_page() -> None:
    made = experiment()
    assert "No run has finished yet." in render_page(made, "paper", [(c, None) for c in made.cells("paper")])
    assert "No runs are planned." in render_page(made, "paper", [])


def test_the_report_is_written_in_one_step(tmp_path: Path) -> None:
    made = experiment()
    runs = outcomes(made)
    target = tmp_path / "new" / "report.html"
    assert write_report(made, "paper", runs, target) == target
    assert target.read_text(encoding="utf-8") == render_page(made, "paper", runs)
    assert list(target.parent.iterdir()) == [target]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cannot write .*report\.html: .*; choose another place"):
        write_report(experiment(), "paper", [], blocked / "report.html")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_a_column_is_sorted_by_our_numbers_and_not_by_what_is_small_beside_them() -> None:
    script = Path(html.__file__).with_name("page.js").read_text(encoding="utf-8")
    page = "const addEventListener = () => {}, document = { querySelectorAll: () => [] };"
    small = "{ nodeName: 'SMALL', textContent: '1,000' }"
    texts = [f"{{ nodeName: '#text', textContent: '{said}' }}" for said in ("999", "−1.5")]
    cells = ", ".join(f"{{ childNodes: [{text}, {small}] }}" for text in texts)
    keys = f"[{cells}, {{ childNodes: [] }}].map((cell) => key({{ cells: [cell] }}, 0))"
    command = ["node", "-e", f"{page}{script};console.log(JSON.stringify({keys}))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[999,-1.5,null]\n"


@pytest.mark.slow
def test_a_browser_shows_it_without_errors(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium here")
    made = experiment(columns=tuple(f"column {place}" for place in range(8)), published=True)
    target = write_report(made, "paper", outcomes(made), tmp_path / "report.html")
    shot = tmp_path / "shot.png"
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    command = [browser, *flags.split(), "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, f"--screenshot={shot}", target.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr
