"""Networks of PyTorch Geometric, on small random graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import conv, models

from ..entry import Entry, Made

Make = Callable[[], nn.Module]
Example = Callable[[int], Made]

WIDTH = 8


ACTIVATIONS = ("relu", "gelu", "leaky_relu", "elu")


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for kind in ("GCN", "GraphSAGE", "GIN", "GAT", "PNA", "EdgeCNN"):
        more: dict[str, Any] = {}
        if kind == "PNA":
            more = {"aggregators": ["mean", "max"], "scalers": ["identity"], "deg": torch.ones(5)}
        if kind == "GAT":
            more = {"heads": 2}
        for act in ACTIVATIONS:
            make = functools.partial(getattr(models, kind), WIDTH, WIDTH, 2, 3, act=act, **more)
            yield _entry(f"{kind}-{act}", make, _graph)
    for name, (make, example) in _networks().items():
        yield _entry(name, make, example)
    for name, layer in _layers().items():
        yield _entry(name, functools.partial(Between, layer), _graph)


def _entry(name: str, make: Make, example: Example) -> Entry:
    return Entry(f"geometric/{name}", "PyTorch Geometric", make, lambda _: example(10), lambda _: example(14))


def _graph(nodes: int) -> Made:
    """Features of random nodes, and edges; every node has some."""
    ring = torch.stack([torch.arange(nodes), torch.arange(nodes).roll(1)])
    return torch.randn(nodes, WIDTH), torch.cat([ring, ring.flip(0), torch.randint(0, nodes, (2, nodes))], dim=1)


def _with_edges(nodes: int) -> Made:
    """The same with features of the edges, as one graph."""
    x, edges = _graph(nodes)
    return x, edges, torch.randn(edges.shape[1], 4), torch.zeros(nodes, dtype=torch.long)


def _as_one_graph(nodes: int) -> Made:
    """The nodes, and the graph they belong to."""
    x, edges = _graph(nodes)
    return x, edges, torch.zeros(nodes, dtype=torch.long)


def _atoms(nodes: int) -> Made:
    """Atoms in space: their numbers, places, and the molecule they belong to."""
    return torch.randint(1, 9, (nodes,)), torch.randn(nodes, 3) * 2, torch.zeros(nodes, dtype=torch.long)


def _all_pairs(places: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    """Which atoms act on each other, and how far apart they are: all do, of the one molecule."""
    first, second = torch.ones(len(places), len(places)).triu(1).nonzero().T
    pairs = torch.stack([torch.cat([first, second]), torch.cat([second, first])])
    return pairs, (places[pairs[0]] - places[pairs[1]]).norm(dim=-1)


def _networks() -> dict[str, tuple[Make, Example]]:
    """Networks with arguments of their own."""
    make = functools.partial
    return {
        "MLP": (make(models.MLP, [WIDTH, 16, 16, 2]), lambda nodes: torch.randn(nodes, WIDTH)),
        "GraphUNet": (make(models.GraphUNet, WIDTH, WIDTH, 2, depth=2), _graph),
        "SchNet": (make(models.SchNet, 16, 16, 2, 8, interaction_graph=_all_pairs), _atoms),
        "AttentiveFP": (make(models.AttentiveFP, WIDTH, 16, 2, 4, 2, 2), _with_edges),
        "NeuralFingerprint": (make(models.NeuralFingerprint, WIDTH, 16, 2, 2), _as_one_graph),
        "PMLP": (make(models.PMLP, WIDTH, 16, 2, 2), _graph),
        "SGFormer": (make(models.SGFormer, WIDTH, 16, 2), _as_one_graph),
        "Polynormer": (make(models.Polynormer, WIDTH, 16, 2), _as_one_graph),
        "DeepGCNLayer": (_deep, _graph),
        "GAE": (make(models.GAE, conv.GCNConv(WIDTH, 2)), _graph),
    }


def _layers() -> dict[str, Make]:
    """Layers, one of which stands in front of a ReLU; those with an activation inside have sites of their own."""
    make = functools.partial
    mlp = make(models.MLP, [WIDTH, 16, 16])
    pairs = make(models.MLP, [2 * WIDTH, 16, 16])
    return {
        "AGNNConv": conv.AGNNConv,
        "ARMAConv": make(conv.ARMAConv, WIDTH, 16, num_stacks=2, num_layers=2),
        "ChebConv": make(conv.ChebConv, WIDTH, 16, 2),
        "ClusterGCNConv": make(conv.ClusterGCNConv, WIDTH, 16),
        "EdgeConv": lambda: conv.EdgeConv(pairs()),
        "FeaStConv": make(conv.FeaStConv, WIDTH, 16, 2),
        "FiLMConv": make(conv.FiLMConv, WIDTH, 16),
        "GATConv": make(conv.GATConv, WIDTH, 8, heads=2),
        "GATv2Conv": make(conv.GATv2Conv, WIDTH, 8, heads=2),
        "GatedGraphConv": make(conv.GatedGraphConv, 16, 2),
        "GENConv": make(conv.GENConv, WIDTH, 16),
        "GINConv": lambda: conv.GINConv(mlp()),
        "GPSConv": lambda: conv.GPSConv(WIDTH, conv.GCNConv(WIDTH, WIDTH), heads=2),
        "GraphConv": make(conv.GraphConv, WIDTH, 16),
        "LEConv": make(conv.LEConv, WIDTH, 16),
        "MFConv": make(conv.MFConv, WIDTH, 16),
        "MixHopConv": make(conv.MixHopConv, WIDTH, 8),
        "ResGatedGraphConv": make(conv.ResGatedGraphConv, WIDTH, 16),
        "SAGEConv": make(conv.SAGEConv, WIDTH, 16),
        "SGConv": make(conv.SGConv, WIDTH, 16, 2),
        "SuperGATConv": make(conv.SuperGATConv, WIDTH, 8, heads=2),
        "TAGConv": make(conv.TAGConv, WIDTH, 16, 2),
        "TransformerConv": make(conv.TransformerConv, WIDTH, 8, heads=2),
    }


def _deep() -> nn.Module:
    return models.DeepGCNLayer(conv.GENConv(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.ReLU(), block="res+")


class Between(nn.Module):
    """A layer of a graph network, a ReLU behind it, and a linear layer.

    Args:
        make: makes the layer.
    """

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.layer, self.act = make(), nn.ReLU()
        with torch.no_grad():
            width = self.layer(*_graph(10)).shape[-1]
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """Return two numbers for each node."""
        out: Tensor = self.head(self.act(self.layer(x, edges)))
        return out
