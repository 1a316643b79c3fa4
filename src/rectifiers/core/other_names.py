"""Other names of activations, in PyTorch and elsewhere, for names that are read and for the advice of errors."""

from __future__ import annotations

_OTHER_NAMES = {
    "silu": "swish",
    "hswish": "hardswish",
    "hsigmoid": "hardsigmoid",
    "lrelu": "leaky_relu",
    "relu2": "relu_squared",
    "squaredrelu": "relu_squared",
    **dict.fromkeys(("gelunew", "newgelu", "gelufast", "fastgelu", "geluaccurate", "accurategelu"), "gelu"),
    **dict.fromkeys(("gelutanh", "gelupytorchtanh", "gelupython", "gelupythontanh", "gelu10", "clippedgelu"), "gelu"),
}


def plain(name: str) -> str:
    """Return a name without what spellings differ in: underscores, and small or capital letters."""
    return name.replace("_", "").lower()


def meant(name: str) -> str | None:
    """Return the activation that is called `name` elsewhere; None where no such name is known.

    Example:
        >>> meant("SiLU"), meant("NewGELUActivation"), meant("swish")
        ('swish', 'gelu', None)
    """
    return _OTHER_NAMES.get(plain(name).removesuffix("activation"))
