"""Annealing: activations become plain rectifiers little by little."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.activations import register_activation, registry
from rectifiers.core.errors import ConfigError, RectifiersError, UnsupportedError
from rectifiers.surgery import NothingToSwapError, anneal, fold
from rectifiers.surgery.inserted.annealed import FORMULAS, Annealed

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """SiLU as a module, GELU as a function, ELU with an option, and a gate."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.silu, self.elu = nn.SiLU(inplace=True), nn.ELU(0.7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.elu(F.gelu(self.b(self.silu(self.a(x))), approximate="tanh"))
        y: Tensor = self.c(x) * torch.sigmoid(x.mean())
        return y


def rectified(net: Net, x: Tensor) -> Tensor:
    """What the net computes with ReLUs."""
    x = F.relu(F.relu(net.b(F.relu(net.a(x)))))
    y: Tensor = net.c(x) * torch.sigmoid(x.mean())
    return y


def test_it_begins_with_what_was_there_and_ends_at_relu(tmp_path: Path) -> None:
    net = Net()
    before = net(X)
    annealing = anneal(net, example=X, steps=10)
    assert [(change.site, change.becomes) for change in annealing.report.plan.changes] == [
        ("silu", "swish → relu"),
        (":gelu", "gelu_tanh → relu"),
        ("elu", "elu → relu"),
    ]
    assert torch.equal(net(X), before)
    shares = [annealing.step() for _ in range(10)]
    assert shares == sorted(shares)
    assert shares[6] < 1
    assert shares[7:] == [1.0, 1.0, 1.0]
    assert torch.equal(net(X), rectified(net, X))
    annealing.finish()
    rectifiers.save(net, tmp_path)
    assert torch.equal(rectifiers.load(tmp_path, Net)(X), net(X))
    report = fold(net, X)
    assert [str(net.silu), str(net.elu), str(net.rectified.get_submodule("0"))] == ["ReLU()"] * 3  # type: ignore[operator,union-attr]
    assert report.check is not None
    assert report.check.identical
    rectifiers.save(net, tmp_path)
    assert torch.equal(rectifiers.load(tmp_path, Net)(X), net(X))
    report.revert()
    annealing.report.revert()
    assert torch.equal(net(X), before)


def test_halfway_it_is_the_mean_of_both() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.SiLU())
    annealing = anneal(net, example=X, steps=4, until=1.0, course="linear")
    assert [annealing.step(), annealing.step()] == [0.25, 0.5]
    h = net[0](X)
    torch.testing.assert_close(net(X), (F.silu(h) + F.relu(h)) / 2)


def test_functions_of_this_library_go_by_their_parameters() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    rectifiers.swap(net, "prelu", example=X, where="first", a=0.4)
    rectifiers.swap(net, "pvlu", example=X, where="last", alpha=0.2, beta=3.0)
    annealing = anneal(net, example=X, steps=4, until=1.0, course="linear")
    assert annealing.report.plan.notes[-1] == "1 and 3: parameters go to ReLU"
    annealing.step()
    assert float(net[1].a.detach()) == pytest.approx(0.3)
    assert float(net[3].alpha.detach()[0]) == pytest.approx(0.15)
    with torch.no_grad():
        net[1].a.add_(0.3)
    for _ in range(3):
        annealing.step()
    assert float(net[1].a.detach()) == 0.0
    annealing.finish()
    assert [change.becomes for change in fold(net, X).plan.changes] == ["ReLU", "ReLU"]


def test_distillation_holds_the_features() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=8)
    net(X)
    assert float(annealing.distillation(X).detach()) == 0.0
    for _ in range(8):
        annealing.step()
    net(X)
    loss = annealing.distillation(X)
    assert float(loss.detach()) > 0.01
    loss.backward()
    assert net.a.weight.grad is not None
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        net(X)
        lesson = annealing.distillation(X)
        lesson.backward()
        optimizer.step()
    assert float(lesson.detach()) < 0.7 * float(loss.detach())


def test_evaluation_in_between_does_not_disturb_distillation() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=4)
    net(X)
    with torch.no_grad():
        net(X[:3])
    with pytest.raises(ConfigError, match="has not been called with gradients"):
        annealing.distillation(X)
    net(X)
    assert float(annealing.distillation(X).detach()) == 0.0


def test_features_of_the_model_before_a_step_are_no_lesson() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=4)
    net(X)
    annealing.distillation(X).backward()
    annealing.step()
    with pytest.raises(ConfigError, match="since the last step; call it before distillation"):
        annealing.distillation(X)


def test_what_is_the_rectifier_already_is_not_annealed() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    with pytest.raises(NothingToSwapError, match="1: it is relu already"):
        anneal(net, example=X, steps=4, from_="relu")


def test_a_forgotten_teacher_is_an_error() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=4, distil=False)
    with pytest.raises(ConfigError, match="anneal with distil=True"):
        annealing.distillation(X)
    annealing = anneal(Net(), example=X, steps=4)
    annealing.finish()
    assert not any(module._forward_hooks for module in annealing.model.modules())
    with pytest.raises(ConfigError, match="no teacher any more"):
        annealing.distillation(X)


def test_it_goes_on_after_an_interruption() -> None:
    net, again = Net(), Net()
    first, second = anneal(net, example=X, steps=10), anneal(again, example=X, steps=10)
    for _ in range(4):
        first.step()
    second.load_state_dict(first.state_dict())
    assert second.share == first.share
    assert torch.equal(net(X), again(X))
    assert second.step() == first.step()


def test_a_second_annealing_leaves_what_the_first_has_reached() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 2))
    first = anneal(net, example=X, steps=4, where="first", distil=False)
    first.finish()
    second = anneal(net, example=X, steps=4, where="last", distil=False)
    blends = [module for module in net if isinstance(module, Annealed)]
    share = second.step()
    assert 0 < share < 1
    assert [float(blend.reached) for blend in blends] == pytest.approx([1, share])
    second.load_state_dict(second.state_dict())
    assert [float(blend.reached) for blend in blends] == pytest.approx([1, share])


def test_steps_beyond_the_last_are_an_error() -> None:
    annealing = anneal(Net(), example=X, steps=1)
    annealing.step()
    with pytest.raises(ConfigError, match="all 1 steps have been taken"):
        annealing.step()


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_is_found_and_annealed_from(name: str) -> None:
    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return FORMULAS[name](x)

    kinds = {"gelu_tanh": "gelu"}
    net = nn.Sequential(nn.Linear(4, 8), One(), nn.Linear(8, 2))
    before = net(X)
    anneal(net, example=X, steps=2, from_=kinds.get(name, name), to="relu6")
    assert any(isinstance(module, Annealed) and module.formula == name for module in net.modules())
    torch.testing.assert_close(net(X), before)


def test_gates_are_annealed_only_by_name() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
    with pytest.raises(NothingToSwapError, match="gates such as sigmoid and tanh are annealed only if they are named"):
        anneal(net, example=X, steps=2)
    anneal(net, example=X, steps=2, from_="sigmoid")
    assert isinstance(net[1], Annealed)


def test_what_comes_only_near_relu_stays() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    rectifiers.swap(net, "arelu", example=X)
    with pytest.raises(NothingToSwapError, match="AReLU does not come to relu by its parameters alone"):
        anneal(net, example=X, steps=2, from_="arelu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "whole number of at least 1, got 0"),
        ({"until": 0.0}, "above 0 and at most 1, got 0.0"),
        ({"course": "sine"}, "unknown course 'sine'"),
        ({"to": "gelu"}, "unknown rectifier 'gelu'"),
    ],
)
def test_arguments_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(RectifiersError, match=message):
        anneal(Net(), example=X, **{"steps": 2, **options})  # type: ignore[arg-type]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")
def test_it_compiles_exports_and_pickles() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=4, distil=False)
    annealing.step()
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(X), net(X))
    annealing.step()
    torch.testing.assert_close(compiled(X), net(X))
    torch.testing.assert_close(torch.export.export(net, (X,)).module()(X), net(X))
    assert torch.equal(pickle.loads(pickle.dumps(net))(X), net(X))


def test_neighbours_that_write_in_place_are_minded() -> None:
    class Pre(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.act, self.b = nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            y = self.act(x)
            x += 1
            y = y * 1
            return self.b(y) + x  # type: ignore[no-any-return]

    net = Pre()
    annealing = anneal(net, example=X, steps=2)
    annealing.step()
    net(X).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_an_unknown_formula_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'sine'"):
        Annealed("sine", {})
    with pytest.raises(ConfigError, match="'swish' with"):
        Annealed("swish", {"alpha": 1.0})


def test_the_loss_is_the_relative_distance_of_the_features() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 2))
    annealing = anneal(net, example=X, steps=1)
    annealing.step()
    net(X)
    h = net[0](X)
    expected = (F.relu(h) - F.silu(h)).square().sum() / F.silu(h).square().sum()
    torch.testing.assert_close(annealing.distillation(X), expected)


def test_sums_of_squares_beyond_half_precision_are_no_obstacle() -> None:
    net = nn.Sequential(nn.Linear(8, 64), nn.SiLU()).half()
    x = 100 * torch.ones(512, 8, dtype=torch.float16)
    annealing = anneal(net, example=x, steps=2)
    annealing.step()
    net(x)
    loss = annealing.distillation(x)
    assert float(net(x).detach().float().square().sum()) > torch.finfo(torch.float16).max
    assert math.isfinite(float(loss.detach()))
    assert loss.dtype is torch.float32


def test_a_model_that_cannot_be_copied_has_no_teacher_and_stays_as_it_was() -> None:
    net = Net()
    net.lock = threading.Lock()
    kinds = [type(module) for module in net.modules()]
    with pytest.raises(UnsupportedError, match=r"Net cannot be copied.*lock.*anneal with distil=False"):
        anneal(net, example=X, steps=2)
    assert [type(module) for module in net.modules()] == kinds
    assert anneal(net, example=X, steps=2, distil=False).report.plan.changes


@pytest.mark.filterwarnings("ignore:`torch.jit.script:FutureWarning", "ignore:`torch.jit.script:DeprecationWarning")
def test_a_model_with_a_scripted_part_learns_from_what_it_was() -> None:
    scripted = torch.jit.script(nn.Linear(4, 4))
    model, x = nn.Sequential(scripted, nn.SiLU(), nn.Linear(4, 2)), torch.randn(8, 4)
    annealing = anneal(model, example=x, steps=2)
    assert [(left.site, left.was) for left in annealing.report.plan.left] == [("0", "scripted")]
    annealing.step()
    model(x)
    annealing.distillation(x).backward()
    assert scripted.weight.grad is not None


@pytest.mark.parametrize("state", [{}, None, {"taken": 4}, {"taken": -1}, {"taken": "1"}])
def test_the_state_of_another_annealing_is_refused(state: Any) -> None:
    annealing = anneal(nn.Sequential(nn.Linear(4, 4), nn.SiLU()), example=(3, 4), steps=3)
    with pytest.raises(ConfigError, match=r"an annealing of 3 steps returned, such as \{'taken': 0\}, got"):
        annealing.load_state_dict(state)


class Scaled(nn.Module):
    """Calls ELU on a parameter, too, which is not a layer's output."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.scale = nn.Linear(4, 4), nn.Parameter(-torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.a(x)) * F.elu(self.scale)


def test_what_is_no_layers_output_is_not_annealed() -> None:
    report = anneal(Scaled(), example=X, steps=2, distil=False).report
    assert [change.site for change in report.plan.changes] == [":silu"]
    assert [(left.site, left.reason) for left in report.plan.left] == [
        (":elu", "it is called on a parameter, which is not a layer's output")
    ]


class Masked(nn.Module):
    """Scores that are infinite on purpose."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.a, self.act = nn.Linear(4, 4), act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.a(x).index_fill(1, torch.tensor([2]), -torch.inf)).softmax(-1)


def test_infinite_scores_stay_what_they_were_until_the_end() -> None:
    net = Masked(nn.LeakyReLU(0.2))
    before = net(X)
    annealing = anneal(net, example=X, steps=4, until=1, distil=False)
    assert torch.equal(net(X), before)
    for _ in range(4):
        y = net(X)
        y.square().mean().backward()
        assert not y[:, 2].any()
        annealing.step()
    plain = Masked(nn.ReLU())
    plain.a = net.a
    assert torch.equal(net(X), plain(X))
    assert bool(net.a.weight.grad.isfinite().all())


def test_copies_take_no_part_in_distillation() -> None:
    net = Net()
    annealing = anneal(net, example=X, steps=10)
    early = copy.deepcopy(net)
    annealing.step()
    net(X)
    expected = annealing.distillation(X)
    for twin in (early, torch.optim.swa_utils.AveragedModel(net), pickle.loads(pickle.dumps(net))):
        net(X)
        twin(X)
        assert torch.equal(annealing.distillation(X), expected)
    assert expected > 0


class Kept(nn.Module):
    """Calls its activation through a closure, which goes on having it after a swap."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.act = nn.Linear(4, 8), nn.SiLU()
        act = self.act
        self.apply_it = lambda x: act(x)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.apply_it(self.a(x))
        return y


def test_a_function_that_is_kept_elsewhere_is_not_annealed_in_vain() -> None:
    net = Kept()
    act = net.act
    with pytest.raises(UnsupportedError, match="act: the module that was there is still called"):
        anneal(net, example=X, steps=2)
    assert net.act is act


def test_compiled_parts_stay_and_are_told_of() -> None:
    part: Any = torch.compile(nn.Sequential(nn.SiLU()), backend="eager")
    net = nn.Sequential(nn.Linear(4, 8), part, nn.SiLU())
    plan = anneal(net, example=X, steps=2).report.plan
    assert [change.site for change in plan.changes] == ["2"]
    assert [(left.was, left.reason.partition(":")[0]) for left in plan.left] == [("swish", "1 is compiled")]


def test_what_is_on_its_way_is_shown_without_values_too() -> None:
    assert repr(Annealed("swish", {}).to("meta")) == "Annealed(swish → relu)"


def test_functions_that_are_registered_later_are_annealed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    anneal(nn.Sequential(nn.Linear(4, 4), rectifiers.PReLU()), example=X, steps=1, distil=False)
    monkeypatch.setattr(registry, "_added", {**registry._added})

    class Later(rectifiers.PReLU):
        spec = dataclasses.replace(rectifiers.PReLU.spec, name="later_slope")

    register_activation("later_slope")(Later)
    net = nn.Sequential(nn.Linear(4, 4), Later(a=0.25))
    anneal(net, example=X, steps=1, distil=False).step()
    assert not net[1].a.any()
