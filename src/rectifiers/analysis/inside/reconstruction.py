"""Images reconstructed from features of convolutions with CReLU (Shang et al., 2016, Algorithm 1, Figure 5).

CReLU loses no information of a response: y = y₊ − y₋. After undoing the batch normalisation and the bias, the input of
the convolution is known as far as it lies in the span of the shifted filters,

    x′ = argmin ‖M(conv(x) − y)‖²  with the least ‖x‖,

which conjugate gradients on the normal equations (CGLS) find from x = 0 with the convolution and its transpose alone. M
is 1 without max-pooling. With max-pooling, the maxima are put back where they came from, and M selects these positions.
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
from ...core.wording import plural
from ...watching.calls import Call, list_calls
from ...watching.feeding import read_batch
from ...watching.preserve import evaluation
from ...watching.wrappers import look_at_whole
from .measured import Measured, Record

Linear = Callable[[Tensor], Tensor]
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
ABSENT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity)
"""Layers that do nothing in evaluation mode."""


@dataclass(frozen=True)
class Reconstruction(Measured):
    """Images reconstructed from the features of one block.

    Args:
        layer: name of the block's convolution.
        images: (N, C, …) in float32, the reconstructions.
        error: (N,) relative error ‖x − x′‖ / ‖x‖.
        iterations: steps of conjugate gradients, over all blocks on the way back.
        converged: whether all blocks on the way back reached the tolerance.
    """

    layer: str
    images: Tensor
    error: Tensor
    iterations: int
    converged: bool

    def records(self) -> list[Record]:
        """Return a row for each image."""
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
    """Reconstruct the images of a batch from the features of each of the model's first blocks.

    The model has to begin with blocks: a convolution, batch normalisation or not, CReLU without a slope below zero,
    max-pooling or not, one module after the other, with dropout anywhere. Everything is computed in float64.

    Args:
        model: any module that begins with such blocks; used in evaluation mode and left as it was.
        batch: a tensor (N, C, …), or a batch as a loader gives it.
        depth: how many blocks to reconstruct from; None takes all that the model begins with.
        tolerance: conjugate gradients end once the gradient of the squared error is at most this share of the first.
        iterations: the largest number of steps of conjugate gradients in a block.

    Returns:
        One entry for each block, from the first; the way back from a block goes through all blocks before it.

    Raises:
        ConfigError: the model does not begin with enough blocks, or a number is outside its domain.
        DataError: the batch has no images, or has pixels that are not finite.

    Example:
        A convolution whose filters are an orthonormal basis of its patches loses no information:

        >>> net = nn.Sequential(nn.Conv2d(1, 4, 2, stride=2, bias=False), CReLU())
        >>> _ = nn.init.orthogonal_(net[0].weight)
        >>> found, = reconstruct(net, torch.ones(1, 1, 4, 4))
        >>> bool(found.error < 1e-6)
        True
    """
    check_positive("reconstruct", "tolerance", tolerance)
    check_count("reconstruct", "iterations", iterations)
    model = look_at_whole(model)
    inputs = read_batch(model, batch)
    if len(inputs.args) != 1 or inputs.kwargs:
        raise DataError("reconstruct: expected one tensor of images, got several or named arguments; give the images")
    blocks = _find_blocks(list_calls(model, inputs))
    wanted = 1 if depth is None else check_count("reconstruct", "depth", depth)
    if wanted > len(blocks):
        raise ConfigError(
            f"{type(model).__name__} begins with {plural(len(blocks), 'block')} of a convolution and CReLU, one module "
            f"after the other; reconstruction needs {wanted}"
        )
    images = inputs.args[0].double()
    if not images.isfinite().all():
        raise DataError("reconstruct: some pixels are not finite; leave those images out")
    reconstructions = []
    outputs: list[_Output] = []
    features = images
    with evaluation(model):
        for block in blocks[:depth]:
            outputs.append(block.forward(features))
            features = outputs[-1].features
            back, solves = features, []
            for output in reversed(outputs):
                back, *solve = output.backward(back, tolerance, iterations)
                solves.append(solve)
            reconstructions.append(
                Reconstruction(
                    layer=block.name,
                    images=back.float().cpu(),
                    error=(_norm(images - back) / _norm(images)).cpu(),
                    iterations=sum(steps for steps, _ in solves),
                    converged=all(converged for _, converged in solves),
                )
            )
    return reconstructions


def least_squares(
    linear: Linear, adjoint: Linear, target: Tensor, *, tolerance: float, iterations: int
) -> tuple[Tensor, int, bool]:
    """Find the shortest x with the least ‖linear(x) − target‖ for each sample, by conjugate gradients (CGLS).

    Args:
        linear: a linear function of each sample.
        adjoint: its transpose.
        target: (N, …) what the function shall give.
        tolerance: as in `reconstruct`.
        iterations: as in `reconstruct`.

    Returns:
        The solution, the number of steps, and whether all samples reached the tolerance.

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
        # Samples that have converged exactly go on with steps of length 0.
        length = _ratio(size, _dot(image, image))
        x = x + length * direction
        residual = residual - length * image
        slope = adjoint(residual)
        before, size = size, _dot(slope, slope)
        direction = slope + _ratio(size, before) * direction
        steps += 1
    return x, steps, bool((size <= tolerance**2 * first).all())


@dataclass
class _Block:
    """A convolution, the batch normalisation after it, CReLU, and max-pooling."""

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
        """Return scale and shift of each channel: what bias and batch normalisation do after the linear part."""
        weight = self.convolution.weight.double()
        scale = weight.new_ones(len(weight))
        shift = weight.new_zeros(len(weight)) if self.convolution.bias is None else self.convolution.bias.double()
        if self.norm is not None:
            mean, variance = self.norm.running_mean, self.norm.running_var
            assert mean is not None
            assert variance is not None
            scale = (variance.double() + self.norm.eps).rsqrt()
            shift = (shift - mean.double()) * scale
            if self.norm.affine:
                scale = scale * self.norm.weight.double()
                shift = shift * self.norm.weight.double() + self.norm.bias.double()
        shape = (-1, *(1,) * (weight.ndim - 2))
        return scale.view(shape), shift.view(shape)

    def forward(self, x: Tensor) -> _Output:
        scale, shift = self.affine()
        response = scale * self.linear(x) + shift
        features = torch.cat([response, -response], 1).relu()
        if self.pool is None:
            return _Output(self, x.shape, features)
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
        return _Output(self, x.shape, pooled, switches, features.shape)


@dataclass
class _Output:
    """The output of a block: its features, and where max-pooling took them from."""

    block: _Block
    shape: torch.Size
    features: Tensor
    switches: Tensor | None = None
    whole: torch.Size | None = None

    def backward(self, features: Tensor, tolerance: float, iterations: int) -> tuple[Tensor, int, bool]:
        """Reconstruct the block's input from its features, or from an estimate of them."""
        scale, shift = self.block.affine()
        # A channel that batch normalisation multiplies by 0 contains no information.
        known = (scale != 0).double()
        if self.switches is not None:
            # A maximum of 0 only means that no value in its window was positive.
            positive, negative = self._unpool((self.features > 0).double()).chunk(2, 1)
            known = known * torch.maximum(positive, negative)
            features = self._unpool(features)
        positive, negative = features.chunk(2, 1)
        response = (positive - negative - shift) / scale.where(scale != 0, 1.0)
        zeros = features.new_zeros(self.shape)
        transpose = vjp(self.block.linear, zeros)[1]
        return least_squares(
            lambda x: known * self.block.linear(x),
            lambda y: transpose(known * y)[0],
            known * response,
            tolerance=tolerance,
            iterations=iterations,
        )

    def _unpool(self, pooled: Tensor) -> Tensor:
        """Put pooled values back where they came from, and 0 elsewhere."""
        assert self.whole is not None
        assert self.switches is not None
        flat = pooled.new_zeros(self.whole).flatten(2)
        back: Tensor = flat.scatter(2, self.switches.flatten(2), pooled.flatten(2)).view(self.whole)
        return back


def _find_blocks(calls: list[Call]) -> list[_Block]:
    """Find the blocks that the model begins with."""
    blocks: list[_Block] = []
    expected = -1
    for index, call in enumerate(calls):
        if not call.leaf:
            continue
        if call.source != expected or not _extend(blocks, call):
            break
        expected = index
    return [block for block in blocks if block.complete]


def _extend(blocks: list[_Block], call: Call) -> bool:
    """Add a call to the blocks, and return whether it continues them."""
    module, last = call.module, blocks[-1] if blocks else None
    if isinstance(module, ABSENT):
        return True
    if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed and (last is None or last.complete):
        blocks.append(_Block(call.name, module))
        return True
    if last is None:
        return False
    if isinstance(module, CReLU) and module.channel_dim == 1 and not last.complete:
        last.complete = not module.negative_slope
        return last.complete
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not last.complete and last.norm is None:
        last.norm = module
        return module.running_mean is not None
    if isinstance(module, nn.modules.pooling._MaxPoolNd) and last.complete and last.pool is None:
        last.pool = module
        return True
    return False


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the inner product of each sample, ready to broadcast."""
    return (one * other).sum(dim=tuple(range(1, one.ndim)), keepdim=True)


def _ratio(one: Tensor, other: Tensor) -> Tensor:
    return (one / other.where(other > 0, 1.0)).where(other > 0, 0.0)


def _norm(x: Tensor) -> Tensor:
    lengths: Tensor = x.flatten(1).norm(dim=1)
    return lengths
