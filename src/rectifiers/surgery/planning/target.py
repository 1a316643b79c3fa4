"""What to put in, as the user asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ...activations import registry
from ...core.errors import ConfigError, UnknownNameError
from ...core.spec import ActivationSpec
from ...watching.sites import Site
from ..edits.fold import CONVOLUTIONS
from ..edits.recipe import Factory, Recipe
from .makers import Maker
from .planned import SiteStart, Start

Cap = Literal["keep", "drop"]
StartAt = Literal["published", "relu", "was", "added"]


def read_start(start: StartAt | None, relu_like: bool | None) -> StartAt | None:
    """Return where functions are to start, also if it is said by the older argument `relu_like`.

    Raises:
        UnknownNameError: `start` is none of its words.
        ConfigError: both are given, and differ.
    """
    if start is not None and start not in get_args(StartAt):
        raise UnknownNameError("start", str(start), get_args(StartAt))
    if relu_like is None:
        return start
    meant: StartAt = "relu" if relu_like else "published"
    if start not in (None, meant):
        raise ConfigError(f"relu_like={relu_like} means start={meant!r}, but start={start!r}; leave relu_like out")
    return meant


@dataclass(frozen=True)
class Target:
    """What to put in.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        options: arguments of the registered class.
        begin: where to start: as `published`, at `relu`, at what `was` there, or `added` to what stays there. None: at
            ReLU in place of a ReLU, at what was there in place of others if the function comes near it, and where
            `options` say if they do.
        cap: what to do about the upper bound of a ReLU6.
        share_calls: whether all calls of a module share one activation, instead of having one each.
        starts: where the functions start, by index of the site, once that is known.

    Raises:
        UnknownNameError: `cap` is neither `keep` nor `drop`.
        ConfigError: `options` give starting values, and `begin` others; or they say what the model decides.
    """

    activation: str | Factory
    options: Mapping[str, Any] = field(default_factory=dict)
    begin: StartAt | None = None
    cap: Cap = "keep"
    share_calls: bool = False
    starts: Mapping[int, SiteStart] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cap not in get_args(Cap):
            raise UnknownNameError("cap", str(self.cap), get_args(Cap))
        given = self.starting_options
        if given and self.begin in ("relu", "was", "added"):
            raise ConfigError(
                f"start={self.begin!r} decides where {self.title} starts, and so does {given[0]}; leave one of them out"
            )
        placed = next((name for name in ("device", "dtype") if name in self.options), None)
        if placed is not None and self.spec is not None:
            raise ConfigError(
                f"{placed} is that of the layers around each site, got {placed}={self.options[placed]!r}; leave it "
                "out, and move the model"
            )
        if self.begin == "added" and (self.spec is None or self.spec.relu_start == "none" or not self.spec.parameters):
            raise ConfigError(
                f"start='added' adds to what is there what a function learns beyond ReLU, which {self.title} cannot "
                "show; take one that learns and starts at ReLU, such as pvlu, prelu, or adarelu"
            )

    @property
    def title(self) -> str:
        """Name as the paper prints it."""
        if self.activation == "convrelu":
            return "ConvReLU"
        if isinstance(self.activation, str):
            return str(registry.get(self.activation).spec.title)
        return getattr(self.activation, "__name__", type(self.activation).__name__)

    @property
    def spec(self) -> ActivationSpec | None:
        """The spec of a function that is put in by name and keeps what it reads in place; None for others."""
        named = isinstance(self.activation, str) and not self.folds
        return registry.get(str(self.activation)).spec if named else None

    @property
    def starting_options(self) -> tuple[str, ...]:
        """Which of the options say where the function starts."""
        spec = self.spec
        if spec is None:
            return ()
        names = {parameter.name for parameter in spec.parameters} | {"init"}
        # A function without parameters turns into ReLU by its constants.
        names |= set() if spec.parameters else set(getattr(registry.get(spec.name), "constants", ()))
        return tuple(name for name in self.options if name in names)

    def begins_at_relu(self, site: Site) -> bool:
        """Return whether the function starts at ReLU at a site, or as near as it comes."""
        spec = self.spec
        if spec is None or spec.relu_start == "none" or self.starting_options or "relu_like" in self.options:
            return False
        return self.starts[site.index].at == "relu" if site.index in self.starts else self.begin != "published"

    def recipe(self, site: Site) -> Recipe:
        """Return the recipe for one site."""
        options = dict(self.options)
        if isinstance(self.activation, str):
            spec = registry.get(self.activation).spec
            if self.begins_at_relu(site):
                options["relu_like"] = True
            share = options.get("share", spec.share)
            if spec.parameters and share != "layer":
                options["channels"] = site.channels if share == "channel" else list(site.shape[1:])
            # A class of the user's may not take an argument that makes no difference to it.
            if site.channel_dim not in (1, None) and (self.needs_channels or spec.kind != "elementwise"):
                options.setdefault("channel_dim", site.channel_dim)
        cap = site.settings.get("cap") if self.cap == "keep" else None
        return Recipe(
            activation=self.activation,
            settings=options,
            channels=site.channels,
            dtype=str(site.dtype).removeprefix("torch."),
            near=site.near,
            cap=cap,
            fitted=self.starts[site.index].fitted if site.index in self.starts else {},
            write_back=site.aliased,
            shape=() if isinstance(self.activation, str) else site.shape,
        )

    def start(self, site: Site) -> Start:
        """Return how the function's start compares with the activation that is there now."""
        if site.index in self.starts:
            return self.starts[site.index].start
        return self.relu_start(site)

    def relu_start(self, site: Site) -> Start:
        """Return how a start at ReLU compares with the activation that is there now."""
        if not isinstance(self.activation, str) or self.begin == "published":
            return "other"
        start = registry.get(self.activation).spec.relu_start
        if self.begin == "added" and start != "none":
            return "exact" if start == "exact" else "near"
        if start == "none" or not site.rectifies:
            return "other"
        dropped = bool(site.settings.get("cap")) and self.cap == "drop"
        return "exact" if start == "exact" and not dropped else "near"

    @property
    def needs_channels(self) -> bool:
        """Whether it has to know which dimension of a site's values holds the channels."""
        if self.folds:
            return False
        if not isinstance(self.activation, str):
            return not isinstance(self.activation, Maker) or self.activation.counts
        return self.share == "channel" or bool(registry.get(self.activation).spec.channel_factor != (1, 1))

    @property
    def share(self) -> str:
        """What owns a learned parameter: the `layer`, also if there is none, each `channel`, or each `element`."""
        spec = self.spec
        return "layer" if spec is None or not spec.parameters else str(self.options.get("share", spec.share))

    @property
    def folds(self) -> bool:
        """Whether it is a ConvReLU, which takes the place of a convolution."""
        return self.activation in CONVOLUTIONS

    @property
    def doubles_channels(self) -> bool:
        """Whether it makes two channels of each."""
        name = self.activation
        return isinstance(name, str) and not self.folds and registry.get(name).spec.channel_factor == (2, 1)
