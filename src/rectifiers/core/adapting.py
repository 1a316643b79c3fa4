"""A plain module as an activation like all others: with a spec, and with a constructor that takes what theirs take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from .curve import as_images, find_kinks, is_monotone
from .elementwise import Elementwise
from .errors import ConfigError, UnknownNameError, UnsupportedError
from .factory import story
from .granularity import Granularity
from .spec import ActivationSpec, Kind, ParameterSpec, ReluStart

_PROBE = (2, 4, 3, 3)
_SHARED = (*Granularity.__annotations__, "relu_like")
"""What a caller may give to any activation, whether it has parameters or not."""


_ADAPTED: WeakValueDictionary[tuple[Any, str, str], type[nn.Module]] = WeakValueDictionary()
"""What was made and is in use, by a class or function, a name and an origin."""

RECIPE = "_rectifiers_recipe"
"""Attribute in which a class that is made at run time has its recipe: the function that makes it, and of what."""


def adapt(cls: type[nn.Module], name: str, origin: str) -> type[nn.Module]:
    """A class that stands in a registry: the same one if it is complete, or a subclass with what it lacks.

    Args:
        cls: a module class that can be made without arguments.
        name: what it is to be called, where its spec does not say.
        origin: where it comes from; stands for the paper.

    Raises:
        ConfigError: it cannot be made without arguments, cannot take a batch of images, or its spec is none.

    Example:
        >>> class Halve(nn.Module):
        ...     "Half of the input."
        ...     def forward(self, x):
        ...         return x / 2
        >>> halve = adapt(Halve, "halve", "a doctest")
        >>> halve.spec.title, halve(channels=4)(torch.ones(1, 4))
        ('Halve', tensor([[0.5000, 0.5000, 0.5000, 0.5000]]))
    """
    spec = getattr(cls, "spec", None)
    if spec is not None and not isinstance(spec, ActivationSpec):
        raise ConfigError(f"{origin}: the spec of {cls.__name__} must be an ActivationSpec, got {spec!r}")
    if issubclass(cls, Elementwise):
        if spec is None:
            raise ConfigError(f"{origin}: {cls.__name__} is an Elementwise and needs a spec: spec = ActivationSpec(…)")
        # A formula has no name before it gets one.
        named: type[nn.Module] = cls.called(name) if hasattr(cls, "called") else cls
        return named
    taken = _arguments_of(cls)
    if spec is not None and taken is None:
        return cls
    key = (getattr(cls, "_function", cls), name, origin)
    made = _ADAPTED.get(key)
    if made is None:
        made = _ADAPTED[key] = _complete(cls, spec or _describe(cls, name, origin), taken, key)
    return made


def _complete(
    cls: type[nn.Module], facts: ActivationSpec, taken: frozenset[str] | None, key: tuple[Any, str, str]
) -> type[nn.Module]:
    """A subclass with a spec, whose constructor takes what those of activations take."""

    def start(self: nn.Module, *args: Any, **arguments: Any) -> None:
        if (taken is None or "relu_like" not in taken) and arguments.pop("relu_like", False):
            raise UnsupportedError(f"{cls.__name__}: relu_like=True is not possible: it has no start at ReLU")
        if facts.parameters and "share" in arguments and taken is not None and "share" not in taken:
            raise ConfigError(f"{cls.__name__} takes no share, got {arguments['share']!r}; leave it out")
        factory = {key: arguments.pop(key, None) for key in ("device", "dtype") if taken is None or key not in taken}
        given = {key: value for key, value in arguments.items() if taken is None or key in taken or key not in _SHARED}
        if taken is not None and (unknown := set(given) - taken):
            known = {*taken, *_SHARED} - {"self", "args", "kwargs"}
            raise ConfigError(f"{cls.__name__}: {UnknownNameError('argument', min(unknown), known)}")
        cls.__init__(self, *args, **given)
        self.to(**{key: value for key, value in factory.items() if value is not None})

    members = {
        "__init__": start,
        "__doc__": cls.__doc__ or f"{facts.title}, from {key[2]}.",
        "__module__": cls.__module__,
        # By name, pickle would find the class that this one was made of.
        "__reduce_ex__": lambda self, protocol: (_renew, key, self.__getstate__()),
        "__qualname__": cls.__qualname__,
        "spec": facts,
        "channel_factor": Fraction(*facts.channel_factor),
    }
    if not hasattr(cls, "activation_parameters"):
        members["activation_parameters"] = lambda self: list(self.parameters())
    return type(cls.__name__, (cls,), members)


def _renew(source: Any, name: str, origin: str) -> nn.Module:
    """An empty module of an adapted class, for pickle to fill."""
    made = adapt(source if isinstance(source, type) else from_function(source), name, origin)
    return made.__new__(made)


def from_function(function: Callable[[Tensor], Tensor]) -> type[nn.Module]:
    """A module class whose forward is a plain function of a tensor; the one that there is, while something uses it.

    Example:
        >>> from_function(torch.tanh)()(torch.zeros(2))
        tensor([0., 0.])
    """
    recipe = (from_function, function)
    known = next((cls for cls in nn.Module.__subclasses__() if vars(cls).get(RECIPE) == recipe), None)
    if known is not None:
        return known

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return function(x)

    members = {
        "forward": forward,
        "_function": staticmethod(function),
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        # By name, pickle would find the function.
        RECIPE: recipe,
        "__reduce_ex__": lambda self, protocol: (_renew_function, (function,), self.__getstate__()),
    }
    return type(function.__name__, (nn.Module,), members)


def _renew_function(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """An empty module of a function's class, for pickle to fill."""
    made = from_function(function)
    return made.__new__(made)


def _arguments_of(cls: type[nn.Module]) -> frozenset[str] | None:
    """Names of the arguments of its constructor; None where it takes any."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    # nn.Module's own constructor takes anything, to refuse it.
    if cls.__init__ is not nn.Module.__init__ and any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    return frozenset(one.name for one in parameters)


def _describe(cls: type[nn.Module], name: str, origin: str) -> ActivationSpec:
    """What can be found out about a class by making one and calling it."""
    try:
        module = cls().eval()
    except Exception as error:
        raise ConfigError(
            f"{origin}: {cls.__name__}() fails with {story(error)}; give every argument of __init__ a default"
        ) from error
    try:
        with torch.no_grad():
            x = torch.randn(_PROBE, generator=torch.Generator().manual_seed(0), device="cpu")
            x = x.to(torch.get_default_device())
            y = module(x.clone())
    except Exception as error:
        raise ConfigError(
            f"{origin}: {cls.__name__} fails on a batch of images (2, 4, 3, 3) with {story(error)}; "
            "an activation takes a tensor of any shape"
        ) from error
    if not isinstance(y, Tensor) or y.shape[:1] + y.shape[2:] != x.shape[:1] + x.shape[2:]:
        got = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ConfigError(
            f"{origin}: {cls.__name__} makes {got} of a batch (2, 4, 3, 3); an activation keeps the shape, except for "
            "the channels; if it is a network, its __init__ takes act, shape and classes"
        )
    factor = Fraction(y.shape[1], x.shape[1])
    kind, stochastic = _kind(module, x, y), _draws(module, x)
    curve = cls().double().eval() if kind == "elementwise" and not stochastic else None
    return ActivationSpec(
        name=name,
        title=cls.__name__,
        equation=((cls.__doc__ or "").strip().splitlines() or [f"see {origin}"])[0].strip(),
        paper=origin,
        parameters=tuple(_parameter(key, value) for key, value in module.named_parameters()),
        kind=kind,
        channel_factor=(factor.numerator, factor.denominator),
        ranks=_ranks(module),
        stochastic=stochastic,
        monotone=curve is not None and is_monotone(curve),
        kinks=() if curve is None else find_kinks(curve),
        relu_start=_relu_start(cls),
    )


def _parameter(name: str, value: nn.Parameter) -> ParameterSpec:
    numbers = value.detach().flatten().unique().tolist()
    return ParameterSpec(name, init=numbers[0] if len(numbers) == 1 else "as its class starts it")


@torch.no_grad()
def _kind(module: nn.Module, x: Tensor, y: Tensor) -> Kind:
    """Elementwise where an element of the output changes with its own input alone."""
    if y.shape != x.shape:
        return "channelwise"
    changed = x.clone()
    changed[:, 0, 0, 0] += 1
    moved = module(changed) != y
    moved[:, 0, 0, 0] = False
    return "channelwise" if bool(moved.any()) else "elementwise"


@torch.no_grad()
def _draws(module: nn.Module, x: Tensor) -> bool:
    """Whether two calls in training mode differ."""
    with torch.random.fork_rng(devices=[]):
        module.train()
        drawn = not torch.equal(module(x), module(x))
    module.eval()
    return drawn


@torch.no_grad()
def _ranks(module: nn.Module) -> tuple[int, int | None]:
    """The smallest and largest number of dimensions, up to five, that it takes; None for five and more."""
    taken = []
    for rank in range(6):
        x = torch.ones((2, 4, 3, 3, 3)[:rank])
        try:
            y = module(x)
        except Exception:  # Whatever a module says of an input that is not for it.
            continue
        if y.shape[:1] + y.shape[2:] == x.shape[:1] + x.shape[2:] and y.ndim == rank:
            taken.append(rank)
    return min(taken), None if taken[-1] == 5 else taken[-1]


def _relu_start(cls: type[nn.Module]) -> ReluStart:
    """Whether the class has a start at ReLU of its own, and how near it comes."""
    if "relu_like" not in (_arguments_of(cls) or ()):
        return "none"
    x = as_images(torch.linspace(-4, 4, 33))
    with torch.no_grad():
        return "exact" if torch.allclose(cls(relu_like=True).eval()(x), x.relu(), atol=1e-6) else "nearest"
