"""Names for what a trial uses of the user's: `package.module:name#digest`, where the digest is of code and content.

A trial holds names, for it is a value. What a name stands for is kept by this process, or imported in another one. The
digest makes results that were found with other code, or other data, results of another trial.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import sysconfig
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ...core.errors import ConfigError, RectifiersError
from ...core.factory import locate

DIGITS = 12
"""Of a digest: hexadecimal ones."""

_INSTALLED = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)

_USED = (types.FunctionType, type, str, int, float, tuple, functools.partial, Tensor, DataLoader, Dataset)

_given: dict[str, Any] = {}


def refer(thing: Any) -> str:
    """Name a thing of the user's; this process then knows what the name stands for.

    Args:
        thing: a function, class, model, or data; or `package.module:name`, which is imported.

    Returns:
        `package.module:name#digest`.

    Raises:
        ConfigError: there is nothing of such a name.

    Example:
        >>> resolve(refer(torch.nn.ReLU)) is torch.nn.ReLU, refer("torch.nn:ReLU") == refer("torch.nn:ReLU")
        (True, True)
    """
    name = thing if isinstance(thing, str) else _name(thing)
    found = locate(thing) if isinstance(thing, str) else thing
    reference = f"{name}#{digest(found)}"
    _given[reference] = found
    return reference


def resolve(reference: str) -> Any:
    """What a name stands for.

    Raises:
        ConfigError: another process made the name for something that cannot be imported, or the code has changed.
    """
    if reference in _given:
        return _given[reference]
    name, _, wanted = reference.partition("#")
    found = locate(name)
    if digest(found) != wanted:
        raise ConfigError(f"{name} has changed since the comparison began; start it again")
    _given[reference] = found
    return found


def is_importable(reference: str) -> bool:
    """Whether another process can find out what a name stands for.

    Example:
        >>> is_importable(refer(torch.nn.ReLU)), is_importable(refer(lambda: torch.nn.ReLU()))
        (True, False)
    """
    name = reference.partition("#")[0]
    module, _, attribute = name.partition(":")
    if module == "__main__" or not module or not attribute.replace(".", "").isidentifier():
        return False
    try:
        return locate(name) is _given.get(reference)
    except RectifiersError:
        return False


def title(reference: str) -> str:
    """The last word of a name, for people.

    Example:
        >>> title("my.models:make_net#0123456789ab")
        'make_net'
    """
    return reference.partition("#")[0].rpartition(":")[2].rpartition(".")[2] or "it"


def digest(thing: Any) -> str:
    """Identify code and content.

    Of functions and classes the source counts, with that of what they use of the same project; of installed packages
    the name alone. Of tensors and arrays the content counts; of a data set its length, three samples, and the tensors,
    arrays and lists that it holds; of a loader its data set and its first batch.

    Example:
        >>> digest(torch.zeros(2)) == digest(torch.zeros(2)), digest(torch.zeros(2)) == digest(torch.ones(2))
        (True, False)
    """
    sha = hashlib.sha256()
    _Visit(sha.update).see(thing)
    return sha.hexdigest()[:DIGITS]


def _name(thing: Any) -> str:
    if isinstance(thing, functools.partial):
        return _name(thing.func)
    described = thing if isinstance(thing, type) or hasattr(thing, "__qualname__") else type(thing)
    module = getattr(thing, "__module__", None) or described.__module__
    return f"{module}:{described.__qualname__}".replace(" ", "-").replace("#", "-")


class _Visit:
    """Goes through code and content once, and tells what it sees."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write
        self.seen: set[int] = set()
        self.kept: list[Any] = []

    def tell(self, *words: object) -> None:
        self.write("\0".join(map(str, words)).encode() + b"\0")

    def see(self, thing: Any) -> None:
        """Tell all that counts of a thing."""
        if thing is None or isinstance(thing, bool | int | float | complex | str | bytes):
            self.tell(type(thing).__name__, repr(thing))
            return
        if isinstance(thing, Tensor):
            self._tensor(thing)
            return
        if id(thing) in self.seen:
            return
        self.seen.add(id(thing))
        # Ids are told apart as long as the things live.
        self.kept.append(thing)
        if isinstance(thing, types.ModuleType):
            self.tell("module", thing.__name__)
        elif isinstance(thing, functools.partial):
            for part in (thing.func, thing.args, thing.keywords):
                self.see(part)
        elif isinstance(thing, types.MethodType):
            self.see(thing.__func__)
            self.see(thing.__self__)
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, Mapping):
            for key in sorted(thing, key=str):
                self.see(key)
                self.see(thing[key])
        elif isinstance(thing, list | tuple):
            self.tell(len(thing))
            for item in thing:
                self.see(item)
        elif isinstance(thing, set | frozenset):
            self.see(sorted(map(repr, thing)))
        else:
            self._object(thing)

    def _tensor(self, tensor: Tensor) -> None:
        plain = tensor.detach().cpu().contiguous()
        self.tell(plain.dtype, tuple(plain.shape))
        self.write(plain.flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b"")

    def _array(self, array: numpy.ndarray[Any, Any]) -> None:
        try:
            self._tensor(torch.as_tensor(array))
        except TypeError:  # of texts, or of objects
            self.see(array.tolist())

    def _function(self, function: types.FunctionType) -> None:
        installed = _is_installed(function)
        self.tell(*((function.__module__, function.__qualname__) if installed else (_source(function),)))
        for part in (function.__defaults__, function.__kwdefaults__):
            self.see(part)
        for cell in function.__closure__ or ():
            try:
                self.see(cell.cell_contents)
            except ValueError:  # a name that is not bound yet
                self.tell("empty")
        if not installed:
            self._used(function.__code__, function.__globals__)

    def _used(self, code: types.CodeType, names: Mapping[str, Any]) -> None:
        """What code uses of the names around it: code, constants and data; not what it may write to meanwhile."""
        for name in sorted(set(code.co_names)):
            used = names.get(name)
            if isinstance(used, _USED) or type(used).__module__ == "numpy":
                self.see(used)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._used(constant, names)

    def _class(self, cls: type) -> None:
        if _is_installed(cls):
            self.tell(cls.__module__, cls.__qualname__)
            return
        self.tell(_source(cls))
        for base in cls.__bases__:
            self.see(base)
        for name in sorted(vars(cls)):
            member = vars(cls)[name]
            inner = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(inner, types.FunctionType):
                self.see(inner)

    def _object(self, thing: Any) -> None:
        self.see(type(thing))
        if isinstance(thing, nn.Module):
            self.see(thing.state_dict())
        elif hasattr(thing, "__array__"):
            self._array(numpy.asarray(thing))
        elif isinstance(thing, DataLoader):
            self.see([thing.batch_size, thing.drop_last, _first_batch(thing)])
            self.see(thing.dataset)
        elif hasattr(thing, "__getitem__") and hasattr(thing, "__len__"):
            self.see(len(thing))
            for place in {0, len(thing) // 2, len(thing) - 1} if len(thing) else ():
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    self.see(thing[place])
            held = vars(thing) if hasattr(thing, "__dict__") else {}
            self.see({key: value for key, value in held.items() if isinstance(value, Tensor | list | tuple)})
            self.see({key: value for key, value in held.items() if hasattr(value, "__array__")})
        else:
            self.see({key: value for key, value in getattr(thing, "__dict__", {}).items() if not key.startswith("_")})


def _first_batch(loader: DataLoader[Any]) -> Any:
    generator = loader.generator
    before = generator.get_state() if generator is not None else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if generator is not None:
            generator.manual_seed(0)
        try:
            return next(iter(loader), None)
        finally:
            if generator is not None and before is not None:
                generator.set_state(before)


def _is_installed(thing: Any) -> bool:
    """Whether code belongs to an installed package: its name says which it is, and its version is in each result."""
    module = sys.modules.get(thing.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        return thing.__module__ != "__main__" and not hasattr(thing, "__code__")
    if thing.__module__.partition(".")[0] == __package__.partition(".")[0]:
        return True
    place = str(Path(file).resolve())
    return place.startswith(_INSTALLED) or "site-packages" in place


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        code = getattr(thing, "__code__", None)
        if code is None:
            return f"{thing.__module__}:{thing.__qualname__}"
        plain = [const for const in code.co_consts if not isinstance(const, types.CodeType)]
        # The order of a set differs from one process to the next.
        ordered = [sorted(map(repr, const)) if isinstance(const, frozenset) else const for const in plain]
        return repr((code.co_code, ordered))
