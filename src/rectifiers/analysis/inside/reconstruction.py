"""Images from features: a linear way back through convolutions with CReLU (Shang et al., 2016, Algorithm 1, Figure 5).

CReLU loses nothing of a response: y = y₊ − y₋. With the batch normalisation and the bias taken back, what went into the
convolution is known as far as it lies in the span of the filters' shifts,

    x′ = argmin ‖M(conv(x) − y)‖²  with the least ‖x‖,

found by conjugate gradients on the normal equations (CGLS) from x = 0 with the convolution and its transpose alone. M
is 1 without max-pooling. With it, the values that came through go back to where they were, and M selects these places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vjp

from ...activations.crelu import CReLU
from ...core.checks import check_count, check_positive
from ...core.errors import ConfigError, DataError
from ...watching.calls import Call, list_calls
from ...watching.feeding import read_batch
from ...watching.preserve import evaluation
from .measured import Measured, Record

Linear = Callable[[Tensor], Tensor]
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
ABSENT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity)
"""What does nothing in evaluation mode."""


@dataclass(frozen=True)
class Reconstruction(Measured):
    """Images as they come back from one layer.

    Args:
        layer: name of its convolution.
        images: (N, C, …) in float32, the reconstructions.
        error: (N,) ‖x − x′‖ / ‖x‖.
        iterations: steps of conjugate gradients, over all layers on the way.
        converged: whether all of them reached the tolerance.
    """

    layer: str
    images: Tensor
    error: Tensor
    iterations: int
    converged: bool

    def records(self) -> list[Record]:
        """One row for each image."""
        return [
            {
                "layer": self.layer,
                "image": number,
                "error": float(error),
                "iterations": self.iterations,
                "converged": self.converged,
            }
            for number, error in enumerate(self.error)
        ]


def reconstruct(
    model: nn.Module, batch: Any, *, depth: int | None = None, tolerance: float = 1e-8, iterations: int = 500
) -> list[Reconstruction]:
    """The images of a batch from the features of each of the model's first layers.

    The model has to begin with convolution, batch normalisation or none, CReLU, max-pooling or none, and so on, one
    module after the other, with dropout anywhere. Everything is computed in float64.

    Args:
        model: any module that begins so; used in evaluation mode and left as it was.
        batch: a tensor (N, C, …), or what a loader yields.
        depth: how many layers; None: all that it begins with.
        tolerance: conjugate gradients end when the gradient of the squared error has shrunk to this part of the first.
        iterations: or after so many steps.

    Returns:
        One entry for each layer, from the first; each way back passes all layers before.

    Raises:
        ConfigError: the model does not begin with so many such layers, or a number is outside its domain.
        DataError: the batch holds no images, or some that are not finite.

    Example:
        A convolution whose filters are an orthonormal basis of its patches loses nothing:

        >>> net = nn.Sequential(nn.Conv2d(1, 4, 2, stride=2, bias=False), CReLU())
        >>> _ = nn.init.orthogonal_(net[0].weight)
        >>> found, = reconstruct(net, torch.ones(1, 1, 4, 4))
        >>> bool(found.error < 1e-6)
        True
    """
    check_positive("reconstruct", "tolerance", tolerance)
    check_count("reconstruct", "iterations", iterations)
    inputs = read_batch(model, batch)
    if len(inputs.args) != 1 or inputs.kwargs:
        raise DataError("reconstruct: expected one tensor of images, got several arguments or names; give the images")
    stages = _stages(list_calls(model, inputs))
    wanted = 1 if depth is None else check_count("reconstruct", "depth", depth)
    if wanted > len(stages):
        raise ConfigError(
            f"{type(model).__name__} begins with {len(stages)} layers of a convolution and CReLU, one module behind "
            f"the other; reconstruction needs {wanted}"
        )
    images = inputs.args[0].double()
    if not images.isfinite().all():
        raise DataError("reconstruct: some pixels are not finite; leave those images out")
    found = []
    passed: list[_Passed] = []
    features = images
    with evaluation(model):
        for stage in stages[:depth]:
            passed.append(stage.forward(features))
            features = passed[-1].features
            back, solves = features, []
            for step in reversed(passed):
                back, *solve = step.backward(back, tolerance, iterations)
                solves.append(solve)
            found.append(
                Reconstruction(
                    layer=stage.name,
                    images=back.float().cpu(),
                    error=(_norm(images - back) / _norm(images)).cpu(),
                    iterations=sum(steps for steps, _ in solves),
                    converged=all(converged for _, converged in solves),
                )
            )
    return found


def least_squares(
    linear: Linear, adjoint: Linear, target: Tensor, *, tolerance: float, iterations: int
) -> tuple[Tensor, int, bool]:
    """The shortest x with the least ‖linear(x) − target‖ for each example, by conjugate gradients (CGLS).

    Args:
        linear: a linear function, example by example.
        adjoint: its transpose.
        target: (N, …).
        tolerance: see `reconstruct`.
        iterations: likewise.

    Returns:
        The solution, the steps taken, and whether all examples reached the tolerance.

    Example:
        >>> double = lambda x: 2 * x
        >>> x, _, converged = least_squares(double, double, torch.ones(1, 3), tolerance=1e-9, iterations=5)
        >>> x.tolist(), converged
        ([[0.5, 0.5, 0.5]], True)
    """
    residual = target
    slope = adjoint(residual)
    x, direction = torch.zeros_like(slope), slope
    size = first = _dot(slope, slope)
    steps = 0
    while steps < iterations and bool((size > tolerance**2 * first).any()):
        image = linear(direction)
        # Examples that are done go on with steps of no length.
        length = _ratio(size, _dot(image, image))
        x = x + length * direction
        residual = residual - length * image
        slope = adjoint(residual)
        before, size = size, _dot(slope, slope)
        direction = slope + _ratio(size, before) * direction
        steps += 1
    return x, steps, bool((size <= tolerance**2 * first).all())


@dataclass
class _Stage:
    """A convolution, the batch normalisation behind it, CReLU, and max-pooling."""

    name: str
    convolution: nn.modules.conv._ConvNd
    norm: nn.modules.batchnorm._BatchNorm | None = None
    pool: nn.modules.pooling._MaxPoolNd | None = None
    complete: bool = False

    def linear(self, x: Tensor) -> Tensor:
        weights = {"weight": self.convolution.weight.double()}
        if self.convolution.bias is not None:
            weights["bias"] = torch.zeros_like(self.convolution.bias, dtype=torch.float64)
        y: Tensor = functional_call(self.convolution, weights, (x,))
        return y

    def affine(self) -> tuple[Tensor, Tensor]:
        """Factor and summand by which bias and batch normalisation follow the linear part, for each channel."""
        weight = self.convolution.weight.double()
        factor = weight.new_ones(len(weight))
        summand = weight.new_zeros(len(weight)) if self.convolution.bias is None else self.convolution.bias.double()
        if self.norm is not None:
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None
            assert variance is not None
            factor = (variance.double() + self.norm.eps).rsqrt()
            summand = (summand - mean.double()) * factor
            if self.norm.affine:
                factor = factor * self.norm.weight.double()
                summand = summand * self.norm.weight.double() + self.norm.bias.double()
        shape = (-1, *(1,) * (weight.ndim - 2))
        return factor.view(shape), summand.view(shape)

    def forward(self, x: Tensor) -> _Passed:
        factor, summand = self.affine()
        response = factor * self.linear(x) + summand
        features = torch.cat([response, -response], 1).relu()
        if self.pool is None:
            return _Passed(self, x.shape, features)
        pool = self.pool
        pooled, switches = MAX_POOL[response.ndim - 2](
            features,
            pool.kernel_size,
            pool.stride,
            pool.padding,
            pool.dilation,
            ceil_mode=pool.ceil_mode,
            return_indices=True,
        )
        return _Passed(self, x.shape, pooled, switches, features.shape)


@dataclass
class _Passed:
    """What a stage made of its input: its features, and where max-pooling took them from."""

    stage: _Stage
    shape: torch.Size
    features: Tensor
    switches: Tensor | None = None
    whole: torch.Size | None = None

    def backward(self, features: Tensor, tolerance: float, iterations: int) -> tuple[Tensor, int, bool]:
        """The input from features, which may be those of `forward` or an estimate of them."""
        factor, summand = self.stage.affine()
        # A channel that batch normalisation multiplies by 0 tells nothing.
        known = (factor != 0).double()
        if self.switches is not None:
            # A pooled value of 0 says only that nothing in its window was positive.
            positive, negative = self._unpool((self.features > 0).double()).chunk(2, 1)
            known = known * torch.maximum(positive, negative)
            features = self._unpool(features)
        positive, negative = features.chunk(2, 1)
        response = (positive - negative - summand) / factor.where(factor != 0, 1.0)
        zeros = features.new_zeros(self.shape)
        transpose = vjp(self.stage.linear, zeros)[1]
        return least_squares(
            lambda x: known * self.stage.linear(x),
            lambda y: transpose(known * y)[0],
            known * response,
            tolerance=tolerance,
            iterations=iterations,
        )

    def _unpool(self, pooled: Tensor) -> Tensor:
        """Pooled values at the places where they came from, 0 elsewhere."""
        assert self.whole is not None
        assert self.switches is not None
        flat = pooled.new_zeros(self.whole).flatten(2)
        back: Tensor = flat.scatter(2, self.switches.flatten(2), pooled.flatten(2)).view(self.whole)
        return back


def _stages(calls: list[Call]) -> list[_Stage]:
    """The layers that the model begins with."""
    stages: list[_Stage] = []
    expected = -1
    for place, here in enumerate(calls):
        if not here.leaf:
            continue
        if here.source != expected or not _extend(stages, here):
            break
        expected = place
    return [stage for stage in stages if stage.complete]


def _extend(stages: list[_Stage], here: Call) -> bool:
    """Whether a call continues the layers; it is added to them."""
    module, last = here.module, stages[-1] if stages else None
    if isinstance(module, ABSENT):
        return True
    if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed and (last is None or last.complete):
        stages.append(_Stage(here.name, module))
        return True
    if last is None:
        return False
    if isinstance(module, CReLU) and module.channel_dim == 1 and not last.complete:
        last.complete = True
        return True
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not last.complete and last.norm is None:
        last.norm = module
        return module.running_mean is not None
    if isinstance(module, nn.modules.pooling._MaxPoolNd) and last.complete and last.pool is None:
        last.pool = module
        return True
    return False


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Inner product of each example, ready to broadcast."""
    return (one * other).sum(dim=tuple(range(1, one.ndim)), keepdim=True)


def _ratio(one: Tensor, other: Tensor) -> Tensor:
    return (one / other.where(other > 0, 1.0)).where(other > 0, 0.0)


def _norm(x: Tensor) -> Tensor:
    lengths: Tensor = x.flatten(1).norm(dim=1)
    return lengths
