"""The generated pages are what the code says today, and leave nothing out."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest

import rectifiers
from rectifiers import datasets, functional, networks, papers
from rectifiers.activations import registry
from rectifiers.experiments.pretrained import PRETRAINED
from rectifiers.papers.claims import PAPERS
from rectifiers.training import augmentation

from .loading import load

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    return load(DOCS / "build.py")


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "activations.md").read_text(encoding="utf-8")


def test_classes_for_type_checkers_are_up_to_date(build: ModuleType) -> None:
    assert build.CLASSES.read_text(encoding="utf-8") == build.classes(), "run `make docs`"


def test_page_is_up_to_date(build: ModuleType, page: str) -> None:
    assert page == build.activations_page(), "run `make docs`"


def test_page_of_networks_is_up_to_date(build: ModuleType) -> None:
    page = (DOCS / "networks.md").read_text(encoding="utf-8")
    assert page == build.networks_page(), "run `make docs`"
    assert re.findall(r"^\| `(.*?)` ", page, flags=re.MULTILINE) == networks.registry.names()


def test_page_of_papers_is_up_to_date(build: ModuleType) -> None:
    page = (DOCS / "papers.md").read_text(encoding="utf-8")
    assert page == build.papers_page(), "run `make docs`"
    entries = re.findall(r"^### `(.*?)`$", page, flags=re.MULTILINE)
    names = [name for name in papers.registry if "/" in name]
    assert sorted(entries) == sorted(names)
    ours = [name for name in names if name.partition("/")[0] not in PAPERS]
    assert entries[-len(ours) :] == ours, "experiments of ours come after the papers"


def test_register_of_claims_is_up_to_date(build: ModuleType) -> None:
    judged = build.claims()
    page = (DOCS / "claims.md").read_text(encoding="utf-8")
    assert page == build.claims_page(judged), "run `make docs`"
    assert build.SNAPSHOT.read_text(encoding="utf-8") == build.claims_snapshot(judged), "run `make docs`"


def test_what_the_published_results_cover_is_up_to_date(build: ModuleType) -> None:
    """Runs that lie in `results` are counted from there, those too large for it from the cells that it has of them."""
    assert build.covering.SNAPSHOT.read_text(encoding="utf-8") == build.coverage_snapshot(), "run `make docs`"
    covered = build.covering.published_coverage()
    assert [str(one) for one in covered["arelu/table1"]] == ["paper 152 of 152 cells"]
    assert covered["arelu/table1"][0].runs == 760
    assert [str(one) for one in covered["plasticity/regression"]] == ["pocket 150 of 150 cells"]
    assert "decide/crelu" not in covered


def test_the_findings_in_the_readme_come_from_the_results(build: ModuleType) -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert text == build.readme(text), "run `make docs`"
    assert "published means lie inside our intervals" in text


def test_the_page_of_table_1_comes_from_the_results(build: ModuleType) -> None:
    text = build.TABLE1.read_text(encoding="utf-8")
    assert text == build.table1_page(), "run `make docs`"
    assert "760 of 760 runs finished." in text


def test_the_learned_functions_come_from_the_benchmark(build: ModuleType) -> None:
    committed = build.LEARNED.read_text(encoding="utf-8")
    titles = set(re.findall(r"<text[^>]*>([^<]*)</text>", build.learned()))
    assert {"AReLU", "PVLU", "APL", "PAU"} <= titles
    assert titles <= set(re.findall(r"<text[^>]*>([^<]*)</text>", committed)), "run `make docs`"


def test_the_costs_of_kernels_come_from_the_benchmark(build: ModuleType) -> None:
    text = (DOCS / "kernels.md").read_text(encoding="utf-8")
    assert text == build.kernels(text), "run `make docs`"
    committed, found = (DOCS / "images" / "kernels.svg").read_text(encoding="utf-8"), build.costs()
    assert re.findall(r"<text[^>]*>([^<]*)</text>", committed) == re.findall(r"<text[^>]*>([^<]*)</text>", found)


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


def test_anchors_lead_to_headings(build: ModuleType, page: str) -> None:
    anchors = set(re.findall(r"\]\(#(.*?)\)", page))
    headings = re.findall(r"^### (.*)$", page, flags=re.MULTILINE)
    assert anchors == {build._anchor(heading) for heading in headings}


def test_gallery_shows_every_function_of_one_number(build: ModuleType) -> None:
    committed = (DOCS / "images" / "gallery.svg").read_text(encoding="utf-8")
    titles = set(re.findall(r"<text[^>]*>([^<]*)</text>", build.gallery()))
    assert {registry.get(name).spec.title for name in ("arelu", "crelu", "pvlu", "relu")} <= titles
    assert titles <= set(re.findall(r"<text[^>]*>([^<]*)</text>", committed)), "run `make docs`"


@pytest.mark.parametrize(
    "page", ["compare", "fold", "granularity", "lab", "peft", "relu-like", "start", "surgery", "training"]
)
def test_sessions_print_what_they_show(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    # A fence would be read as output.
    session = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, page, page, 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
