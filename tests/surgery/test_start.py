"""Where functions start: as published, at ReLU, or at what was there, and what the plan says of it."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.activations import create, register_activation, registry
from rectifiers.core.elementwise import Elementwise
from rectifiers.core.errors import ConfigError, UnknownNameError, UnsupportedError
from rectifiers.core.spec import ActivationSpec, ParameterSpec
from rectifiers.surgery import base_state_dict, load, plan_swap, save, swap
from rectifiers.surgery.plan import SwapPlan
from rectifiers.surgery.swap import NothingToSwapError
from rectifiers.surgery.warnings import sign_of_no_training

from .samples import run, structure

LEARNED = [
    name
    for name in registry.names()
    if registry.get(name).spec.parameters and registry.get(name).spec.kind == "elementwise"
]
KINDS: dict[str, tuple[Any, ...]] = {
    "swish": (nn.SiLU,),
    "gelu": (nn.GELU,),
    "mish": (nn.Mish,),
    "hardswish": (nn.Hardswish,),
    "tanh": (nn.Tanh,),
    "sigmoid": (nn.Sigmoid,),
    "elu": (nn.ELU,),
    "leaky_relu": (nn.LeakyReLU, 0.2),
}
X = torch.randn(256, 16, generator=torch.Generator().manual_seed(1))


def mlp(make: Any = nn.GELU, *args: Any) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 32), make(*args), nn.Linear(32, 32), make(*args), nn.Linear(32, 4))
    with torch.no_grad():
        for index in (0, 2):
            net[index].weight.mul_(3)
    return net


def apart(before: Tensor, after: Tensor) -> float:
    """The root mean square of the difference, in units of that of the values before."""
    return float((after - before).double().square().mean().sqrt() / before.double().square().mean().sqrt())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", LEARNED)
def test_a_fit_is_never_farther_than_the_other_starts_and_says_how_far(to: str, kind: str) -> None:
    net = mlp(*KINDS[kind])
    inputs = net[0](X).detach()
    was = net[1](inputs)
    errors = {}
    for start in ("was", "relu", "published"):
        changed = copy.deepcopy(net)
        torch.manual_seed(3)
        plan = swap(changed, to, example=X, from_=kind, where="first", start=start, share="layer").plan
        errors[start] = apart(was, run(changed[1], inputs))
        stated = plan.changes[0].error
        if stated is not None:
            assert stated == pytest.approx(errors[start], rel=0.15, abs=2e-6)
    assert errors["was"] <= min(errors.values()) * 1.02 + 1e-6


FAR = {"hardswish": 0.03, "leaky_relu": 0.01, "elu": 0.006}
"""Bounds for functions with corners, or bends, that a quotient of low degrees does not have."""


@pytest.mark.parametrize(("kind", "most"), [(kind, FAR.get(kind, 0.003)) for kind in KINDS])
def test_pau_comes_near_every_kind(kind: str, most: float) -> None:
    plan = plan_swap(mlp(*KINDS[kind]), "pau", example=X, from_=kind)
    assert all(change.error is None or change.error < most for change in plan.changes)
    assert all(change.start in ("near", "equal") for change in plan.changes)


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.2, 0.3, 0.25])
@pytest.mark.parametrize(("to", "name"), [("prelu", "a"), ("comb_arelu", "p")])
def test_a_leaky_relu_becomes_the_same_slope_to_the_bit(to: str, name: str, slope: float) -> None:
    net = mlp(nn.LeakyReLU, slope)
    report = swap(net, to, example=X, from_="leaky_relu", share="channel")
    assert [change.start for change in report.plan.changes] == ["exact", "exact"]
    assert report.check is not None
    assert report.check.identical
    assert (getattr(net[1], name) == torch.tensor(slope)).all()
    assert getattr(net[1], name).shape == (32,)


def test_arelu_takes_the_slope_of_a_leaky_relu_and_can_still_learn() -> None:
    net = mlp(nn.LeakyReLU, 0.2)
    report = swap(net, "arelu", example=X, from_="leaky_relu")
    assert float(net[1].alpha.detach()) == pytest.approx(0.2, abs=1e-6)
    assert [change.start for change in report.plan.changes] == ["near", "near"]
    net(X).square().mean().backward()
    assert all(parameter.grad.abs() > 0 for parameter in (net[1].alpha, net[1].beta))
    flat = mlp(nn.LeakyReLU, 0.001)
    swap(flat, "arelu", example=X, from_="leaky_relu")
    flat(X).square().mean().backward()
    assert flat[1].alpha.grad.abs() > 0


def test_comb_finds_the_tanh_it_contains() -> None:
    plan = plan_swap(mlp(nn.Tanh), "comb", example=X, from_="tanh")
    assert {change.start for change in plan.changes} <= {"exact", "equal"}


def test_a_relu_is_replaced_as_ever() -> None:
    for start in (None, "relu", "was"):
        report = swap(mlp(nn.ReLU), "pvlu", example=X, start=start)
        assert [change.nearness for change in report.plan.changes] == ["exact", "exact"]
        assert report.check is not None
        assert report.check.identical
    near = plan_swap(mlp(nn.ReLU), "arelu", example=X)
    assert [change.start for change in near.changes] == ["near", "near"]
    assert all(0.001 < float(change.error or 0) < 0.02 for change in near.changes)
    assert near.rows()[1][-1].startswith("near, ")


def test_a_fit_to_relu_where_relu_is_out_of_reach_is_nearer_than_a_start_at_relu() -> None:
    wide = torch.randn(256, 16) * 20
    relu, was = (plan_swap(mlp(nn.ReLU), "slaf", example=wide, start=start) for start in ("relu", "was"))
    assert float(was.changes[0].error or 0) < 0.5 < 100 < float(relu.changes[0].error or 0)


def uneven(make: Any) -> nn.Sequential:
    """Return a net whose channels see values of different sizes and places."""
    net = mlp(make)
    with torch.no_grad():
        net[0].weight.mul_(torch.linspace(0.1, 2, 32)[:, None])
        net[0].bias.add_(torch.linspace(-3, 3, 32))
    return net


@pytest.mark.parametrize("to", ["pau", "arelu", "pvlu", "slaf"])
def test_channels_with_parameters_of_their_own_have_fits_of_their_own(to: str) -> None:
    net = uneven(nn.SiLU)
    inputs = net[0](X).detach()
    was, errors = net[1](inputs), {}
    for share in ("layer", "channel"):
        changed = copy.deepcopy(net)
        change = swap(changed, to, example=X, from_="swish", where="first", start="was", share=share).plan.changes[0]
        errors[share] = apart(was, run(changed[1], inputs))
        assert change.error == pytest.approx(errors[share], rel=0.25)
    assert errors["channel"] < 0.98 * errors["layer"]
    parameters = [parameter.detach() for parameter in changed[1].parameters()]
    assert all(parameter.shape[-1] == 32 for parameter in parameters)
    assert any((parameter != parameter[..., :1]).any() for parameter in parameters)


def test_channels_are_fitted_wherever_they_are() -> None:
    net, x = uneven(nn.SiLU), X.reshape(32, 8, 16)
    flat = plan_swap(net, "pau", example=X, from_="swish", start="was", share="channel")
    rows = plan_swap(net, "pau", example=x, from_="swish", start="was", share="channel")
    images = nn.Sequential(nn.Flatten(0, 1), net[0], nn.Unflatten(0, (32, 8)), Turn(), net[1], nn.Flatten())
    columns = plan_swap(images, "pau", example=x, from_="swish", start="was", share="channel", channel_dim=1)
    errors = [plan.changes[0].error for plan in (flat, rows, columns)]
    assert errors == pytest.approx([errors[0]] * 3, rel=0.2)


class Turn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


@pytest.mark.parametrize("to", ["prelu", "comb_arelu"])
def test_slopes_of_channels_are_taken_over(to: str, tmp_path: Path) -> None:
    def make() -> nn.Sequential:
        net = mlp(nn.PReLU, 32)
        for index in (1, 3):
            with torch.no_grad():
                net[index].weight.copy_(torch.rand(32, generator=torch.Generator().manual_seed(index)))
        return net

    net = make()
    before = run(net, X)
    report = swap(net, to, example=X, from_="prelu", start="was", share="channel")
    assert {change.start for change in report.plan.changes} == {"equal"}
    assert apart(before, run(net, X)) < 1e-6
    assert "one for each channel" in repr(net[1])
    read = SwapPlan.from_json(report.plan.to_json())
    assert read == report.plan
    save(net, tmp_path / "net")
    assert torch.equal(run(load(tmp_path / "net", make()), X), run(net, X))
    report.revert()
    assert torch.equal(run(net, X), before)


def test_a_cap_stays_around_a_fit() -> None:
    net = mlp(nn.ReLU6)
    report = swap(net, "pau", example=X * 5, start="was")
    assert "keeps the cap at 6" in str(report)
    assert run(net[:2], X * 5).max() == 6
    assert all(change.start == "near" and float(change.error or 0) < 0.03 for change in report.plan.changes)


@pytest.mark.parametrize("to", ["pvlu", "prelu", "pau"])
def test_the_cap_of_a_hardtanh_stays_too(to: str) -> None:
    # Which no value of the example reaches.
    net = mlp(lambda: nn.Hardtanh(0, 200))
    report = swap(net, to, example=X, from_="hardtanh")
    assert "keeps the cap at 200" in str(report)
    assert run(net[:2], X * 1e6).max() == 200
    assert all(change.start == ("near" if to == "pau" else "exact") for change in report.plan.changes)


def test_what_cannot_come_near_starts_at_relu_and_the_plan_says_so() -> None:
    plan = plan_swap(mlp(nn.SiLU), "pvlu", example=X, from_="swish", where="first")
    (change,) = plan.changes
    assert change.start == "other"
    assert "of swish at best, and so starts at ReLU; start='was' takes the nearest" in change.note
    assert "near" not in change.nearness
    assert plan_swap(mlp(nn.SiLU), "pvlu", example=X, from_="swish", start="was").changes[0].start == "near"


def test_a_function_with_nothing_to_fit_says_so() -> None:
    plan = plan_swap(mlp(nn.GELU), "leaky_relu", example=X, from_="gelu", start="was")
    assert "has no parameters that could be fitted to gelu" in plan.changes[0].note
    assert plan.changes[0].start == "other"
    net = mlp(nn.GELU)
    swap(net, "leaky_relu", example=X, from_="gelu", where="first")
    assert net[1].negative_slope == 0.01


def test_given_starting_values_are_kept() -> None:
    net = mlp(nn.ReLU)
    report = swap(net, "pvlu", example=X, alpha=0.5)
    assert (net[1].alpha == 0.5).all()
    assert report.plan.changes[0].start == "published"
    fixed = mlp(nn.ReLU)
    swap(fixed, "leaky_relu", example=X, negative_slope=0.2)
    assert fixed[1].negative_slope == 0.2
    with pytest.raises(ConfigError, match="start='was' decides where PVLU starts, and so does alpha"):
        plan_swap(mlp(nn.ReLU), "pvlu", example=X, alpha=0.5, start="was")


def test_the_older_word_means_the_same() -> None:
    assert plan_swap(mlp(), "arelu", example=X, from_="gelu", relu_like=False) == plan_swap(
        mlp(), "arelu", example=X, from_="gelu", start="published"
    )
    assert plan_swap(mlp(), "arelu", example=X, from_="gelu", relu_like=True) == plan_swap(
        mlp(), "arelu", example=X, from_="gelu", start="relu"
    )
    with pytest.raises(ConfigError, match="relu_like=True means start='relu', but start='was'"):
        plan_swap(mlp(), "arelu", example=X, from_="gelu", relu_like=True, start="was")
    with pytest.raises(UnknownNameError, match="unknown start 'relu_like'"):
        plan_swap(mlp(), "arelu", example=X, from_="gelu", start="relu_like")  # type: ignore[arg-type]


def test_create_takes_the_same_words() -> None:
    near, published = create("arelu", start="relu"), create("arelu", start="published")
    assert float(near.alpha.detach()) == pytest.approx(0.011)
    assert float(published.alpha.detach()) == pytest.approx(0.9)
    with pytest.raises(ConfigError, match=r"use rectifiers\.swap"):
        create("arelu", start="was")
    with pytest.raises(ConfigError, match="relu_like=False contradicts start='relu'"):
        create("arelu", start="relu", relu_like=False)
    with pytest.raises(UnknownNameError, match="unknown start"):
        create("arelu", start="paper")


def test_a_plan_carries_the_fit_and_needs_no_data(tmp_path: Path) -> None:
    first, second, third = mlp(), mlp(), mlp()
    plan = plan_swap(first, "pau", example=X, from_="gelu", share="channel")
    again = plan_swap(mlp(), "pau", example=X, from_="gelu", share="channel")
    assert plan.to_json() == again.to_json()
    read = SwapPlan.from_json(plan.to_json())
    assert read == plan
    plan.apply(first)
    read.apply(second)
    assert torch.equal(run(first, X), run(second, X))
    save(first, tmp_path / "net")
    assert torch.equal(run(load(tmp_path / "net", third), X), run(first, X))
    first[1].numerator.data.zero_()
    first[1].reset_parameters()
    assert torch.equal(first[1].numerator, second[1].numerator)


def test_plans_from_before_are_read() -> None:
    plan = plan_swap(mlp(nn.ReLU), "pvlu", example=X)
    older = plan.to_json().replace(',\n   "error": null', "")
    assert "error" not in older
    assert "fitted" not in older
    assert SwapPlan.from_json(older) == plan


def test_base_weights_are_given_while_nothing_was_learned() -> None:
    net = mlp()
    names = [*net.state_dict()]
    swap(net, "pau", example=X, from_="gelu")
    assert [*base_state_dict(net)] == names
    with torch.no_grad():
        net[1].numerator += 0.1
    with pytest.raises(UnsupportedError, match="would be lost"):
        base_state_dict(net)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    net = mlp().to(dtype)
    report = swap(net, "pau", example=X, from_="gelu")
    assert all(float(change.error or 0) < 0.03 for change in report.plan.changes)
    assert report.check is not None
    assert report.check.difference < 0.05
    exact = mlp(nn.LeakyReLU, 0.2).to(dtype)
    assert {c.start for c in swap(exact, "prelu", example=X, from_="leaky_relu").plan.changes} <= {"exact", "equal"}


def test_a_swap_is_undone_and_its_copy_of_the_model_stays() -> None:
    net = mlp()
    before, parts = run(net, X), structure(net)
    report = swap(net, "pau", example=X, from_="gelu")
    assert not torch.equal(run(net, X), before)
    report.revert()
    assert structure(net) == parts
    assert torch.equal(run(net, X), before)


class Block(nn.Module):
    """One activation object for two calls, and a function besides."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.inner, self.outer = nn.SiLU(), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.inner(self.act(4 * x)))
        return F.gelu(self.outer(y), approximate="tanh")


@pytest.mark.parametrize("share_calls", [False, True])
def test_every_call_has_a_fit_of_its_own_unless_calls_share(share_calls: bool) -> None:
    torch.manual_seed(0)
    net = Block()
    before = run(net, X)
    plan = swap(net, "pau", example=X, from_=("gelu", "swish"), share_calls=share_calls).plan
    assert [change.was for change in plan.changes] == ["swish", "swish", "gelu"]
    assert (plan.changes[0].error == plan.changes[1].error) is share_calls
    assert apart(before, run(net, X)) < (0.05 if share_calls else 0.01)


def test_batches_of_a_loader_count_instead_of_the_example() -> None:
    wide = [(5 * X[:64], torch.zeros(64)), (5 * X[64:], torch.zeros(192))]
    narrow, loaded = mlp(nn.SiLU), mlp(nn.SiLU)
    swap(narrow, "slaf", example=X, from_="swish", start="was", where="first")
    swap(loaded, "slaf", example=X, from_="swish", start="was", where="first", loader=wide)
    inputs = loaded[0](5 * X).detach()
    was = F.silu(inputs)
    assert apart(was, run(loaded[1], inputs)) < apart(was, run(narrow[1], inputs)) / 2


def test_what_the_example_does_not_show_is_not_fitted() -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(16, 4), nn.GELU())
    plan = plan_swap(net, "pau", example=(1, 16), from_="gelu")
    assert plan.changes[0].note == "the example shows no values here, so that nothing is fitted"


def test_neither_the_default_device_nor_the_random_numbers_of_the_user_are_touched() -> None:
    net = mlp(nn.SiLU)
    plain = plan_swap(net, "apl", example=X, from_="swish", share="layer")
    torch.manual_seed(7)
    torch.set_default_device("meta")
    try:
        elsewhere = plan_swap(net, "apl", example=X, from_="swish", share="layer")
    finally:
        torch.set_default_device(None)
    assert elsewhere == plain
    drawn = torch.randn(1)
    torch.manual_seed(7)
    assert torch.equal(torch.randn(1), drawn)


class Plain(Elementwise):
    """A function of the user's that takes no granularity beyond what it must."""

    spec = ActivationSpec(
        name="plain_slope", title="Plain", equation="s·x", paper="none", parameters=(ParameterSpec("s", init=0.5),)
    )
    s: nn.Parameter

    def __init__(self, device: Any = None, dtype: torch.dtype | None = None) -> None:
        super().__init__(device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.s * x


def test_a_class_that_cannot_be_fitted_goes_in_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {**registry._added})
    register_activation("plain_slope")(Plain)
    (change,) = plan_swap(mlp(nn.SiLU), "plain_slope", example=X, from_="swish", where="first").changes
    assert change.start == "published"
    assert "Plain cannot be fitted" in change.note
    plan = plan_swap(mlp(nn.SiLU), "plain_slope", example=X, from_="swish", start="published")
    assert all(change.error is not None for change in plan.changes)


def test_weights_without_a_count_of_batches_are_known_by_their_means() -> None:
    net = convolutional(nn.ReLU)
    assert sign_of_no_training(net, None)
    net[1].running_mean.add_(1)
    assert not sign_of_no_training(net, None)
    assert not sign_of_no_training(mlp(), None)


def test_a_fit_takes_little_time() -> None:
    from rectifiers.core.matching import match
    from rectifiers.speed.turns import use_threads
    from rectifiers.surgery.planning.seen import Seen

    x = torch.randn(10000, generator=torch.Generator().manual_seed(0))
    points = Seen(F.gelu, [x.double()], [F.gelu(x).double()]).points()
    assert points is not None
    took = []
    # Of several threads, the time that they wait for each other would count.
    with use_threads(1):
        for _ in range(3):
            began = time.process_time()
            match(registry.get("pau"), points[0])
            took.append(time.process_time() - began)
    assert min(took) < 1


def train(net: nn.Module, x: Tensor, y: Tensor, steps: int) -> float:
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(net.train()(x), y)
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def convolutional(make: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), make(), nn.Conv2d(8, 8, 3, stride=2), nn.BatchNorm2d(8), make()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)),
    )


@pytest.mark.parametrize("kind", ["gelu", "swish"])
@pytest.mark.parametrize("shape", [(16,), (1, 12, 12)])
def test_a_trained_net_keeps_its_outputs_and_goes_on_learning(kind: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(128, *shape), torch.randint(4, (128,))
    make = KINDS[kind][0]
    if len(shape) == 1:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(16, 32), make(), nn.Linear(32, 32), make(), nn.Linear(32, 4))
    else:
        net = convolutional(make)
    train(net, x, y, 20)
    before = run(net, x)
    report = swap(net, "pau", example=x, from_=kind)
    assert apart(before, run(net, x)) < 0.001
    assert report.check is not None
    assert report.check.difference < 0.003
    first = train(net, x, y, 1)
    assert train(net, x, y, 10) < first


def test_an_untrained_net_is_told_of_the_published_start() -> None:
    def notes(net: nn.Module, **arguments: Any) -> str:
        return "\n".join(plan_swap(net, "arelu", example=torch.randn(4, 1, 12, 12), **arguments).notes)

    net = convolutional(nn.ReLU)
    assert "seems untrained" in notes(net)
    assert "start='published'" in notes(net)
    assert notes(net, start="published") == ""
    frozen = swap(copy.deepcopy(net), "arelu", example=torch.randn(4, 1, 12, 12), freeze="weights")
    assert "seems untrained" not in str(frozen)
    train(net, torch.randn(8, 1, 12, 12), torch.zeros(8, dtype=torch.long), 1)
    assert notes(net) == ""


def test_an_optimizer_tells_whether_a_net_was_trained() -> None:
    net, normed = mlp(nn.ReLU), nn.Sequential(nn.Linear(16, 4), nn.LayerNorm(4), nn.ReLU())
    for each in (net, normed):
        optimizer = torch.optim.Adam(each.parameters())
        report = swap(each, "arelu", example=X[:4], optimizer=optimizer)
        assert "seems untrained" in str(report)
        report.revert()
        each(X).sum().backward()
        optimizer.step()
        report = swap(each, "arelu", example=X[:4], optimizer=optimizer)
        assert "seems untrained" not in str(report)
        report.revert()
    # Plain gradient descent keeps nothing that would tell.
    plain = swap(net, "arelu", example=X[:4], optimizer=torch.optim.SGD(net.parameters(), lr=0.1))
    assert "seems untrained" not in str(plain)


@pytest.mark.parametrize("seed", [0, 1])
def test_pau_comes_within_half_a_thousandth_of_gelu_and_finds_the_better_valley_for_elu(seed: int) -> None:
    for kind, make, most in (("gelu", nn.GELU, 0.0005), ("swish", nn.SiLU, 1e-6), ("elu", nn.ELU, 0.003)):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(16, 64), make(), nn.Linear(64, 64), make(), nn.Linear(64, 4))
        changes = plan_swap(net, "pau", example=torch.randn(512, 16), from_=kind, start="was").changes
        assert [change.start for change in changes if change.error is None] in ([], ["equal"])
        assert all(change.error is None or change.error < most for change in changes)


def test_a_function_that_would_be_relu_for_ever_is_told_of() -> None:
    assert "stays ReLU" in "\n".join(plan_swap(mlp(nn.ReLU), "elu", example=X).notes)
    assert plan_swap(mlp(nn.ReLU), "elu", example=X, start="published").notes == ()
    assert plan_swap(mlp(nn.ReLU), "elu", example=X, alpha=0.5).notes == ()


def test_parameters_that_multiply_are_told_of() -> None:
    net = convolutional(nn.ReLU)
    plan = plan_swap(net, "apl", example=torch.randn(1, 1, 12, 12), start="published")
    assert f"adds {plan.parameters:,} parameters" in plan.notes[0]
    assert "share='channel'" in plan.notes[0]
    present = sum(parameter.numel() for parameter in net.parameters())
    assert f"{(plan.parameters + present) / present:.3g} times as many" in plan.notes[0]
    channel = plan_swap(net, "apl", example=torch.randn(1, 1, 12, 12), start="published", share="channel")
    assert channel.notes == ()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_values_of_nested_tensors_are_seen() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)], layout=torch.jagged)
    (change,) = swap(net, "arelu", example=(x,)).plan.changes
    assert change.error is not None
    assert 0 < change.error < 0.1


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_parameters_for_each_element_are_refused_where_samples_differ_in_length() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.nested.nested_tensor([torch.randn(3, 4), torch.randn(5, 4)], layout=torch.jagged)
    with pytest.raises(NothingToSwapError, match=r"its samples differ in length, .*share='layer'"):
        swap(net, "prelu", example=(x,), share="element")
