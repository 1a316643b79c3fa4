"""Who makes a call that happens now: which module's method, in which of its calls, read from Python's own frames."""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType
from weakref import WeakKeyDictionary

import torch
import torch.utils.checkpoint
from torch import nn

from .source import Position

_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_CHECKPOINT = torch.utils.checkpoint.__file__
_HERE = str(Path(__file__).parent)
_CALLS = {
    id(nn.Module._call_impl.__code__),
    *(id(part) for part in nn.Module._call_impl.__code__.co_consts if isinstance(part, CodeType)),
}
"""The code in which PyTorch calls a module and its hooks, by identity, for hashing code goes through all of it."""
TORCH = str(Path(torch.__file__).parent / "_")[:-1]
_TRANSPARENT = frozenset(
    str(Path(torch.__file__).parent.joinpath(*name.split("/")))
    for name in ("overrides.py", "_tensor.py", "nn/functional.py", "nn/modules/activation.py", "nn/modules/module.py")
)


def find_owner(caller: FrameType | None, within: nn.Module, names: Mapping[nn.Module, str]) -> nn.Module:
    """Return the module whose method makes a call, even past its own call, as in `self.part.encode(x)`.

    Args:
        caller: the Python frame where the search begins.
        within: the module whose call is under way; the answer if there is no other.
        names: all modules that count.
    """
    frame = caller
    while frame is not None and not _is_call_of(frame, within):
        code = frame.f_code
        if code.co_argcount and not code.co_filename.startswith(_HERE) and code.co_filename not in _TRANSPARENT:
            module = frame.f_locals.get(code.co_varnames[0])
            if isinstance(module, nn.Module) and module in names and find_method(type(module), code) is not None:
                return module
        frame = frame.f_back
    return within


def has_own_gradient(caller: FrameType | None) -> bool:
    """Return whether a call is written in the `forward` of a `torch.autograd.Function`, which brings its own gradient.

    What modules call within such a function, as within one that recomputes them, is another matter.
    """
    frame = caller
    while frame is not None and (
        frame.f_code.co_filename.startswith(_HERE) or frame.f_code.co_filename in _TRANSPARENT
    ):
        frame = frame.f_back
    if frame is None or frame.f_code.co_name != "forward":
        return False
    code = frame.f_code
    if code.co_argcount and isinstance(frame.f_locals.get(code.co_varnames[0]), nn.Module):
        return False
    classes: list[type] = [torch.autograd.Function]
    for cls in classes:
        if any(function.__code__ is code for function in unwrapped(vars(cls).get("forward"))):
            return True
        classes += cls.__subclasses__()
    return False


def find_hooked(caller: FrameType | None, within: CodeType | None = None) -> nn.Module | None:
    """Return the module that has the hook in which a call is made, and not a module's code; None for other calls.

    Args:
        caller: the Python frame where the search begins.
        within: code that is no hook, and calls none but through modules.
    """
    inside, frame = None, caller
    while frame is not None and id(frame.f_code) not in _CALLS:
        if frame.f_code is within:
            return None
        inside, frame = frame, frame.f_back
    if frame is None or inside is None:
        return None
    hook = frame.f_locals.get("hook")
    while isinstance(hook, functools.partial):
        hook = hook.func
    if not isinstance(hook, (FunctionType, MethodType)):
        hook = getattr(type(hook), "__call__", None)  # noqa: B004
    module = frame.f_locals.get("self")
    return module if getattr(hook, "__code__", None) is inside.f_code and isinstance(module, nn.Module) else None


def is_recomputed(caller: FrameType | None, within: CodeType | None) -> bool:
    """Return whether a call is under activation checkpointing, which will make it once more, without what is around.

    Args:
        caller: the Python frame where the search begins.
        within: the code that it ends at; without it, the answer is not known, and False.
    """
    frame = caller
    while frame is not None and within is not None and frame.f_code is not within:
        if frame.f_code.co_filename == _CHECKPOINT:
            return True
        frame = frame.f_back
    return False


def frame_of_call(caller: FrameType | None, module: nn.Module) -> FrameType | None:
    """Return the Python frame in which a module's own call is under way; None if it is not."""
    frame = caller
    while frame is not None and not _is_call_of(frame, module):
        frame = frame.f_back
    return frame


@dataclass(frozen=True)
class UnderWay:
    """What is being called within a module's own call.

    Args:
        methods: the names of its methods other than `forward`, innermost first.
        held: the names of its attributes that are functions, not methods of its class.
        recomputed: whether what calls the function is under activation checkpointing, which will call it once more
            without the module's `forward`.
        past: path of another module whose method calls the function past that module's own call; empty for none.
    """

    methods: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    recomputed: bool = False
    past: str = ""


def under_way(owner: nn.Module, caller: FrameType | None) -> UnderWay:
    """Return what is being called within a module's own call."""
    names: dict[str, None] = {}
    functions = {value.__code__: name for name, value in vars(owner).items() if isinstance(value, FunctionType)}
    held: dict[str, None] = {}
    recomputed = False
    frame = caller
    while frame is not None and not _is_call_of(frame, owner):
        recomputed |= frame.f_code.co_filename == _CHECKPOINT
        if _is_of(frame, owner):
            found = find_method(type(owner), frame.f_code)
            if found is not None and found[1] != "forward":
                names[found[1]] = None
        if frame.f_code in functions and functions[frame.f_code] != "forward":
            held[functions[frame.f_code]] = None
        frame = frame.f_back
    return UnderWay(tuple(names), tuple(held), recomputed)


def find_method(cls: type, code: CodeType) -> tuple[type, str, FunctionType] | None:
    """Return the class that has a method with this code, the method's name, and the function itself."""
    known = _methods.setdefault(cls, {})
    homes = cls.__mro__
    places = [known[code]] if code in known else []
    # What is known is looked at first, and the rest if a class was changed since.
    for index, name in itertools.chain(places, _attributes(homes)):
        for function in unwrapped(vars(homes[index]).get(name)):
            if function.__code__ is code:
                known[code] = index, name
                return homes[index], name, function
    return None


def _attributes(homes: Sequence[type]) -> Iterator[tuple[int, str]]:
    for index, home in enumerate(homes):
        if home is nn.Module:
            return
        for name in list(vars(home)):
            yield index, name


_methods: MutableMapping[type, dict[CodeType, tuple[int, str]]] = WeakKeyDictionary()
"""Where `find_method` has found what: the position of the class that defines it, and the name."""


def unwrapped(attribute: object, depth: int = 5) -> Iterator[FunctionType]:
    """Give a method's function and, if decorators have wrapped it, the functions inside, outermost first."""
    if isinstance(attribute, FunctionType):
        yield attribute
        if depth:
            for cell in attribute.__closure__ or ():
                try:
                    yield from unwrapped(cell.cell_contents, depth - 1)
                except ValueError:
                    continue
    elif isinstance(attribute, property):
        yield from unwrapped(attribute.fget, depth)
    elif isinstance(attribute, (staticmethod, classmethod)):
        yield from unwrapped(attribute.__func__, depth)
    elif depth and not isinstance(attribute, (type, types.ModuleType, nn.Module)):
        # An object that a decorator has made, such as a `functools.cached_property`.
        for value in getattr(attribute, "__dict__", {}).values():
            if isinstance(value, FunctionType):
                yield from unwrapped(value, depth - 1)


def innermost(caller: FrameType | None, owner: nn.Module, within: nn.Module) -> tuple[FrameType | None, bool]:
    """Return the frame that makes a call, outside of this library and of PyTorch's own plumbing, but within a module.

    Returns:
        The frame, and whether it makes the call through a module without a name.
    """
    frame = caller
    through_module = False
    while frame is not None and not _is_call_of(frame, owner) and not _is_call_of(frame, within):
        name = frame.f_code.co_filename
        if not name.startswith(_HERE) and (name not in _TRANSPARENT or _is_of(frame, owner)):
            return frame, through_module
        through_module |= frame.f_code is nn.Module._call_impl.__code__
        frame = frame.f_back
    return None, through_module


def method_frame(frame: FrameType | None, owner: nn.Module) -> FrameType | None:
    """Return the frame of the method that `frame` is, or is written in."""
    inner = frame
    while frame is not None and not _is_call_of(frame, owner):
        if _is_of(frame, owner):
            assert inner is not None
            return frame if contains(frame.f_code, inner.f_code) else None
        frame = frame.f_back
    return None


def function_of(frame: FrameType) -> FrameType:
    """Return the frame of the function that a comprehension is in."""
    while frame.f_code.co_name in _COMPREHENSIONS and frame.f_back is not None:
        frame = frame.f_back
    return frame


def contains(outer: CodeType, inner: CodeType) -> bool:
    """Return whether a function's code is that of another, or is written in it."""
    return outer is inner or any(contains(part, inner) for part in outer.co_consts if isinstance(part, CodeType))


def names_in(code: CodeType) -> set[str]:
    """Return the names that code reads from attributes and globals, with the code that is written in it."""
    return set(code.co_names).union(*(names_in(part) for part in code.co_consts if isinstance(part, CodeType)))


def end_of_call(frame: FrameType) -> Position | None:
    """Return where the call ends that a frame makes now; None if Python does not keep it."""
    positions = getattr(frame.f_code, "co_positions", None)
    if positions is None:  # Python 3.10
        return None
    _, line, _, column = next(itertools.islice(positions(), frame.f_lasti // 2, None), (None,) * 4)
    return line, column


def _is_of(frame: FrameType, owner: nn.Module) -> bool:
    code = frame.f_code
    return code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is owner


def _is_call_of(frame: FrameType, module: nn.Module) -> bool:
    return frame.f_code is nn.Module._call_impl.__code__ and frame.f_locals["self"] is module
