"""The engine: what it follows, what it lets pass, and that nothing stays behind."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers.watching.watcher import Frame, Watcher


class Diary(Watcher):
    """Writes down what it is told."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.lines: list[str] = []

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        self.lines.append(f"begin {self.names[frame.module]!r} at depth {len(self.stack)}")

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        assert self.stack[-1] is frame
        self.lines.append(f"end {self.names[frame.module]!r} {type(output).__name__}")

    def drop_module(self, frame: Frame) -> None:
        self.lines.append(f"drop {self.names[frame.module]!r}")

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.lines.append(f"{self.names[self.stack[-1].module]!r} calls {func.__name__}")
        return func(*args, **kwargs)


class Inner(nn.Module):
    """Calls one function."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class Outer(nn.Module):
    """Has one module with a name and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.hidden = Inner(), [Inner()]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.hidden[0](self.inner(x))
        return y


def test_modules_and_functions_are_told_in_order() -> None:
    net = Outer()
    with Diary(net) as diary:
        torch.relu(torch.zeros(1))
        net(torch.zeros(1))
    assert diary.lines == [
        "begin '' at depth 1",
        "begin 'inner' at depth 2",
        "'inner' calls relu",
        "end 'inner' Tensor",
        # What the model keeps in a list has no name: it works for its caller.
        "'' calls relu",
        "end '' Tensor",
    ]
    assert not nn.modules.module._has_any_global_hook()


def test_frames_tell_calls_of_one_module_apart() -> None:
    frames: list[Frame] = []

    class Frames(Watcher):
        def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
            frames.append(frame)

    net = nn.Sequential(act := nn.ReLU(), act)
    with Frames(net):
        net(torch.zeros(1))
    assert [frame.module for frame in frames] == [net, act, act]
    assert len(set(frames)) == 3


def test_silence_lets_calls_pass_unseen() -> None:
    net = Outer()
    with Diary(net) as diary, diary.silence():
        net(torch.zeros(1))
    assert diary.lines == []


def test_an_error_ends_every_module_and_leaves_no_hook() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    net = nn.Sequential(Failing())
    diary = Diary(net)
    with pytest.raises(RuntimeError, match="no"), diary:
        net(torch.zeros(1))
    assert diary.lines[-2:] == ["end '0' NoneType", "end '' NoneType"]
    assert diary.stack == []
    assert not nn.modules.module._has_any_global_hook()


def test_a_module_whose_hook_raises_is_ended() -> None:
    net = nn.Sequential(nn.Sequential(nn.ReLU()))

    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    net[0].register_forward_pre_hook(fail)
    diary = Diary(net)
    with pytest.raises(RuntimeError, match="no"), diary:
        net(torch.zeros(1))
    assert diary.lines[-2:] == ["end '0' NoneType", "end '' NoneType"]
    assert diary.stack == []


def test_a_module_whose_end_pytorch_does_not_report_is_dropped() -> None:
    class Stop(BaseException):
        """Not for `except Exception`, as an interruption from the keyboard."""

    class Stopping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise Stop

    class Catching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Stopping()

        def forward(self, x: Tensor) -> Tensor:
            with suppress(Stop):
                self.inner(x)
            return x

    net = Catching()
    with Diary(net) as diary:
        net(torch.zeros(1))
    assert diary.lines[-3:] == ["begin 'inner' at depth 2", "drop 'inner'", "end '' Tensor"]


def test_one_watcher_can_be_entered_again() -> None:
    net = Outer()
    diary = Diary(net)
    for _ in range(2):
        with diary:
            net(torch.zeros(1))
    assert diary.lines[:6] == diary.lines[6:]
