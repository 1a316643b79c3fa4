"""Several named sets of activation parameters on one frozen model, as PEFT has several adapters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from ..core.errors import ConfigError, DataError, UnknownNameError
from ..core.files import write_whole
from ..core.learned import activation_parameters
from ..core.parts import Part, parameters_of
from ..core.spec import ActivationSpec
from ..core.version import __version__
from ..core.wording import listing
from ..watching.example import Example
from ..watching.wrappers import check_whole, peel
from .folding import fold_if_any
from .swap import SwapReport
from .weights_file import load_safetensors, read_weights

ACTIVATIONS: tuple[Part, ...] = ("activations",)
"""What a set has by itself."""
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Adapters:
    """Named sets of the numbers that shape a model's activations, of which one is in use at a time.

    Everything else in the model is frozen, so that a set is a few hundred numbers beside weights that all sets share.
    The words are PEFT's: `add` a set, `set` the one to use, `disable` all for a while, `merge` one for good.

    Args:
        model: any module with activations that learn, as after `rectifiers.swap`; it is called as before.
        parts: what belongs to a set: `activations`, and if you like `norms` with their statistics, `biases`, `head`.

    Attributes:
        model: the model.
        active: the name of the set in use; None before the first one, within `disable`, and after `merge`.

    Raises:
        ConfigError: the model has no such parameters, or parameters without values.
        UnsupportedError: the model is sharded.

    Example:
        >>> import rectifiers
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> x = torch.randn(4, 2)
        >>> _ = rectifiers.swap(net, "pvlu", example=x)
        >>> before = net(x)
        >>> adapters = Adapters(net)
        >>> adapters.add("night")
        >>> adapters.numbers
        6
        >>> optimizer = torch.optim.SGD(adapters.parameters(), 0.1)
        >>> net(x).square().mean().backward()
        >>> optimizer.step()
        >>> bool((net(x) == before).all())
        False
        >>> with adapters.disable():
        ...     bool((net(x) == before).all())
        True
    """

    def __init__(self, model: nn.Module, parts: Collection[Part] = ACTIVATIONS) -> None:
        check_whole(model)
        self.model, self.parts = peel(model), tuple(parts)
        self.active: str | None = None
        chosen = parameters_of(self.model, self.parts)
        self._parameters = {name: one for name, one in self.model.named_parameters() if one in chosen}
        lazy = [name for name, parameter in self.model.named_parameters() if is_lazy(parameter)]
        if lazy:
            raise ConfigError(f"parameter {lazy[0]} has no shape yet; call the model on one batch first")
        if not self._parameters:
            raise ConfigError(
                f"{type(self.model).__name__} has no parameters of {listing(self.parts)}; swap functions that learn "
                'in, such as rectifiers.swap(model, "pvlu", example=x)'
            )
        norms = {name: module for name, module in self.model.named_modules() if isinstance(module, _NormBase)}
        mine = "norms" in self.parts
        self._buffers = [
            f"{name}.{kind}".lstrip(".")
            for name, module in norms.items()
            for kind in _STATISTICS
            if mine and isinstance(getattr(module, kind), Tensor)
        ]
        self._shared = {} if mine else {name: _taken(module) for name, module in norms.items()}
        self._base = self._values()
        self._kept: dict[str, dict[str, Tensor]] = {}
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None

    @property
    def names(self) -> list[str]:
        """The names of all sets, in the order in which they were added."""
        return list(self._kept)

    @property
    def numbers(self) -> int:
        """How many numbers a set learns."""
        return sum(parameter.numel() for parameter in self._parameters.values())

    def parameters(self) -> list[nn.Parameter]:
        """What learns, for an optimizer: the same objects for all sets; give each set an optimizer of its own."""
        return list(self._parameters.values())

    def add(self, name: str) -> None:
        """Add a set with which the model is what it was at first, and use it.

        Args:
            name: any text.

        Raises:
            ConfigError: there is one of that name, or the model is no longer the one it was.
        """
        if name in self._kept:
            raise ConfigError(f"there is a set {name!r} already; use it with set, or delete it first")
        self._keep()
        self._use(name, self._base)

    def set(self, name: str) -> None:
        """Use a set.

        Raises:
            UnknownNameError: there is none of that name.
        """
        self._check(name)
        self._keep()
        self._use(name, self._kept[name])

    @contextmanager
    def disable(self) -> Iterator[None]:
        """Let the model be what it was at first, for a while, after which the set that was in use is in use again."""
        self._keep()
        # What the model has now is no set's, and must not be taken for what one has learned.
        active, self.active = self.active, None
        self._load(self._base)
        self._learn(False)
        try:
            yield
        finally:
            self._keep()
            if active in self._kept:
                self._use(active, self._kept[active])

    def delete(self, name: str) -> None:
        """Forget a set; if it is in use, the model is what it was at first.

        Raises:
            UnknownNameError: there is none of that name.
        """
        self._check(name)
        if name == self.active:
            self._load(self._base)
            self._learn(False)
            self.active = None
        del self._kept[name]

    def merge(self, example: Example) -> SwapReport:
        """Keep the set in use for good, and fold its functions into the layers around where that is exact.

        All sets are gone afterwards, and nothing is frozen any more.

        Args:
            example: what the model is called with.

        Returns:
            What `rectifiers.fold` says: what became a plain rectifier, what stays, and why.

        Raises:
            ConfigError: no set is in use.
            UnsupportedError: as for `rectifiers.fold`.
        """
        self._keep()
        if self.active is None:
            raise ConfigError("no set is in use; choose the one to merge with set")
        report = fold_if_any(self.model, example)
        self.active, self._parameters, self._buffers = None, {}, []
        self._kept.clear()
        for parameter in self.model.parameters():
            # Weights in integers, as of quantised layers, never learn.
            parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
        return report

    def save(self, path: str | Path, name: str | None = None) -> None:
        """Write one set to a safetensors file, with what tells whether it fits.

        Args:
            path: the file.
            name: which; None for the one in use.

        Raises:
            UnknownNameError: there is no such set.
            ConfigError: none is in use and none named, or safetensors is missing.
            DataError: the file cannot be written.
        """
        self._keep()
        name = self.active if name is None else name
        if name is None:
            raise ConfigError("no set is in use; name the one to save")
        self._check(name)
        safetensors = load_safetensors()
        metadata = {"rectifiers": __version__, "set": name, **self._identity()}
        tensors = {key: value.cpu().contiguous() for key, value in self._kept[name].items()}
        path = Path(path)
        try:
            with write_whole(path) as file:
                safetensors.torch.save_file(tensors, file, metadata=metadata)
        except (OSError, safetensors.SafetensorError) as error:
            raise DataError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None

    def load(self, path: str | Path, name: str | None = None, *, strict: bool = True) -> str:
        """Add a set from a file, and use it.

        Args:
            path: what `save` wrote.
            name: name to add it under; None for the one that it was saved under.
            strict: whether the frozen weights have to be those that the set was trained on, to the bit.

        Returns:
            Its name.

        Raises:
            DataError: the file is missing or damaged.
            ConfigError: there is a set of that name, or it belongs to other functions, parts, shapes or weights.
        """
        tensors, metadata = read_weights(Path(path))
        name = metadata.get("set", Path(path).stem) if name is None else name
        if name in self._kept:
            raise ConfigError(f"there is a set {name!r} already; load it under another name")
        for what, mine in self._identity().items():
            theirs = metadata.get(what)
            if theirs != mine and (strict or what != "weights"):
                if what == "weights":
                    raise ConfigError(
                        f"{path} was trained on other weights than this {type(self.model).__name__} has; load those "
                        "first, or pass strict=False"
                    )
                raise ConfigError(f"{path} has {what} {theirs}, and this {type(self.model).__name__} has {mine}")
        shapes = {key: value.shape for key, value in self._base.items()}
        if {key: value.shape for key, value in tensors.items()} != shapes:
            raise ConfigError(f"{path} does not fit: {_differing({k: v.shape for k, v in tensors.items()}, shapes)}")
        self._keep()
        self._use(name, {key: value.to(self._base[key]) for key, value in tensors.items()})
        return name

    def _check(self, name: str) -> None:
        if name not in self._kept:
            raise UnknownNameError("set", name, self._kept)

    def _values(self) -> dict[str, Tensor]:
        """Copies of the numbers of a set as they are in the model now."""
        return {name: value.detach().clone() for name, value in self._tensors().items()}

    def _tensors(self) -> dict[str, Tensor]:
        """The numbers of a set, in the model: its parameters stay, but moving it makes its buffers anew."""
        return {**self._parameters, **{name: self.model.get_buffer(name) for name in self._buffers}}

    def _keep(self) -> None:
        """Take what the set in use has learned out of the model, which has to be the one that it was."""
        if not self._parameters:
            raise ConfigError("a set was merged for good, and with that all are gone; make new Adapters")
        now: dict[str, object] = dict(self.model.named_modules())
        now.update(self.model.named_buffers())
        now.update(self.model.named_parameters())
        lost = [name for name, one in self._parameters.items() if now.get(name) is not one]
        lost += [name for name in [*self._buffers, *self._shared] if name not in now]
        if lost:
            raise ConfigError(
                f"{type(self.model).__name__} no longer has the {lost[0]} that it had when these Adapters were made; "
                "if its swap was reverted, swap again and make new ones"
            )
        for name, before in self._shared.items():
            # Moving the model rounds what is no count.
            rounding, taken = 2**-7 * before.dim(), _taken(self.model.get_submodule(name))
            if not torch.allclose(taken, before, rtol=rounding, atol=0, equal_nan=True):
                raise ConfigError(
                    f"the norm {name} took statistics in training mode, which all sets share; keep norms in evaluation "
                    "mode while a set is trained, or let parts have norms"
                )
        if self.active is not None:
            self._kept[self.active] = self._values()

    def _use(self, name: str, values: dict[str, Tensor]) -> None:
        self._load(values)
        self._learn(True)
        self.active, self._kept[name] = name, values

    @torch.no_grad()
    def _load(self, values: dict[str, Tensor]) -> None:
        for name, tensor in self._tensors().items():
            tensor.copy_(values[name])

    def _learn(self, wanted: bool) -> None:
        for parameter in self._parameters.values():
            parameter.requires_grad_(wanted)
            parameter.grad = None

    def _identity(self) -> dict[str, str]:
        """What has to be the same where a set is loaded: functions, parts, and a hash of all other numbers."""
        functions = {
            name: module.spec.name if isinstance(getattr(module, "spec", None), ActivationSpec) else "prelu"
            for name, module in self.model.named_modules()
            if activation_parameters(module)
        }
        mine = {*self._base, *(f"{name}.num_batches_tracked".lstrip(".") for name in self._shared)}
        digest = hashlib.sha256()
        for name, value in sorted(self.model.state_dict().items()):
            if name not in mine and isinstance(value, Tensor):
                digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return {
            "functions": json.dumps(functions),
            "parts": listing(self.parts),
            "weights": digest.hexdigest()[:16],
        }


def _taken(module: nn.Module) -> Tensor:
    """What tells whether a norm has taken statistics: how often; instance norms do not count, but have means."""
    shown = module.running_mean if isinstance(module, _InstanceNorm) else module.num_batches_tracked
    return shown.detach().cpu().double().clone() if isinstance(shown, Tensor) else torch.zeros(())


def _differing(theirs: dict[str, torch.Size], ours: dict[str, torch.Size]) -> str:
    name = next(name for name in {**ours, **theirs} if theirs.get(name) != ours.get(name))
    return f"{name} is {_shape(theirs.get(name))} in it and {_shape(ours.get(name))} here"


def _shape(shape: torch.Size | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape)) or "one number"
