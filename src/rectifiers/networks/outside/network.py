"""The base of networks from outside: how one is made, and what is told apart by the digest of what makes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ...core.errors import ConfigError, RectifiersError
from ...core.factory import story


class OutsideNetwork(ABC):
    """A network that is not registered.

    Args:
        name: as the user wrote it, with its colon.

    Attributes:
        takes_act: whether it asks for its activations, as registered networks do; surgery puts them into others.
        digest: sixteen hexadecimal digits that stand for the file that describes it; None where a library does.
    """

    takes_act: bool = False
    digest: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def make(self, shape: tuple[int, ...], classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Make a new network with the activations that it brings, initialised from the global generator.

        Args:
            shape: of one input, without the batch.
            classes: number of logits.
            options: what the user chose beside these.
        """

    def make_around(
        self, act: Callable[[int], nn.Module], shape: tuple[int, ...], classes: int, options: Mapping[str, Any]
    ) -> nn.Module:
        """Make a new network with activations that `act` makes; only for those that ask for them."""
        raise NotImplementedError(self.name)

    @property
    def library(self) -> str:
        """Name and version of the library that it comes from; empty for the user's own."""
        return ""

    def call(self, factory: Callable[..., Any], *arguments: Any, **options: Any) -> nn.Module:
        """What a factory returns.

        Raises:
            ConfigError: it fails, or returns no module.
        """
        given = ", ".join([*(repr(one) for one in arguments), *(f"{key}={value!r}" for key, value in options.items())])
        try:
            made = factory(*arguments, **options)
        except RectifiersError:
            raise
        except (Exception, SystemExit) as error:
            raise ConfigError(f"{self.name} failed when it was called with ({given}): {story(error)}") from error
        if not isinstance(made, nn.Module):
            raise ConfigError(f"{self.name} returned something of type {type(made).__name__}; expected an nn.Module")
        return made
