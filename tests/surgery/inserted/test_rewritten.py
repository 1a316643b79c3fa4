"""Functions stay swapped whoever calls the method that calls them, and however it is written."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rectifiers import find_sites, plan_swap, swap
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery.inserted.scope import is_scope
from rectifiers.surgery.plan import SwapPlan

from ..samples import run
from .plain import SLOPE, Plain, leak, leaky

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python keeps the positions of calls from 3.11 on")


class OneLine(Plain):
    """Two calls on one line, one inside the other."""

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(F.relu(self.a(x), inplace=True)))


class Spellings(Plain):
    """A method of the tensor over several lines, and a keyword."""

    def part(self, x: Tensor) -> Tensor:
        x = (
            self.a(x)
            .clamp_min(0)
        )  # fmt: skip
        return torch.relu(input=self.b(x))


class Attributes(Plain):
    """Functions that are attributes, bound with an argument, and looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.how = functools.partial(F.relu, inplace=True), ["relu"]

    def part(self, x: Tensor) -> Tensor:
        return getattr(F, self.how[0])(self.b(self.act(self.a(x))))


class Walrus(Plain):
    """An assignment expression, a condition, and both of them in a comprehension."""

    def part(self, x: Tensor) -> Tensor:
        y = F.relu(z) if (z := self.a(x)) is not None else x
        (last,) = [F.relu(w) for v in (y,) if (w := self.b(v)) is not None]
        return last


class Loop(Plain):
    """One place that runs twice."""

    def part(self, x: Tensor) -> Tensor:
        """Apply both layers."""
        for layer in (self.a, self.b):
            x = F.relu(layer(x))
        return x


GENERIC = """
import torch.nn.functional as F
from tests.surgery.inserted.plain import Plain

class Generic[S](Plain):
    def part[T](self, x: T) -> T:
        assert T.__name__ + S.__name__ == "TS"
        return self.rest(F.relu(self.a(x)))

    def rest[T](self, x: T) -> T:
        return F.relu(self.b(x))
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python knows parameters of types from 3.12 on")
def test_methods_with_parameters_of_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "generic_model.py").write_text(GENERIC)
    monkeypatch.syspath_prepend(tmp_path)
    model, x = importlib.import_module("generic_model").Generic(), torch.randn(3, 4)
    swapped = copy.deepcopy(model)
    leak(swapped, x)
    torch.testing.assert_close(swapped(x), model.oracle(x))
    assert swapped.part.__type_params__ == model.part.__type_params__


class Inside(Plain):
    """A function and a lambda within the method."""

    def part(self, x: Tensor) -> Tensor:
        def first(y: Tensor) -> Tensor:
            return F.relu(self.a(y))

        return (lambda y: F.relu(self.b(y)))(first(x))


def noted(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.noted = getattr(self, "noted", 0) + 1
        return method(self, *args, **kwargs)

    return wrapper


class Decorated(Plain):
    """Two decorators, a default, a keyword, and a private name."""

    __scale = 1.0

    @noted
    @torch.autocast("cpu", enabled=False)  # type: ignore[untyped-decorator, unused-ignore]
    def part(self, x: Tensor, scale: Tensor = F.relu(torch.ones(1)), *, shift: float = 0.0) -> Tensor:  # noqa: B008
        return F.relu(self.b(torch.relu(self.a(x)) * scale + shift) * self.__scale)


def closed_over(offset: float) -> type[Plain]:
    class Closure(Plain):
        """A free variable."""

        def part(self, x: Tensor) -> Tensor:
            return F.relu(self.b(F.relu(self.a(x) + offset)))

    return Closure


class Parent(Plain):
    """Half of the work."""

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.a(x))


class Child(Parent):
    """The other half, around that of the parent."""

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(super().part(x)))


class Grandchild(Child):
    """Nothing of its own."""


BUILDS: list[Callable[[], Plain]] = [OneLine, Spellings, Attributes, Walrus, Loop, Inside, Decorated]
BUILDS += [closed_over(0.0), Child, Grandchild]


@pytest.fixture(params=BUILDS, ids=lambda build: build.__name__)
def swapped(request: pytest.FixtureRequest) -> Plain:
    model: Plain = request.param()
    leak(model, (2, 4))
    assert not is_scope(model)
    return model


def test_the_method_alone_and_the_whole_model_are_swapped(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    torch.testing.assert_close(swapped(x), swapped.oracle(x))
    torch.testing.assert_close(swapped.part(x), swapped.oracle(x))
    torch.testing.assert_close(swapped.forward(x), swapped.oracle(x))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_a_method_keeps_the_gradients(swapped: Plain, reentrant: bool) -> None:
    x = torch.randn(3, 4, requires_grad=True)
    swapped(x).sum().backward()
    expected = [parameter.grad for parameter in swapped.parameters()]
    assert len(expected) == 6
    swapped.zero_grad()
    checkpoint(swapped.part, x, use_reentrant=reentrant).sum().backward()
    for parameter, gradient in zip(swapped.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_graph_is_one(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    torch._dynamo.reset()
    compiled = torch.compile(swapped, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), swapped.oracle(x))


def test_it_is_exported(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    torch.testing.assert_close(torch.export.export(swapped, (x,)).module()(x), swapped.oracle(x))


def test_copies_are_swapped_and_their_parameters_are_their_own(swapped: Plain) -> None:
    x = torch.randn(3, 4)
    twin = copy.deepcopy(swapped)
    assert type(twin) is type(swapped)
    torch.testing.assert_close(twin.part(x), swapped.oracle(x))
    twin.get_parameter("rectified.0.a").data.fill_(0.9)
    assert not torch.allclose(twin.part(x), swapped.part(x))


def test_a_pickled_model_is_of_the_same_class() -> None:
    for build in (OneLine, Loop, Decorated, Grandchild):
        model = build()
        leak(model, (2, 4))
        twin = pickle.loads(pickle.dumps(model))
        x = torch.randn(3, 4)
        torch.testing.assert_close(twin.part(x), model.oracle(x))
        assert type(twin) is type(model)


def test_a_plan_goes_through_json() -> None:
    for build in BUILDS:
        plan = SwapPlan.from_json(plan_swap(build(), "prelu", example=(2, 4), relu_like=False, a=SLOPE).to_json())
        model, x = build(), torch.randn(3, 4)
        plan.apply(model)
        torch.testing.assert_close(model.part(x), model.oracle(x))


def test_a_plan_without_places_counts_as_before() -> None:
    plan = plan_swap(OneLine(), "prelu", example=(2, 4), relu_like=False, a=SLOPE)
    text = plan.to_json()
    assert '"places"' in text
    older = SwapPlan.from_json(text.replace('"places"', '"unknown"'))
    model, x = OneLine(), torch.randn(3, 4)
    older.apply(model)
    assert is_scope(model)
    torch.testing.assert_close(model(x), model.oracle(x))
    with pytest.raises(UnsupportedError, match=r"part of this OneLine .*outside of forward"):
        model.part(x)


def test_a_plan_of_another_source_counts_too() -> None:
    text = plan_swap(OneLine(), "prelu", example=(2, 4), relu_like=False, a=SLOPE).to_json()
    model, x = OneLine(), torch.randn(3, 4)
    SwapPlan.from_json(text.replace("F.relu(self.b", "F.relu(self.c")).apply(model)
    assert is_scope(model)
    torch.testing.assert_close(model(x), model.oracle(x))


class Shared(Plain):
    """A helper that is called twice."""

    def part(self, x: Tensor) -> Tensor:
        return self.step(self.step(x, self.a), self.b)

    def step(self, x: Tensor, layer: nn.Module) -> Tensor:
        return F.relu(layer(x))


def outer(x: Tensor) -> Tensor:
    assert x.dim() == 2
    return F.relu(x)


class Mapped(Plain):
    """A function that is called by another."""

    def part(self, x: Tensor) -> Tensor:
        (y,) = map(F.relu, [self.a(x)])
        (z,) = map(F.relu, [self.b(y)])
        return z


@pytest.mark.parametrize("build", [Shared, Mapped])
def test_what_the_code_does_not_tell_apart_is_counted_and_refused_outside(build: Callable[[], Plain]) -> None:
    model, x = build(), torch.randn(3, 4)
    leak(model, (2, 4))
    assert is_scope(model)
    torch.testing.assert_close(model(x), model.oracle(x))
    with pytest.raises(UnsupportedError, match="comes from outside of forward"):
        model.part(x)
    torch.testing.assert_close(model(x), model.oracle(x))


class Mixed(Plain):
    """One call with a place, between two without."""

    def part(self, x: Tensor) -> Tensor:
        return outer(self.b(F.relu(outer(self.a(x)) - 0.1)))

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(self.b(leaky(leaky(self.a(x)) - 0.1)))


def test_places_and_numbers_in_one_module() -> None:
    model, x = Mixed(), torch.randn(3, 4)
    leak(model, (2, 4))
    torch.testing.assert_close(model(x), model.oracle(x))
    # Nothing goes through the module's own call here.
    torch.testing.assert_close(model.forward(x), model.oracle(x))


@pytest.mark.parametrize("first", [0, 1, 2])
def test_places_and_numbers_one_swap_after_the_other(first: int) -> None:
    model, x = Mixed(), torch.randn(3, 4)
    before = run(model, x)
    one = swap(model, "prelu", example=(2, 4), relu_like=False, a=SLOPE, where=first)
    two = swap(model, "prelu", example=(2, 4), relu_like=False, a=SLOPE)
    assert len(two.plan.changes) == 2
    torch.testing.assert_close(model(x), model.oracle(x))
    two.revert()
    one.revert()
    assert type(model) is Mixed
    assert torch.equal(run(model, x), before)


def test_a_loop_that_runs_longer_goes_on_with_what_was_there() -> None:
    class Often(nn.Module):
        def forward(self, x: Tensor, times: int = 2) -> Tensor:
            for _ in range(times):
                x = F.relu(x - 1)
            return x

    model = Often()
    leak(model, (2, 4))
    x = torch.zeros(1)
    assert run(model, x, times=2).item() == -0.75
    assert run(model, x, times=3).item() == 0


def test_equal_swaps_give_equal_classes() -> None:
    models = [OneLine(), OneLine()]
    for model in models:
        leak(model, (2, 4))
    assert type(models[0]) is type(models[1])
    parameters, buffers = torch.func.stack_module_state(models)
    x = torch.randn(3, 4)

    def call(parameters: Any, buffers: Any) -> Tensor:
        y: Tensor = torch.func.functional_call(models[0], (parameters, buffers), (x,))
        return y

    both = torch.vmap(call)(parameters, buffers)
    torch.testing.assert_close(both, torch.stack([model(x) for model in models]))


def test_what_a_class_does_for_its_subclasses_is_left_out() -> None:
    known: list[str] = []

    class Registering(Plain):
        def __init_subclass__(cls, *, kind: str, **more: Any) -> None:
            super().__init_subclass__(**more)
            known.append(kind)

    class Registered(Registering, kind="one"):
        def part(self, x: Tensor) -> Tensor:
            return F.relu(self.b(F.relu(self.a(x))))

    class Counted(Registering, kind="two"):
        def part(self, x: Tensor) -> Tensor:
            return outer(self.b(outer(self.a(x))))

    for build in (Registered, Counted):
        model, x = build(), torch.randn(3, 4)
        leak(model, (2, 4))
        torch.testing.assert_close(model(x), model.oracle(x))
    assert known == ["one", "two"]


def test_the_new_source_is_known_and_tracebacks_show_it() -> None:
    model = Loop()
    leak(model, (2, 4))
    source = inspect.getsource(type(model).part)
    assert "Apply both layers" in source
    assert "rectified" in source
    assert type(model).part.__doc__ == Loop.part.__doc__
    with pytest.raises(RuntimeError) as failure:
        model.part(torch.randn(3, 5))
    shown = [line.line for line in traceback.extract_tb(failure.tb) if line.name == "part"]
    assert [line in source for line in shown] == [True]
    assert "F.relu(layer(x))" in shown[0]


def test_threads_count_for_themselves() -> None:
    model = Loop()
    leak(model, (2, 4))
    model.get_parameter("rectified.1.a").data.fill_(0.9)
    inputs = [torch.randn(3, 4) for _ in range(4)]
    expected = [run(model, x) for x in inputs]
    same: list[bool] = []

    def serve(x: Tensor, y: Tensor) -> None:
        same.append(all(torch.equal(run(model, x), y) for _ in range(50)))

    threads = [threading.Thread(target=serve, args=pair) for pair in zip(inputs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 4


def test_decorators_still_run() -> None:
    model = Decorated()
    leak(model, (2, 4))
    model.part(torch.randn(3, 4))
    before = model.noted
    with torch.autocast("cpu"):
        assert model.part(torch.randn(3, 4)).dtype == torch.float32
    assert model.noted == before + 1


class Blocks(nn.Module):
    """Functions around modules that call functions, some of them in training mode only and before the others."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.inner, self.aux = nn.Linear(4, 4), OneLine(), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        aux = F.relu(self.aux(x)) if self.training else None
        y = F.relu(self.inner(F.relu(self.layer(x))) - 0.1)
        return y if aux is None else (y, aux)


def test_functions_around_functions_are_one_graph() -> None:
    model, x = Blocks().eval(), torch.randn(3, 4)
    leak(model, (2, 4))
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), model(x))


def test_what_training_mode_calls_first_keeps_its_own_parameters() -> None:
    model, x = Blocks(), torch.randn(3, 4)
    sites = [(site.name, site.training_only) for site in find_sites(model, (2, 4))]
    assert [only for _, only in sites] == [False] * 4 + [True]
    assert len({name for name, _ in sites}) == 5
    leak(model, (2, 4))
    y, aux = model.train()(x)
    torch.testing.assert_close(aux, leaky(model.aux(x)))
    torch.testing.assert_close(y, leaky(model.inner.oracle(leaky(model.layer(x))) - 0.1))
    aux.sum().backward()
    with_gradient = [name for name, parameter in model.named_parameters() if parameter.grad is not None]
    assert len([name for name in with_gradient if "rectified" in name]) == 1


class Repeated(Plain):
    """A lambda that checkpointing calls again, for both layers."""

    def part(self, x: Tensor) -> Tensor:
        for layer in (self.a, self.b):
            x = self.call(lambda y, layer=layer: outer(layer(y)), x)
        return x

    def call(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        y: Tensor = checkpoint(function, x, use_reentrant=False) if self.training else function(x)
        return y


def test_what_is_repeated_without_its_module_is_refused() -> None:
    model = Repeated()
    with pytest.raises(UnsupportedError, match=r":relu#1 and :relu#2: the code does not tell .*checkpoint"):
        leak(model, (2, 4))
    assert type(model) is Repeated


class Differentiated(Repeated):
    """One that is called again only if there are gradients, which an example has not."""

    def call(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        y: Tensor = checkpoint(function, x, use_reentrant=True) if x.requires_grad else function(x)
        return y


def test_what_is_repeated_for_gradients_alone_is_refused_when_it_happens() -> None:
    model, x = Differentiated(), torch.randn(2, 4)
    leak(model, x)
    with torch.no_grad():
        torch.testing.assert_close(model(x), model.oracle(x))
    with pytest.raises(UnsupportedError, match="under activation checkpointing, which repeats them"):
        model(x.requires_grad_())


def named(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A helper that does more than it needs to, so that its calls are counted."""
    return function(x).clone()


class Moody(Plain):
    """Another function while it is trained, and then one that evaluation mode has not."""

    def part(self, x: Tensor) -> Tensor:
        y = self.b(named(torch.tanh if self.training else F.relu, self.a(x)))
        return named(F.relu, y) if self.training else y


def test_a_counted_call_of_another_kind_stays() -> None:
    model, x = Moody(), torch.randn(3, 4)
    report = swap(model, "prelu", example=x, start="published", a=SLOPE)
    assert [change.site for change in report.plan.changes] == [":relu", ":relu#2"]
    twin = Moody()
    SwapPlan.from_json(report.plan.to_json()).apply(twin)
    twin.load_state_dict(model.state_dict())
    for each in (model, twin):
        torch.testing.assert_close(each.eval()(x), model.b(leaky(model.a(x))))
        torch.testing.assert_close(each.train()(x), leaky(model.b(model.a(x).tanh())))


class Chosen(Plain):
    """Functions that attributes say, which may change."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.acts, self.name = F.relu, {"relu": F.relu, "tanh": torch.tanh}, "relu"

    def part(self, x: Tensor) -> Tensor:
        return getattr(F, self.name)(self.acts[self.name](self.b(self.act(self.a(x)))))


def test_another_function_in_an_attribute_is_called() -> None:
    model, x = Chosen(), torch.randn(3, 4)
    swap(model, "prelu", example=x, start="published", a=SLOPE)
    model.name = "tanh"
    torch.testing.assert_close(model.part(x), model.b(leaky(model.a(x))).tanh().tanh())
    model.act = F.gelu
    torch.testing.assert_close(model.part(x), model.b(F.gelu(model.a(x))).tanh().tanh())


class ByName(Child):
    """Names the class whose method it calls."""

    def part(self, x: Tensor) -> Tensor:
        return F.relu(self.b(Parent.part(self, x)))


def test_a_method_that_is_called_past_the_class_is_named() -> None:
    model = ByName()
    with pytest.raises(UnsupportedError, match=r":relu#1: the function is still called there.*super"):
        leak(model, (2, 4))
    assert type(model) is ByName
    swap(model, "prelu", example=(2, 4), where=":relu#2")
