"""The base of elementwise functions, with a function of its own that no registry knows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
        ({"share": "layer"}, (), (2,)),
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
