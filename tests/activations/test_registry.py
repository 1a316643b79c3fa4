"""The table of activations: complete, lazy, and true to the classes it names."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import rectifiers
from rectifiers import activations, create, list_activations, register_activation
from rectifiers.activations import registry
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.spec import ActivationSpec, Limit, ParameterSpec

from .samples import NAMES, build, spec_of

NO_FUNCTION = ("__init__", "classes")
FILES = sorted(path for path in Path(activations.__file__).parent.glob("*.py") if path.stem not in NO_FUNCTION)


def classes_with_a_spec(path: Path) -> Iterator[type[nn.Module]]:
    module = importlib.import_module(f"{activations.__name__}.{path.stem}")
    for thing in vars(module).values():
        if isinstance(thing, type) and thing.__module__ == module.__name__ and "spec" in vars(thing):
            yield thing


@pytest.fixture
def own_activation() -> Iterator[type[nn.Module]]:
    class Halve(nn.Module):
        """Half of the input."""

        spec = ActivationSpec(name="halve", title="Halve", equation="x/2", paper="none")

        def forward(self, x: Any) -> Any:
            return x / 2

    register_activation("halve")(Halve)
    yield Halve
    del registry._added["halve"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_registered(path: Path) -> None:
    for cls in classes_with_a_spec(path):
        assert registry.get(cls.spec.name) is cls


@pytest.mark.parametrize("name", NAMES)
def test_table_leads_to_the_class_of_that_name(name: str) -> None:
    cls = registry.get(name)
    assert cls.spec.name == name
    assert issubclass(cls, nn.Module)
    assert type(build(name)) is cls


def test_titles_tell_functions_apart() -> None:
    titles = [spec_of(name).title for name in NAMES]
    assert sorted(set(titles)) == sorted(titles)


@pytest.mark.parametrize("name", NAMES)
def test_spec_is_complete(name: str) -> None:
    spec = spec_of(name)
    assert spec.title
    assert spec.equation
    assert any(character.isdigit() for character in spec.paper), "a paper has a year"
    assert spec.learnable == bool(list(build(name).parameters()))
    assert len({parameter.name for parameter in spec.parameters}) == len(spec.parameters)
    for capability, reason in spec.unsupported.items():
        assert len(reason) > 10, capability


@pytest.mark.parametrize("name", NAMES)
def test_facts_read_from_the_source_are_the_spec(name: str) -> None:
    """Every field that the class states, its parameters included, is legible without importing torch."""
    expected = stated(spec_of(name))
    facts = registry.facts(name)
    if "parameters" in facts:
        facts["parameters"] = tuple(ParameterSpec(**parameter) for parameter in facts["parameters"])
    if "limits" in facts:
        facts["limits"] = tuple(Limit(**limit) for limit in facts["limits"])
    assert stated(ActivationSpec(**facts)) == expected


def stated(spec: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    fields = {}
    for field in dataclasses.fields(spec):
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if getattr(spec, field.name) != default:
            fields[field.name] = getattr(spec, field.name)
    return fields


@pytest.mark.parametrize("name", NAMES)
def test_summary_is_the_first_line_of_the_docstring(name: str) -> None:
    documentation = inspect.getdoc(registry.get(name))
    assert documentation
    assert registry.summary(name) == documentation.splitlines()[0]
    assert registry.summary(name).endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_documentation_has_equation_arguments_and_example(name: str) -> None:
    documentation = inspect.getdoc(registry.get(name)) or ""
    assert "Shape:" in documentation
    assert ">>>" in documentation
    arguments = [
        argument.name
        for argument in inspect.signature(registry.get(name)).parameters.values()
        if argument.kind is argument.POSITIONAL_OR_KEYWORD
    ]
    assert not arguments or "Args:" in documentation


def test_list_is_sorted_and_complete() -> None:
    assert list_activations() == sorted(activations.TABLE)
    assert "arelu" in list_activations()


@pytest.mark.parametrize(("wrong", "nearest"), [("arelo", "arelu"), ("PVLU", "pvlu"), ("crelus", "crelu")])
def test_unknown_name_gives_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown activation '{wrong}'; did you mean .*{nearest}") as caught:
        create(wrong)
    assert nearest in caught.value.nearest


def test_a_name_like_no_other_gives_all() -> None:
    with pytest.raises(UnknownNameError, match=r"known: .*arelu.*pvlu"):
        create("zzzzzz")


def test_third_parties_register_their_own(own_activation: type[nn.Module]) -> None:
    assert "halve" in list_activations()
    assert type(create("halve")) is own_activation
    assert registry.facts("halve")["equation"] == "x/2"
    assert registry.summary("halve") == "Half of the input."


@pytest.mark.parametrize("taken", ["arelu", "halve"])
def test_a_taken_name_is_refused(own_activation: type[nn.Module], taken: str) -> None:
    with pytest.raises(ConfigError, match=f"'{taken}' is registered already"):
        register_activation(taken)(own_activation)


def test_create_passes_arguments_on() -> None:
    module: Any = create("arelu", alpha=0.5, share="channel", channels=3)
    assert module.alpha.tolist() == [0.5, 0.5, 0.5]


def test_listing_imports_no_torch() -> None:
    code = (
        "import sys; from rectifiers.activations import registry, list_activations\n"
        "names = list_activations()\n"
        "assert all(registry.summary(n) and registry.facts(n)['title'] for n in names)\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_specs_are_literal() -> None:
    """A field that is computed could not be listed without importing the file."""
    names = ("ActivationSpec", "ParameterSpec", "Limit")
    specs = [
        (path, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    assert {path for path, _ in specs} == set(FILES)
    for path, call in specs:
        assert not call.args, path
        for keyword in call.keywords:
            if keyword.arg not in ("parameters", "limits"):
                ast.literal_eval(keyword.value)


def test_version_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", rectifiers.__version__)
