"""What can be listed and shown: the registries by the word that the user writes. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import activations, datasets, networks, papers
from ..core.errors import ConfigError, UnknownNameError
from ..core.registry import Registry

KINDS: Mapping[str, Registry[Any]] = {
    "activations": activations.registry,
    "networks": networks.registry,
    "datasets": datasets.registry,
    "experiments": papers.registry,
}


def find(name: str, kind: str | None = None) -> str:
    """The kind of thing that `name` names.

    Args:
        name: a registered name.
        kind: where to look; everywhere by default.

    Raises:
        UnknownNameError: there is no such kind, or nothing of this name.
        ConfigError: several kinds have this name.
    """
    if kind is not None:
        check_kind(kind, KINDS)
        if name not in KINDS[kind]:
            raise UnknownNameError(KINDS[kind].kind, name, KINDS[kind])
        return kind
    found = [kind for kind, registry in KINDS.items() if name in registry]
    if not found:
        raise UnknownNameError("name", name, {name for registry in KINDS.values() for name in registry})
    if len(found) > 1:
        raise ConfigError(f"{name!r} is in {' and in '.join(found)}; say which, with --kind {found[0]}")
    return found[0]


def check_kind(kind: str, known: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Make sure that there is such a kind.

    Raises:
        UnknownNameError: there is not; with the nearest one.
    """
    if kind not in known:
        raise UnknownNameError("kind", kind, known)
