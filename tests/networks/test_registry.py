"""The table of networks, and what `create` does with it."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import torch
from torch import nn

from rectifiers import networks
from rectifiers.core.errors import UnknownNameError
from rectifiers.networks import blocks, create, registry

PIECES = {"__init__", Path(blocks.__file__).stem}
FILES = sorted(path.stem for path in Path(networks.__file__).parent.glob("*.py") if path.stem not in PIECES)


def relu(channels: int) -> nn.Module:
    return nn.ReLU()


def test_every_file_is_registered() -> None:
    assert sorted({target.split(":")[0] for target in networks.TABLE.values()}) == FILES


@pytest.mark.parametrize("name", registry.names())
def test_names_lead_to_documented_modules(name: str) -> None:
    cls = registry.get(name)
    assert issubclass(cls, nn.Module)
    assert inspect.getmodule(cls) is importlib.import_module(f"rectifiers.networks.{name.replace('-', '_')}")
    assert registry.summary(name) == (inspect.getdoc(cls) or "").splitlines()[0]


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown network 'mnist_conv'; did you mean mnist-conv"):
        create("mnist_conv", relu, shape=(1, 28, 28), classes=10)


def test_create_draws_from_the_global_generator() -> None:
    torch.manual_seed(3)
    one = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    other = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    torch.manual_seed(3)
    again = create("digits-conv", relu, shape=(1, 8, 8), classes=10)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one[0].weight, other[0].weight)
