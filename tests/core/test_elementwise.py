"""The base of elementwise functions, with a function of its own that no registry knows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from rectifiers.core.elementwise import Elementwise, apply, check_input
from rectifiers.core.errors import ConfigError, DtypeError, ShapeError, UnsupportedError
from rectifiers.core.granularity import Granularity
from rectifiers.core.spec import ActivationSpec, ParameterSpec


class Line(Elementwise):
    """slope·x + Σ shift."""

    spec = ActivationSpec(
        name="line",
        title="Line",
        equation="slope·x + Σ shift",
        paper="none",
        parameters=(
            ParameterSpec(name="slope", init=2.0),
            ParameterSpec(name="shift", init=(0.5, 0.25), coefficients=2),
        ),
    )
    slope: nn.Parameter
    shift: nn.Parameter

    def __init__(self, slope: Any = 2.0, shift: Any = (0.5, 0.25), relu_like: bool = False, **granularity: Any) -> None:
        super().__init__(relu_like=relu_like, inits={"slope": slope, "shift": shift}, **granularity)

    def forward(self, x: Tensor) -> Tensor:
        return apply(
            "line",
            lambda x, slope, shift: slope * x + shift.sum(0),
            self.ready(x),
            channel_dim=self.channel_dim,
            coefficients=frozenset({"shift"}),
            slope=self.slope,
            shift=self.shift,
        )


X = torch.arange(24.0).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("granularity", "slope", "shift"),
    [
        ({"share": "layer"}, (1,), (2,)),
        ({"share": "channel", "channels": 4}, (4,), (2, 4)),
        ({"share": "channel", "channel_dim": -1}, (3,), (2, 3)),
        ({"share": "element"}, (4, 3), (2, 4, 3)),
    ],
)
def test_shapes_of_parameters(granularity: Granularity, slope: tuple[int, ...], shift: tuple[int, ...]) -> None:
    line = Line(**granularity)
    assert torch.equal(line(X), 2 * X + 0.75)
    assert line.slope.shape == slope
    assert line.shift.shape == shift


def test_starting_values_by_number_by_coefficient_and_by_function() -> None:
    line = Line(slope=lambda tensor: tensor.copy_(torch.arange(4.0)), shift=(1.0, -1.0), share="channel")
    assert torch.equal(line(X), X * torch.arange(4.0).reshape(4, 1))


def test_a_failed_first_call_leaves_the_module_lazy() -> None:
    line = Line(share="channel", channel_dim=2)
    with pytest.raises(ShapeError):
        line(torch.zeros(2, 4))
    with pytest.raises(DtypeError):
        line(torch.zeros(2, 4, 3, dtype=torch.int64))
    assert line(X).shape == X.shape


def test_repr() -> None:
    assert repr(Line()) == "Line(slope=2, shift=(0.5, 0.25), share='layer')"
    assert repr(Line(share="channel", channels=4, channel_dim=-1)) == (
        "Line(slope=2, shift=(0.5, 0.25), share='channel', channels=4, channel_dim=-1)"
    )
    assert "channels=(4, 3)" in repr(Line(share="element", channels=(4, 3)))


def test_relu_like_needs_a_spec_that_knows_how() -> None:
    with pytest.raises(UnsupportedError, match="Line: relu_like=True is not possible"):
        Line(relu_like=True)


def test_unknown_argument() -> None:
    with pytest.raises(ConfigError, match="Line: unknown argument 'chanels'"):
        Line(chanels=3)


def test_dtype_and_device_of_parameters() -> None:
    line = Line(dtype=torch.bfloat16, device="meta")
    assert line.slope.dtype == torch.bfloat16
    assert line.slope.device.type == "meta"


@pytest.mark.parametrize("lazy_dtype", [torch.float64, torch.float32])
def test_dtype_of_lazy_parameters(lazy_dtype: torch.dtype) -> None:
    line = Line(share="channel", dtype=lazy_dtype)
    line(X)
    assert {parameter.dtype for parameter in line.parameters()} == {lazy_dtype}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    seen = []

    def formula(x: Tensor, scale: Tensor) -> Tensor:
        seen.append(x.dtype)
        return x * 1e-6 * 1e6 * scale

    x = torch.tensor([1.0, 2.0], dtype=dtype)
    out = apply("f", formula, x, scale=1.0)
    assert seen == [torch.float32]
    assert out.dtype == dtype
    torch.testing.assert_close(out, x)


def test_parameters_decide_when_they_are_wider() -> None:
    seen = []

    def formula(x: Tensor, scale: Tensor) -> Tensor:
        seen.append(x.dtype)
        return x * scale

    out = apply("f", formula, torch.ones(2), scale=torch.tensor(2.0, dtype=torch.float64))
    assert seen == [torch.float64]
    assert out.dtype == torch.float32


@pytest.mark.parametrize("wrong", [torch.ones(2, dtype=torch.int32), torch.ones(2, dtype=torch.bool), [1.0], None])
def test_inputs_that_are_no_real_tensors(wrong: Any) -> None:
    with pytest.raises(DtypeError, match=r"^f: expected a"):
        check_input("f", wrong)


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, tensor: Tensor) -> Tensor:
        return 2 * tensor


class Shifted(Elementwise):
    """x + shift, started as its spec says."""

    spec = ActivationSpec(
        name="shifted", title="Shifted", equation="x + shift", paper="none", parameters=(ParameterSpec("shift", 1.5),)
    )
    shift: nn.Parameter

    def forward(self, x: Tensor) -> Tensor:
        return apply("shifted", torch.add, self.ready(x), channel_dim=self.channel_dim, shift=self.shift)


def test_without_inits_parameters_start_as_the_spec_says() -> None:
    assert torch.equal(Shifted(share="channel")(X), X + 1.5)


@pytest.mark.parametrize("slope", ["2", None, True, float("nan"), (1.0, 2.0), torch.tensor(2.0)])
def test_starting_values_that_are_no_numbers(slope: Any) -> None:
    with pytest.raises(ConfigError, match="Line: slope must be a finite number, got"):
        Line(slope=slope)


def test_coefficients_that_are_no_numbers() -> None:
    with pytest.raises(ConfigError, match="Line: shift must be a finite number, got 'a'"):
        Line(shift=(0.5, "a"))


@pytest.mark.parametrize("channel_dim", ["1", 1.0, None, True])
def test_channel_dim_that_is_no_number(channel_dim: Any) -> None:
    with pytest.raises(ConfigError, match="Line: channel_dim must be a whole number, got"):
        Line(channel_dim=channel_dim)


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64, "float32"])
def test_parameters_of_another_kind_of_dtype(dtype: Any) -> None:
    with pytest.raises(DtypeError, match=f"Line: expected a floating-point dtype, got {dtype!r}"):
        Line(dtype=dtype)


def test_arguments_that_are_no_numbers() -> None:
    with pytest.raises(ConfigError, match="f: scale must be a number, numbers or a tensor, got 'a'"):
        apply("f", torch.mul, X, scale="a")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"f: expected real parameters, got torch\.complex64"):
        apply("f", torch.mul, X, scale=torch.ones((), dtype=torch.complex64))


def test_reset_before_the_first_call() -> None:
    line = Line(share="channel")
    line.reset_parameters()
    assert line.units is None
    assert torch.equal(line(X), 2 * X + 0.75)


def test_functional_call_lends_a_lazy_module_its_parameters_for_one_call() -> None:
    line = Line(share="channel")
    lent = {"slope": torch.arange(4.0), "shift": torch.zeros(2, 4)}
    out = torch.func.functional_call(line, lent, (X,))
    assert torch.equal(out, X * torch.arange(4.0).reshape(4, 1))
    assert torch.equal(lent["slope"], torch.arange(4.0))
    assert line.units is None
    assert torch.equal(line(X), 2 * X + 0.75)


def test_parametrized_parameters_stay_the_activations() -> None:
    line = Line()
    parametrize.register_parametrization(line, "slope", Doubled())
    assert torch.equal(line(X), 4 * X + 0.75)
    assert {id(parameter) for parameter in line.activation_parameters()} == {id(p) for p in line.parameters()}
    line(X).sum().backward()
    assert all(parameter.grad is not None for parameter in line.activation_parameters())


def test_starting_values_of_parameters_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="Shifted: unknown argument 'slope'"):
        Shifted(inits={"slope": 1.0})


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("dtype", [torch.quint8, torch.qint8])
def test_quantised_values_go_through_float(dtype: torch.dtype) -> None:
    x = torch.linspace(-1, 1, 64).reshape(4, 16)
    zero = 128 if dtype == torch.quint8 else 0
    out = apply("f", lambda x, scale: scale * x, torch.quantize_per_tensor(x, 2 / 255, zero, dtype), scale=3.0)
    assert out.dtype == dtype
    torch.testing.assert_close(out.dequantize(), 3 * x, atol=0.05, rtol=0)
