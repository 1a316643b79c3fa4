"""How far sums of 10⁸ elements take the gradients of PAU's coefficients from float64, in the ways that kernels sum.

    python benchmarks/gradient_error.py [--elements 100000000]

Every element of a layer adds to the gradient of each coefficient. Ours is what the kernel returns. The composite's is a
sum of as many products by PyTorch in float32. FlashKAT (https://github.com/OSU-STARLAB/FlashKAT) sums tiles of 64 × 64
elements in float32 and adds the tiles to the gradient one by one, by atomic additions, in float32; KAT before it did so
with every element. Their kernels need a GPU, so their order is followed here on the same products. Errors are relative
to the largest gradient.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch
from torch import Tensor

from rectifiers import kernels
from rectifiers.activations import create

TILE = 64 * 64
CHUNK = 2**22


def truth(x: Tensor, grad: Tensor, numerator: Tensor, denominator: Tensor) -> Tensor:
    """The gradients of all coefficients in float64, chunk by chunk."""
    found = torch.zeros(len(numerator) + len(denominator), dtype=torch.float64)
    for one, other in zip(x.split(CHUNK), grad.split(CHUNK), strict=True):
        found += torch.stack(
            [product.sum() for product in products(one.double(), other.double(), numerator, denominator)]
        )
    return found


def products(x: Tensor, grad: Tensor, numerator: Tensor, denominator: Tensor) -> list[Tensor]:
    """The share of every element in the gradient of every coefficient, for positive denominators; form A."""
    numerator, denominator, size = numerator.to(x.dtype), denominator.to(x.dtype), x.abs()
    above = sum(value * x**power for power, value in enumerate(numerator))
    below = 1 + sum(value * size**power for power, value in enumerate(denominator, start=1))
    up = grad / below
    down = -up * above / below
    return [up * x**power for power in range(len(numerator))] + [
        down * size**power for power in range(1, len(denominator) + 1)
    ]


def one_by_one(values: Tensor, start: np.float32) -> np.float32:
    """A running sum in float32."""
    total: np.float32 = np.add.accumulate(np.concatenate(([start], values.numpy())), dtype=np.float32)[-1]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=100_000_000)
    count = parser.parse_args().elements // TILE * TILE
    torch.manual_seed(0)
    module = create("pau", form="A")
    numerator, denominator = (value.detach() for value in module.parameters())
    denominator.abs_()
    x, grad = torch.randn(count), torch.randn(count).add_(0.01)
    exact = truth(x, grad, numerator, denominator)
    coefficients = len(exact)

    leaf = x.requires_grad_()
    with kernels.using("cpu"):
        module(leaf).backward(grad)
    ours = torch.cat([value.grad for value in module.parameters() if value.grad is not None])
    x, leaf.grad = x.detach(), None

    whole = [torch.empty(math.ceil(count / CHUNK)) for _ in range(coefficients)]
    tiles, elements = ([np.float32(0)] * coefficients for _ in range(2))
    for place, (one, other) in enumerate(zip(x.split(CHUNK), grad.split(CHUNK), strict=True)):
        for k, product in enumerate(products(one, other, numerator, denominator)):
            # PyTorch sums by halves, so that a sum of chunks by halves is what it would make of the whole.
            whole[k][place] = product.sum()
            tiles[k] = one_by_one(product.view(-1, TILE).sum(1), tiles[k])
            elements[k] = one_by_one(product, elements[k])
    ways = {
        "kernel": ours.double(),
        "composite": torch.stack([sums.sum() for sums in whole]).double(),
        "tiles of 4096, as FlashKAT": torch.tensor(tiles).double(),
        "element by element, as KAT": torch.tensor(elements).double(),
    }
    unit = exact.abs().max()
    print(f"{count} elements")
    for name, found in ways.items():
        errors = (found - exact).abs() / unit
        print(f"{name:28} largest {errors.max():.1e}  mean {errors.mean():.1e}")


if __name__ == "__main__":
    main()
