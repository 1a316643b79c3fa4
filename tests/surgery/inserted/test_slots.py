"""One activation object in many modules is many sites, each of which is replaced in its own place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rectifiers import diagnose, find_sites, plan_swap, swap
from rectifiers.activations import PVLU
from rectifiers.surgery.plan import SwapPlan
from rectifiers.watching.calls import list_calls
from rectifiers.watching.feeding import read_batch

from ..samples import assert_round_trip, run, waves


class Block(nn.Module):
    """Holds an activation that others hold too."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.layer, self.act = nn.Linear(4, 4), act

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.layer(x))
        return y


class Twice(Block):
    """Calls it twice."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.layer(self.act(self.layer(x))))
        return y


def make(act: nn.Module | None = None) -> nn.Sequential:
    act = act or nn.ReLU()
    return nn.Sequential(Block(act), Twice(act), nn.Sequential(nn.Linear(4, 4), act), Block(act))


NAMES = ["0.act", "1.act#1", "1.act#2", "2.1", "3.act"]


def pvlus(model: nn.Module) -> list[PVLU]:
    return [module for module in model.modules() if isinstance(module, PVLU)]


def test_everybody_gives_the_same_names() -> None:
    net, x = make(), torch.randn(3, 4)
    assert [site.name for site in find_sites(net, x)] == NAMES
    assert [site.name for site in diagnose(net, [x]).sites] == NAMES
    assert [call.name for call in list_calls(net, read_batch(net, x)) if call.role == "activation"] == NAMES
    assert_round_trip(net, x)


def test_each_has_parameters_of_its_own_once_in_the_state_dict() -> None:
    net, x = make(), torch.randn(3, 4)
    waves(net, x)
    assert len(pvlus(net)) == 5
    assert len([name for name in net.state_dict() if "alpha" in name]) == 5
    for block in net:
        assert block(x).isfinite().all()
    net(x).sum().backward()
    assert all(module.alpha.grad is not None for module in pvlus(net))


def test_one_of_them_alone() -> None:
    net, x = make(), torch.randn(3, 4)
    (change,) = waves(net, x, where="2").plan.changes
    assert change.site == "2.1"
    assert isinstance(net[2][1], PVLU)
    assert net[0].act is net[1].act is net[3].act
    assert isinstance(net[0].act, nn.ReLU)


def test_they_share_one_on_request() -> None:
    net, x = make(), torch.randn(3, 4)
    report = swap(net, "pvlu", example=x, share_calls=True)
    assert len(pvlus(net)) == 1
    assert net[0].act is net[1].act is net[2][1] is net[3].act
    assert report.plan.parameters == sum(parameter.numel() for parameter in net[0].act.parameters())


def test_hooks_are_called_at_all_of_them() -> None:
    act, x, seen = nn.ReLU(), torch.randn(3, 4), []
    handle = act.register_forward_hook(lambda module, *_: seen.append(type(module).__name__))
    net = nn.Sequential(Block(act), Block(act), Block(act))
    for where, expected in (("1", ["ReLU", "PVLU", "ReLU"]), ("all", ["PVLU"] * 3)):
        report = swap(net, "pvlu", example=x, where=where)
        seen.clear()
        run(net, x)
        assert seen == expected
        report.revert()
        seen.clear()
        run(net, x)
        assert seen == ["ReLU"] * 3
    handle.remove()
    seen.clear()
    run(net, x)
    assert not seen


def test_a_plan_goes_through_json() -> None:
    torch.manual_seed(0)
    net, x = make(), torch.randn(3, 4)
    other = make()
    other.load_state_dict(net.state_dict())
    SwapPlan.from_json(plan_swap(other, "pvlu", example=x, relu_like=False, alpha=0.3).to_json()).apply(other)
    waves(net, x)
    assert torch.equal(run(other, x), run(net, x))


class Auxiliary(nn.Module):
    """One activation for a part that is always called, and for two that only training calls."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.last = nn.Sequential(nn.Linear(4, 4), self.act)
        self.twice = nn.Sequential(nn.Linear(4, 4), self.act, nn.Linear(4, 4), self.act)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(x)
        return self.act(self.twice(y) - 1) + y if self.training else y


def test_what_only_training_calls_has_its_own() -> None:
    net, x = Auxiliary(), torch.randn(3, 4)
    names = ["last.1", "twice.1#1", "twice.1#2", "act"]
    assert [site.name for site in find_sites(net, x)] == names
    assert [site.name for site in diagnose(net, [x]).sites] == names[:1]
    report = swap(net, "prelu", example=x, relu_like=False, share="layer")
    slopes = [parameter for name, parameter in net.named_parameters() if name.endswith(".a")]
    assert len(slopes) == 4
    with torch.no_grad():
        for index, slope in enumerate(slopes):
            slope.fill_(0.1 * (index + 1))
    named = {name: slope.item() for name, slope in net.named_parameters() if name.endswith(".a")}

    def leaky(y: Tensor, name: str) -> Tensor:
        return nn.functional.leaky_relu(y, named[name])

    y = leaky(net.last[0](x), "last.1.a")
    torch.testing.assert_close(net.eval()(x), y)
    z = leaky(net.twice[2](leaky(net.twice[0](y), "twice.1.0.a")), "twice.1.1.a")
    torch.testing.assert_close(net.train()(x), leaky(z - 1, "act.a") + y)
    report.revert()
    assert net.act is net.last[1] is net.twice[1] is net.twice[3]
