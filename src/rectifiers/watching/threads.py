"""Activations that other threads call while a model is watched, whose functions no function mode sees.

Threads that start meanwhile are followed call by call. Of those that were there before, Python tells nothing; but work
is handed to them and waited for, which the thread that calls the model does in few ways.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinMethodType, FrameType
from typing import Any

from torch import Tensor
from torch._ops import OpOverload, OpOverloadPacket

from . import kinds

_WRITTEN_IN_PYTHON = {func.__code__ for func in kinds.FUNCTIONS if hasattr(func, "__code__")}
_METHODS = {func.__name__ for func in kinds.FUNCTIONS if getattr(Tensor, func.__name__, None) is func}
_OPERATORS = {cls.__call__.__code__ for cls in (OpOverload, OpOverloadPacket)}
_WAITING = {threading.Condition.wait.__code__}
_STARTING = {threading.Thread.start.__code__, threading.Thread.join.__code__}
_LOCK = type(threading.Lock())
_KERNELS = str(Path(__file__).parent.parent / "kernels")


@contextmanager
def notice_threads(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` if other threads call activations in the block that this thread cannot see, or may do so.

    A thread that another profiler profiles is left to it.
    """
    here, before = sys.getprofile(), threading.getprofile()
    follows_this_one = here is None and threading.active_count() > 1

    def in_new_threads(frame: FrameType, event: str, arg: Any) -> None:
        if _is_activation(frame, event, arg):
            tell()
            sys.setprofile(None)

    def in_this_thread(frame: FrameType, event: str, arg: Any) -> None:
        if _hands_over(frame, event, arg):
            tell()
            sys.setprofile(None)

    threading.setprofile(in_new_threads)
    if follows_this_one:
        sys.setprofile(in_this_thread)
    try:
        yield
    finally:
        if follows_this_one:
            sys.setprofile(None)
        threading.setprofile(before)


def _is_activation(frame: FrameType, event: str, arg: Any) -> bool:
    """Return whether what a profiler is told of is the call of an activation."""
    if event == "call":
        code = frame.f_code
        return code in _WRITTEN_IN_PYTHON or (code in _OPERATORS and frame.f_locals["self"] in kinds.FUNCTIONS)
    if event != "c_call" or not isinstance(arg, BuiltinMethodType):
        return False
    return arg in kinds.FUNCTIONS or (arg.__name__ in _METHODS and isinstance(arg.__self__, Tensor))


def _hands_over(frame: FrameType, event: str, arg: Any) -> bool:
    """Return whether what a profiler is told of hands work to another thread, or waits for it."""
    if event == "call":
        return frame.f_code in _WAITING and not _is_nothing_new(frame)
    owner = getattr(arg, "__self__", None) if event == "c_call" else None
    handed = type(owner) is queue.SimpleQueue and arg.__name__ == "put"
    return (handed or (type(owner) is _LOCK and arg.__name__ == "acquire")) and not _is_nothing_new(frame)


def _is_nothing_new(frame: FrameType | None) -> bool:
    """Return whether a thread is started or ends, or this library's kernels are made in another one."""
    while frame is not None:
        if frame.f_code in _STARTING or frame.f_code.co_filename.startswith(_KERNELS):
            return True
        frame = frame.f_back
    return False
