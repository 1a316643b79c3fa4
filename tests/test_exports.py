"""What `import rectifiers` offers, and what it costs."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import rectifiers
from rectifiers import activations, functional
from rectifiers.activations import registry

FILES = sorted(path.stem for path in Path(activations.__file__).parent.glob("*.py") if path.stem != "__init__")


def functions_of_x() -> set[str]:
    """Public functions in the activations' files that take a tensor `x` first: the functional forms."""
    found = set()
    for stem in FILES:
        module = importlib.import_module(f"{activations.__name__}.{stem}")
        for name, thing in vars(module).items():
            public = inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
            if public and next(iter(inspect.signature(thing).parameters), "") == "x":
                found.add(name)
    return found


def test_functional_exports_every_functional_form() -> None:
    assert set(functional.__all__) == functions_of_x()


def test_functional_exports_are_sorted_and_unique() -> None:
    assert list(functional.__all__) == sorted(set(functional.__all__))


@pytest.mark.parametrize("name", functional.__all__)
def test_functional_forms_are_documented(name: str) -> None:
    documentation = inspect.getdoc(getattr(functional, name)) or ""
    for section in ("Args:", "Returns:", "Raises:", ">>>"):
        assert section in documentation, section


@pytest.mark.parametrize("name", sorted({*functional.__all__} & {*registry.names()}))
def test_functional_form_is_the_module_at_its_start(name: str) -> None:
    module: Any = registry.get(name)().eval()
    x = torch.linspace(-3, 3, 24).reshape(2, 4, 3)
    expected = module(x)
    parameters = {parameter.name: getattr(module, parameter.name) for parameter in module.spec.parameters}
    torch.testing.assert_close(getattr(functional, name)(x, **parameters), expected)


def test_every_activation_has_a_functional_form() -> None:
    stems = {spec_target.split(":")[0] for spec_target in activations.TABLE.values()}
    with_form = {inspect.getmodule(getattr(functional, name)).__name__.split(".")[-1] for name in functional.__all__}
    assert stems <= with_form


PUBLIC = [
    "Adapters",
    "Comparison",
    "RectifiersError",
    "anneal",
    "base_state_dict",
    "check",
    "compare",
    "cost",
    "create",
    "diagnose",
    "elementwise",
    "find_sites",
    "fold",
    "functional",
    "lab",
    "list_activations",
    "load",
    "param_groups",
    "plan_swap",
    "register_activation",
    "save",
    "swap",
    "testing",
]


CLASSES = sorted(registry.get(name).__name__ for name in registry)


def test_public_names_of_the_package() -> None:
    assert rectifiers.__all__ == sorted([*PUBLIC, *CLASSES])
    assert set(dir(rectifiers)) >= {*PUBLIC, *CLASSES, "__version__"}
    assert set(dir(activations)) >= {*CLASSES, "create", "registry"}


@pytest.mark.parametrize("name", registry.names())
def test_module_classes_stand_at_the_top_by_name(name: str) -> None:
    cls = registry.get(name)
    assert getattr(rectifiers, cls.__name__) is cls
    assert getattr(activations, cls.__name__) is cls


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert inspect.getdoc(getattr(rectifiers, name))


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="'rectifiers' has no attribute 'zrelu'"):
        getattr(rectifiers, "zrelu")  # noqa: B009
    with pytest.raises(AttributeError, match=r"'rectifiers\.activations' has no attribute 'ZReLU'"):
        getattr(activations, "ZReLU")  # noqa: B009


def loaded_by(code: str) -> set[str]:
    """Top-level modules that running `code` in a new interpreter adds."""
    report = "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    script = f"import sys; before = set(sys.modules)\n{code}\n{report}"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120)
    return set(done.stdout.split())


def test_import_needs_the_standard_library_alone() -> None:
    assert loaded_by("import rectifiers") - set(sys.stdlib_module_names) <= {"rectifiers"}


def test_looking_at_the_names_loads_no_torch() -> None:
    assert "torch" not in loaded_by("import rectifiers; dir(rectifiers), rectifiers.__all__")


def test_functions_need_torch_alone() -> None:
    """What torch itself loads is its own affair; nothing may come on top of it."""
    torchs = loaded_by("import torch, torch.nn.functional")
    code = "import rectifiers, rectifiers.functional as R; from rectifiers.activations import registry\n"
    code += "for name in registry: registry.get(name)"
    added = loaded_by(code) - torchs - set(sys.stdlib_module_names)
    # The standard library's too, under a name that tells the machine.
    added = {name for name in added if not name.startswith("_sysconfigdata_")}
    assert added <= {"rectifiers", "typing_extensions"}
