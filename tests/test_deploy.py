"""The ways out of PyTorch really go, and the page says what came of all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import rectifiers
from rectifiers.activations import registry

from .loading import load

ROOT = Path(__file__).parent.parent
NEEDS = {
    "pretrained": ("transformers",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "int8_onnx": ("onnx", "onnxscript", "onnxruntime"),
    "int8_pt2e": ("torchao",),
    "executorch": ("executorch",),
}
FUNCTIONS = ["relu", "arelu", "pvlu", "crelu", "convrelu2d", "convrelu3d"]


@pytest.fixture(scope="module")
def deploy() -> ModuleType:
    return load(ROOT / "benchmarks" / "deploy.py")


def go(deploy: ModuleType, name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in NEEDS.get(way, ()):
        pytest.importorskip(package)
    monkeypatch.setattr(deploy, "_folder", lambda: tmp_path)
    assert deploy.error(deploy.make(name), way) <= deploy.WAYS[way][2]


# What the tools warn of is theirs to change.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["folder", "pretrained", "export", "int8_dynamic"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_outputs_stay(deploy: ModuleType, name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(deploy, name, way, tmp_path, monkeypatch)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["onnx", "int8_onnx", "int8_pt2e", "executorch"])
def test_outputs_stay_with_more_tools(
    deploy: ModuleType, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(deploy, "pvlu", way, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_outputs_stay_when_compiled_ahead_of_time(
    deploy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "_folder", lambda: tmp_path)
    errors = deploy.measure_together({name: deploy.make(name) for name in FUNCTIONS}, "aot_inductor")
    assert errors.keys() == {*FUNCTIONS}
    assert max(errors.values()) <= deploy.TOLERANCE


def make_net() -> nn.Module:
    """Too deep for sigmoids."""
    layers = [layer for _ in range(4) for layer in (nn.Linear(64, 64), nn.Sigmoid())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 10))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_compare_chose_goes_the_ways_as_the_page_tells(
    deploy: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("onnxscript", "onnxruntime", "torchao"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    found = rectifiers.compare(
        make_net, data="digits", activations=["arelu"], from_="sigmoid", seeds=3, epochs=4, progress=False, costs=False
    )
    assert found.decision == "use it"
    images = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    names: dict[str, Any] = {"torch": torch, "make_net": make_net, "model": make_net(), "example": images}
    names["images"] = images
    exec(found.best.code, names)
    assert any(isinstance(module, rectifiers.AReLU) for module in names["model"].modules())
    with torch.no_grad():
        expected = names["model"].eval()(images)
        pages = re.findall(r"```python\n(.*?)```", deploy.PAGE.read_text(encoding="utf-8"), re.DOTALL)
        told = [code for code in pages if "make_net" in code or "quantize_static" in code]
        assert len(told) == 2
        for code in told:
            exec(code, names)
        for way, tolerance in (
            (names["model"], 0.0),
            (names["program"].module(), deploy.TOLERANCE),
            (torch._inductor.aoti_load_package("net.pt2"), deploy.TOLERANCE),
            (deploy._session(Path("net.onnx")), deploy.TOLERANCE),
            (names["dynamic"], deploy.COARSE),
            (names["static"], deploy.COARSE),
            (deploy._session(Path("int8.onnx")), deploy.COARSE),
        ):
            assert deploy.distance(way(images), expected) <= tolerance


def test_a_wrong_way_would_be_seen(deploy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deploy.WAYS, "wrong", ("wrong", lambda net: lambda x: 1.01 * net(x), 0.0))
    assert deploy.error(deploy.make("arelu"), "wrong") == pytest.approx(0.01, rel=0.01)
    facts = {"functions": {"arelu": {"wrong": 0.01}}, "versions": f"torch {torch.__version__}"}
    assert "outputs differ by 1 %" in "".join(deploy.matrix(facts))


def test_the_page_has_what_was_measured_of_every_function(deploy: ModuleType) -> None:
    facts = json.loads(deploy.RESULTS.read_text(encoding="utf-8"))
    text = deploy.PAGE.read_text(encoding="utf-8")
    assert text == deploy.page(text, facts), "run `make deploy`"
    assert sorted(facts["functions"]) == sorted(registry.table)
    for row in facts["functions"].values():
        assert "reason" in row or row.keys() == deploy.WAYS.keys()
