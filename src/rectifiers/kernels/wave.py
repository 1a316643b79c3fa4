"""ReLU and a sine: VLU and PVLU over the whole line, SineReLU below zero."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter


def reference(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """max(0, x) + α·sin(β·x)."""
    return torch.addcmul(x.relu(), alpha, (beta * x).sin())


def reference_below(x: Tensor, epsilon: Tensor) -> Tensor:
    """Identity for x > 0, ε·(sin x − cos x) otherwise.

    The clamp keeps the sine's derivative at a large or infinite positive element from turning into NaN; its own
    derivative at 0, which changes with the version of PyTorch, is left out.
    """
    below = torch.where(x < 0, x, x.detach().clamp(max=0))
    return torch.where(x > 0, x, epsilon * (below.sin() - below.cos()))


formula = ElementwiseFormula("wave", reference, (Parameter("alpha"), Parameter("beta")))
formula_below = ElementwiseFormula("wave_below", reference_below, (Parameter("epsilon"),))
