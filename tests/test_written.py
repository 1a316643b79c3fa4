"""Activations of one line: read safely, trained like all others, refused with a reason."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import rectifiers
from rectifiers import elementwise
from rectifiers.activations import registry
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.expression import FUNCTIONS, Expression
from rectifiers.experiments import own

X = torch.linspace(-3, 3, 25, dtype=torch.float64)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x*sigmoid(x)", lambda x: F.silu(x)),
        ("max(0, x)", F.relu),
        ("min(max(x, 0), 6)", F.relu6),
        ("where(x > 0, x, exp(x) - 1)", F.elu),
        ("x*0.5*(1 + erf(x/sqrt(2*x**0)))", F.gelu),
        ("-(-x)", lambda x: x),
        ("+x**3 - 2*x/4", lambda x: x**3 - x / 2),
        ("x*σ(1.702*x)", lambda x: x * torch.sigmoid(1.702 * x)),
        ("x*where(x > 0, 0.1, 0.3)", lambda x: torch.where(x > 0, 0.1 * x, 0.3 * x)),
    ],
)
def test_formulas_compute_what_they_say(formula: str, expected: Callable[..., Any]) -> None:
    torch.testing.assert_close(elementwise(formula)(dtype=torch.float64)(X), expected(X))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"where", "max", "min"}))
def test_every_function_is_torchs(name: str) -> None:
    x = X.abs() + 0.1
    torch.testing.assert_close(Expression(f"{name}(x)")(x), FUNCTIONS[name][0](x))


def test_parameters_have_granularity_and_learn() -> None:
    module: Any = elementwise("a*x + relu(b - x)", a=1.0, b=0.5)(share="channel")
    x = torch.randn(2, 3, 4)
    module(x).sum().backward()
    assert (module.a.shape, module.b.shape) == ((3,), (3,))
    torch.testing.assert_close(module.a.grad, x.sum(dim=(0, 2)))
    assert elementwise("a*x", a=1.0)(a=3.0)(torch.ones(1)).item() == 3
    assert len(rectifiers.param_groups(module, lr=0.1)) == 1


def test_the_spec_is_what_can_be_seen() -> None:
    spec = elementwise("where(x > 0.5, x - 0.5, a*(x - 0.5))", a=0.25, name="shifted").spec
    assert (spec.name, spec.monotone, spec.kinks) == ("shifted", True, (0.5,))
    assert [(one.name, one.init) for one in spec.parameters] == [("a", 0.25)]


@pytest.mark.parametrize("formula", ["max(x, 0)", "max(0, x)", "min(x, 6)", "min(6, x)", "min(max(x, 0), 6)"])
def test_the_larger_and_the_smaller_pass_a_nan_on(formula: str) -> None:
    assert elementwise(formula)()(torch.tensor([1.0, torch.nan])).isnan().tolist() == [False, True]


def test_copies_pickles_and_graphs() -> None:
    module = elementwise("x*sigmoid(a*x)", a=1.5)()
    x = torch.randn(2, 4)
    for copy in (deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(copy) is type(module)
        assert torch.equal(copy(x), module(x))
    graph = torch.fx.symbolic_trace(torch.nn.Sequential(module))
    assert torch.equal(graph(x), module(x))
    assert elementwise("x*sigmoid(a*x)", a=1.5)().load_state_dict(module.state_dict()) == ([], [])


def test_it_is_registered_on_wish() -> None:
    made = elementwise("x*tanh(x)", name="tanh_gate", register=True)
    try:
        assert type(rectifiers.create("tanh_gate")) is made
    finally:
        registry.remove("tanh_gate")
    with pytest.raises(ConfigError, match="register=True needs a name"):
        elementwise("x*tanh(x)", register=True)


def test_in_a_file_it_is_called_as_there(own_file: Callable[..., Path]) -> None:
    one = own.use(str(own_file("from rectifiers import elementwise\n\nMine = elementwise('x*tanh(a*x)', a=1.0)")))
    assert (one.name, one.title) == ("Mine", "Mine")
    assert registry.get("Mine").spec.equation == "x*tanh(a*x)"


def test_it_is_swapped_into_a_model() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    made = elementwise("x*sigmoid(a*x)", a=1.0)
    rectifiers.swap(net, lambda channels: made(channels=channels), example=(2, 3))
    assert isinstance(net[1], made)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("__import__('os').system('ls')", r"holds numbers, x, parameters, .* alone, got \"__import__"),
        ("x.data", r"alone, got 'x\.data'"),
        ("[x for x in x]", "alone, got"),
        ("x if x > 0 else 0", "alone, got"),
        ("(lambda: x)()", "alone, got"),
        ("x > 0", "alone, got 'x > 0'"),
        ("x*'a'", "alone, got \"'a'\""),
        ("sigmoid(input=x)", "alone, got"),
        ("x^2", r"write a power as x\*\*2"),
        ("x*(", "is not a formula: '\\(' was never closed"),
        ("", "expected a formula as text, such as"),
        (3, "expected a formula as text, such as .* got 3"),
        ("a*x", r"a in the formula 'a\*x' has no starting value; give one, such as a=1\.0"),
        ("x*sigmoid", "sigmoid in the formula .* is a function; call it"),
        ("sigmoid(x, x)", "sigmoid takes 1 in the formula .*, got 2"),
        ("where(x, x, 0)", r"where in the formula .* needs a comparison first, such as"),
        ("sin(2)*x", r"sin|2 in the formula 'sin\(2\)\*x' is a number; write its value"),
        ("1 + 2", "x does not appear in the formula '1 \\+ 2'; it needs an x"),
        ("9**9**9*x", "cannot be evaluated: .*out of range"),
        ("x/0", "cannot be evaluated|gives no finite number"),
        ("log(x - 9)", "gives no finite number between -2 and 2"),
        ("(" * 3000 + "x" + ")" * 3000, "nested"),
        ("x*1" + "0" * 400, "has a number that is too large for a float"),
    ],
)
def test_what_is_no_formula_says_why(formula: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        elementwise(formula)
    assert "\n" not in str(caught.value)


def test_unknown_functions_get_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown function in the formula .*'sgmoid'; did you mean sigmoid"):
        elementwise("x*sgmoid(x)")


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ({"b": 1.0}, "b does not appear in the formula 'x'; leave b out"),
        ({"x": 1.0}, "a parameter cannot be called 'x', which means something in formulas"),
        ({"share": 1.0}, "a parameter cannot be called 'share', which modules have already"),
        ({"forward": 1.0}, "a parameter cannot be called 'forward'"),
        *(({name: 1.0}, f"a parameter cannot be called '{name}'") for name in ("coefficients", "spec", "starts")),
        # What every module has by itself.
        *(({name: 1.0}, "cannot be called") for name in sorted({*vars(elementwise("a*x", a=1.0)())} - {"a"})),
        ({"b": "high"}, "b must be a finite number|b"),
    ],
)
def test_parameters_that_make_no_sense(starts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        elementwise("x", **starts)
