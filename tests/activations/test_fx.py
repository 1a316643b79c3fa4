"""Every function is one node of an fx graph."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import fx, nn

from rectifiers.activations import create, registry

ELEMENTWISE = [name for name in registry.names() if registry.get(name).spec.kind != "convolution"]
CONVOLUTIONS = [name for name in registry.names() if registry.get(name).spec.kind == "convolution"]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_is_traced(name: str) -> None:
    x = torch.randn(2, 4, 3, 3)
    model = nn.Sequential(create(name), nn.Identity()).eval()
    expected = model(x)
    graph = fx.symbolic_trace(model)
    assert torch.equal(graph(x), expected)
    assert len([node for node in graph.graph.nodes if node.op == "call_function"]) == 1
    assert torch.equal(pickle.loads(pickle.dumps(graph))(x), expected)


@pytest.mark.parametrize("share", ["channel", "element"])
def test_an_activation_of_a_single_unit_is_traced(share: str) -> None:
    x = torch.randn(2, 1)
    model = nn.Sequential(create("prelu", share=share, channels=1))
    assert torch.equal(fx.symbolic_trace(model)(x), model(x))


@pytest.mark.parametrize("name", [name for name in CONVOLUTIONS if name.endswith("d")])
@pytest.mark.parametrize("padding", [1, "same"])
def test_a_convolution_is_traced(name: str, padding: int | str) -> None:
    rank = int(name[-2])
    x = torch.randn(2, 4, *(5 for _ in range(rank)))
    model = nn.Sequential(create(name, in_channels=4, out_channels=2, kernel_size=3, padding=padding))
    torch.testing.assert_close(fx.symbolic_trace(model)(x), model(x))
