"""What libraries call the activations: kinds however they are spelled, and classes that compute a known one."""

from __future__ import annotations

from torch import nn

from ..core.other_names import meant, plain

_TRANSFORMERS = {
    "NewGELUActivation": "gelu",
    "FastGELUActivation": "gelu",
    "AccurateGELUActivation": "gelu",
    "GELUActivation": "gelu",
    "GELUTanh": "gelu",
    "QuickGELUActivation": "quick_gelu",
    "SiLUActivation": "swish",
    "MishActivation": "mish",
    "XIELUActivation": "xielu",
}
_TIMM = {
    "Swish": "swish",
    "Mish": "mish",
    "HardSwish": "hardswish",
    "HardSigmoid": "hardsigmoid",
    "HardMish": "hardmish",
    "GELU": "gelu",
    "GELUTanh": "gelu",
    "QuickGELU": "quick_gelu",
}
CLASSES = {
    "transformers.activations": _TRANSFORMERS,
    "transformers.models.bloom.modeling_bloom": {"BloomGelu": "gelu"},
    "timm.layers.activations": _TIMM,
    "timm.layers.activations_me": {f"{name}Me": kind for name, kind in _TIMM.items()},
    "clip.model": {"QuickGELU": "quick_gelu"},
    "open_clip.transformer": {"QuickGELU": "quick_gelu"},
}
"""By the module of Python that has them: classes that compute a formula out of several functions, and its kind."""

KINDS = frozenset({"quick_gelu", "hardmish", "xielu"})
"""Kinds that no function of PyTorch computes."""


def canonical(name: str, known: frozenset[str]) -> str:
    """Return the one of the `known` kinds that `name` means, however it is spelled; `name` itself if there is none.

    Example:
        >>> kinds = frozenset({"swish", "leaky_relu", "gelu"})
        >>> [canonical(name, kinds) for name in ("silu", "LeakyReLU", "NewGELUActivation", "sine")]
        ['swish', 'leaky_relu', 'gelu', 'sine']
    """
    if name in known:
        return name
    spelled = {plain(kind): kind for kind in known}
    return meant(name) or spelled.get(plain(name).removesuffix("activation"), name)


def alias_kind(module: nn.Module) -> str | None:
    """Return the kind of activation that a module of another library computes; None for all others.

    A module that writes over its input is none, because what it computes on the way has to be seen.
    """
    classes = CLASSES.get(type(module).__module__)
    if classes is None or getattr(module, "inplace", False):
        return None
    return classes.get(type(module).__name__)
