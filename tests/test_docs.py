"""The generated pages are what the code says today, and leave nothing out."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

import rectifiers
import rectifiers.networks
import rectifiers.papers
from docs.pages import arelu, functions, learned, networks, papers, readme
from rectifiers import datasets, functional
from rectifiers.activations import registry
from rectifiers.experiments.pretrained import PRETRAINED
from rectifiers.lab.coverage import published_coverage
from rectifiers.papers.claims import PAPERS
from rectifiers.training import augmentation

from .loading import load

DOCS = Path(__file__).parent.parent / "docs"
BUILD = load(DOCS / "build.py")


@pytest.fixture(scope="module")
def page() -> str:
    return functions.PAGE.read_text(encoding="utf-8")


def texts(drawing: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


@pytest.mark.parametrize("path", BUILD.TEXTS, ids=lambda path: path.name)
def test_what_is_written_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == BUILD.TEXTS[path](), "run `make docs`"


@pytest.mark.parametrize("path", BUILD.PICTURES, ids=lambda path: path.name)
def test_pictures_say_what_they_would_say_now(path: Path) -> None:
    found = texts(BUILD.PICTURES[path]())
    assert found
    assert set(found) <= set(texts(path.read_text(encoding="utf-8"))), "run `make docs`"


def test_page_of_networks_names_all_in_order() -> None:
    page = networks.PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(.*?)` ", page, flags=re.MULTILINE) == rectifiers.networks.registry.names()


def test_page_of_papers_has_the_four_papers_first() -> None:
    page = papers.PAGE.read_text(encoding="utf-8")
    entries = re.findall(r"^### `(.*?)`$", page, flags=re.MULTILINE)
    names = [name for name in rectifiers.papers.registry if "/" in name]
    assert sorted(entries) == sorted(names)
    ours = [name for name in names if name.partition("/")[0] not in PAPERS]
    assert entries[-len(ours) :] == ours, "experiments of ours come after the papers"


def test_what_the_published_results_cover() -> None:
    """Runs that lie in `results` are counted from there, those too large for it from the cells that it has of them."""
    covered = published_coverage()
    assert [str(one) for one in covered["arelu/table1"]] == ["paper 152 of 152 cells"]
    assert covered["arelu/table1"][0].runs == 760
    assert [str(one) for one in covered["plasticity/regression"]] == ["pocket 150 of 150 cells"]
    assert "pvlu/vgg-blurred" not in covered


@pytest.mark.parametrize(
    "card", sorted((DOCS.parent / "results").rglob("store.json")), ids=lambda card: card.parent.name
)
def test_published_runs_are_looked_for_by_the_name_of_their_folder(card: Path) -> None:
    assert json.loads(card.read_text(encoding="utf-8"))["runs"] == card.parent.name


def test_pages_state_what_the_runs_came_to() -> None:
    assert "means in AReLU's Table 1 lie inside our 95 % intervals" in readme.PAGE.read_text(encoding="utf-8")
    for table in (arelu.TABLE1, arelu.TABLE7):
        assert "760 of 760 runs finished." in table.page_path.read_text(encoding="utf-8")


def test_page_has_an_entry_for_every_function(page: str) -> None:
    headings = re.findall(r"^### (.*)$", page, flags=re.MULTILINE)
    assert sorted(headings) == sorted(registry.get(name).spec.title for name in rectifiers.list_activations())


@pytest.mark.parametrize("name", rectifiers.list_activations())
def test_every_spec_says_when_to_use_it(name: str) -> None:
    assert registry.get(name).spec.use.endswith(".")


@pytest.mark.parametrize("name", functional.__all__)
def test_page_has_every_plain_function(page: str, name: str) -> None:
    assert f"\nfunctional.{name}(" in page


def test_data_page_names_every_data_set_augmentation_and_published_weights() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", (DOCS / "data.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {name.split(":")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == {*datasets.TABLE, *augmentation.TABLE, *PRETRAINED}


def test_data_page_says_which_file_and_network_weights_belong_to() -> None:
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    for weights in PRETRAINED.values():
        assert f"| `{weights.name}` | `{weights.network}` | `{weights.resource.file}` |" in text


def test_anchors_lead_to_headings(page: str) -> None:
    anchors = set(re.findall(r"\]\(#(.*?)\)", page))
    headings = re.findall(r"^### (.*)$", page, flags=re.MULTILINE)
    assert anchors == {functions.anchor(heading) for heading in headings}


@pytest.mark.parametrize(
    ("picture", "names"),
    [(functions.PICTURE, ("arelu", "crelu", "pvlu", "relu")), (learned.PICTURE, ("arelu", "pvlu", "apl", "pau"))],
    ids=["gallery", "learned"],
)
def test_pictures_show_functions(picture: Path, names: tuple[str, ...]) -> None:
    assert {registry.get(name).spec.title for name in names} <= set(texts(picture.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "page",
    ["compare", "fold", "granularity", "lab", "peft", "relu-like", "start", "surgery", "surgery-details", "training"],
)
def test_sessions_print_what_they_show(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    # A fence would be read as output.
    session = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
