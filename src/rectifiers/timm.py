"""timm: `create_model(…, act_layer="pvlu")` after `import rectifiers.timm`.

timm looks activations up by name in a table; what is missing there is looked up among ours from here on, functions of
your own that are registered later included. Names that timm has stay timm's.

By name, channels are expected in dimension 1; where they come last, as in vision transformers, pass
`functools.partial(rectifiers.PVLU, channel_dim=-1)`.
"""

from __future__ import annotations

from typing import Any

from .activations import registry
from .core.errors import ConfigError, UnknownNameError, UnsupportedError

try:
    from timm.layers import create_act

    _LAYERS, _FUNCTIONS = create_act._ACT_LAYER_DEFAULT, create_act._ACT_FN_DEFAULT
except (ImportError, AttributeError) as error:
    raise ConfigError(f"rectifiers.timm needs timm 1 ({error}): pip install 'rectifiers[timm]'") from None


class _Layers(dict[str, Any]):
    """timm's table of activation modules, and ours after it."""

    def __missing__(self, name: str) -> Any:
        # timm asks in lower case.
        names = {known.lower(): known for known in registry.names()}
        if name not in names:
            raise UnknownNameError("activation", name, {*names, *self})
        cls = registry.get(names[name])
        spec = cls.spec
        if spec.kind == "convolution" or spec.channel_factor != (1, 1):
            raise UnsupportedError(
                f"{spec.title} changes more than the activation, so it cannot be an act_layer; make the model with a "
                f"ReLU, and call rectifiers.swap(model, {spec.name!r}, example=…)"
            )
        return cls


class _Functions(dict[str, Any]):
    """timm's table of activation functions, which have no parameters."""

    def __missing__(self, name: str) -> Any:
        raise UnsupportedError(
            f"this model takes its activation {name!r} as a plain function, which has no parameters to learn; make it "
            "with the activation that it has, and call rectifiers.swap"
        )


create_act._ACT_LAYER_DEFAULT = _Layers(_LAYERS)
create_act._ACT_FN_DEFAULT = _Functions(_FUNCTIONS)
