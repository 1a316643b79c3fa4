"""Every function goes into a model and out again, at every granularity, with its options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.activations import PVLU, PReLU, registry
from rectifiers.core.errors import ConfigError, UnknownNameError, UnsupportedError
from rectifiers.surgery import find_sites, plan_swap, swap
from rectifiers.surgery.check import Check, compare_outputs

from .samples import run, structure

ELEMENTWISE = [name for name in registry.names() if registry.get(name).spec.kind == "elementwise"]
RELU_LIKE = [name for name in ELEMENTWISE if registry.get(name).spec.relu_start == "exact"]
X = (2, 3, 12, 12)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(1)
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_elementwise_function_goes_in_and_comes_out(name: str) -> None:
    model, x = net(), torch.randn(X)
    before, parts = run(model, x), structure(model)
    report = swap(model, name, example=x)
    assert isinstance(model[2], registry.get(name))
    assert report.plan.parameters == sum(p.numel() for place in (2, 4) for p in model[place].parameters())
    exact = registry.get(name).spec.relu_start == "exact"
    assert [change.start == "exact" for change in report.plan.changes] == [exact, exact]
    assert report.check.identical or not exact
    report.revert()
    report.revert()
    assert structure(model) == parts
    assert torch.equal(run(model, x), before)


@pytest.mark.parametrize("name", RELU_LIKE)
@pytest.mark.parametrize("share", ["layer", "channel", "element"])
def test_functions_that_equal_relu_keep_the_outputs_at_every_granularity(name: str, share: str) -> None:
    model = net()
    report = swap(model, name, example=X, share=share)
    assert report.check.identical
    model.train()(torch.randn(X)).sum().backward()
    parameters = [*model[2].parameters(), *model[4].parameters()]
    assert all(parameter.grad is not None for parameter in parameters)


def shapes(*modules: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for module in modules for parameter in module.parameters()]


def test_the_granularity_follows_the_example() -> None:
    model = net()
    swap(model, "prelu", example=X, share="channel")
    assert shapes(model[2], model[4]) == [(4,), (5,)]
    model = net()
    swap(model, "prelu", example=X, share="element")
    assert shapes(model[2], model[4]) == [(4, 10, 10), (5, 8, 8)]
    sequence = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
    swap(sequence, "prelu", example=(2, 5, 8), share="channel")
    assert (shapes(sequence[1]), sequence[1].channel_dim) == ([(16,)], -1)


def test_the_deviation_of_what_only_comes_near_is_measured() -> None:
    report = swap(net(), "arelu", example=X)
    assert not report.check.identical
    assert 0 < report.check.difference < 1
    assert f"differ by up to {report.check.difference:.2g} of the largest output" in str(report)


def test_a_function_of_the_user_goes_in_by_a_factory() -> None:
    class Square(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(channels, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * x.relu().square()

    model = net().double()
    report = swap(model, Square, example=X)
    assert [model[place].scale.shape[0] for place in (2, 4)] == [4, 5]
    assert model[2].scale.dtype is torch.float64
    assert report.plan.parameters == 9
    assert [change.start for change in report.plan.changes] == ["other", "other"]
    with pytest.raises(ConfigError, match="cannot be written down"):
        report.plan.to_json()


def test_a_cap_stays_or_is_given_up() -> None:
    x = 4 * torch.randn(2, 4)
    kept, dropped = nn.Sequential(nn.Linear(4, 64), nn.ReLU6()), nn.Sequential(nn.Linear(4, 64), nn.ReLU6())
    with torch.no_grad():
        for model in (kept, dropped):
            model[0].weight.mul_(10)
    assert run(kept, x).max() == 6
    report = swap(kept, "pvlu", example=x)
    assert report.check.identical
    assert "keeps the cap at 6" in str(report)
    assert run(kept, x).max() == 6
    assert not swap(dropped, "pvlu", example=x, cap="drop").check.identical
    assert run(dropped, x).max() > 6


def test_other_kinds_on_request() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.ReLU())
    report = swap(model, "pvlu", example=(1, 4), from_="gelu")
    (change,) = report.plan.changes
    assert (change.site, change.was, change.start) == ("1", "gelu", "other")
    assert isinstance(model[3], nn.ReLU)


def test_settings_reach_the_function() -> None:
    model = net()
    swap(model, "pvlu", example=X, relu_like=False, alpha=0.25, share="channel", where="first")
    assert model[2].alpha.eq(0.25).all()


def test_what_a_function_does_not_take_is_refused_and_nothing_changes() -> None:
    model = net()
    parts = structure(model)
    with pytest.raises(ConfigError, match="PVLU: unknown argument 'gamma'"):
        swap(model, "pvlu", example=X, gamma=3)
    assert structure(model) == parts


def test_unknown_functions_get_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="pvlu"):
        swap(net(), "pvul", example=X)


def test_what_becomes_of_a_cap_is_one_of_two_words() -> None:
    with pytest.raises(UnknownNameError, match="unknown cap 'nonsense'; known: drop, keep"):
        swap(net(), "pvlu", example=X, cap="nonsense")


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"expected an nn\.Module, got function"):
        swap(lambda x: x, "pvlu", example=X)


def test_a_plan_says_where_it_would_change_what() -> None:
    plan = plan_swap(net(), "prelu", example=X, share="channel")
    assert [(c.site, c.was, c.becomes, c.shape, c.channels, c.parameters, c.start) for c in plan.changes] == [
        ("2", "relu", "PReLU", (2, 4, 10, 10), 4, 4, "exact"),
        ("4", "relu", "PReLU", (2, 5, 8, 8), 5, 5, "exact"),
    ]
    assert str(plan).splitlines()[-1] == "Sequential: 2 sites → PReLU, +9 parameters"


def test_our_own_modules_are_sites_by_their_names() -> None:
    model = nn.Sequential(nn.Linear(4, 4), PVLU(), nn.Linear(4, 4), registry.get("relu")(), registry.get("relu6")())
    model(torch.randn(1, 4))
    assert [site.kind for site in find_sites(model, (1, 4))] == ["pvlu", "relu", "relu6"]
    swap(model, "prelu", example=(1, 4), from_=("pvlu", "relu"))
    assert [type(model[place]) for place in (1, 3)] == [PReLU, PReLU]


def test_a_forward_set_on_the_object_is_refused_where_calls_must_be_counted() -> None:
    model = nn.Sequential(nn.Linear(4, 4))
    model.forward = lambda x: model[0](x).relu()
    parts = structure(model)
    with pytest.raises(UnsupportedError, match="forward set on the object itself"):
        swap(model, "pvlu", example=(1, 4))
    assert structure(model) == parts


def test_the_check_knows_equal_numbers_that_are_none() -> None:
    nan = torch.tensor([float("nan"), 1.0])
    assert compare_outputs([nan], [nan.clone()]) == Check(identical=True, difference=0.0)
    assert compare_outputs([], []) is None
    assert compare_outputs({"a": torch.tensor([2.0, 4.0])}, {"a": torch.tensor([2.0, 5.0])}) == Check(False, 0.25)


def test_functions_may_make_modules_that_learn_their_channels_at_the_first_call() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    report = swap(net, lambda channels: PVLU(), example=(2, 3, 8, 8), optimizer=optimizer)
    assert report.plan.parameters == 8
    assert tuple(net[1].alpha.shape) == (4,)
    assert any(net[1].alpha is parameter for parameter in optimizer.param_groups[-1]["params"])


class Recurrent(nn.Module):
    """A fused recurrent layer with ReLU, and a ReLU beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.act = nn.RNN(4, 8, nonlinearity="relu"), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.rnn(x)[0])
        return y


def test_the_relu_of_a_fused_recurrent_layer_is_said_to_be_out_of_reach() -> None:
    reason = "it is inside PyTorch's fused RNN: write the recurrence in Python to change it"
    with pytest.raises(ConfigError, match=f"RNN keeps all its activations. RNN: {reason}"):
        swap(nn.RNN(4, 8, nonlinearity="relu"), "pvlu", example=(5, 2, 4))
    plan = plan_swap(Recurrent(), "pvlu", example=(5, 2, 4))
    assert [(left.site, left.reason) for left in plan.left] == [("rnn", reason)]
    assert plan_swap(nn.Sequential(nn.RNN(4, 8), Last(), nn.ReLU()), "pvlu", example=(5, 2, 4)).left == ()


class Last(nn.Module):
    """Takes the first of several values."""

    def forward(self, values: tuple[Tensor, ...]) -> Tensor:
        return values[0]


@pytest.mark.parametrize(("name", "value"), [("dtype", torch.float64), ("device", "cpu")])
def test_device_and_dtype_are_the_models(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} is that of the layers around each site.*move the model"):
        swap(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), "pvlu", example=(2, 4), **{name: value})
