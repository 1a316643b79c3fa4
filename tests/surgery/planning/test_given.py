"""What a user may give as the activation to put in."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.surgery import plan_swap, swap

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.mark.parametrize("name", ["pvlu", "arelu", "adarelu", "prelu"])
def test_a_class_of_this_library_is_its_name(name: str) -> None:
    cls = rectifiers.activations.registry.get(name)
    by_name, by_class = (plan_swap(make(), to, example=X).to_json() for to in (name, cls))
    assert by_name == by_class


def test_names_that_others_use() -> None:
    assert plan_swap(make(), "SiLU", example=X).to_json() == plan_swap(make(), "swish", example=X).to_json()
    with pytest.raises(UnknownNameError, match="unknown activation 'pvul'; did you mean pvlu"):
        swap(make(), "pvul", example=X)


@pytest.mark.parametrize(
    ("to", "options", "function"),
    [
        (nn.LeakyReLU, {}, F.leaky_relu),
        (nn.LeakyReLU, {"negative_slope": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
        (nn.ELU, {}, F.elu),
        (nn.GELU, {}, F.gelu),
        (nn.GELU(), {}, F.gelu),
        (nn.ELU(alpha=0.5), {}, lambda x: F.elu(x, 0.5)),
        (torch.tanh, {}, torch.tanh),
        (F.softplus, {}, F.softplus),
        (lambda channels: nn.PReLU(channels, init=0.7), {}, lambda x: F.leaky_relu(x, 0.7)),
    ],
)
def test_classes_modules_and_functions(to: Any, options: dict[str, Any], function: Any) -> None:
    net = make()
    swap(net, to, example=X, **options)
    torch.testing.assert_close(net(X), net[2](function(net[0](X))))


def test_a_class_is_made_for_the_channels_of_each_site() -> None:
    net = make()
    swap(net, nn.PReLU, example=X)
    assert net[1].weight.shape == (5,)


def test_each_site_has_a_copy_of_a_module() -> None:
    act = rectifiers.PReLU(a=0.4, share="layer")
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU())
    swap(net, act, example=X)
    assert len({id(module) for module in (act, net[1], net[3])}) == 3
    torch.testing.assert_close(net(X), F.leaky_relu(net[2](F.leaky_relu(net[0](X), 0.4)), 0.4))


def test_what_needs_no_channels_goes_where_none_are_known() -> None:
    class Lost(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x)

    x = torch.randn(2, 3, 4)
    for to in (nn.LeakyReLU, nn.ELU(), torch.tanh):
        assert plan_swap(Lost(), to, example=(x,)).changes


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (None, "to must be a name, a class of modules, .*, got None"),
        (3, "got 3"),
        (lambda channels: channels, r"<lambda>\(5\) returned 5; to must be a name"),
        (nn.Softmax2d, "Softmax2d"),
        (nn.Linear, r"Linear\(\) failed: .*in_features"),
    ],
)
def test_what_is_none_of_these(to: Any, message: str) -> None:
    net = make()
    with pytest.raises(rectifiers.RectifiersError, match=message):
        swap(net, to, example=X)
    assert isinstance(net[1], nn.ReLU)


def test_options_belong_to_names_and_classes() -> None:
    with pytest.raises(ConfigError, match="alpha is for an activation that is given by its name or its class, not"):
        swap(make(), lambda channels: nn.PReLU(channels), example=X, alpha=0.5)


def test_other_arguments_that_are_none() -> None:
    with pytest.raises(ConfigError, match=r"a shape of sizes from 0, got \(-1, 4\)"):
        swap(make(), "pvlu", example=(-1, 4))
    net = make()
    with pytest.raises(ConfigError, match="where takes the name of a module or of a site, not the ReLU itself"):
        swap(net, "pvlu", example=X, where=net[1])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="kinds of activation are given by name"):
        swap(make(), "pvlu", example=X, from_=nn.ReLU)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="optimizer must be one of PyTorch's, made for this model, got 'adam'"):
        swap(make(), "pvlu", example=X, optimizer="adam")  # type: ignore[arg-type]


class Powered(nn.Module):
    """A plain module."""

    def forward(self, x: Tensor) -> Tensor:
        return x.relu() ** 2


@pytest.mark.parametrize("to", [nn.ELU, Powered(), lambda channels: nn.PReLU(channels), F.softplus, torch.tanh])
@pytest.mark.parametrize("inplace", [False, True])
def test_a_model_is_pickled_whatever_was_put_in(to: Any, inplace: bool) -> None:
    # What writes over its output lets a copy be kept.
    net = nn.Sequential(*make()[:2], *[nn.Hardswish(inplace=True)] * inplace, make()[2])
    swap(net, to, example=X)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), pickle.loads(pickle.dumps(copy.deepcopy(net)))):
        assert torch.equal(twin(X), net(X))
        assert type(twin[1]) is type(net[1])
