"""A traced model is swapped by its nodes, and a swapped model is traced with what was put in."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, fx, nn

from rectifiers import base_state_dict, find_sites, load, save, swap
from rectifiers.core.errors import UnsupportedError

from ..samples import assert_round_trip, run, waves


class Net(nn.Module):
    """Calls functions in several spellings, and a module that calls one."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.a, self.b, self.act, self.inner = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU(), inner or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x), inplace=True)
        x = self.act(self.b(x) - 0.1).clamp(0, 1)
        return torch.relu(self.inner(x) - 0.1) + x.tanh()


@pytest.mark.parametrize("where", ["all", "first", ":relu#2"])
def test_nodes_of_a_graph_are_replaced_and_put_back(where: str) -> None:
    graph, x = fx.symbolic_trace(Net()), torch.randn(3, 4)
    for node in graph.graph.nodes:
        node.type = None  # PyTorch 2.10 does not pickle annotations that are texts
    assert_round_trip(graph, x)
    before, nodes = run(graph, x), [node.name for node in graph.graph.nodes]
    report = swap(graph, "prelu", example=x, where=where, relu_like=False, a=0.5)
    targets = [str(node.target) for node in graph.graph.nodes if node.op == "call_module"]
    assert any(target.startswith("rectified.") for target in targets)
    graph.recompile()
    expected = run(graph, x)
    assert not torch.equal(expected, before)
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert torch.equal(run(twin, x), expected)
    report.revert()
    assert [node.name for node in graph.graph.nodes] == nodes
    assert torch.equal(run(graph, x), before)


def test_a_graph_and_its_model_are_swapped_alike() -> None:
    torch.manual_seed(0)
    model, x = Net(), torch.randn(3, 4)
    graph = fx.symbolic_trace(model)
    graph = copy.deepcopy(graph)
    names = [site.name for site in find_sites(model, x)]
    assert [site.name for site in find_sites(graph, x)] == names
    for where in (":relu#2", "all"):
        waves(model, x, where=where)
        waves(graph, x, where=where)
        assert torch.equal(run(model, x), run(graph, x))
    assert model.state_dict().keys() == graph.state_dict().keys()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")
def test_a_swapped_model_is_traced_with_what_was_put_in() -> None:
    model, x = Net(Net()), torch.randn(3, 4)
    waves(model, x)
    assert torch.equal(run(fx.symbolic_trace(model), x), run(model, x))


@pytest.mark.parametrize("between", ["x - 0.1", "x.clamp(0, 1)", "x.relu()"])
def test_tracing_never_miscounts_calls_of_unknown_source(between: str) -> None:
    names: dict[str, Any] = {"F": F, "nn": nn, "torch": torch, "__name__": "typed"}
    source = f"def forward(self, x):\n    x = F.relu(self.a(x))\n    x = {between}\n    return torch.relu(x - 0.1)"
    exec(source, names)
    model, x = type("Typed", (Net,), {"forward": names["forward"]})(), torch.randn(3, 4)
    waves(model, x)
    if between == "x - 0.1":
        assert torch.equal(run(fx.symbolic_trace(model), x), run(model, x))
    else:
        with pytest.raises(UnsupportedError, match=r"torch\.fx hides calls of methods, such as"):
            fx.symbolic_trace(model)


@pytest.mark.filterwarnings("ignore")
def test_features_are_taken_from_what_was_put_in() -> None:
    feature_extraction = pytest.importorskip("torchvision.models.feature_extraction")
    net, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).eval(), torch.randn(2, 3, 8, 8)
    swap(net, "prelu", example=x, start="published", a=0.5)
    features = feature_extraction.create_feature_extractor(net, {"2": "out"})
    torch.testing.assert_close(features(x)["out"], net(x))


@pytest.mark.filterwarnings("ignore")
def test_a_swapped_model_is_quantised_statically() -> None:
    x = torch.randn(2, 3, 8, 8)
    net = nn.Sequential(tq.QuantStub(), nn.Conv2d(3, 4, 3), nn.ReLU(), tq.DeQuantStub()).eval()
    swap(net, "prelu", example=x, start="published", a=0.5)
    expected = net(x)
    net.qconfig = tq.get_default_qconfig("x86")
    prepared = tq.prepare(net)
    prepared(x)
    torch.testing.assert_close(tq.convert(prepared)(x), expected, atol=0.1, rtol=0.1)


class Again(nn.Module):
    """Calls one activation three times, and a function before that."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.inner = nn.ModuleList(nn.Linear(4, 4) for _ in range(4)), nn.Module()
        self.inner.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        act: Any = self.inner.act
        x = F.relu(self.layers[0](x))
        for layer in self.layers[1:]:
            x = act(layer(x) + 0.5)
        return x + 0


@pytest.mark.parametrize("where", [["inner.act"], ["inner.act#2"], [":relu", "inner.act#3"]])
def test_nodes_say_which_call_of_a_module_they_are(where: list[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Again(), torch.randn(3, 4)
    graph = fx.symbolic_trace(copy.deepcopy(model))
    for node in graph.graph.nodes:
        node.type = None  # PyTorch 2.10 does not pickle annotations that are texts
    assert_round_trip(graph, x)
    before, keys = run(graph, x), graph.state_dict().keys()
    reports = []
    for place in where:
        waves(model, x, where=place)
        reports.append(waves(graph, x, where=place))
    expected = run(model, x)
    assert torch.equal(run(graph, x), expected)
    for twin in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph)), copy.deepcopy(copy.deepcopy(graph))):
        assert torch.equal(run(twin, x), expected)
        save(twin, tmp_path)
        assert torch.equal(run(load(tmp_path, fx.symbolic_trace(Again())), x), expected)
        assert base_state_dict(twin, drop_learned=True).keys() == keys
    for report in reversed(reports):
        report.revert()
    assert torch.equal(run(graph, x), before)


@pytest.mark.filterwarnings("ignore")
def test_both_graphs_of_a_feature_extractor_are_changed() -> None:
    extraction = pytest.importorskip("torchvision.models.feature_extraction")
    torch.manual_seed(0)
    model, x = Again(), torch.randn(3, 4)
    graph = extraction.create_feature_extractor(copy.deepcopy(model), ["add_3"])
    before = [graph.train(mode)(x)["add_3"] for mode in (True, False)]
    reports = [waves(graph, x, where=where) for where in (":relu", "inner.act")]
    for where in (":relu", "inner.act"):
        waves(model, x, where=where)
    for mode in (True, False, True):
        assert torch.equal(graph.train(mode)(x)["add_3"], model(x))
    for report in reversed(reports):
        report.revert()
        graph.train(not graph.training)
    for mode, expected in zip((True, False), before, strict=True):
        assert torch.equal(graph.train(mode)(x)["add_3"], expected)
