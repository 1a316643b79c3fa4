"""Files of checkpoints: the last two, written whole, found by their hash, passed over where they are damaged."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers.training import checkpoints as module
from rectifiers.training.checkpoints import Checkpoints, kept_when_stopped

WHO = {"trial": "a", "data": "b"}


class Counter:
    """Remembers a number and a tensor."""

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "tensor": torch.full((3,), float(self.value))}

    def load_state_dict(self, state_dict: Any) -> None:
        assert torch.equal(state_dict["tensor"], torch.full((3,), float(state_dict["value"])))
        self.value = state_dict["value"]


def kept(folder: Path, *steps: int) -> None:
    checkpoints = Checkpoints(folder, WHO)
    for step in steps:
        checkpoints.keep(step, {"counter": Counter(step)})


def found(folder: Path, **identity: str) -> int | None:
    """The step that training would go on from."""
    counter, checkpoints = Counter(), Checkpoints(folder, {**WHO, **identity})
    if not checkpoints.resume({"counter": counter}):
        assert checkpoints.resumed == 0
        return None
    assert checkpoints.resumed == counter.value
    return counter.value


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    kept(tmp_path / "new", 5, 999, 10_000)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{step:012d}.{ending}" for step in (999, 10_000) for ending in ("json", "safetensors")
    ]
    assert found(tmp_path / "new") == 10_000
    assert found(tmp_path / "other") is None


def test_every_truncation_of_either_file_leads_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept(tmp_path, 1, 2)
    for path in sorted(tmp_path.glob("*2.*")):
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            caplog.clear()
            assert found(tmp_path) == 1, (path.name, length)
            assert f"{2:012d} is damaged; training goes on after step 1" in caplog.text
        path.write_bytes(whole)
    assert found(tmp_path) == 2


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    kept(tmp_path, 1, 2)
    path = tmp_path / f"{2:012d}.safetensors"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert found(tmp_path) == 1


def test_both_damaged_means_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path, 1, 2)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(b"")
    assert found(tmp_path) is None
    assert caplog.text.count("is damaged") == 2
    assert "training begins anew" in caplog.text


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"sha256": 3}', "null", '{"sha256": null, "trial": {}}'])
def test_an_index_that_says_something_else(tmp_path: Path, text: str) -> None:
    kept(tmp_path, 1, 2)
    (tmp_path / f"{2:012d}.json").write_text(text)
    assert found(tmp_path) == 1


def test_a_file_of_somebody_else_is_left_alone_when_reading(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    (tmp_path / "notes.json").write_text("{}")
    assert found(tmp_path) == 1


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    kept(tmp_path, 1, 2)
    (tmp_path / f"{2:012d}.safetensors").unlink()
    assert found(tmp_path) == 1


def test_of_something_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path, 1)
    assert found(tmp_path, data="c", torch="3") is None
    assert "belongs to another data and torch; training begins anew" in caplog.text


def test_later_ones_of_something_else_make_room(tmp_path: Path) -> None:
    """Those of a version before this one had come further."""
    kept(tmp_path, 1000, 2000)
    checkpoints = Checkpoints(tmp_path, {**WHO, "torch": "3"})
    assert not checkpoints.resume({"counter": Counter()})
    for step in (10, 20, 30):
        checkpoints.keep(step, {"counter": Counter(step)})
        assert found(tmp_path, torch="3") == step
    assert {path.stem for path in tmp_path.iterdir()} == {f"{20:012d}", f"{30:012d}"}


def test_a_later_one_that_is_damaged_makes_room(tmp_path: Path) -> None:
    kept(tmp_path, 10, 2000)
    (tmp_path / f"{2000:012d}.json").write_text("{")
    kept(tmp_path, 20)
    assert found(tmp_path) == 20
    assert {path.stem for path in tmp_path.iterdir()} == {f"{10:012d}", f"{20:012d}"}


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    (tmp_path / ".000000000002.safetensors.abc").write_bytes(b"half")
    (tmp_path / f"{2:012d}.safetensors").write_bytes(b"without its index")
    assert found(tmp_path) == 1
    kept(tmp_path, 3)
    assert {path.stem for path in tmp_path.iterdir()} == {f"{1:012d}", f"{3:012d}"}


def test_without_room_the_ones_before_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept(tmp_path, 1)

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept(tmp_path, 2)
    assert "No space left on device; training goes on without" in caplog.text
    assert found(tmp_path) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_kept_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Counter):
        def state_dict(self) -> dict[str, Any]:
            return {"value": {1, 2}}

    kept(tmp_path, 1)
    Checkpoints(tmp_path, WHO).keep(2, {"counter": Odd()})
    assert "cannot keep set in a checkpoint; training goes on without" in caplog.text
    assert found(tmp_path) == 1


def test_a_folder_that_is_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    kept(tmp_path / "file", 1)
    assert "training goes on without" in caplog.text
    assert found(tmp_path / "file") is None


def test_when_one_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two minutes; or less often, where making one takes more than a hundredth of that."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    checkpoints = Checkpoints(tmp_path, WHO, minutes=2)

    class Slow(Counter):
        def state_dict(self) -> dict[str, Any]:
            now[0] += 3.0
            return super().state_dict()

    now[0] += 119
    assert not checkpoints.is_due()
    now[0] += 1
    assert checkpoints.is_due()
    checkpoints.keep(1, {"counter": Slow()})
    now[0] += 299
    assert not checkpoints.is_due()
    now[0] += 1
    assert checkpoints.is_due()
    always = Checkpoints(tmp_path, WHO, minutes=0)
    always.keep(1, {"counter": Slow()})
    assert always.is_due()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_stops_a_training_is_preceded_by_a_checkpoint(tmp_path: Path, error: type[BaseException]) -> None:
    checkpoints = Checkpoints(tmp_path, WHO)
    with kept_when_stopped(checkpoints, 6, {"counter": Counter(6)}):
        pass
    assert found(tmp_path) is None
    with pytest.raises(error), kept_when_stopped(checkpoints, 7, {"counter": Counter(7)}):
        raise error
    assert found(tmp_path) == 7
    with pytest.raises(error), kept_when_stopped(None, 7, {}):
        raise error


def test_nothing_is_pickled(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    assert not any(b"\x80\x04" in path.read_bytes()[:64] for path in tmp_path.iterdir())
    assert json.loads((tmp_path / f"{1:012d}.json").read_text()).keys() == {"trial", "data", "format", "sha256"}
    shutil.rmtree(tmp_path)


def test_warnings_go_to_a_logger_of_the_package() -> None:
    assert module._log is logging.getLogger("rectifiers.training.checkpoints")
