"""A model of the user's own, by the name of what makes it."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from torch import nn


def build_model(reference: str) -> nn.Module:
    """The model that `package.module:factory` names: a module, or what the factory returns when called with nothing.

    The working directory can be imported from.

    Raises:
        ConfigError: it cannot be imported, fails, or makes something else.
        UnknownNameError: the module has no such name; with the nearest ones.
    """
    from torch import nn

    thing = locate(reference)
    if isinstance(thing, nn.Module):
        return thing
    if not callable(thing):
        raise ConfigError(
            f"{reference} is of type {type(thing).__name__}; expected a model, or a function that makes one"
        )
    try:
        model = thing()
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{reference} failed: {story(error)}; it is called without arguments") from error
    if not isinstance(model, nn.Module):
        raise ConfigError(f"{reference} returned something of type {type(model).__name__}; expected an nn.Module")
    return model


def locate(reference: str) -> Any:
    """What `package.module:name` names; the working directory can be imported from.

    Raises:
        ConfigError: it is not of this form, or cannot be imported.
        UnknownNameError: the module has no such name; with the nearest ones.
    """
    path, colon, name = reference.partition(":")
    if not (path and colon and name):
        raise ConfigError(f"expected package.module:factory, such as torchvision.models:resnet18, got {reference!r}")
    if path.endswith(".py") or "/" in path or path.startswith("."):
        module = Path(path.removesuffix(".py")).as_posix().strip("./").replace("/", ".") or "package.module"
        raise ConfigError(
            f"expected a module, as in an import, and not a file, got {path!r}; write {module}:{name}, in the folder "
            "that it is imported from"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        thing: Any = importlib.import_module(path)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"cannot import {path}: {story(error)}{_advice(error, path, here)}") from error
    for part in name.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            # What a module imports is none of its own.
            held = getattr(thing, "__dict__", {})
            public = [known for known in dir(thing) if not inspect.ismodule(held.get(known))]
            public = [known for known in public if not known.startswith("_")]
            raise UnknownNameError(f"name in {path}", part, public) from None
    return thing


def _advice(error: BaseException, path: str, here: str) -> str:
    """What to do about a module that cannot be imported, where that is known."""
    if isinstance(error, ModuleNotFoundError) and error.name == path.partition(".")[0]:
        return f"; neither installed, nor in the working directory, {here}"
    if isinstance(error, SystemExit):
        return (
            "; it ends the program when it is imported, as a script does that reads its command line: put what only "
            'the script needs, such as parse_args(), under if __name__ == "__main__":'
        )
    if "no known parent package" in str(error):
        return (
            f"; name it with the package that it belongs to, as in package.{path}, in the folder that holds the package"
        )
    return ""


def story(error: BaseException) -> str:
    """An error in one line, with its type; of one in a loader's process, what was raised there."""
    text = str(error)
    if "Original Traceback (most recent call last)" in text:
        # Behind its traceback, the last line that begins with a class of errors names it.
        text = re.split(r"\n[\w.]*(?:Error|Exception|Exit|Interrupt|Iteration|Warning): ?", text)[-1]
    text = " ".join(text.split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
