"""A page full of hostile names in a real browser: nothing of them runs, and all of them is shown."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rectifiers.report.html import render_page

from .synthetic import experiment, outcomes

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
RUNS = "document.title='owned'"
NAMES = (
    f"<script>{RUNS}</script>",
    f'"><img src=x onerror="{RUNS}">',
    f"'><svg onload={RUNS}>",
    f"</title></style><script>{RUNS}</script>",
    f'<a href="javascript:{RUNS}" autofocus onfocus="{RUNS}">',
    "<!--",
    "{{ 7 * 7 }}",
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]


def opened(page: str, tmp_path: Path) -> str:
    """The document that a browser makes of a page once everything in it that runs has run."""
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    assert BROWSER is not None
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    command = [BROWSER, *arguments, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")  # the names are longer than the figures
def test_hostile_names_are_shown_and_run_nothing(tmp_path: Path) -> None:
    hostile = "".join(NAMES)
    made = experiment(
        rows=("ReLU", *NAMES), columns=NAMES[:2], published=True, title=hostile, paper=hostile, name=hostile
    )
    page = render_page(made, "paper", outcomes(made, learning=NAMES), command=hostile)
    document = opened(page, tmp_path)
    title = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert title is not None
    assert title[1].strip() != "owned"
    assert document.count("<script") == page.count("<script") == 1
    assert not re.search(r"<[^>]*\bon(error|load|focus)=", re.sub(r"=\"[^\"]*\"", "", document))
    for name in NAMES:
        assert document.count(name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) > 3


def test_what_got_in_all_the_same_would_not_run(tmp_path: Path) -> None:
    made = experiment()
    page = render_page(made, "paper", outcomes(made))
    injected = page.replace("</main>", f'<script>{RUNS}</script><img src=x onerror="{RUNS}"></main>')
    assert injected != page
    assert "<title>owned</title>" not in opened(injected, tmp_path)
    without_policy = re.sub(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", injected)
    assert "<title>owned</title>" in opened(without_policy, tmp_path)
