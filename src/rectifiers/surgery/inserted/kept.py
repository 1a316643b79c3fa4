"""An activation whose input or output is kept where something else writes over it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .derived import Derived, derive_class


class Kept(Derived):
    """A base that is put in front of an activation's class: it works on copies where the model writes over tensors.

    The copies are for the derivative, and made only where one may be taken; each costs the memory and time of a copy.
    """

    keeps_input: bool
    keeps_output: bool

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        copies = torch.is_grad_enabled()
        y: Tensor = super().forward(input.clone() if self.keeps_input and copies else input)
        return y.clone() if self.keeps_output and (copies or y is input) else y

    def extra_repr(self) -> str:
        """Return what the activation shows, and what is kept."""
        kept = [name for name in ("keeps_input", "keeps_output") if getattr(self, name)]
        return ", ".join(filter(None, (super().extra_repr(), *kept)))


def keep(activation: nn.Module, *, input: bool, output: bool) -> nn.Module:
    """Let `activation` keep a copy of its input or its output; return it.

    Args:
        activation: any module of one tensor.
        input: whether it works on a copy of its input, so that this may be written over.
        output: whether it returns a copy of its output, so that this may be written over.
    """
    if isinstance(activation, Kept):
        # Several sites have the same module, which keeps what any of them asks for.
        input, output = input or activation.keeps_input, output or activation.keeps_output
    else:
        activation.__class__ = kept_class(type(activation))
    vars(activation).update(keeps_input=input, keeps_output=output)
    return activation


def kept_class(base: type[nn.Module]) -> type[nn.Module]:
    """Make the class of an activation of class `base` that keeps copies."""
    return derive_class(Kept, base, kept_class)
