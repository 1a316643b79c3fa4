"""A function and its derivative, sampled from the module itself."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from ...activations import registry
from ...core.errors import UnsupportedError
from .canvas import drawing_style, legend, svg, zero_lines
from .style import SERIES, Style


def plot_function(name: str) -> str:
    """Draw a function and its derivative as SVG.

    Args:
        name: registered name of the activation.

    Raises:
        UnknownNameError: with the nearest names.
        UnsupportedError: the activation is not a function of one number.

    Example:
        >>> plot_function("arelu").startswith("<svg")
        True
    """
    title = f"{registry.get(name).spec.title} and its derivative"
    return svg(function_figure(name), name=f"function-{name}", title=title)


def function_figure(name: str) -> Figure:
    """Draw a function and its derivative; see `plot_function`."""
    x, y, slope = sample(name)
    title = registry.get(name).spec.title
    entries = {f"{title}(x)": Style(SERIES[0], width=2), "derivative": Style(SERIES[1], "--", 1.4)}
    with drawing_style():
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axis = figure.subplots()
        zero_lines(axis)
        for output, derivative in zip(y.T, slope.T, strict=True):
            axis.plot(x, derivative, color=SERIES[1], linestyle="--", linewidth=1.4)
            axis.plot(x, output, color=SERIES[0], linewidth=2)
        axis.set_xlabel("x")
        axis.set_xlim(float(x[0]), float(x[-1]))
        legend(figure, entries)
    return figure


def sample(name: str, low: float = -4.0, high: float = 4.0, points: int = 401) -> tuple[Tensor, Tensor, Tensor]:
    """Sample values and derivatives at the initial parameters, in float64 and evaluation mode.

    Args:
        name: registered name of the activation.
        low: first input.
        high: last input.
        points: how many inputs.

    Returns:
        Inputs (points,), outputs (points, outputs) and derivatives of the same shape; CReLU has two outputs.

    Raises:
        UnsupportedError: the activation is not a function of one number.
    """
    return sample_class(registry.get(name), name, low, high, points)


def sample_class(
    activation: Any, name: str, low: float = -4.0, high: float = 4.0, points: int = 401
) -> tuple[Tensor, Tensor, Tensor]:
    """Sample the values and derivatives of a class; see `sample`.

    Args:
        activation: class with a spec.
        name: what it is called.
        low: first input.
        high: last input.
        points: how many inputs.

    Raises:
        UnsupportedError: the activation is not a function of one number.
    """
    ranks = activation.spec.ranks
    numerator, denominator = activation.spec.channel_factor
    if activation.spec.kind == "convolution" or ranks[0] > 2:
        raise UnsupportedError(f"{name} cannot be plotted as a curve: a convolution is not a function of one number")
    if numerator < denominator:
        raise UnsupportedError(f"{name} cannot be plotted as a curve: it joins {denominator} channels into one")
    module: nn.Module = activation().double().eval()
    x = torch.linspace(low, high, points, dtype=torch.float64, requires_grad=True)
    y = module(x[:, None]).reshape(points, -1)
    slopes = [torch.autograd.grad(y[:, index].sum(), x, retain_graph=True)[0] for index in range(y.shape[1])]
    return x.detach(), y.detach(), torch.stack(slopes, dim=1).detach()
