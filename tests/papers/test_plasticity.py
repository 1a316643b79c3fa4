"""The experiments on data that change: their rows, and the sizes of the networks beside CReLU's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers import datasets
from rectifiers.experiments.network import build_network
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry
from rectifiers.papers.plasticity.rows import CONTROLS, FUNCTIONS

NAMES = ("plasticity/permuted-mnist", "plasticity/random-labels", "plasticity/regression")


def trials(name: str, preset: str) -> dict[str, Trial]:
    return {cell.row: cell.trial for cell in registry.get(name).cells(preset, seeds=1)}


def size(trial: Trial) -> tuple[int, int]:
    """Parameters, and multiplications for one example."""
    data = "generated:mnist-7" if "mnist-7" in trial.dataset else "generated:mnist"
    net = build_network(trial.model_copy(update={"dataset": data}), datasets.load(data))
    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    return sum(p.numel() for p in net.parameters()), sum(layer.weight.numel() for layer in layers)


def test_twenty_five_functions() -> None:
    assert len({row.settings["activation"] for row in FUNCTIONS}) == 25
    assert {row.settings["activation"] for row in CONTROLS[1:]} == {"relu"}


@pytest.mark.parametrize("preset", ["pocket", "full"])
@pytest.mark.parametrize("name", NAMES[:2])
def test_relu_network_as_large_as_with_crelu(name: str, preset: str) -> None:
    found = trials(name, preset)
    ours, theirs = size(found["ReLU, CReLU's size"]), size(found["CReLU"])
    for one, other in zip(ours, theirs, strict=True):
        assert abs(one - other) / other < 0.005
    smaller = found["ReLU, CReLU's size"].network_args
    units = dict(smaller)["units"]
    assert isinstance(units, int)
    for near in (units - 1, units + 1):
        changed = found["ReLU, CReLU's size"].model_copy(update={"network_args": (("units", near),)})
        assert abs(size(changed)[0] - theirs[0]) > abs(ours[0] - theirs[0])


def test_relu_network_nearest_to_crelu_in_the_pocket_of_classes() -> None:
    found = trials("plasticity/class-incremental", "pocket")
    part = datasets.Split(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 99]))
    data = datasets.Dataset("part", part, part, tuple(map(str, range(100))))

    def parameters(row: str, **changes: object) -> int:
        net = build_network(found[row].model_copy(update=changes), data)
        return sum(one.numel() for one in net.parameters())

    wanted = parameters("CReLU")
    units = dict(found["ReLU, CReLU's size"].network_args)["units"]
    assert isinstance(units, int)
    others = {
        count: abs(parameters("ReLU, CReLU's size", network_args=(("units", count),)) - wanted)
        for count in range(units - 2, units + 3)
    }
    assert min(others, key=others.__getitem__) == units


@pytest.mark.parametrize("name", NAMES)
def test_rows_differ_in_what_they_say_alone(name: str) -> None:
    found = trials(name, "pocket")
    relu = found["ReLU"]
    for row, fields in (
        ("CReLU", {"activation"}),
        ("ReLU, L2-init", {"l2_init"}),
        ("ReLU, ReDo", {"redo"}),
        ("ReLU, layer norm", {"network_args"}),
        ("ReLU, shrink and perturb", {"shrink", "perturb"}),
    ):
        other = found[row]
        assert {key for key in Trial.model_fields if getattr(relu, key) != getattr(other, key)} == fields


def test_no_function_is_the_identity() -> None:
    module = build_network(trials(NAMES[2], "pocket")["no function"], datasets.load("slow-regression"))[2]  # type: ignore[index]
    x = torch.tensor([[-2.0, 0.0, 3.0, 1.0, -1.0]])
    assert torch.equal(module(x), x)
