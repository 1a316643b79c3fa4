"""The one engine that follows forward passes: hooks see the modules, a function mode the functions they call."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from typing_extensions import Self


@dataclass(frozen=True)
class Frame:
    """One call of a module: the module, and a number that is another for each call.

    Args:
        module: the module.
        call: the number.
        past: whether a method is called, past the module's own call.
    """

    module: nn.Module
    call: int
    past: bool = False


class Watcher(TorchFunctionMode):
    """A context in which the calls of a model are followed; subclasses say what to do about them.

    Calls outside the model are not seen. A module without a name in the model, such as one in a plain list, is not
    followed itself: what it calls counts as called by the module around it. Nothing of the model is changed.

    Args:
        model: the model whose calls are followed.

    Attributes:
        names: the first name of every module.
        stack: the module calls under way, outermost first.
        muted: whether calls are not seen just now.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.names = {module: name for name, module in model.named_modules()}
        self.stack: list[Frame] = []
        self.muted = False
        self._thread = 0
        self._numbers = itertools.count()
        self._around = False
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start following."""
        self.stack, self._around = [], False
        self._thread = threading.get_ident()
        self._exits.callback(hooks.register_module_forward_pre_hook(self._enter).remove)
        self._exits.callback(hooks.register_module_forward_hook(self._leave, always_call=True).remove)
        super().__enter__()
        if type(self.model).__call__ is not nn.Module.__call__:
            # Its class calls it in a way of its own, which hooks may not see.
            self.begin_module(self.begin_frame(self.model), ())
            self._around = True
        return self

    def __exit__(self, *failure: Any) -> None:
        """Stop following."""
        super().__exit__(*failure)
        self._exits.close()

    def begin_module(self, frame: Frame, args: tuple[Any, ...]) -> None:
        """Handle the start of a module's call.

        Args:
            frame: the call; it is on the stack already.
            args: what it is given: positional arguments, then those by name.
        """

    def end_module(self, frame: Frame, args: tuple[Any, ...], output: Any) -> None:
        """Handle the end of a module's call.

        Args:
            frame: the call; it is still on the stack.
            args: what it was given: positional arguments, then those by name.
            output: what the module returned; None if it raised.
        """

    def drop_module(self, frame: Frame) -> None:
        """Handle the end of a call that PyTorch does not report, because a hook raised."""

    def call_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Handle a function call of the module on top of the stack: call the function and return its result."""
        return func(*args, **kwargs)

    def call_outside(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Handle a function call outside of any module's, as in a hook of the model: call the function."""
        return func(*args, **kwargs)

    def end_elsewhere(self) -> None:
        """Handle the end of a module's call in another thread, where functions are not seen."""

    def begin_frame(self, module: nn.Module) -> Frame:
        """Put a call of `module` on the stack; for a watcher that starts while the call is under way."""
        # The call of the model that its class made in a way of its own is one with what it comes to.
        within = self._around and len(self.stack) == 1 and module is self.model
        frame = self.stack[0] if within else Frame(module, next(self._numbers))
        self.stack.append(frame)
        return frame

    @contextmanager
    def silence(self) -> Iterator[None]:
        """See nothing of what is called in the block."""
        self.muted = True
        try:
            yield
        finally:
            self.muted = False

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if module in self.names and not self.muted and self._is_here():
            self.begin_module(self.begin_frame(module), (*args, *_given_by_name(sys._getframe(1))))

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if module not in self.names or self.muted:
            return
        if not self._is_here():
            self.end_elsewhere()
            return
        while self.stack and self.stack[-1].module is not module:
            self.drop_module(self.stack.pop())
        if self.stack:
            self.end_module(self.stack[-1], (*args, *_given_by_name(sys._getframe(1))), output)
            self.stack.pop()

    def _is_here(self) -> bool:
        return threading.get_ident() == self._thread

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.muted:
            return func(*args, **kwargs)
        return (self.call_function if self.stack else self.call_outside)(func, args, kwargs)


def _given_by_name(caller: FrameType) -> Iterable[Any]:
    """Return the arguments by name of a module's call, which PyTorch hands to no hooks of all modules that it calls."""
    named: dict[str, Any] = caller.f_locals.get("kwargs", {})
    return named.values()
