"""What a user brings in a file: activations, networks, data and the like, for this process and its workers.

A trial that names one of them has the hash of its file as a field, so that results of one version of a file are never
taken for those of another, and a worker that finds another version says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import activations, datasets, networks
from ..core.errors import ConfigError, RectifiersError, UnknownNameError
from ..core.factory import story
from ..core.own_file import OwnFile, load_file, parse_reference
from ..core.registry import Registry

if TYPE_CHECKING:
    from .trial import Trial

WANTED = (
    "a module class (an activation, or with act, shape and classes a network), a function of one tensor (an "
    "activation), a Source or a function that returns a Dataset (a data set), a Transform (an augmentation), or an "
    "Optimizer"
)


@dataclass(frozen=True)
class Own:
    """One thing of a user's file, registered.

    Args:
        kind: what it is, as its registry words it: activation, network, data set, augmentation or optimizer.
        name: the name that it is registered under.
        title: how tables label an activation; for others, their name.
        reference: the file and the name in it, as the user wrote them.
        path: the file, from the root.
        attribute: the name in the file.
        digest: sixteen hexadecimal digits of the file's content.
    """

    kind: str
    name: str
    title: str
    reference: str
    path: Path
    attribute: str
    digest: str


@dataclass(frozen=True)
class Read:
    """One thing of a user's file, not registered.

    Args:
        kind: what it is.
        attribute: the name in the file.
        thing: a module class with a spec, a network, a class of sources, or a transform.
        file: the file as it was when it was loaded.
    """

    kind: str
    attribute: str
    thing: Any
    file: OwnFile


_loaded: dict[tuple[str, str], Own] = {}


def use(reference: str) -> Own:
    """Register what a file of the user's own defines, under its name, until the process ends.

    An activation is called what its spec says, everything else what it is called in the file. A plain module gets a
    spec, and a function becomes a module. The same file again, changed since, takes the place of what it was.

    Args:
        reference: `FILE.py:NAME`; `FILE.py` is enough where it defines one thing.

    Returns:
        What it is.

    Raises:
        ConfigError: the file cannot be read, is not Python, raises, defines nothing or several things, or its name is
            taken.
        UnknownNameError: it does not define that name; with the nearest ones.
    """
    found = read(reference)
    kind, attribute, file = found.kind, found.attribute, found.file
    made = found.thing
    spec = made.spec if kind == "activation" else None
    name = attribute if spec is None else spec.name
    registry = registries()[kind]
    before = _loaded.get((kind, name))
    if before is not None and (before.path, before.attribute) == (file.path, attribute):
        if before.digest == file.digest:
            return before
        forget(before)
    elif name in registry:
        where = "in its spec" if spec is not None and spec.name != attribute else "in the file"
        raise ConfigError(f"{reference}: there is {_article(kind)} called {name!r} already; give yours another {where}")
    registry.register(name)(made)
    own = Own(kind, name, name if spec is None else spec.title, reference, file.path, attribute, file.digest)
    _loaded[kind, name] = own
    return own


def list_references(given: Sequence[str] | str) -> list[str]:
    """The references that a user gave; one text is one of them.

    Example:
        >>> list_references("my_act.py:Gate"), list_references(("a.py", "b.py"))
        (['my_act.py:Gate'], ['a.py', 'b.py'])
    """
    return [given] if isinstance(given, str) else list(given)


def read(reference: str) -> Read:
    """What a file of the user's own defines, as a registry would hold it, without registering it.

    Args:
        reference: `FILE.py:NAME`; `FILE.py` is enough where it defines one thing.

    Raises:
        ConfigError: the file cannot be read, is not Python, raises, or defines nothing or several things.
        UnknownNameError: it does not define that name; with the nearest ones.
    """
    path, attribute = parse_reference(reference)
    file = load_file(path)
    things = {key: thing for key, thing in vars(file.module).items() if not key.startswith("_")}
    if attribute is None:
        attribute = _only(path, {key for key, thing in things.items() if _is_defined_in(file.module.__name__, thing)})
    elif attribute not in things:
        raise UnknownNameError(f"name in {path}", attribute, [key for key, thing in things.items() if kind_of(thing)])
    thing = things[attribute]
    kind = kind_of(thing)
    if kind is None:
        raise ConfigError(f"{path}: expected {WANTED}; {attribute} is of type {type(thing).__name__}")
    return Read(kind, attribute, registries()[kind].adopt(thing, attribute, f"{path.name}:{attribute}"), file)


def loaded() -> tuple[Own, ...]:
    """Everything that is in use, in the order in which it was loaded."""
    return tuple(_loaded.values())


def forget(own: Own) -> None:
    """Take out of its registry what `use` put there."""
    registries()[own.kind].remove(own.name)
    del _loaded[own.kind, own.name]


def restore(things: Iterable[Own]) -> None:
    """Load in another process what was in use in the first.

    Raises:
        ConfigError: a file has changed since, or is gone.
    """
    for own in things:
        if _loaded.get((own.kind, own.name)) == own:
            continue
        if use(f"{own.path}:{own.attribute}").digest != own.digest:
            raise ConfigError(f"{own.path} has changed since the command began; run it again")
        _loaded[own.kind, own.name] = own


def digests_of(trial: Trial) -> tuple[tuple[str, str], ...]:
    """What a trial takes from files of the user's, and the hashes of these files, as its field `own` holds them."""
    names = ((kind, name) for kind, name in _names(trial) if (kind, name) in _loaded)
    return tuple(sorted({f"{kind} {name}": _loaded[kind, name].digest for kind, name in names}.items()))


def check(trial: Trial) -> None:
    """Make sure that what a trial takes from a user's file is there, in the version that it names.

    Raises:
        ConfigError: it is not.
    """
    for name, digest in trial.own:
        found = next((own for own in loaded() if f"{own.kind} {own.name}" == name), None)
        if found is None:
            raise ConfigError(f"{name} comes from a file of yours; say which, with --with FILE.py:NAME")
        if found.digest != digest:
            raise ConfigError(f"{found.path} is not what the trial was made with; plan it again, or restore the file")


@contextmanager
def tell_failures(trial: Trial) -> Iterator[None]:
    """Let what fails in the network or activation of a user's file or package be told in one line.

    Raises:
        ConfigError: something failed with an error that is not this library's.
    """
    try:
        yield
    except RectifiersError:
        raise
    except Exception as error:
        known = registries()
        if not (trial.own or any(known[kind].is_announced(name) for kind, name in _names(trial))):
            raise
        raise ConfigError(
            f"{trial.network} with {trial.activation} fails on {trial.dataset}: {story(error)}; "
            "networks.blocks.activate says how many channels come out of an activation"
        ) from error


def check_used(things: Iterable[Own], trials: Iterable[Trial], experiment: str) -> None:
    """Make sure that everything the user brought stands in some trial.

    Raises:
        ConfigError: something does not; with how to choose it.
    """
    stamped = {name for trial in trials for one in (trial, *trial.lineage) for name, _ in one.own}
    for own in things:
        if f"{own.kind} {own.name}" not in stamped:
            field, value = _FIELDS[own.kind], f'["{own.name}"]' if own.kind == "augmentation" else own.name
            raise ConfigError(
                f"no run of {experiment} uses the {own.kind} {own.name}; choose it with --set '{field}={value}'"
            )


def registries() -> Mapping[str, Registry[Any]]:
    """Where things are registered, by what they are."""
    from ..training import augmentation, optimizers

    known = (
        activations.registry,
        networks.registry,
        datasets.registry,
        augmentation.registry,
        optimizers.registry,
    )
    return {registry.kind: registry for registry in known}


_FIELDS = {
    "activation": "activation",
    "network": "network",
    "data set": "dataset",
    "augmentation": "augment",
    "optimizer": "optimizer",
}
"""The field of a trial that names a thing."""


def kind_of(thing: object) -> str | None:
    """What a thing of a user's file is, by what it is derived from or takes; None where it is nothing of ours.

    Example:
        >>> from torch import nn
        >>> kind_of(nn.ReLU), kind_of(lambda act, shape, classes: None), kind_of(lambda data_dir: None), kind_of(3)
        ('activation', 'network', 'data set', None)
    """
    from torch import nn, optim

    from ..datasets.source import Source
    from ..training.augmentation.transform import Transform

    if isinstance(thing, Source):
        return "data set"
    if isinstance(thing, type):
        for base, kind in ((Source, "data set"), (Transform, "augmentation"), (optim.Optimizer, "optimizer")):
            if issubclass(thing, base):
                return kind
        if not issubclass(thing, nn.Module):
            return None
        return "network" if _takes_sites(thing) else "activation"
    if not inspect.isfunction(thing):
        return None
    if _takes_sites(thing):
        return "network"
    parameters = inspect.signature(thing).parameters
    if set(parameters) <= {"data_dir"}:
        return "data set"
    needed = [one for one in parameters.values() if one.default is one.empty]
    return "activation" if len(needed) == 1 and needed[0].kind is not needed[0].KEYWORD_ONLY else None


def _takes_sites(thing: Any) -> bool:
    return {"act", "shape", "classes"} <= set(inspect.signature(thing).parameters)


def _is_defined_in(module: str, thing: object) -> bool:
    owner = thing if isinstance(thing, type) or inspect.isfunction(thing) else type(thing)
    return getattr(owner, "__module__", None) == module and kind_of(thing) is not None


def _only(path: Path, names: set[str]) -> str:
    if not names:
        raise ConfigError(f"{path} defines nothing to use; expected {WANTED}")
    if len(names) > 1:
        several = ", ".join(sorted(names))
        raise ConfigError(f"{path} defines {several}; say which, such as {path}:{min(names)}")
    return names.pop()


def _names(trial: Trial) -> Iterator[tuple[str, str]]:
    """Kind and name of everything that a trial names."""
    for name in trial.activations:
        yield "activation", name
    yield "network", trial.network
    yield "optimizer", trial.optimizer
    yield "data set", trial.dataset.partition(":")[0]
    for spec in trial.augment:
        yield "augmentation", spec.partition(":")[0]


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
