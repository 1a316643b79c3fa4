"""Calling a model without changing it: modes, buffers, plain attributes and random number generators are put back."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ..core.generators import generators_put_back
from .attributes import remember_attributes
from .contents import copy_contents
from .wrappers import is_scripted, run_eagerly

T = TypeVar("T")


@contextmanager
def preserve(model: nn.Module, *, watched: bool = True) -> Iterator[None]:
    """Put back after the block what a forward pass may change.

    These are modes, buffers, plain attributes with the tensors among them, random number generators, also those that
    modules have for themselves, and parameters that are replaced, given other memory, or written over.

    Args:
        model: any module.
        watched: whether functions are watched in the block, to see which parameters they write over; PyTorch then takes
            no fused paths. Otherwise all parameters are copied, of models alone that were seen to write over some.
    """
    modules = list(model.modules())
    modes = {module: module.training for module in modules}
    put_back_attributes = remember_attributes(modules)
    tensors = [
        (held, name, tensor, tensor.detach().clone(), None if tensor.is_inference() else tensor._version)
        for module in modules
        for held in (module._buffers, module.__dict__)
        for name, tensor in held.items()
        if isinstance(tensor, Tensor) and not isinstance(tensor, nn.Parameter)
    ]
    put_back_parameters = _remember_parameters(modules)
    attributes = (value for module in modules for value in vars(module).values())
    generators = [(value, value.get_state()) for value in attributes if isinstance(value, torch.Generator)]
    same_parameters = _SameParameters(model) if watched else _same_values(model if model in _WRITERS else None)
    with generators_put_back(), _same_random_numbers(), run_eagerly(model), same_parameters:
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
            put_back_attributes()
            put_back_parameters()
            for generator, state in generators:
                generator.set_state(state)
            with torch.no_grad():
                for held, name, tensor, before, version in tensors:
                    if held.get(name) is not tensor:
                        held[name] = tensor
                    if tensor.device.type != "meta" and not _is_untouched(tensor, before, version):
                        # Observers of quantisation take their size in the first call.
                        (tensor if tensor.shape == before.shape else tensor.resize_(before.shape)).copy_(before)


def _remember_parameters(modules: Iterable[nn.Module]) -> Callable[[], None]:
    """Note which parameters modules have, in which memory; return what puts them back, without a copy of any.

    Parameters of other classes than PyTorch's own, such as sharded ones, are left to who manages them.
    """
    noted = [
        (module._parameters, name, parameter, parameter.detach())
        for module in modules
        if not is_scripted(module)
        for name, parameter in module._parameters.items()
        if type(parameter) is nn.Parameter
    ]

    def put_back() -> None:
        for held, name, parameter, values in noted:
            if name in held:
                held[name] = parameter
            alike = (parameter.shape, parameter.dtype, parameter.device) == (values.shape, values.dtype, values.device)
            if alike and parameter.layout is torch.strided and parameter.data_ptr() != values.data_ptr():
                parameter.data = values

    return put_back


class _SameParameters(TorchFunctionMode):
    """Gives the parameters that functions write over in the block, as a momentum encoder's, their values back after it.

    Only what is about to be written over is copied.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model
        self._memory: dict[int, list[Tensor]] = defaultdict(list)
        for parameter in model.parameters():
            at = _address(parameter) if type(parameter) is nn.Parameter else 0
            if at:
                self._memory[at].append(parameter.detach())
        self._kept: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._note(func, args, kwargs)
        return func(*args, **kwargs)

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        if self._kept:
            _WRITERS.add(self._model)
        _write(pair for kept in self._kept.values() for pair in kept)
        self._kept.clear()

    def _note(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Keep the values of what a function is about to write over."""
        name = getattr(func, "__name__", "")
        writes = name.endswith("_") and (not name.startswith("__") or name.startswith("__i") or name == "__setitem__")
        if not writes and "out" not in kwargs:
            return
        for value in tree_leaves((args[:1] if writes else (), kwargs.get("out"))):
            at = _address(value) if isinstance(value, Tensor) else 0
            if at in self._memory and at not in self._kept:
                self._kept[at] = [(tensor, tensor.clone()) for tensor in self._memory[at]]


_WRITERS: WeakSet[nn.Module] = WeakSet()
"""The models that were seen to write over their parameters."""


@contextmanager
def _same_values(model: nn.Module | None) -> Iterator[None]:
    """Give all parameters of a model, if there is one, their values back after the block."""
    parameters = () if model is None else model.parameters()
    kept = [(one, one.detach().clone()) for one in parameters if type(one) is nn.Parameter and _address(one)]
    try:
        yield
    finally:
        _write(kept)


def _write(kept: Iterable[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for tensor, values in kept:
            tensor.copy_(values)


def _address(tensor: Tensor) -> int:
    """Return where the memory of a tensor begins; 0 for tensors that have none of their own, such as sparse ones."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Put back the generators of Python and of NumPy, if it is loaded, from which some models draw."""
    numpy, before = sys.modules.get("numpy"), random.getstate()
    theirs = None if numpy is None else numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(before)
        if numpy is not None:
            numpy.random.set_state(theirs)


def _is_untouched(tensor: Tensor, before: Tensor, version: int | None) -> bool:
    # Sparse tensors cannot be compared, and those made in inference mode do not count writes.
    if tensor.layout is torch.strided:
        return torch.equal(tensor, before)
    return version is not None and tensor._version == version


def without_gradients(run: Callable[[], T]) -> T:
    """Return what `run` returns, run without gradients, or with them if a model takes gradients in its `forward`."""
    try:
        with torch.no_grad():
            return run()
    except Exception as error:
        if "does not require grad" not in str(error):
            raise
    with torch.enable_grad():
        return run()


@contextmanager
def evaluation(model: nn.Module, *, gradients: bool = False, watched: bool = True) -> Iterator[None]:
    """Put `model` into evaluation mode for the block, and put back afterwards what the block changed, as `preserve`."""
    with preserve(model, watched=watched), torch.set_grad_enabled(gradients):
        model.eval()
        yield


def evaluate(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the outputs of `model` in evaluation mode, without gradients, and with the same random numbers every time.

    The model and the arguments are left as they were: parameters that it writes over itself, if an earlier look at it
    has seen that. PyTorch may take fused paths, as it does where nobody watches.
    """

    def run() -> Any:
        given, named = copy_contents((args, dict(kwargs)), model)
        torch.manual_seed(0)
        random.seed(0)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(0)
        return model(*given, **named)

    with evaluation(model, watched=False):
        # Copied before the buffers are put back, which may be among the outputs.
        return copy_contents(without_gradients(run), model)
