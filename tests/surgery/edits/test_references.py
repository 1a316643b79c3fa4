"""Modules and methods that a model keeps as values: they follow a swap, or the swap says that something is missed."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import swap
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery import load, save

from ..inserted.plain import Plain, leak, leaky
from ..samples import run, structure

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
# Older ones count the calls, and give other names to those that are made past a module.
POSITIONS = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")


class Coder(nn.Module):
    """A part with two methods."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x))

    def decode(self, x: Tensor) -> Tensor:
        return torch.relu(self.a(x) - 0.1)


class Keeping(nn.Module):
    """A layer, an activation, and values that are either; `oracle` is what it computes with leaky ReLUs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.act = nn.Linear(4, 4), nn.ReLU()

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(self.a(x))


class InList(Keeping):
    def __init__(self) -> None:
        super().__init__()
        self.steps: Any = [self.a, self.act]

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


class InCycle(Keeping):
    """A dictionary that holds itself, with tuples in it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, Any] = {"both": (self.a, self.act)}
        self.steps["self"] = self.steps

    def forward(self, x: Tensor) -> Tensor:
        layer, act = self.steps["self"]["self"]["both"]
        y: Tensor = act(layer(x))
        return y


class Alone(Keeping):
    def __init__(self) -> None:
        super().__init__()
        self.__dict__["alias"] = self.act

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.alias(self.a(x))
        return y


class InPartial(Keeping):
    def __init__(self) -> None:
        super().__init__()
        self.call = functools.partial(self.act)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.call(self.a(x))
        return y


class AsArgument(Keeping):
    def __init__(self) -> None:
        super().__init__()
        self.call = functools.partial(torch.func.functional_call, self.act)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.call({}, (self.a(x),))
        return y


class ByChild(Keeping):
    """A child that keeps what its parent has."""

    def __init__(self) -> None:
        super().__init__()
        self.child = nn.Identity()
        self.child.__dict__["parents"] = self.act

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.child.parents(self.a(x))
        return y


class Shared(nn.Module):
    """Blocks with one activation, each of which also keeps it in a list."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU()
        self.blocks = nn.ModuleList(Keeping() for _ in range(2))
        for block in self.blocks:
            block.act, block.steps = act, [act]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block.act(block.steps[0](block.a(x)))
        return x

    def oracle(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = leaky(leaky(block.a(x)))
        return x


class Block(Keeping):
    """Calls its activation by a list or a dictionary, and nowhere else."""

    def __init__(self, act: nn.Module, steps: Any) -> None:
        super().__init__()
        self.act, self.steps = act, steps

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.steps[0](self.a(x))
        return y


class OneList(nn.Module):
    """Blocks that share an activation, and the list in which they keep it."""

    def __init__(self, kind: Callable[[nn.Module], Any] = lambda act: [act]) -> None:
        super().__init__()
        act = nn.ReLU()
        steps = kind(act)
        self.blocks = nn.ModuleList(Block(act, steps) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x

    def oracle(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block.oracle(x)
        return x


class OneDictionary(OneList):
    """The same by a dictionary that holds itself."""

    def __init__(self) -> None:
        super().__init__(_cycle)


def _cycle(act: nn.Module) -> dict[Any, Any]:
    steps: dict[Any, Any] = {0: act}
    steps["self"] = steps
    return steps


class Methods(nn.Module):
    """Keeps methods of a part, and calls the part as well."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Coder()
        self.encode, self.others = self.part.forward, {"decode": [self.part.decode]}

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.encode(x) + self.others["decode"][0](x) + self.part(x) + self.part.decode(x)
        return y

    def oracle(self, x: Tensor) -> Tensor:
        h = self.part.a(x)
        y: Tensor = 2 * leaky(h) + 2 * leaky(h - 0.1)
        return y


class OfModule(Keeping):
    """Keeps the `forward` of its activation, which it also calls."""

    def __init__(self) -> None:
        super().__init__()
        self.call = self.act.forward

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.call(self.a(x)))

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(leaky(self.a(x)))


class Parent(Keeping):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x))


class OfParent(Parent):
    """Keeps a method that it overrides."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = super().forward

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inner(x) - 0.1)

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(leaky(self.a(x)) - 0.1)


KINDS = [InList, InCycle, Alone, InPartial, ByChild, Shared, OneList, OneDictionary, Methods, OfModule, OfParent]


@pytest.mark.parametrize(
    "build", [pytest.param(build, marks=POSITIONS) if build is OfModule else build for build in KINDS]
)
def test_what_is_kept_follows_a_swap(build: Callable[[], Any], tmp_path: Path) -> None:
    net, fresh = build(), build()
    before, parts, kept = run(net, X), structure(net), kept_values(net)
    report = swap(net, "pvlu", example=X)
    assert torch.equal(run(net, X), before)
    report.revert()
    assert structure(net) == parts
    assert all(one is other for one, other in zip(kept_values(net), kept, strict=True))
    leak(net, X)
    torch.testing.assert_close(run(net, X), run_oracle(net))
    # Methods are pickled by their names.
    copies = [copy.deepcopy(net)] if build is OfParent else [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    for again in copies:
        with torch.no_grad():
            again.get_parameter(next(iter(dict(again.named_parameters())))).add_(0.1)
        torch.testing.assert_close(run(again, X), run_oracle(again))
    save(net, tmp_path)
    torch.testing.assert_close(run(load(tmp_path, fresh), X), run_oracle(net))
    net(X).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("build", [OneList, OneDictionary])
def test_each_block_keeps_its_own(build: Callable[[], OneList]) -> None:
    net = build()
    kept = [block.steps for block in net.blocks]
    report = swap(net, "pvlu", example=X)
    acts = [block.act for block in net.blocks]
    assert acts[0] is not acts[1]
    assert all(block.steps[0] is act for block, act in zip(net.blocks, acts, strict=True))
    report.revert()
    assert all(block.steps is steps for block, steps in zip(net.blocks, kept, strict=True))


@pytest.mark.parametrize("build", [build for build in KINDS if build is not Methods])
def test_it_follows_a_second_swap_too(build: Callable[[], Any]) -> None:
    net = build()
    swap(net, "pvlu", example=X, share="layer")
    kept = kept_values(net)
    report = swap(net, "prelu", example=X, from_="pvlu", relu_like=False, a=0.5)
    torch.testing.assert_close(run(net, X), run_oracle(net))
    report.revert()
    assert all(one is other for one, other in zip(kept_values(net), kept, strict=True))


@POSITIONS
def test_a_swap_at_one_function_after_the_other() -> None:
    net = Methods()
    leak(net, X, where=["part:relu#1"])
    leak(net, X)
    torch.testing.assert_close(run(net, X), run_oracle(net))


def kept_values(net: nn.Module) -> list[Any]:
    own = (module for module in net.modules() if type(module).__module__ == __name__)
    named = ((name, value) for module in own for name, value in vars(module).items())
    values = [value for name, value in named if name != "training" and not name.startswith("_")]
    return [*values, *(step for value in values if isinstance(value, list) for step in value)]


def run_oracle(net: Any) -> Tensor:
    with torch.no_grad():
        y: Tensor = net.oracle(X)
    return y


class InClosure(Keeping):
    def __init__(self) -> None:
        super().__init__()
        act = self.act
        self.call = lambda x: act(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.a(x))


class Holder:
    def __init__(self, value: Callable[[Tensor], Tensor]) -> None:
        self.value = value


class InObject(Keeping):
    def __init__(self) -> None:
        super().__init__()
        self.holder = Holder(self.act)

    def forward(self, x: Tensor) -> Tensor:
        return self.holder.value(self.a(x))


class MethodInClosure(nn.Module):
    """A method that a closure keeps; the part is called as well, so that what is put in has calls."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Coder()
        forward = self.part.forward
        self.call = lambda x: forward(x)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.call(x) + self.part(x)
        return y


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (InClosure, "^act: the module that was there is still called, .* such as a closure or an object"),
        (InObject, "^act: the module that was there is still called"),
        (AsArgument, None),
        pytest.param(
            MethodInClosure,
            "^part:relu: the function is still called there, .* or one that a closure keeps",
            marks=POSITIONS,
        ),
    ],
)
def test_what_is_kept_elsewhere_is_said(build: Callable[[], nn.Module], words: str | None) -> None:
    net = build()
    parts, before = structure(net), run(net, X)
    if words is None:
        leak(net, X)
        torch.testing.assert_close(run(net, X), run_oracle(net))
        return
    with pytest.raises(UnsupportedError, match=words):
        leak(net, X)
    assert structure(net) == parts
    assert torch.equal(run(net, X), before)


class OtherValues(Plain):
    """What the first activation gives decides whether the second is called."""

    def part(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x))
        return F.relu(self.b(x)) if bool((x >= 0).all()) else self.b(x)


class Alternating(Plain):
    """Calls one function in one call, and another in the next, whoever calls."""

    numbers = itertools.count(1)

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x)) if next(self.numbers) % 2 else F.relu(self.b(x))


@pytest.mark.parametrize("build", [OtherValues, pytest.param(Alternating, marks=POSITIONS)])
def test_another_way_through_the_model_is_no_fault(build: Callable[[], Plain]) -> None:
    net = build()
    leak(net, X)
    assert len([*net.rectified.children()]) == 2


class Forwards(Keeping):
    """Calls methods of its parts, whatever these are."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(self.a, self.act)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part.forward(x)
        return x


class Partials(Keeping):
    """Calls functions with arguments of their own, whatever these are."""

    def forward(self, x: Tensor) -> Tensor:
        for function in (self.a, functools.partial(F.relu, inplace=False)):
            x = function(x)
        return x


@pytest.mark.parametrize("build", [Forwards, Partials])
def test_what_a_loop_calls_by_other_means_is_counted(build: Callable[[], Keeping]) -> None:
    net = build()
    leak(net, X)
    torch.testing.assert_close(run(net, X), run_oracle(net))
