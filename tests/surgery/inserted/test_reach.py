"""What is swapped is reached through helpers, kept methods, loops over functions, and calls past `forward`."""

from __future__ import annotations

import copy
import functools
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rectifiers import diagnose, find_sites, plan_swap, swap
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery.inserted.scope import is_scope
from rectifiers.surgery.plan import SwapPlan
from rectifiers.watching import places
from rectifiers.watching.calls import list_calls
from rectifiers.watching.feeding import read_batch

from ..samples import run
from .plain import SLOPE, Plain, leak, leaky

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")


def helper(x: Tensor) -> Tensor:
    """A helper outside of every class."""
    return F.relu(x)


def given(x: Tensor, act: Callable[[Tensor], Tensor] = torch.relu) -> Tensor:
    return act(x)


class Elsewhere:
    """A helper of another object."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.relu()

    def method(self, x: Tensor) -> Tensor:
        return self(x)


ELSEWHERE = Elsewhere()
TABLE = {"relu": nn.ReLU(), "tanh": nn.Tanh()}


class Helpers(Plain):
    """The same helper twice."""

    def part(self, x: Tensor) -> Tensor:
        return helper(self.b(helper(self.a(x))))


class Defaults(Plain):
    """A helper whose default is the function, and one of an object that calls the object."""

    def part(self, x: Tensor) -> Tensor:
        return ELSEWHERE.method(self.b(given(self.a(x))))


class Static(Plain):
    """Methods of the class and of nobody."""

    def part(self, x: Tensor) -> Tensor:
        return self.of_class(self.b(self.static(self.b(self.a(x)) * 0 + self.a(x))))

    @staticmethod
    def static(x: Tensor) -> Tensor:
        return F.relu(x)

    @classmethod
    def of_class(cls, x: Tensor) -> Tensor:
        return F.relu(x)


class Own(Plain):
    """A method that is called twice and does nothing else."""

    def part(self, x: Tensor) -> Tensor:
        return self.act(self.b(self.act(self.a(x))))

    def act(self, x: Tensor) -> Tensor:
        """Apply the activation."""
        return F.relu(x)


class Lambdas(Plain):
    """Lambdas in an attribute and in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.acts = lambda x: F.relu(x), {"one": lambda x: x.relu(), "other": lambda x: torch.tanh(x)}

    def part(self, x: Tensor) -> Tensor:
        return self.acts["one"](self.b(self.act(self.a(x))))


class Kept(Plain):
    """Methods that the module keeps as values: alone, in a list, and with an argument."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.seconds = self.work, [F.relu, functools.partial(self.scaled, scale=1.0)]

    def part(self, x: Tensor) -> Tensor:
        return self.seconds[1](self.first(x))

    def work(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x))

    def scaled(self, x: Tensor, scale: float) -> Tensor:
        return F.relu(self.b(x)) * scale


class KeptByClass(Kept):
    """A function of the class that is given the module, instead of a method."""

    def __init__(self) -> None:
        super().__init__()
        self.first = functools.partial(Kept.work, self)


class Chosen(Plain):
    """Functions that a loop goes through, some of which are none that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.acts = [torch.sin, F.relu, torch.asinh, torch.relu]

    def part(self, x: Tensor) -> Tensor:
        for act, layer in zip(self.acts, (nn.Identity(), self.a, nn.Identity(), self.b), strict=True):
            x = act(layer(x))
        return x

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(self.b(torch.asinh(leaky(self.a(torch.sin(x))))))


class Asked(Plain):
    """A function that is an argument."""

    def part(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x, self.a, F.relu), self.b, torch.sin)

    def layer(self, x: Tensor, layer: nn.Module, act: Callable[[Tensor], Tensor]) -> Tensor:
        return act(layer(x))

    def oracle(self, x: Tensor) -> Tensor:
        return torch.sin(self.b(leaky(self.a(x))))


class Made(Plain):
    """Modules that are made where they are called, and one of a table that all models share."""

    def part(self, x: Tensor) -> Tensor:
        y: Tensor = TABLE["relu"](self.b(nn.ReLU()(self.a(x))))
        return y


class Property(Plain):
    """Functions in a property, and in what a decorator makes an object of."""

    def part(self, x: Tensor) -> Tensor:
        self.x = x
        return self.second(self.first)

    @property
    def first(self) -> Tensor:
        return F.relu(self.a(self.x))

    def shifted(self, x: Tensor, shift: float) -> Tensor:
        return F.relu(self.b(x) + shift)

    second = functools.partialmethod(shifted, shift=0.0)


class Bound:
    """A decorator that binds by itself."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function

    def __get__(self, owner: Any, cls: Any = None) -> Callable[..., Tensor]:
        return functools.partial(self.function, owner)


class Descriptor(Plain):
    """A method behind such a decorator."""

    @Bound
    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x))))


BUILDS = [Helpers, Defaults, Static, Own, Lambdas, Kept, KeptByClass, Chosen, Asked, Made, Property, Descriptor]


@pytest.fixture(params=BUILDS)
def swapped(request: pytest.FixtureRequest) -> Plain:
    model: Plain = request.param()
    leak(model, (2, 4))
    assert not is_scope(model)
    return model


def test_parts_alone_and_the_whole_model_are_swapped(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    torch.testing.assert_close(swapped(x), swapped.oracle(x))
    torch.testing.assert_close(swapped.part(x), swapped.oracle(x))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_a_part_keeps_the_gradients(swapped: Plain, reentrant: bool) -> None:
    x = torch.randn(3, 4, requires_grad=True)
    swapped(x).sum().backward()
    expected = [parameter.grad for parameter in swapped.parameters()]
    assert all(gradient is not None for gradient in expected)
    swapped.zero_grad()
    checkpoint(swapped.part, x, use_reentrant=reentrant).sum().backward()
    for parameter, gradient in zip(swapped.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_copies_keep_what_was_put_in(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    twin = copy.deepcopy(swapped)
    torch.testing.assert_close(twin.part(x), swapped.oracle(x))
    name = next(name for name, _ in twin.named_parameters() if name.startswith("rectified"))
    twin.get_parameter(name).data.fill_(0.9)
    assert not torch.allclose(twin(x), swapped(x))


@pytest.mark.parametrize("build", [Helpers, Static, Own, Kept, KeptByClass, Chosen, Made])
def test_one_graph_and_pickles(build: Callable[[], Plain]) -> None:
    model, x = build(), torch.randn(3, 4)
    leak(model, (2, 4))
    torch.testing.assert_close(pickle.loads(pickle.dumps(model)).part(x), model.oracle(x))
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model.oracle(x))
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model.oracle(x))


@pytest.mark.parametrize("build", BUILDS)
def test_a_swap_is_undone_and_a_plan_goes_through_json(build: Callable[[], Plain]) -> None:
    model, x = build(), torch.randn(3, 4)
    before = run(model, x)
    kept = {name: value for name, value in vars(model).items() if not name.startswith("_")}
    report = swap(model, "prelu", example=(2, 4), start="published", a=SLOPE)
    report.revert()
    assert type(model) is build
    assert all(vars(model)[name] is value for name, value in kept.items() if name != "x")
    assert torch.equal(run(model, x), before)
    SwapPlan.from_json(report.plan.to_json()).apply(model)
    torch.testing.assert_close(model.part(x), model.oracle(x))


class Reused(Plain):
    """One module for both calls."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()

    def part(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.b(self.act(self.a(x))))
        return y


class ReusedInLoop(Reused):
    """One line for both calls."""

    def part(self, x: Tensor) -> Tensor:
        for layer in (self.a, self.b):
            x = self.act(layer(x))
        return x


class ReusedAround(Reused):
    """A module in a list, in two methods, around a function."""

    def __init__(self) -> None:
        super().__init__()
        self.acts = nn.ModuleList([nn.Tanh(), self.act])

    def part(self, x: Tensor) -> Tensor:
        y: Tensor = self.acts[1](self.b(self.inner(x)) - F.relu(self.a(x)))
        return y

    def inner(self, x: Tensor) -> Tensor:
        y: Tensor = self.acts[1](self.a(x))
        return y

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(self.b(leaky(self.a(x))) - leaky(self.a(x)))


@pytest.mark.parametrize("build", [Reused, ReusedInLoop, ReusedAround])
def test_a_reused_module_is_known_by_where_it_is_called(build: Callable[[], Reused]) -> None:
    model, x = build(), torch.randn(3, 4, requires_grad=True)
    before = run(model, x)
    report = swap(model, "prelu", example=(2, 4), start="published", a=SLOPE)
    assert not is_scope(model)
    for call in (model, model.part, copy.deepcopy(model).part, pickle.loads(pickle.dumps(model)).part):
        torch.testing.assert_close(call(x), model.oracle(x))
    model(x).sum().backward()
    expected = [parameter.grad for parameter in model.parameters()]
    for reentrant in (False, True):
        model.zero_grad()
        checkpoint(model.part, x, use_reentrant=reentrant).sum().backward()
        for parameter, gradient in zip(model.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model.oracle(x))
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), model.oracle(x))
    report.revert()
    assert type(model) is build
    assert torch.equal(run(model, x), before)
    SwapPlan.from_json(report.plan.to_json()).apply(model)
    torch.testing.assert_close(model.part(x), model.oracle(x))


class Branches(Reused):
    """A call that the example does not reach."""

    def forward(self, x: Tensor, twice: bool = False) -> Tensor:
        x = self.part(x)
        return self.act(x - 1) if twice else x


def test_a_reused_module_stays_what_it_was_where_the_example_did_not_reach() -> None:
    model, x = Branches(), torch.randn(3, 4)
    leak(model, (2, 4), where="act#2")
    expected = leaky(model.b(F.relu(model.a(x))))
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model(x, twice=True), F.relu(expected - 1))
    with pytest.raises(UnsupportedError, match="called several times"):
        model.act(x)


class Auxiliary(Reused):
    """Calls its module once more in training mode, before the other calls."""

    def part(self, x: Tensor) -> Tensor:
        aux = self.act(self.b(x)) if self.training else 0
        y: Tensor = self.act(self.b(self.act(self.a(x)))) + aux
        return y


def test_a_reused_module_has_its_own_where_only_training_mode_calls_it() -> None:
    model, x = Auxiliary(), torch.randn(3, 4)
    assert [(site.name, site.training_only) for site in find_sites(model, x)] == [
        ("act#1", False),
        ("act#2", False),
        ("act#3", True),
    ]
    leak(model, x)
    model.train()
    torch.testing.assert_close(model(x), model.oracle(x) + leaky(model.b(x)))
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.act.parameters())


class Outer(nn.Module):
    """Calls methods of its part past the part's own call."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.inner, self.last = part, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.last(self.inner.part(x)))


class Direct(Outer):
    """Calls the part's `forward`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.last(self.inner.forward(x)))


class TwoMethods(Plain):
    """Two methods with a function each."""

    def part(self, x: Tensor) -> Tensor:
        return self.decode(F.relu(self.a(x)))

    def decode(self, x: Tensor) -> Tensor:
        return F.relu(self.b(x))


@pytest.mark.parametrize("build", [Outer, Direct])
@pytest.mark.parametrize("part", [TwoMethods, Own, Helpers, Reused])
def test_methods_called_past_their_module(build: Callable[[nn.Module], Outer], part: Callable[[], Plain]) -> None:
    model, x = build(part()), torch.randn(3, 4)
    names = [site.name for site in find_sites(model, x)]
    assert all(name.startswith("inner") for name in names[:2])
    assert [site.name for site in diagnose(model, [x]).sites] == names
    assert [call.name for call in list_calls(model, read_batch(model, x)) if call.role == "activation"] == names
    leak(model, x)
    inner: Any = model.inner
    torch.testing.assert_close(inner(x), inner.oracle(x))
    torch.testing.assert_close(inner.part(x), inner.oracle(x))
    torch.testing.assert_close(model(x), leaky(model.last(inner.oracle(x))))


class CountedAround(Outer):
    """Counts its own call, and calls its part past the part's own."""

    def forward(self, x: Tensor) -> Tensor:
        (y,) = map(F.relu, [self.last(self.inner.part(x))])
        return y


def test_calls_past_a_part_that_is_left_are_not_counted() -> None:
    model, x = CountedAround(TwoMethods()), torch.randn(3, 4)
    leak(model, x, where=":relu")
    inner: Any = model.inner
    with torch.no_grad():
        expected = leaky(model.last(torch.relu(inner.b(torch.relu(inner.a(x))))))
        torch.testing.assert_close(model(x), expected)
        torch.testing.assert_close(torch.compile(model, backend="eager")(x), expected)
        torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), expected)


class Calling(Plain):
    """Has no `forward`, and is called all the same."""

    def __call__(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return F.relu(self.b(F.relu(self.a(x))))


class Around(Plain):
    """Adds to what every module does when it is called."""

    def __call__(self, x: Tensor) -> Tensor:  # type: ignore[override]
        y: Tensor = super().__call__(x)
        return y * 2

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x))))


class Afterwards(Plain):
    """Calls a function of its own after what every module does when it is called."""

    def __call__(self, x: Tensor) -> Tensor:  # type: ignore[override]
        y: Tensor = super().__call__(x)
        return F.relu(self.b(y))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x))


def test_calls_around_forward_are_sites_of_their_own() -> None:
    model, x = Afterwards(), torch.randn(3, 4)
    assert [site.name for site in find_sites(model, x)] == [":relu#1", ":relu#2"]
    assert [site.name for site in diagnose(model, [x]).sites] == [":relu#1", ":relu#2"]
    leak(model, x)
    torch.testing.assert_close(model(x), model.oracle(x))


def test_a_class_may_be_called_in_a_way_of_its_own() -> None:
    for build, factor in ((Calling, 1), (Around, 2)):
        model, x = build(), torch.randn(3, 4)
        leak(model, (2, 4))
        torch.testing.assert_close(model(x), factor * model.oracle(x))
        assert len(diagnose(model, [x]).sites) == 2


class Steps(Plain):
    """A step that is repeated, each time with parameters of its own unless it is said otherwise."""

    def forward(self, x: Tensor, times: int = 2) -> Tensor:
        for _ in range(times):
            x = self.part(x)
        return x

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(x))


def test_repeated_steps_may_share_what_is_put_in() -> None:
    model, x = Steps(), torch.randn(3, 4)
    (note,) = plan_swap(model, "prelu", example=x).notes
    assert ":relu#1 and :relu#2 are one line of code" in note
    assert "share_calls=True" in note
    leak(model, x, share_calls=True)
    step = leaky(model.b(x))
    torch.testing.assert_close(model.part(x), step)
    torch.testing.assert_close(model(x, times=3), leaky(model.b(leaky(model.b(step)))))
    assert len([name for name, _ in model.named_parameters() if name.startswith("rectified.0")]) == 1


class Held(Plain):
    """A function of the object that is not a method."""

    def __init__(self) -> None:
        super().__init__()
        self.held = lambda x: self.b(F.relu(self.a(x)))

    def part(self, x: Tensor) -> Tensor:
        return self.held(x)


def test_a_function_of_the_object_that_does_more_is_told_of() -> None:
    (note,) = plan_swap(Held(), "prelu", example=(2, 4)).notes
    assert ":relu is called by held, an attribute" in note


# Where calls are counted beside places, the compiler meets a frame that it cannot trace: its graph breaks there.
@pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace the builtin:UserWarning")
@pytest.mark.parametrize("position", [0, 1])
def test_what_the_compiler_was_given_is_seen_and_swapped(position: int) -> None:
    compiled = torch.compile(helper, backend="eager")

    class Compiled(Plain):
        def part(self, x: Tensor) -> Tensor:
            return (compiled(self.b(F.relu(self.a(x)))), self.other(x))[position]

        @torch.compile(backend="eager")  # type: ignore[untyped-decorator, unused-ignore]
        def other(self, x: Tensor) -> Tensor:
            return F.relu(self.b(F.relu(self.a(x))))

    model, x = Compiled(), torch.randn(3, 4)
    leak(model, (2, 4))
    torch.testing.assert_close(run(model, x), model.oracle(x).detach())


class Mapped(Plain):
    """Works row by row."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.func.vmap(self.part)(x)
        return y

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x))))


def test_rows_of_vmap_are_seen_and_fitted() -> None:
    model, x = Mapped(), torch.randn(3, 4)
    report = swap(model, "arelu", example=x)
    assert all(change.error is not None for change in report.plan.changes)
    report.revert()
    leak(model, x)
    torch.testing.assert_close(model(x), model.oracle(x))


class Clamp(torch.autograd.Function):
    """A ReLU with a gradient of its own, and one that runs a part again for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return F.relu(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result: Tensor = gradient * (x > 0)
        return result


class OwnGradient(Plain):
    """Such a ReLU, in front of one that is a function, and of one of a helper that does more."""

    def part(self, x: Tensor) -> Tensor:
        y: Tensor = Clamp.apply(self.a(x))
        return self.last(F.relu(self.b(y)))

    def last(self, x: Tensor) -> Tensor:
        return F.relu(x - 1) + F.relu(x - 1)

    def oracle(self, x: Tensor) -> Tensor:
        return 2 * leaky(leaky(self.b(F.relu(self.a(x)))) - 1)


def test_what_brings_its_own_gradient_is_no_site() -> None:
    model, x = OwnGradient(), torch.randn(3, 4)
    names = [":relu#1", ":relu#2", ":relu#3"]
    assert [site.name for site in find_sites(model, x)] == names
    assert [site.name for site in diagnose(model, [x]).sites] == names
    assert [call.name for call in list_calls(model, read_batch(model, x)) if call.role == "activation"] == names
    leak(model, x)
    torch.testing.assert_close(model(x), model.oracle(x))
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.fixture
def without_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide where calls are written, as Python 3.10 does."""
    monkeypatch.setattr(places, "end_of_call", lambda frame: None)


@pytest.mark.usefixtures("without_positions")
@pytest.mark.parametrize("build", [Helpers, Own, Lambdas, Chosen, TwoMethods, Reused])
def test_calls_are_counted_where_nothing_tells_where_they_are_written(build: Callable[[], Plain]) -> None:
    model, x = build(), torch.randn(3, 4)
    leak(model, x)
    assert is_scope(model)
    torch.testing.assert_close(model(x), model.oracle(x))
    with pytest.raises(UnsupportedError, match="comes from outside"):
        model.part(x)


@pytest.mark.usefixtures("without_positions")
@pytest.mark.parametrize("build", [Outer, Direct])
def test_what_is_out_of_reach_without_places_is_told_of(build: Callable[[nn.Module], Outer]) -> None:
    model, x = build(TwoMethods()), torch.randn(3, 4)
    notes = plan_swap(model, "prelu", example=x).notes
    assert len(notes) == 2
    assert all("is called by a method of inner" in note for note in notes)
    leak(model, x)
    inner: Any = model.inner
    torch.testing.assert_close(model(x), leaky(model.last(inner.oracle(x))))


class Unrolled(Steps):
    """Repeats a function in a loop of its own."""

    def forward(self, x: Tensor, times: int = 2) -> Tensor:
        for _ in range(times):
            x = F.relu(self.b(x))
        return x


@pytest.mark.parametrize("times", [1, 2, 5])
def test_loops_that_share_what_is_put_in_may_run_more_often(times: int) -> None:
    model, x = Unrolled(), torch.randn(3, 4)
    leak(model, x, share_calls=True)
    expected = x
    for _ in range(times):
        expected = leaky(model.b(expected))
    torch.testing.assert_close(model(x, times=times), expected)


def test_one_time_of_a_loop_alone() -> None:
    model, x = Unrolled(), torch.randn(3, 4)
    leak(model, x, share_calls=True, where="first")
    torch.testing.assert_close(model(x, times=3), F.relu(model.b(F.relu(model.b(leaky(model.b(x)))))))


def test_a_function_that_is_an_attribute_is_told_of_where_calls_share() -> None:
    class Held(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.part = lambda x: F.relu(self.a(x)) + 1  # type: ignore[method-assign]

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.part(x))

    (note,) = plan_swap(Held(), "prelu", example=(2, 4), share_calls=True).notes
    assert "is called by part, an attribute that is a function" in note
