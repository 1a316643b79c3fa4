"""The error classes: caught as one, told apart, and whole after a trip to another process."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from copy import copy

import pytest

from rectifiers.core import errors
from rectifiers.core.errors import RectifiersError, UnknownNameError

CLASSES = [thing for _, thing in inspect.getmembers(errors, inspect.isclass) if thing.__module__ == errors.__name__]
PLAIN = [cls for cls in CLASSES if cls is not UnknownNameError]


@pytest.mark.parametrize("cls", CLASSES)
def test_all_are_caught_as_one_and_documented(cls: type[RectifiersError]) -> None:
    assert issubclass(cls, RectifiersError)
    assert inspect.getdoc(cls)


@pytest.mark.parametrize("cls", PLAIN)
def test_errors_travel_between_processes(cls: type[RectifiersError]) -> None:
    error = pickle.loads(pickle.dumps(cls("given 3, expected 4")))
    assert type(error) is cls
    assert str(error) == "given 3, expected 4"


@pytest.mark.parametrize("move", [copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_unknown_name_travels_with_its_facts(move: Callable[[UnknownNameError], UnknownNameError]) -> None:
    error = move(UnknownNameError("data set", "mnst", ["mnist", "svhn"]))
    assert type(error) is UnknownNameError
    assert str(error) == "unknown data set 'mnst'; did you mean mnist?"
    assert (error.kind, error.name, error.nearest) == ("data set", "mnst", ("mnist",))


def test_unknown_name_without_neighbours_lists_all() -> None:
    assert str(UnknownNameError("preset", "zz", ["paper", "pocket"])) == "unknown preset 'zz'; known: paper, pocket"
    assert str(UnknownNameError("preset", "zz", [])) == "unknown preset 'zz'; known: none"


@pytest.mark.parametrize(("name", "here"), [("silu", "swish"), ("SiLU", "swish"), ("lrelu", "leaky_relu")])
def test_a_name_from_elsewhere_finds_what_it_is_called_here(name: str, here: str) -> None:
    error = UnknownNameError("activation", name, ["leaky_relu", "lrelus", "selu", "swish", "vlu"])
    assert str(error) == f"unknown activation {name!r}; did you mean {here}?"
    assert "swish" not in str(UnknownNameError("kind", "silu", ["selu"]))


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ShapeError", ValueError),
        ("ConfigError", ValueError),
        ("DtypeError", TypeError),
        ("UnsupportedError", NotImplementedError),
        ("UnknownNameError", LookupError),
    ],
)
def test_errors_are_what_python_would_raise(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)
