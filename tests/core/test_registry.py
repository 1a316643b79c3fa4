"""The lazy tables: what is imported when, and how names are found, taken and announced."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rectifiers.core import registry as registry_module
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.registry import Registry

HOUSE = '''"""Rooms."""
raise RuntimeError("listing must not import")
'''
ROOM = '''"""A file about rooms."""
from dataclasses import dataclass

@dataclass
class RoomSpec:
    size: int
    doors: tuple = ()

class Kitchen:
    """Where the food is.

    More about it.
    """
    spec = RoomSpec(size=-3, doors=(RoomSpec(size=1), RoomSpec(size=2)))

class Cellar:
    spec: RoomSpec = RoomSpec(size=sum([1, 2]))

def attic():
    """Where the dust is."""
    return "dust"
'''


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Any]]:
    package = tmp_path / "house_of_rooms"
    package.mkdir()
    package.joinpath("__init__.py").touch()
    package.joinpath("room.py").write_text(ROOM)
    package.joinpath("haunted.py").write_text(HOUSE)
    monkeypatch.syspath_prepend(str(tmp_path))
    table = {
        "kitchen": "room:Kitchen",
        "cellar": "room:Cellar",
        "attic": "room:attic",
        "ghost": "haunted:Ghost",
    }
    yield Registry("room", "house_of_rooms", table)
    for name in [name for name in sys.modules if name.startswith("house_of_rooms")]:
        del sys.modules[name]


def test_names_are_sorted_and_iterable(rooms: Registry[Any]) -> None:
    assert list(rooms) == rooms.names() == ["attic", "cellar", "ghost", "kitchen"]
    assert "attic" in rooms
    assert "bath" not in rooms
    assert 3 not in rooms


def test_things_are_imported_at_first_use(rooms: Registry[Any]) -> None:
    assert rooms.summary("kitchen") == "Where the food is."
    assert "house_of_rooms.room" not in sys.modules
    assert rooms.get("attic")() == "dust"
    assert "house_of_rooms.room" in sys.modules
    assert rooms.get("kitchen").spec.size == -3


def test_listing_a_broken_file_works_and_using_it_says_what_broke(rooms: Registry[Any]) -> None:
    assert rooms.summary("ghost") == "Rooms."
    with pytest.raises(RuntimeError, match="must not import"):
        rooms.get("ghost")


def test_summary_falls_back_to_the_file(rooms: Registry[Any]) -> None:
    assert rooms.summary("cellar") == "A file about rooms."


def test_facts_are_the_literal_fields(rooms: Registry[Any]) -> None:
    assert rooms.facts("kitchen") == {"size": -3, "doors": ({"size": 1}, {"size": 2})}
    assert rooms.facts("cellar") == {}
    assert rooms.facts("attic") == {}


def test_unknown_name(rooms: Registry[Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown room 'kitchn'; did you mean kitchen\?"):
        rooms.get("kitchn")


@pytest.mark.parametrize("ask", ["summary", "facts"])
def test_unknown_name_when_listing(rooms: Registry[Any], ask: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean kitchen"):
        getattr(rooms, ask)("kitchn")


def test_registered_names_join(rooms: Registry[Any]) -> None:
    @rooms.register("bath")
    class Bath:
        """Where the water is.

        Hot and cold.
        """

    assert rooms.get("bath") is Bath
    assert "bath" in rooms.names()
    assert rooms.summary("bath") == "Where the water is."
    assert rooms.facts("bath") == {}


@pytest.mark.parametrize("name", ["kitchen", "bath"])
def test_names_are_taken_once(rooms: Registry[Any], name: str) -> None:
    rooms.register("bath")(object())
    with pytest.raises(ConfigError, match=f"room '{name}' is registered already; choose another name"):
        rooms.register(name)(object())


def test_installed_packages_announce_theirs(rooms: Registry[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        value = "castle:tower"
        loads = 0

        def load(self) -> str:
            self.loads += 1
            return "high"

    class Broken(Point):
        def load(self) -> str:
            raise ImportError("gone")

    points = {"tower": Point(), "ruin": Broken()}
    monkeypatch.setattr(registry_module, "_entry_points", lambda group: points if group == "house_of_rooms" else {})
    assert {"tower", "ruin"} <= set(rooms.names())
    assert rooms.get("tower") == rooms.get("tower") == "high"
    assert points["tower"].loads == 1
    assert rooms.is_announced("tower")
    assert not rooms.is_announced("bath")
    reason = "room 'ruin', which an installed package announces as castle:tower, cannot be loaded: ImportError: gone"
    with pytest.raises(ConfigError, match=reason):
        rooms.get("ruin")
    assert rooms.summary("ruin") == reason


def test_what_packages_announce_is_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        value = "castle:tower"

        def load(self) -> str:
            return "high"

    monkeypatch.setattr(registry_module, "_entry_points", lambda group: {"tower": Point()})
    rooms: Registry[str] = Registry("room", "nowhere", {}, lambda *given: " ".join(given))
    assert rooms.get("tower") == "high tower castle:tower"


def test_tables_do_not_share_names() -> None:
    one: Registry[str] = Registry("thing", "nowhere", {})
    other: Registry[str] = Registry("thing", "nowhere", {})
    one.register("a")("A")
    assert "a" not in other
