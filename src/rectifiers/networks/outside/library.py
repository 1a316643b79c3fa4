"""What networks of libraries have in common: an extra that brings the library, and names that it knows."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any, ClassVar

from ...core.errors import ConfigError, UnknownNameError
from .network import OutsideNetwork


class LibraryNetwork(OutsideNetwork):
    """A network that a library makes.

    Class attributes:
        package: of Python, that is imported.
        extra: of this project, that installs it.
    """

    package: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.within = name.partition(":")[2]
        if not self.within:
            raise ConfigError(f"expected the name of a network after the colon, such as {name}resnet18, got {name!r}")

    @property
    def library(self) -> str:
        """Name and version."""
        return f"{self.package} {version(self.package)}"

    def load(self) -> Any:
        """The package.

        Raises:
            ConfigError: it is not installed.
        """
        try:
            return importlib.import_module(self.package)
        except ModuleNotFoundError as error:
            raise ConfigError(f'{self.name} needs {error.name}; install "rectifiers[{self.extra}]"') from None

    def check_known(self, is_known: Callable[[str], bool], names: Callable[[], Iterable[str]]) -> None:
        """Make sure that the library has a network of this name.

        Raises:
            UnknownNameError: it has none; with the nearest names.
        """
        if not is_known(self.within):
            raise UnknownNameError(f"network of {self.package}", self.within, names())
