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
        options: arguments of the registered class.
        relu_like: whether to start at ReLU, or as near as the function comes.
        cap: what to do about the upper bound of a ReLU6.
        share_calls: whether all calls of a module share one activation, instead of having one each.

    Raises:
        UnknownNameError: `cap` is neither `keep` nor `drop`.
    """

    activation: str | Factory
    options: Mapping[str, Any] = field(default_factory=dict)
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
        """Return the recipe for one site."""
        options = dict(self.options)
        if isinstance(self.activation, str):
            spec = registry.get(self.activation).spec
            if self.relu_like and spec.relu_start != "none":
                options.setdefault("relu_like", True)
            share = options.get("share", spec.share)
            if spec.parameters and share != "layer":
                options["channels"] = site.channels if share == "channel" else list(site.shape[1:])
            if site.channel_dim != 1:
                options.setdefault("channel_dim", site.channel_dim)
        cap = site.settings.get("cap") if self.cap == "keep" else None
        return Recipe(
            activation=self.activation,
            settings=options,
            channels=site.channels,
            dtype=str(site.dtype).removeprefix("torch."),
            near=site.near,
            cap=cap,
            write_back=site.aliased,
            shape=() if isinstance(self.activation, str) else site.shape,
        )

    def start(self, site: Site) -> Start:
        """Return how the function's start compares with the activation that is there now."""
        if not isinstance(self.activation, str) or not self.relu_like:
            return "other"
        start = registry.get(self.activation).spec.relu_start
        if start == "none" or not site.rectifies:
            return "other"
        dropped = bool(site.settings.get("cap")) and self.cap == "drop"
        return "exact" if start == "exact" and not dropped else "near"

    @property
    def folds(self) -> bool:
        """Whether it is a ConvReLU, which takes the place of a convolution."""
        return self.activation in CONVOLUTIONS

    @property
    def doubles_channels(self) -> bool:
        """Whether it makes two channels of each."""
        name = self.activation
        return isinstance(name, str) and not self.folds and registry.get(name).spec.channel_factor == (2, 1)
