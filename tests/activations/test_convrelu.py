"""ConvReLU against ReLU + convolution, and against a slow oracle that visits one window after another."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from rectifiers import create
from rectifiers import functional as R
from rectifiers.core.errors import ConfigError, DtypeError, RectifiersError, ShapeError, UnsupportedError
from rectifiers.kernels import using

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@dataclass(frozen=True)
class Geometry:
    """Arguments that `nn.Conv…d` takes, beside the number of dimensions and the sizes of the input."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | int
    padding: tuple[int, ...] | int | str
    dilation: tuple[int, ...] | int
    groups: int
    bias: bool
    padding_mode: str


@st.composite
def geometries(draw: Any, dims: int | None = None) -> Geometry:
    dims = draw(st.integers(1, 3)) if dims is None else dims
    groups = draw(st.integers(1, 2))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    padding = draw(st.sampled_from(["valid", "same", "numbers"]))
    return Geometry(
        in_channels=groups * draw(st.integers(1, 2)),
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=each(1, 3),
        stride=1 if padding == "same" else each(1, 2),
        padding=each(0, 2) if padding == "numbers" else padding,
        dilation=each(1, 2),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    )


def modules(geometry: Geometry) -> tuple[Any, nn.Module]:
    """ConvReLU with thresholds of zero and the convolution with the same weights."""
    dims = len(geometry.kernel_size)
    arguments = asdict(geometry) | {"dtype": torch.float64}
    plain = CONVOLUTIONS[dims](**arguments)
    rectified: Any = create(f"convrelu{dims}d", **arguments)
    rectified.load_state_dict({**plain.state_dict(), "threshold": torch.zeros_like(rectified.threshold)})
    return rectified, plain


def example(geometry: Geometry, batch: int = 2) -> Tensor:
    return torch.randn(batch, geometry.in_channels, *(6 for _ in geometry.kernel_size), dtype=torch.float64)


def window_by_window(module: Any, x: Tensor) -> Tensor:
    """Σ w·max(x, θ), one output position after another, from the padded input."""
    dims = len(module.kernel_size)
    if module.padding == "same":
        total = [d * (k - 1) for k, d in zip(module.kernel_size, module.dilation, strict=True)]
        sides = [(t // 2, t - t // 2) for t in total]
    else:
        sides = [(p, p) for p in ((0,) * dims if module.padding == "valid" else module.padding)]
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = F.pad(x, [side for pair in reversed(sides) for side in pair], mode=mode)
    reach = [d * (k - 1) + 1 for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    sizes = [(n - r) // s + 1 for n, r, s in zip(padded.shape[2:], reach, module.stride, strict=True)]
    out = x.new_zeros(x.shape[0], module.out_channels, *sizes)
    inner, outer = module.in_channels // module.groups, module.out_channels // module.groups
    for place in itertools.product(*map(range, sizes)):
        starts = [p * s for p, s in zip(place, module.stride, strict=True)]
        window = padded[(..., *(slice(b, b + r, d) for b, r, d in zip(starts, reach, module.dilation, strict=True)))]
        lifted = torch.maximum(window, module.threshold)
        for o in range(module.out_channels):
            group = o // outer
            mine = lifted[:, group * inner : (group + 1) * inner]
            out[(slice(None), o, *place)] = (mine * module.weight[o]).flatten(1).sum(1)
    if module.bias is not None:
        out = out + module.bias.reshape(1, -1, *(1 for _ in range(dims)))
    return out


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@given(geometries())
def test_thresholds_of_zero_are_relu_then_convolution(geometry: Geometry) -> None:
    rectified, plain = modules(geometry)
    x = example(geometry)
    torch.testing.assert_close(rectified(x), plain(F.relu(x)))


@given(geometries(), st.integers(0, 100))
def test_any_thresholds_against_the_oracle(geometry: Geometry, seed: int) -> None:
    torch.manual_seed(seed)
    rectified, _ = modules(geometry)
    x = example(geometry)
    with torch.no_grad():
        nn.init.normal_(rectified.threshold)
        torch.testing.assert_close(rectified(x), window_by_window(rectified, x))


@given(geometries(dims=2))
def test_gradients_against_the_oracle(geometry: Geometry) -> None:
    rectified, _ = modules(geometry)
    nn.init.normal_(rectified.threshold)
    x = example(geometry).requires_grad_()
    leaves = [x, *rectified.parameters()]
    found = torch.autograd.grad(rectified(x).square().sum(), leaves)
    expected = torch.autograd.grad(window_by_window(rectified, x).square().sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_input_without_a_batch(dims: int) -> None:
    module = create(f"convrelu{dims}d", in_channels=2, out_channels=3, kernel_size=2, threshold_init="random")
    x = torch.randn(2, *(4 for _ in range(dims)))
    torch.testing.assert_close(module(x), module(x.unsqueeze(0)).squeeze(0))


def test_padding_stands_below_the_threshold() -> None:
    """Padded zeros are thresholded as any input: each contributes max(0, θ)."""
    x = torch.zeros(1, 1, 1)
    out = R.conv_relu1d(x, torch.tensor([[[1.0, 10.0, 100.0]]]), torch.tensor([[2.0, 0.0, -3.0]]), padding=1)
    assert out.tolist() == [[[2.0]]]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_function_is_the_module(dims: int) -> None:
    module: Any = create(
        f"convrelu{dims}d",
        in_channels=4,
        out_channels=6,
        kernel_size=2,
        stride=2,
        padding=1,
        groups=2,
        threshold_init="glorot",
    )
    x = torch.randn(2, 4, *(5 for _ in range(dims)))
    function = getattr(R, f"conv_relu{dims}d")
    out = function(x, module.weight, module.threshold, module.bias, stride=2, padding=1, dilation=1, groups=2)
    torch.testing.assert_close(out, module(x))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_thresholds_have_the_kernels_shape_without_the_outputs(dims: int) -> None:
    module: Any = create(f"convrelu{dims}d", in_channels=4, out_channels=6, kernel_size=3, groups=2)
    assert module.threshold.shape == (4, *(3 for _ in range(dims)))
    assert module.weight.shape == (6, 2, *(3 for _ in range(dims)))
    assert module.activation_parameters() == [module.threshold]
    assert not module.threshold.any()


@pytest.mark.parametrize("init", ["random", "glorot", "xavier"])
def test_threshold_inits_draw_from_the_global_generator(init: str) -> None:
    def thresholds() -> Tensor:
        torch.manual_seed(5)
        module: Any = create("convrelu2d", in_channels=16, out_channels=16, kernel_size=3, threshold_init=init)
        return module.threshold.detach()

    drawn = thresholds()
    assert torch.equal(drawn, thresholds())
    assert drawn.unique().numel() == drawn.numel()
    assert abs(drawn.mean()) < 3 * drawn.std() / drawn.numel() ** 0.5
    if init != "random":
        bound = (6 / (32 * (9 if init == "xavier" else 1))) ** 0.5
        assert 0.98 * bound < drawn.abs().max() <= bound


def test_unknown_threshold_init_names_the_known() -> None:
    with pytest.raises(RectifiersError, match=r"glorrot.*|.*glorot"):
        create("convrelu2d", in_channels=2, out_channels=2, kernel_size=3, threshold_init="glorrot")


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_from_conv_takes_over_the_layer(dims: int) -> None:
    conv = (
        CONVOLUTIONS[dims](4, 6, 3, stride=2, padding=1, groups=2, bias=False, padding_mode="replicate").double().eval()
    )
    module: Any = type(create(f"convrelu{dims}d", in_channels=1, out_channels=1, kernel_size=1)).from_conv(conv)
    assert module.weight is conv.weight
    assert module.bias is None
    assert module.threshold.dtype == torch.float64
    assert not module.training
    x = torch.randn(2, 4, *(5 for _ in range(dims)), dtype=torch.float64)
    torch.testing.assert_close(module(x), conv(F.relu(x)))


def test_is_a_convolution_to_code_that_asks() -> None:
    module = create("convrelu2d", in_channels=2, out_channels=3, kernel_size=3)
    assert isinstance(module, nn.Conv2d)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_wrong_number_of_channels(dims: int) -> None:
    module = create(f"convrelu{dims}d", in_channels=4, out_channels=3, kernel_size=2)
    sizes = (2, 5, *(4 for _ in range(dims)))
    with pytest.raises(ShapeError, match=r"4 channels|channels.*4") as caught:
        module(torch.zeros(sizes))
    assert str(sizes) in str(caught.value)


def test_threshold_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"threshold.*\(2, 3\)") as caught:
        R.conv_relu1d(torch.zeros(1, 2, 5), torch.zeros(3, 2, 2), torch.zeros(2, 3))
    assert "(2, 2)" in str(caught.value)


@pytest.mark.parametrize(
    ("weight", "threshold", "bias", "message"),
    [
        (torch.zeros(3, 2, 2), torch.zeros(2, 2), torch.zeros(4), r"bias of shape \(3,\), got \(4,\)"),
        (torch.zeros(3, 2, 2), torch.zeros(2, 2), torch.zeros(3, 1), r"bias of shape \(3,\), got \(3, 1\)"),
        (torch.zeros(3, 2, 0), torch.zeros(2, 0), None, r"channels and taps, got \(3, 2, 0\)"),
        (torch.zeros(3, 2), torch.zeros(2, 2), None, r"weight of 3 dimensions, got \(3, 2\)"),
    ],
)
def test_parameters_of_impossible_shapes(weight: Tensor, threshold: Tensor, bias: Tensor | None, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        R.conv_relu1d(torch.zeros(1, 2, 5), weight, threshold, bias)


@pytest.mark.parametrize("wrong", [[[[1.0]]], torch.ones(1, 1, 1, dtype=torch.int64)])
def test_parameters_that_are_no_real_tensors(wrong: Any) -> None:
    with pytest.raises(DtypeError, match="conv_relu1d: expected a"):
        R.conv_relu1d(torch.zeros(1, 1, 5), wrong, torch.zeros(1, 1))


def test_kernel_larger_than_the_input() -> None:
    with pytest.raises(ShapeError):
        create("convrelu1d", in_channels=1, out_channels=1, kernel_size=5)(torch.zeros(1, 1, 3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"groups": 3}, "groups"),
        ({"padding_mode": "zeroes"}, "zeroes"),
        ({"padding": "sane"}, "sane"),
        ({"padding": "same", "stride": 2}, "same"),
        ({"stride": 0}, "stride"),
        ({"dilation": 0}, "dilation"),
        ({"padding": -1}, "padding"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"kernel_size": (3, 3)}, "kernel_size"),
        ({"kernel_size": 2.5}, "kernel_size"),
        ({"in_channels": None}, "in_channels"),
        ({"out_channels": 0}, "out_channels"),
    ],
)
def test_impossible_geometry(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create("convrelu1d", **{"in_channels": 4, "out_channels": 6, "kernel_size": 3, **wrong})(torch.zeros(1, 4, 9))


def test_impossible_settings_of_the_function() -> None:
    x, weight, threshold = torch.zeros(1, 4, 5), torch.zeros(3, 2, 2), torch.zeros(4, 2)
    with pytest.raises(ConfigError, match="groups must divide the 3 output channels, got 2"):
        R.conv_relu1d(x, weight, threshold, groups=2)
    with pytest.raises(ConfigError, match="padding must be 'same', 'valid' or numbers, got 'sane'"):
        R.conv_relu1d(x[:, :2], weight, threshold[:2], padding="sane")


def test_valid_padding_adds_nothing() -> None:
    x, weight, threshold = torch.randn(1, 2, 5), torch.randn(3, 2, 2), torch.randn(2, 2)
    out = R.conv_relu1d(x, weight, threshold, padding="valid")
    assert out.shape == (1, 3, 4)
    assert torch.equal(out, R.conv_relu1d(x, weight, threshold))


def test_the_larger_half_of_same_padding_comes_behind() -> None:
    x, weight = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[1.0, 10.0]]])
    out = R.conv_relu1d(x, weight, torch.zeros(1, 2), padding="same")
    assert out.tolist() == [[[21.0, 32.0, 3.0]]]


def test_without_a_kernel_autocast_takes_no_digits_from_the_sum_over_taps() -> None:
    x, weight, threshold = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3), torch.randn(3, 3, 3)
    with using("reference"):
        expected = R.conv_relu2d(x, weight, threshold)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(R.conv_relu2d(x, weight, threshold), expected)


def test_rank_of_the_input_is_checked_before_it_is_padded() -> None:
    layer = create("convrelu2d", in_channels=1, out_channels=1, kernel_size=3, padding=1, padding_mode="reflect")
    with pytest.raises(ShapeError, match=r"expected 3 or 4 dimensions, got \(4, 4\)"):
        layer(torch.zeros(4, 4))


@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_padding_wider_than_the_input_can_give(mode: str) -> None:
    layer = create("convrelu1d", in_channels=1, out_channels=1, kernel_size=3, padding=5, padding_mode=mode)
    with pytest.raises(ShapeError, match=rf"{mode}.*\(4,\)"):
        layer(torch.zeros(1, 1, 4))


def test_from_conv_takes_plain_convolutions_of_its_dimensions_alone() -> None:
    rectified: Any = type(create("convrelu2d", in_channels=1, out_channels=1, kernel_size=1))
    for other in (nn.Conv1d(1, 1, 1), nn.ConvTranspose2d(1, 1, 1), nn.Linear(1, 1), nn.LazyConv2d(1, 1)):
        with pytest.raises(UnsupportedError, match="from_conv"):
            rectified.from_conv(other)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_from_conv_refuses_what_is_computed(name: str) -> None:
    conv = nn.Conv2d(1, 1, 1)
    nn.utils.parametrize.register_parametrization(conv, name, nn.Tanh())
    rectified: Any = type(create("convrelu2d", in_channels=1, out_channels=1, kernel_size=1))
    with pytest.raises(UnsupportedError, match=f"from_conv: the {name} of the Conv2d is lazy or computed"):
        rectified.from_conv(conv)


def test_from_conv_keeps_training_the_same_weights() -> None:
    conv = nn.Conv2d(2, 3, 3)
    module: Any = type(create("convrelu2d", in_channels=1, out_channels=1, kernel_size=1)).from_conv(conv)
    module(torch.randn(1, 2, 5, 5)).sum().backward()
    assert conv.weight.grad is not None
    assert module.threshold.grad is not None
