"""Swaps that are undone after the model was changed by others."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import remove_parametrizations

from rectifiers.core.errors import ConfigError
from rectifiers.surgery import fold, swap

X = torch.randn(3, 4)


def make(act: nn.Module | None = None) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU() if act is None else act, nn.Linear(4, 2))


def test_the_activation_is_put_back_where_it_is_now() -> None:
    net = make()
    relu, head, report = net[1], net[2], swap(net, "pvlu", example=X)
    del net[0]
    report.revert()
    assert list(net) == [relu, head]


def test_what_a_user_has_put_in_its_place_stays() -> None:
    net = make()
    report = swap(net, "pvlu", example=X)
    net[1] = tanh = nn.Tanh()
    report.revert()
    assert net[1] is tanh


def test_a_wrapper_around_it_is_named_until_it_is_taken_off() -> None:
    net = make()
    relu, report = net[1], swap(net, "pvlu", example=X)
    net[1] = nn.Sequential(inside := net[1])
    with pytest.raises(
        ConfigError, match="'1' is inside of Sequential since the swap; take that off, and revert again"
    ):
        report.revert()
    net[1] = inside
    report.revert()
    assert net[1] is relu


def test_what_is_put_back_has_moved_along() -> None:
    net = make(nn.PReLU())
    prelu, weight = net[1], net[2].weight
    reports = [swap(net, "adarelu", example=X, from_="prelu", start="relu"), swap(make(), "crelu", example=X)]
    wide = reports[1].model
    assert isinstance(wide, nn.Sequential)
    for report in reports:
        report.model.double()
        report.revert()
        assert {parameter.dtype for parameter in report.model.parameters()} == {torch.float64}
        report.model(X.double()).sum().backward()
    assert net[1] is prelu
    assert net[2].weight is weight


def test_what_has_stayed_where_it_was_keeps_its_gradients() -> None:
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(2, 3)
    model(x).sum().backward()
    weight = model[2].weight
    gradient = weight.grad.clone()
    swap(model, "crelu", example=x).revert()
    assert model[2].weight is weight
    assert torch.equal(weight.grad, gradient)


def test_what_is_put_back_has_moved_along_where_nothing_that_was_put_in_shows_it() -> None:
    for net in (plain := make(nn.PReLU()), folded := make()):
        swap(net, "prelu", example=X) if net is folded else None
    for report in (swap(plain, "relu", example=X, from_="prelu"), fold(folded, X)):
        assert not [*report.model[1].parameters()]
        report.model.bfloat16()
        report.revert()
        assert {parameter.dtype for parameter in report.model.parameters()} == {torch.bfloat16}
        assert report.model(X.bfloat16()).dtype is torch.bfloat16


def test_what_is_put_back_has_the_mode_of_what_was_there() -> None:
    net = make(nn.RReLU())
    report = swap(net, "pvlu", example=X, from_="rrelu")
    net.eval()
    report.revert()
    assert not net[1].training
    assert torch.equal(net(X), net(X))


class Activated(nn.Linear):
    """Calls its activation as a function."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


@pytest.mark.parametrize("before", [True, False])
def test_parametrizations_are_put_on_and_taken_off_around_a_swap(before: bool) -> None:
    net = nn.Sequential(Activated(4, 4), nn.Linear(4, 2))
    expected, layer = net(X), net[0]
    if before:
        weight_norm(layer)
    report = swap(net, "pvlu", example=X)
    if not before:
        weight_norm(layer)
    torch.testing.assert_close(copy.deepcopy(net)(X), expected)
    remove_parametrizations(layer, "weight")
    torch.testing.assert_close(net(X), expected)
    assert len([*layer.parameters()]) == 4
    weight_norm(layer)
    report.revert()
    assert [*layer.state_dict()] == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    remove_parametrizations(layer, "weight")
    assert type(layer) is Activated
    torch.testing.assert_close(net(X), expected)


def test_a_convolution_that_became_a_convrelu_loses_its_parametrizations_as_others_do() -> None:
    net, x = nn.Sequential(nn.Conv1d(2, 2, 1), nn.ReLU(), weight_norm(nn.Conv1d(2, 2, 1))), torch.randn(1, 2, 5)
    expected = net(x)
    report = swap(net, "convrelu", example=x)
    remove_parametrizations(net[2], "weight")
    torch.testing.assert_close(net(x), expected)
    report.revert()
    assert type(net[2]) is nn.Conv1d
    torch.testing.assert_close(net(x), expected)


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("snapshot", [True, False])
def test_a_scripted_part_shows_where_the_model_is(snapshot: bool) -> None:
    net = nn.Sequential(torch.jit.script(nn.Linear(4, 4)), nn.PReLU(), nn.ReLU())
    expected = net(X)
    for to, from_ in (("relu", "prelu"), ("pvlu", "relu")):
        report = swap(net, to, example=X, from_=from_, snapshot=snapshot)
        net.double()
        report.revert()
        assert {parameter.dtype for parameter in net.parameters()} == {torch.float64}
        torch.testing.assert_close(net(X.double()).float(), expected)
        net.float()
