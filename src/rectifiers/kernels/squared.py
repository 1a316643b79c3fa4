"""ReLU, squared."""

from __future__ import annotations

from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter


def reference(x: Tensor, scale: Tensor) -> Tensor:
    """scale·max(0, x)²."""
    return scale * x.relu().square()


formula = ElementwiseFormula("squared", reference, (Parameter("scale"),))
