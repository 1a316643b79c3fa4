"""How models call their activations: by name, with several values, through a `__call__` of their own."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import anneal, diagnose
from rectifiers.activations import PVLU
from rectifiers.surgery import find_sites, fold, swap

SLOPE = 0.3


class ByName(nn.Module):
    """An activation that is given its input by name, in front of something that may write over it."""

    def __init__(self, act: nn.Module, *, mask: float = 0.0, overwrite: bool = False) -> None:
        super().__init__()
        self.inner, self.act, self.outer = nn.Linear(4, 4), act, nn.Linear(4, 4)
        self.mask, self.overwrite = mask, overwrite

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x).masked_fill(x > 1, self.mask)
        y: Tensor = self.outer(self.act(input=h))
        if self.overwrite:
            h += y
        return y


class TwiceByName(ByName):
    """One that is called twice, in a way that only counting tells apart."""

    def forward(self, x: Tensor) -> Tensor:
        act = self.act
        y: Tensor = act(input=self.outer(act(input=self.inner(x))))
        return y


@pytest.mark.parametrize(
    ("model", "from_", "options"),
    [
        (ByName(nn.ReLU(), overwrite=True), "relu", {}),
        (ByName(nn.ReLU(), mask=-torch.inf), "relu", {}),
        (ByName(nn.GELU()), "gelu", {"start": "added"}),
        (TwiceByName(nn.ReLU()), "relu", {}),
    ],
)
def test_what_is_put_in_takes_its_input_by_name(model: nn.Module, from_: str, options: dict[str, Any]) -> None:
    report = swap(model, "pvlu", example=torch.randn(8, 4), from_=from_, **options)
    assert report.check is not None
    assert report.check.identical


def test_our_own_activations_are_seen_where_they_are_called_by_name() -> None:
    model, x = ByName(nn.ReLU()), torch.randn(8, 4)
    swap(model, "adarelu", example=x, share="layer")
    assert [(site.name, site.kind, site.before, site.after) for site in find_sites(model, x)] == [
        ("act", "adarelu", "masked_fill", ("Linear",))
    ]
    assert [site.name for site in diagnose(model, [x]).sites] == ["act"]
    assert [change.becomes for change in fold(model, x).plan.changes] == ["ReLU"]


class Flow(nn.Module):
    """A layer of a normalising flow, which returns the logarithm of its volume, too."""

    def forward(self, x: Tensor) -> tuple[Tensor, float]:
        return F.relu(x), 2.0


class Masked(nn.ReLU):
    """A ReLU that takes a mask."""

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        y = F.relu(input)
        return y if mask is None else y * mask


class First(nn.Module):
    """A ReLU of the first of several values, as graph layers have it."""

    def forward(self, values: list[Tensor]) -> Tensor:
        return F.relu(values[0])


class Shifted(nn.ReLU):
    """A ReLU that is called in a way of its own."""

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = super().__call__(x)
        return y + 2.0


class Around(nn.Module):
    """Calls such a module."""

    def __init__(self, act: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.act, self.call = nn.Linear(4, 4), act, call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.act, self.inner(x))


@pytest.mark.parametrize(
    ("act", "call", "more"),
    [
        (Flow(), lambda act, h: sum(act(h)), 2.0),
        (Masked(), lambda act, h: act(h, None), 0.0),
        (Masked(), lambda act, h: act(h, mask=None), 0.0),
        (First(), lambda act, h: act([h, h]), 0.0),
        (Shifted(), lambda act, h: act(h), 2.0),
    ],
)
def test_what_a_module_does_beside_its_activation_stays(
    act: nn.Module, call: Callable[[nn.Module, Tensor], Tensor], more: float
) -> None:
    model, x = Around(act, call), torch.randn(8, 4)
    swap(model, nn.LeakyReLU(SLOPE), example=x)
    torch.testing.assert_close(model(x), F.leaky_relu(model.inner(x), SLOPE) + more)


class Dropping(nn.Module):
    """A ReLU that drops values while it is trained."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(x)
        return F.dropout(y) if self.training else y


class Scaling(nn.Module):
    """A ReLU that scales its values where it is not trained."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(x)
        return y if self.training else y / 2


class Passing(nn.Module):
    """A ReLU where it is not trained, and nothing while it is."""

    def forward(self, x: Tensor) -> Tensor:
        return x if self.training else F.relu(x)


class Changing(nn.Module):
    """One function while it is trained, and another where it is not."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x) if self.training else F.relu(x)


@pytest.mark.parametrize("act", [Dropping, Scaling, Passing, Changing])
def test_what_a_module_does_in_one_mode_only_stays(act: type[nn.Module]) -> None:
    model, x = Around(act(), lambda act, h: act(h)), torch.randn(8, 4)
    before = copy.deepcopy(model)
    swap(model, "pvlu", example=x)
    for training in (True, False):
        outputs = []
        for each in (before, model):
            torch.manual_seed(0)
            outputs.append(each.train(training)(x))
        assert torch.equal(*outputs)


def test_what_is_put_in_may_be_false() -> None:
    model, x = TwiceByName(nn.ReLU()), torch.randn(8, 4)
    swap(model, lambda channels: nn.Sequential(), example=x)
    assert torch.equal(model(x), model.outer(model.inner(x)))


@pytest.mark.parametrize(
    ("act", "options", "overwrite", "mask"),
    [
        (nn.ReLU, {}, True, 0.0),
        (nn.ReLU, {}, False, -torch.inf),
        (nn.GELU, {"from_": "gelu", "start": "added"}, False, 0.0),
    ],
)
def test_activations_that_are_put_in_alike_have_the_same_class(
    act: type[nn.Module], options: dict[str, Any], overwrite: bool, mask: float
) -> None:
    models = [ByName(act(), mask=mask, overwrite=overwrite) for _ in range(2)]
    for model in models:
        swap(model, "pvlu", example=torch.randn(8, 4) + 1, **options)
    assert type(models[0].act) is type(models[1].act) is not PVLU


class Parent(nn.Module):
    """Calls a function."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(x))


class Child(Parent):
    """Has the method of its parent under another name, too."""

    infer = Parent.forward


def test_a_method_that_a_class_has_under_a_name_of_its_own_follows_too() -> None:
    model, x = Child(), torch.randn(8, 4)
    swap(model, nn.LeakyReLU(SLOPE), example=x)
    expected = F.leaky_relu(model.inner(x), SLOPE)
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model.infer(x), expected)


class Abstract(abc.ABC, nn.Module):
    """Names `abc.ABC` first, so that Python does not let its modules change their class."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner, self.act, self.kind = nn.Linear(4, 4), nn.SiLU() if kind == "silu" else nn.ReLU(), kind

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(self.act(x))
        return F.silu(h) if self.kind == "silu" else F.relu(h)


def test_modules_that_cannot_change_their_class_keep_their_functions() -> None:
    model, x = Abstract("relu"), torch.randn(8, 4)
    plan = swap(model, "pvlu", example=x).plan
    assert [change.site for change in plan.changes] == ["act"]
    assert [(left.site, "name nn.Module first" in left.reason) for left in plan.left] == [(":relu", True)]
    model = Abstract("silu")
    plan = anneal(model, example=x, steps=2).report.plan
    assert [change.site for change in plan.changes] == ["act"]
    assert [left.site for left in plan.left] == [":silu"]
