"""What to put in, as the user asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ...activations import registry
from ...core.errors import UnknownNameError
from ...watching.sites import Site
from ..edits.fold import CONVOLUTIONS
from ..edits.recipe import Factory, Recipe
from .planned import Start

Cap = Literal["keep", "drop"]


@dataclass(frozen=True)
class Target:
    """What to put in.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        settings: arguments of the registered class.
        relu_like: start at ReLU, or as near as the function comes.
        cap: what becomes of the upper bound of a ReLU6.
        share_calls: one activation for all calls of a module, instead of one for each.

    Raises:
        UnknownNameError: no such `cap`.
    """

    activation: str | Factory
    settings: Mapping[str, Any] = field(default_factory=dict)
    relu_like: bool = True
    cap: Cap = "keep"
    share_calls: bool = False

    def __post_init__(self) -> None:
        if self.cap not in get_args(Cap):
            raise UnknownNameError("cap", str(self.cap), get_args(Cap))

    @property
    def title(self) -> str:
        """Name as the paper prints it."""
        if self.activation == "convrelu":
            return "ConvReLU"
        if isinstance(self.activation, str):
            return str(registry.get(self.activation).spec.title)
        return getattr(self.activation, "__name__", type(self.activation).__name__)

    def recipe(self, site: Site) -> Recipe:
        """The activation for one site."""
        settings = dict(self.settings)
        if isinstance(self.activation, str):
            spec = registry.get(self.activation).spec
            if self.relu_like and spec.relu_start != "none":
                settings.setdefault("relu_like", True)
            share = settings.get("share", spec.share)
            if spec.parameters and share != "layer":
                settings["channels"] = site.channels if share == "channel" else list(site.shape[1:])
            if site.channel_dim != 1:
                settings.setdefault("channel_dim", site.channel_dim)
        cap = site.settings.get("cap") if self.cap == "keep" else None
        return Recipe(
            activation=self.activation,
            settings=settings,
            channels=site.channels,
            dtype=str(site.dtype).removeprefix("torch."),
            near=site.near,
            cap=cap,
            write_back=site.aliased,
            shape=() if isinstance(self.activation, str) else site.shape,
        )

    def start(self, site: Site) -> Start:
        """How the function starts, compared with what is there."""
        if not isinstance(self.activation, str) or not self.relu_like:
            return "other"
        start = registry.get(self.activation).spec.relu_start
        if start == "none" or site.kind not in ("relu", "relu6"):
            return "other"
        dropped = site.kind == "relu6" and self.cap == "drop"
        return "exact" if start == "exact" and not dropped else "near"

    @property
    def folds(self) -> bool:
        """Whether it is a ConvReLU, which goes into a convolution."""
        return self.activation in CONVOLUTIONS

    @property
    def doubles_channels(self) -> bool:
        """Whether it puts out two channels for each that comes in."""
        name = self.activation
        return isinstance(name, str) and not self.folds and registry.get(name).spec.channel_factor == (2, 1)
