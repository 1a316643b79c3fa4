"""Settings beyond the defaults: other starts, degrees, forms and constraints, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

import rectifiers
from rectifiers import create
from rectifiers import functional as R
from rectifiers.core.errors import ConfigError, ShapeError, UnknownNameError, UnsupportedError

from .samples import build, names, sample

X = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64)


@pytest.mark.parametrize("form", ["A", "B"])
@pytest.mark.parametrize("degrees", [(1, 1), (3, 2), (5, 4), (7, 6)])
def test_pau_of_any_degree(degrees: tuple[int, int], form: str) -> None:
    module: Any = create("pau", init="tanh", degrees=degrees, form=form, dtype=torch.float64)
    assert (len(module.numerator), len(module.denominator)) == (degrees[0] + 1, degrees[1])
    assert (module(X) - X.tanh()).abs().max() < (0.35 if degrees == (1, 1) else 0.06)
    channelwise: Any = create("pau", init="tanh", degrees=degrees, form=form, share="channel", channels=4)
    assert channelwise.numerator.shape == (degrees[0] + 1, 4)


def test_pau_starts_near_any_function() -> None:
    module = create("pau", init=lambda x: x / (1 + x**2), degrees=(1, 2), dtype=torch.float64)
    torch.testing.assert_close(module(X), X / (1 + X**2), atol=1e-4, rtol=0)


def test_pau_starts_near_a_function_as_far_as_it_is_told() -> None:
    x = torch.linspace(-10, 10, 81, dtype=torch.float64)
    far, near = (
        (create("pau", init="gelu", dtype=torch.float64, **how)(x) - F.gelu(x)).abs() for how in ({"reach": 10.0}, {})
    )
    assert far.max() < 0.02
    assert near[x.abs() <= 3].max() < 0.01 < 1 < near.max()


def test_forms_of_pau() -> None:
    """1 + Σ|b_k||x|^k against 1 + |Σ b_k·x^k|, where signs make the difference."""
    x = torch.tensor([-2.0, 2.0], dtype=torch.float64)
    assert R.pau(x, (1.0, 0.0), (1.0, -0.5), "A").tolist() == [1 / 5, 1 / 5]
    assert R.pau(x, (1.0, 0.0), (1.0, -0.5), "B").tolist() == [1 / 5, 1.0]


@pytest.mark.parametrize("form", ["A", "B"])
def test_pau_has_no_poles(form: str) -> None:
    coefficients = torch.randn(200, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5
    x = torch.linspace(-10, 10, 401, dtype=torch.float64)
    for row in coefficients:
        assert R.pau(x, row[:6], row[6:], form).isfinite().all()


@pytest.mark.parametrize("terms", [2, 3, 8])
def test_slaf_of_any_number_of_terms(terms: int) -> None:
    module: Any = create("slaf", terms=terms, dtype=torch.float64)
    assert module.a.shape == (terms,)
    expected = sum(c * X**k for k, c in enumerate(module.a.tolist()))
    torch.testing.assert_close(module(X), expected)


def test_apl_with_several_hinges() -> None:
    out = R.apl(X, a=(0.5, -0.25), b=(1.0, -1.0))
    torch.testing.assert_close(out, F.relu(X) + 0.5 * F.relu(1 - X) - 0.25 * F.relu(-1 - X))


def test_comb_constraints() -> None:
    """Affine weights sum to 1; convex ones are positive too; equal weights are both, whatever their size."""
    mean = (X + F.relu(X) + X.tanh()) / 3
    for weights in ((1 / 3,) * 3, (5.0,) * 3, (-2.0,) * 3):
        torch.testing.assert_close(R.comb(X, weights, "affine"), mean)
        torch.testing.assert_close(R.comb(X, weights, "convex"), mean)
    torch.testing.assert_close(R.comb(X, (1.0, 2.0, -3.0), "free"), X + 2 * F.relu(X) - 3 * X.tanh())


def test_vlu_and_sinerelu_take_their_constants() -> None:
    torch.testing.assert_close(create("vlu", alpha=0.5, beta=2.0)(X), F.relu(X) + 0.5 * torch.sin(2 * X))
    expected = torch.where(X > 0, X, 0.1 * (X.sin() - X.cos()))
    torch.testing.assert_close(create("sinerelu", epsilon=0.1)(X), expected)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("apl", {"hinges": 0}),
        ("comb", {"constraint": "concave"}),
        ("gelu", {"approximate": "tan"}),
        ("maxout", {"pool_size": 0}),
        ("pau", {"degrees": (5, 0)}),
        ("pau", {"form": "C"}),
        ("rrelu", {"lower": 0.5, "upper": 0.25}),
        ("slaf", {"terms": 1}),
        ("arelu", {"alpha": "high"}),
        ("arelu", {"beta": float("inf")}),
        ("celu", {"alpha": 0}),
        ("elu", {"alpha": "1"}),
        ("leaky_relu", {"negative_slope": None}),
        ("pau", {"degrees": 5}),
        ("pau", {"degrees": (5.0, 4.0)}),
        ("pau", {"reach": -1.0}),
        ("pau", {"reach": float("inf")}),
        ("rrelu", {"upper": float("inf")}),
        ("sinerelu", {"epsilon": float("nan")}),
        ("softplus", {"beta": -1.0}),
        ("swish", {"beta": "1"}),
        ("vlu", {"beta": None}),
        ("adarelu", {"init": float("nan")}),
        ("adarelu", {"init": "zeros"}),
        ("convrelu1d", {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "threshold_init": "zeros"}),
    ],
)
def test_impossible_settings(name: str, arguments: dict[str, Any]) -> None:
    setting, value = list(arguments.items())[-1]
    with pytest.raises(ConfigError, match=rf"{setting.split('_')[-1]}|lower") as caught:
        create(name, **arguments)
    assert str(value) in str(caught.value)


@pytest.mark.parametrize("name", ["pau", "slaf"])
def test_unknown_target_function(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*tanh"):
        create(name, init="tahn")


def test_convex_comb_is_never_relu() -> None:
    with pytest.raises(UnsupportedError, match="relu_like=True is not possible with constraint='convex'"):
        create("comb", constraint="convex", relu_like=True)


def test_channels_that_do_not_divide_into_groups() -> None:
    with pytest.raises(ShapeError, match="groups of 2, but the input has 5 in dimension 1"):
        R.maxout(torch.zeros(2, 5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: R.pau(X, (1.0,), (1.0,)),
        lambda: R.pau(X, (1.0, 1.0), ()),
        lambda: R.slaf(X, (1.0,)),
        lambda: R.comb(X, (0.5, 0.5)),
        lambda: R.apl(X, (1.0,), ()),
    ],
)
def test_too_few_coefficients(call: Any) -> None:
    with pytest.raises(ShapeError, match=r"expected .*got"):
        call()


def test_as_many_slopes_as_places() -> None:
    with pytest.raises(ShapeError, match="as many slopes as places, got 3 and 2"):
        R.apl(X, a=(0.5, 0.5, 0.5), b=(1.0, 1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: R.celu(X, alpha=0.0),
        lambda: R.elu(X, alpha="1"),
        lambda: R.leaky_relu(X, negative_slope=None),
        lambda: R.rrelu(X, lower=0.5, upper=0.25),
        lambda: R.softplus(X, beta=0.0),
        lambda: R.swish(X, beta=float("nan")),
        lambda: R.vlu(X, alpha="a"),
        lambda: R.arelu(X, alpha="a"),
    ],
)
def test_plain_functions_refuse_the_same_settings(call: Any) -> None:
    with pytest.raises(ConfigError, match=r"must .*(got|lower=)"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: R.pau(X, 1.0, (1.0,)),
        lambda: R.slaf(X, torch.tensor(1.0)),
        lambda: R.apl(X, 0.2, 0.5),
        lambda: R.comb(X, 1.0),
    ],
)
def test_one_number_where_coefficients_belong(call: Any) -> None:
    with pytest.raises(ShapeError, match="must hold coefficients along its first axis"):
        call()


def test_pau_takes_degrees_as_a_list() -> None:
    assert repr(create("pau", degrees=[3, 2])) == repr(create("pau", degrees=(3, 2)))


def test_a_number_of_channels_is_not_taken_for_a_slope() -> None:
    """`torch.nn.PReLU(64)` has 64 slopes; ours must not become one slope of 64."""
    with pytest.raises(TypeError, match="positional"):
        rectifiers.PReLU(64)


@pytest.mark.parametrize(("init", "std"), [("random", 0.01), ("glorot", (6 / 8192) ** 0.5 / 3**0.5)])
def test_thresholds_of_adarelu_start_at_random(init: str, std: float) -> None:
    """Glorot's two fans are both the number of thresholds."""
    module: Any = create("adarelu", init=init, channels=4096)
    assert module.theta.std().item() == pytest.approx(std, rel=0.05)
    assert abs(module.theta.mean().item()) < std / 10


def test_a_wave_without_amplitude_and_frequency_could_not_learn() -> None:
    with pytest.raises(ConfigError, match="alpha and beta must not both be 0"):
        create("pvlu", alpha=0, beta=0)
    for values in ({"alpha": 0.0, "beta": 1.0}, {"alpha": 1.0, "beta": 0.0}):
        module: Any = create("pvlu", share="layer", **values)
        module(torch.tensor([-1.0, -2.0])).sum().backward()
        assert module.alpha.grad or module.beta.grad


@pytest.mark.parametrize("name", names(lambda spec: spec.kind != "convolution"))
def test_modules_stand_in_for_relu(name: str) -> None:
    """They take `inplace`, which makers of networks give, and their input by the name that `nn.ReLU` has for it."""
    module, x = sample(name)
    other = build(name, inplace=True)
    other.load_state_dict(module.state_dict())
    given = x.clone()
    torch.manual_seed(0)
    expected = module(x)
    torch.manual_seed(0)
    assert torch.equal(other(input=given), expected)
    assert torch.equal(given, x)


def test_wrong_arguments_are_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"convrelu2d: missing a required argument: 'in_channels'; it takes in_chan"):
        create("convrelu2d", channels=4)
    with pytest.raises(ConfigError, match="PVLU: unknown argument 'chanels'; did you mean channels"):
        create("pvlu", chanels=4)


def test_plain_numbers_may_be_those_of_the_channels() -> None:
    x, slopes = -torch.ones(2, 4), [0.5, 0.25, 0.75, 0.125]
    assert R.arelu(x, slopes, 2.0)[1].tolist() == [-slope for slope in slopes]
    with pytest.raises(ShapeError, match="arelu: alpha is for 2 channels in dimension 1"):
        R.arelu(x, slopes[:2], 2.0)


def test_a_start_that_is_a_tensor_is_refused() -> None:
    with pytest.raises(ConfigError, match="PVLU: alpha must be a finite number, got tensor"):
        create("pvlu", alpha=torch.ones(4), channels=4)
