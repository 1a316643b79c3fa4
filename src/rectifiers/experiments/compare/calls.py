"""A call of a model as one example: what surgery takes, positional arguments or keywords."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from ...watching.example import Example


def as_example(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Example:
    """The arguments of a call in the form of an example.

    Example:
        >>> as_example(nn.Identity(), (1.0,), {})
        (1.0,)
    """
    if not kwargs:
        return args
    return dict(inspect.signature(model.forward).bind(*args, **kwargs).arguments) if args else kwargs
