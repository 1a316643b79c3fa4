"""The one engine that follows a model while it runs: hooks tell of its modules, a function mode of what they call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from typing_extensions import Self


@dataclass(frozen=True)
class Frame:
    """One call of a module: the module, and a number that tells its calls apart."""

    module: nn.Module
    call: int


class Watcher(TorchFunctionMode):
    """While it is entered, it follows the calls of a model; subclasses say what to make of them.

    A module that the model keeps in a plain list, say, has no name in it: its work counts as its caller's own. Nothing
    of the model is changed.

    Args:
        model: what will be called.

    Attributes:
        names: the first name of every module.
        stack: the modules that are running, outermost first.
        muted: whether calls are let through unseen; so are all that happen outside of the model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.names = {module: name for name, module in model.named_modules()}
        self.stack: list[Frame] = []
        self.muted = False
        self._numbers = itertools.count()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start to follow."""
        self.stack = []
        self._exits.callback(hooks.register_module_forward_pre_hook(self._enter).remove)
        self._exits.callback(hooks.register_module_forward_hook(self._leave, always_call=True).remove)
        super().__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        """Stop."""
        super().__exit__(*failure)
        self._exits.close()

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        """A module is about to run; PyTorch does not show its keyword arguments here. Its frame is on the stack."""

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        """A module has returned `output`, or None if it raised. Its frame is still on the stack."""

    def drop_module(self, frame: Frame) -> None:
        """A module ended without a word, because one of its hooks raised."""

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a PyTorch function for the module on top of the stack, and return its result."""
        return func(*args, **kwargs)

    def begin_frame(self, module: nn.Module) -> Frame:
        """Put a call of `module` on the stack, for those that start while it is running already."""
        frame = Frame(module, next(self._numbers))
        self.stack.append(frame)
        return frame

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Let everything that is called in the block through unseen."""
        self.muted = True
        try:
            yield
        finally:
            self.muted = False

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if module in self.names and not self.muted:
            self.begin_module(self.begin_frame(module), args)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if module not in self.names or self.muted:
            return
        while self.stack and self.stack[-1].module is not module:
            self.drop_module(self.stack.pop())
        if self.stack:
            self.end_module(self.stack[-1], args, output)
            self.stack.pop()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.muted or not self.stack:
            return func(*args, **kwargs)
        return self.call_function(func, args, kwargs)
