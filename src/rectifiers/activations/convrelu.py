"""ConvReLU: a convolution that thresholds what each of its taps sees, by trained thresholds (Gao, Cai, Ji, 2020)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import wrap
from torch.nn.parameter import is_lazy
from typing_extensions import Self

from ..core.checks import check_count
from ..core.convolution import Padding, Size, margins_of, per_axis
from ..core.elementwise import check_input
from ..core.errors import ConfigError, ShapeError, UnsupportedError
from ..core.scripting import Unscriptable
from ..core.spec import ActivationSpec, ParameterSpec
from ..core.thresholds import ThresholdInit, check_threshold_init, fill_thresholds
from ..kernels import conv_threshold

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


def conv_relu1d(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """y[o, i] = Σ_{c,k} w[o, c, k]·max(x[c, i + k], θ[c, k]); at a tie the whole gradient goes to θ.

    Args:
        x: input, (N, C, L) or (C, L). Padding adds zeros before the thresholds see them.
        weight: (O, C/groups, K).
        threshold: θ, (C, K), shared by all outputs.
        bias: (O,) or None.
        stride: step of the kernel.
        padding: zeros on both sides; "same" keeps the length, "valid" adds none.
        dilation: distance between taps.
        groups: number of groups that the channels are split into.

    Returns:
        Tensor of shape (N, O, L') or (O, L') and the dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: the shapes do not fit each other, or the kernel is larger than the padded input.
        ConfigError: an option is outside its domain.

    Example:
        >>> x, w, theta = torch.tensor([[2.0, 3.0, 4.0]]), torch.tensor([[[1.0, -1.0]]]), torch.tensor([[0.0, 3.5]])
        >>> conv_relu1d(x, w, theta).tolist()
        [[-1.5, -1.0]]
    """
    return _conv_relu(1, x, weight, threshold, bias, stride, padding, dilation, groups)


def conv_relu2d(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The two-dimensional form of `conv_relu1d`.

    Args:
        x: input, (N, C, H, W) or (C, H, W).
        weight: (O, C/groups, KH, KW).
        threshold: (C, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel, one number or one per axis.
        padding: zeros on both sides, one number or one per axis; "same" or "valid".
        dilation: distance between taps, one number or one per axis.
        groups: number of groups that the channels are split into.

    Returns:
        Tensor of shape (N, O, H', W') or (O, H', W') and the dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: the shapes do not fit each other, or the kernel is larger than the padded input.
        ConfigError: an option is outside its domain.

    Example:
        >>> x = torch.tensor([[[-1.0, 2.0], [3.0, -4.0]]])
        >>> conv_relu2d(x, torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2)).item()
        5.0
    """
    return _conv_relu(2, x, weight, threshold, bias, stride, padding, dilation, groups)


def conv_relu3d(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The three-dimensional form of `conv_relu1d`.

    Args:
        x: input, (N, C, D, H, W) or (C, D, H, W).
        weight: (O, C/groups, KD, KH, KW).
        threshold: (C, KD, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel, one number or one per axis.
        padding: zeros on both sides, one number or one per axis; "same" or "valid".
        dilation: distance between taps, one number or one per axis.
        groups: number of groups that the channels are split into.

    Returns:
        Tensor of shape (N, O, D', H', W') or (O, D', H', W') and the dtype of `x`.

    Raises:
        DtypeError: `x` is not floating-point.
        ShapeError: the shapes do not fit each other, or the kernel is larger than the padded input.
        ConfigError: an option is outside its domain.

    Example:
        >>> conv_relu3d(-torch.ones(1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2), torch.full((1, 2, 2, 2), 0.5)).item()
        4.0
    """
    return _conv_relu(3, x, weight, threshold, bias, stride, padding, dilation, groups)


@wrap
def _conv_relu(
    dims: int,
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
) -> Tensor:
    owner = f"conv_relu{dims}d"
    _check_shapes(owner, dims, x, weight, threshold, bias, groups)
    steps = per_axis(owner, "stride", stride, dims, least=1)
    spacings = per_axis(owner, "dilation", dilation, dims, least=1)
    margins = margins_of(owner, padding, threshold.shape[1:], steps, spacings)
    kernel, batched = threshold.shape[1:], x.ndim == dims + 2
    sizes = [size + sum(pair) for size, pair in zip(x.shape[-dims:], margins, strict=True)]
    if any(size <= (taps - 1) * gap for size, taps, gap in zip(sizes, kernel, spacings, strict=True)):
        raise ShapeError(
            f"{owner}: the kernel {tuple(kernel)} with dilation {spacings} is larger than the padded input "
            f"{tuple(sizes)}; pad more or take a smaller kernel"
        )
    samples = x if batched else x.unsqueeze(0)
    y = conv_threshold.convolve(samples, weight, threshold, bias, steps, margins, spacings, groups)
    return y if batched else y.squeeze(0)


def _check_shapes(
    owner: str, dims: int, x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None, groups: int
) -> None:
    for tensor in (x, weight, threshold) if bias is None else (x, weight, threshold, bias):
        check_input(owner, tensor)
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{owner}: expected an input of {dims + 2} dimensions, or {dims + 1} without a batch, got {tuple(x.shape)}"
        )
    if weight.ndim != dims + 2:
        raise ShapeError(f"{owner}: expected a weight of {dims + 2} dimensions, got {tuple(weight.shape)}")
    if 0 in weight.shape:
        raise ShapeError(f"{owner}: expected a weight with channels and taps, got {tuple(weight.shape)}")
    if check_count(owner, "groups", groups) and weight.shape[0] % groups:
        raise ConfigError(f"{owner}: groups must divide the {weight.shape[0]} output channels, got {groups}")
    channels, expected = x.shape[-dims - 1], weight.shape[1] * groups
    if channels != expected:
        raise ShapeError(f"{owner}: expected {expected} input channels, got {channels} in {tuple(x.shape)}")
    if threshold.shape != (expected, *weight.shape[2:]):
        raise ShapeError(
            f"{owner}: expected a threshold of shape {(expected, *weight.shape[2:])}, got {tuple(threshold.shape)}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"{owner}: expected a bias of shape {tuple(weight.shape[:1])}, got {tuple(bias.shape)}")


class _ConvReLU(Unscriptable, nn.modules.conv._ConvNd):
    """What the three modules share; each brings PyTorch's convolution of its number of axes."""

    spec: ClassVar[ActivationSpec]
    dims: ClassVar[int]
    threshold: nn.Parameter
    threshold_init: ThresholdInit

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        *,
        threshold_init: ThresholdInit = "zero",
        relu_like: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        owner = type(self).__name__
        check_threshold_init(owner, "threshold_init", threshold_init)
        check_count(owner, "in_channels", in_channels)
        check_count(owner, "out_channels", out_channels)
        check_count(owner, "groups", groups)
        for name, value in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
            per_axis(owner, name, value, self.dims, least=1)
        if not isinstance(padding, str):
            per_axis(owner, "padding", padding, self.dims, least=0)
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        convolution: Any = super().__init__
        try:
            convolution(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation,
                groups,
                bias,
                padding_mode,
                **factory,
            )
        except ValueError as error:
            raise ConfigError(f"{owner}: {error}") from None
        self.threshold_init = "zero" if relu_like else threshold_init
        self.threshold = nn.Parameter(torch.empty(in_channels, *self.kernel_size, **factory))
        self.reset_threshold()

    @property
    def channel_factor(self) -> Fraction:
        """Output channels per input channel."""
        return Fraction(self.out_channels, self.in_channels)

    def reset_threshold(self) -> None:
        """Set the thresholds back to their start."""
        fill_thresholds(
            self.threshold,
            self.threshold_init,
            inputs=self.in_channels // self.groups,
            outputs=self.out_channels // self.groups,
            taps=self.threshold[0].numel(),
        )

    def reset_parameters(self) -> None:
        """Set weight, bias and, once they exist, the thresholds back to their start."""
        super().reset_parameters()
        if "threshold" in self._parameters:
            self.reset_threshold()

    def activation_parameters(self) -> list[nn.Parameter]:
        """The thresholds."""
        # Not the attribute: under a parametrization it is a tensor computed from the parameter.
        named = self.named_parameters()
        return [value for name, value in named if name.removeprefix("parametrizations.").startswith("threshold")]

    @classmethod
    def from_conv(cls, conv: nn.modules.conv._ConvNd, *, threshold_init: ThresholdInit = "zero") -> Self:
        """A ConvReLU in place of a ReLU followed by `conv`, which keeps the very parameters of `conv`.

        With thresholds of zero the function stays what it was. Hooks of `conv` are not taken along.

        Args:
            conv: a plain convolution of the same number of dimensions.
            threshold_init: start of the thresholds.

        Raises:
            UnsupportedError: `conv` is of another kind, or has no parameters of its own yet.

        Example:
            >>> conv = nn.Conv1d(2, 3, kernel_size=3)
            >>> ConvReLU1d.from_conv(conv).weight is conv.weight
            True
        """
        plain: Any = next(base for base in cls.__mro__ if base.__module__ == "torch.nn.modules.conv")
        if not isinstance(conv, plain) or type(conv).forward is not plain.forward:
            raise UnsupportedError(f"{cls.__name__}.from_conv: expected a plain {plain.__name__}, got {type(conv)}")
        for name in ("weight", "bias"):
            own = getattr(conv, name)
            if own is not None and (not isinstance(own, nn.Parameter) or is_lazy(own)):
                raise UnsupportedError(
                    f"{cls.__name__}.from_conv: the {name} of the {plain.__name__} is lazy or computed; "
                    "call the model on one batch, or remove the parametrization, first"
                )
        module = cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            conv.bias is not None,
            conv.padding_mode,
            threshold_init=threshold_init,
            device="meta",
            dtype=conv.weight.dtype,
        )
        module.weight, module.bias = conv.weight, conv.bias
        module.threshold = nn.Parameter(torch.empty_like(module.threshold, device=conv.weight.device))
        module.reset_threshold()
        return module.train(conv.training)

    def forward(self, input: Tensor) -> Tensor:
        """Threshold and convolve, as `conv_relu1d`, `conv_relu2d` and `conv_relu3d` do."""
        padded, padding = self._padded(input)
        return _conv_relu(
            self.dims,
            padded,
            self.weight,
            self.threshold,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            self.groups,
        )

    def _padded(self, x: Tensor) -> tuple[Tensor, Padding]:
        """The input and the zeros still to add to it."""
        if self.padding_mode == "zeros":
            return x, self.padding
        owner, dims = type(self).__name__, self.dims
        check_input(owner, x)
        if x.ndim not in (dims + 1, dims + 2):
            raise ShapeError(f"{owner}: expected {dims + 1} or {dims + 2} dimensions, got {tuple(x.shape)}")
        sides = self._reversed_padding_repeated_twice
        limits = [size - (self.padding_mode == "reflect") for size in reversed(x.shape[-dims:]) for _ in range(2)]
        if self.padding_mode != "replicate" and any(side > limit for side, limit in zip(sides, limits, strict=True)):
            raise ShapeError(
                f"{owner}: padding_mode={self.padding_mode!r} cannot pad {tuple(x.shape[-dims:])} by {self.padding}; "
                "pad less, or take padding_mode='zeros'"
            )
        return F.pad(x, sides, mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        """Show the convolution's options and the start of the thresholds."""
        return f"{super().extra_repr()}, threshold_init={self.threshold_init!r}"


class ConvReLU1d(_ConvReLU, nn.Conv1d):
    """Adaptive convolutional ReLU over one spatial axis: replaces a ReLU and the convolution after it.

    Each input unit meets a different threshold at every tap that reads it; outputs share them.

    Args:
        in_channels: input channels; they are not inferred.
        out_channels: output channels.
        kernel_size: taps per axis.
        stride: step of the kernel.
        padding: number of padded elements per side, "same" or "valid"; thresholds see padded elements too.
        dilation: distance between taps.
        groups: number of groups that the channels are split into.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        threshold_init: "zero" (the paper's best), "random", "glorot" (variance 2 / (in + out channels), as the paper
            prints it), "xavier" (the usual one, whose fans count the taps too) or a number.
        relu_like: start at thresholds of zero, which is ReLU and then the convolution.
        device: where the parameters are made.
        dtype: dtype of the parameters.

    Raises:
        ConfigError: an option is outside its domain.

    Shape:
        (N, C, L) or (C, L) in, (N, O, L') or (O, L') out.

    Example:
        >>> ConvReLU1d(1, 1, kernel_size=2, bias=False)(-torch.ones(1, 1, 3)).abs().sum().item()
        0.0
    """

    spec = ActivationSpec(
        name="convrelu1d",
        title="ConvReLU (1d)",
        equation="y[o, i] = Σ_{c,k} w[o, c, k]·max(x[c, i + k], θ[c, k])",
        paper="Gao, Cai, Ji (2020): Adaptive Convolutional ReLUs",
        use="In place of a ReLU and the one-dimensional convolution after it, as in text and audio: one threshold "
        "per input channel and tap. It starts at that ReLU exactly.",
        parameters=(ParameterSpec(name="threshold", init=0.0, relu=0.0, domain="any real number"),),
        kind="convolution",
        ranks=(2, 3),
        monotone=False,
        kinks=("threshold",),
        relu_start="exact",
        formula="conv_threshold",
    )
    dims = 1


class ConvReLU2d(_ConvReLU, nn.Conv2d):
    """Adaptive convolutional ReLU over two spatial axes: replaces a ReLU and the convolution after it.

    Args:
        in_channels: input channels; they are not inferred.
        out_channels: output channels.
        kernel_size: taps per axis.
        stride: step of the kernel.
        padding: number of padded elements per side, "same" or "valid"; thresholds see padded elements too.
        dilation: distance between taps.
        groups: number of groups that the channels are split into.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        threshold_init: "zero" (the paper's best), "random", "glorot" (variance 2 / (in + out channels), as the paper
            prints it), "xavier" (the usual one, whose fans count the taps too) or a number.
        relu_like: start at thresholds of zero, which is ReLU and then the convolution.
        device: where the parameters are made.
        dtype: dtype of the parameters.

    Raises:
        ConfigError: an option is outside its domain.

    Shape:
        (N, C, H, W) or (C, H, W) in, (N, O, H', W') or (O, H', W') out.

    Example:
        >>> ConvReLU2d(3, 8, kernel_size=3, padding="same")(torch.ones(1, 3, 5, 5)).shape
        torch.Size([1, 8, 5, 5])
    """

    spec = ActivationSpec(
        name="convrelu2d",
        title="ConvReLU (2d)",
        equation="y[o, i, j] = Σ_{c,a,b} w[o, c, a, b]·max(x[c, i + a, j + b], θ[c, a, b])",
        paper="Gao, Cai, Ji (2020): Adaptive Convolutional ReLUs",
        use="In place of a ReLU and the convolution after it: one threshold per input channel and tap of the "
        "kernel. It starts at that ReLU exactly, so that the swap itself costs time, not accuracy; see what the "
        "benchmark says for your size.",
        parameters=(ParameterSpec(name="threshold", init=0.0, relu=0.0, domain="any real number"),),
        kind="convolution",
        ranks=(3, 4),
        monotone=False,
        kinks=("threshold",),
        relu_start="exact",
        formula="conv_threshold",
    )
    dims = 2


class ConvReLU3d(_ConvReLU, nn.Conv3d):
    """Adaptive convolutional ReLU over three spatial axes: replaces a ReLU and the convolution after it.

    Args:
        in_channels: input channels; they are not inferred.
        out_channels: output channels.
        kernel_size: taps per axis.
        stride: step of the kernel.
        padding: number of padded elements per side, "same" or "valid"; thresholds see padded elements too.
        dilation: distance between taps.
        groups: number of groups that the channels are split into.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        threshold_init: "zero" (the paper's best), "random", "glorot" (variance 2 / (in + out channels), as the paper
            prints it), "xavier" (the usual one, whose fans count the taps too) or a number.
        relu_like: start at thresholds of zero, which is ReLU and then the convolution.
        device: where the parameters are made.
        dtype: dtype of the parameters.

    Raises:
        ConfigError: an option is outside its domain.

    Shape:
        (N, C, D, H, W) or (C, D, H, W) in, (N, O, D', H', W') or (O, D', H', W') out.

    Example:
        >>> ConvReLU3d(1, 2, kernel_size=2)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 2, 2, 2, 2])
    """

    spec = ActivationSpec(
        name="convrelu3d",
        title="ConvReLU (3d)",
        equation="y[o, i, j, k] = Σ_{c,a,b,d} w[o, c, a, b, d]·max(x[c, i + a, j + b, k + d], θ[c, a, b, d])",
        paper="Gao, Cai, Ji (2020): Adaptive Convolutional ReLUs",
        use="In place of a ReLU and the convolution after it, in video and volumes. It starts at that ReLU exactly.",
        parameters=(ParameterSpec(name="threshold", init=0.0, relu=0.0, domain="any real number"),),
        kind="convolution",
        ranks=(4, 5),
        monotone=False,
        kinks=("threshold",),
        relu_start="exact",
        formula="conv_threshold",
    )
    dims = 3
