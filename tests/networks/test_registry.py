"""The table of networks, and what `create` does with it."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import torch
from torch import nn

from rectifiers import networks
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.networks import create, registry
from rectifiers.networks.spec import NetworkSpec

PIECES = {"__init__", "blocks", "heads", "initialisation", "placement", "spec"}
FILES = sorted(path.stem for path in Path(networks.__file__).parent.glob("*.py") if path.stem not in PIECES)


def relu(channels: int) -> nn.Module:
    return nn.ReLU()


def networks_of(stem: str) -> set[str]:
    """Public classes of a file that carry a spec."""
    module = importlib.import_module(f"rectifiers.networks.{stem}")
    classes = inspect.getmembers(module, inspect.isclass)
    return {
        name for name, cls in classes if cls.__module__ == module.__name__ and "spec" in vars(cls) and name[0] != "_"
    }


def test_every_file_is_registered() -> None:
    assert sorted({target.split(":")[0] for target in networks.TABLE.values()}) == FILES


@pytest.mark.parametrize("stem", FILES)
def test_every_network_of_a_file_is_registered(stem: str) -> None:
    assert {target.split(":")[1] for target in networks.TABLE.values() if target.split(":")[0] == stem} == networks_of(
        stem
    )


@pytest.mark.parametrize("name", registry.names())
def test_names_lead_to_documented_modules(name: str) -> None:
    cls = registry.get(name)
    assert issubclass(cls, nn.Module)
    assert registry.summary(name) == (inspect.getdoc(cls) or "").splitlines()[0]
    assert isinstance(cls.spec, NetworkSpec)
    assert NetworkSpec(**registry.facts(name)) == cls.spec


def test_titles_are_unique() -> None:
    titles = [registry.get(name).spec.title for name in registry]
    assert len(set(titles)) == len(titles)


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown network 'mnist_conv'; did you mean mnist-conv"):
        create("mnist_conv", relu, shape=(1, 28, 28), classes=10)


def test_unknown_option_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="vgg-11 has no option 'depth'; it takes halve, hidden, width"):
        create("vgg-11", relu, shape=(3, 32, 32), classes=10, depth=3)
    with pytest.raises(ConfigError, match="mnist-conv has no option 'width'; it takes none"):
        create("mnist-conv", relu, shape=(1, 28, 28), classes=10, width=2)


def test_create_draws_from_the_global_generator() -> None:
    torch.manual_seed(3)
    one = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    other = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    torch.manual_seed(3)
    again = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one[0].weight, other[0].weight)
