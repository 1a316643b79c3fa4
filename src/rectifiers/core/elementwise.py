"""What all elementwise functions share: how a formula is applied to tensors, and the module around it.

A function brings its formula alone. Dtypes, granularity, lazy channels and error wording live here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Protocol, SupportsIndex

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter, is_lazy
from typing_extensions import Unpack

from .checks import check_number
from .errors import ConfigError, DtypeError, ShapeError, UnknownNameError, UnsupportedError
from .fitting import Points
from .granularity import (
    Granularity,
    channel_axis,
    check_channel_dim,
    check_share,
    infer_unit_shape,
    spread,
    unit_shape,
    with_axis,
)
from .scripting import Unscriptable
from .spec import ActivationSpec, ParameterSpec
from .wording import plural

Init = float | tuple[float, ...] | tuple[tuple[float, ...], ...] | Callable[[Tensor], object]
"""A starting value: a number, one number per coefficient, either of them for each channel, or a function that fills a
tensor in place."""


class Accelerated(Protocol):
    """A formula that can be run faster than by evaluating it."""

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Evaluate the formula."""

    def run(self, x: Tensor, parameters: Sequence[object], channel_dim: int) -> Tensor | None:
        """Run the formula faster, or return None where it has to be evaluated."""


def check_input(owner: str, x: Tensor) -> None:
    """Raise DtypeError unless `x` is a real floating-point tensor."""
    if not isinstance(x, Tensor):
        raise DtypeError(f"{owner}: expected a tensor, got {type(x).__name__}")
    if not x.is_floating_point():
        advice = "apply it to x.real and x.imag, or to x.abs()" if x.is_complex() else "convert it with x.float()"
        raise DtypeError(f"{owner}: expected a floating-point tensor, got {x.dtype}; {advice}")


def compute_dtype(x: Tensor, *parameters: object) -> torch.dtype:
    """The dtype to compute in: that of the widest tensor, and float32 at least."""
    dtype = x.dtype if x.dtype not in (torch.float16, torch.bfloat16) else torch.float32
    for parameter in parameters:
        if isinstance(parameter, Tensor):
            dtype = torch.promote_types(dtype, parameter.dtype)
    return dtype


def apply(
    owner: str,
    formula: Accelerated | Callable[..., Tensor],
    x: Tensor,
    *,
    channel_dim: int = 1,
    coefficients: frozenset[str] = frozenset(),
    **parameters: Tensor | float | Sequence[float],
) -> Tensor:
    """Evaluate `formula(x, *parameters)` with parameters of any granularity; the output has the dtype of `x`.

    Half-precision inputs are computed in float32, and inputs narrower than the parameters in the parameters' dtype.
    Quantised inputs are dequantised, and the output is quantised over its own range. Jagged inputs give jagged outputs.

    Args:
        owner: name of the function, for errors.
        formula: takes the input and, in the order given, the parameters ready to broadcast. One that can `run` is asked
            for that first.
        x: any real floating-point tensor; never changed.
        channel_dim: dimension of `x` that channel-wise parameters belong to.
        coefficients: names of the parameters whose first axis counts coefficients.
        **parameters: numbers, one number per coefficient, or tensors; see `rectifiers.core.granularity` for
            their shapes. The formula gets them all as tensors.

    Raises:
        DtypeError: `x` is not floating-point, or a parameter is complex.
        ShapeError: a parameter does not fit `x`.
        ConfigError: a parameter is neither numbers nor a tensor.
    """
    if (run := getattr(formula, "run", None)) is not None:
        fast: Tensor | None = run(x, tuple(parameters.values()), channel_dim)
        if fast is not None:
            return fast
    if isinstance(x, Tensor) and x.is_quantized:
        narrow = {"channel_dim": channel_dim, "coefficients": coefficients}
        # What the values may be afterwards is known to nobody but them, so they get a scale of their own.
        out = apply(owner, formula, x.dequantize(), **narrow, **parameters)  # type: ignore[arg-type]
        return torch.quantize_per_tensor_dynamic(out, x.dtype, reduce_range=False)
    if parameters and isinstance(x, Tensor) and x.is_nested and x.layout is torch.jagged:
        return _apply_to_jagged(owner, formula, x, channel_dim, coefficients, parameters)
    check_input(owner, x)
    dtype = compute_dtype(x, *parameters.values())
    if dtype.is_complex:
        raise DtypeError(f"{owner}: expected real parameters, got {dtype}")
    ready = []
    for name, value in parameters.items():
        tensor = value if isinstance(value, Tensor) else _as_tensor(owner, name, value, dtype, x.device)
        ready.append(spread(owner, name, tensor, x, channel_dim, name in coefficients).to(dtype))
    return formula(x.to(dtype), *ready).to(x.dtype)


def _apply_to_jagged(
    owner: str,
    formula: Accelerated | Callable[..., Tensor],
    x: Any,
    channel_dim: int,
    coefficients: frozenset[str],
    parameters: Mapping[str, Tensor | float | Sequence[float]],
) -> Tensor:
    """Apply a formula to a nested tensor whose sequences lie one after the other, which makes them one long batch."""
    ragged: int = x._ragged_idx
    lone = all(
        not isinstance(value, Tensor) or value.numel() <= (len(value) if name in coefficients else 1)
        for name, value in parameters.items()
    )
    axis = 1 if lone else channel_axis(owner, x, channel_dim)
    if axis in (0, ragged) and not lone:
        raise ShapeError(
            f"{owner}: dimension {axis} of a nested tensor of shape {tuple(x.shape)} has no parameter for each of its "
            "entries, whose number differs; give the channels' own as channel_dim"
        )
    narrow = {"channel_dim": max(axis - 1, 0), "coefficients": coefficients}
    out = apply(owner, formula, x.values(), **narrow, **parameters)  # type: ignore[arg-type]
    return torch.nested.nested_tensor_from_jagged(out, x.offsets(), x.lengths(), jagged_dim=ragged)


def _as_tensor(
    owner: str, name: str, value: float | Sequence[float], dtype: torch.dtype, device: torch.device
) -> Tensor:
    try:
        return torch.tensor(value, dtype=dtype, device=device)
    except (TypeError, ValueError):
        raise ConfigError(f"{owner}: {name} must be a number, numbers or a tensor, got {value!r}") from None


class _Learned:
    """A parameter as an attribute of its class.

    `nn.Module` looks for parameters once the ordinary search has failed, which costs a forward call on few elements a
    tenth of its time. What stands in the instance goes first, as in every module.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: nn.Module | None, owner: type) -> Any:
        if instance is None:
            return self
        try:
            return instance._parameters[self.name]
        except (AttributeError, KeyError):
            # Now `nn.Module` looks, and says what is missing.
            raise AttributeError(self.name) from None


class Elementwise(Unscriptable, nn.Module):
    """Base of the elementwise modules: holds the parameters that the spec names, in any granularity.

    The parameters start as the spec says, unless a subclass passes other values to `__init__` by name. Its `forward`
    calls its functional form on `self.ready(x)` and the parameters.

    Attributes:
        spec: all facts of the function.
        constants: names of the attributes that are options, not parameters; `repr` shows them.
        fitted: the starting values that `start_at` was given.

    Args:
        relu_like: start at ReLU, exactly or as near as the function comes.
        inits: starting values of parameters, where they are not those of the spec.
        coefficients: numbers per unit of the parameters that have a coefficient axis, where the spec does not fix it
            and the starting value does not show it.
        **granularity: see `Granularity`; functions without parameters accept and ignore it.

    Raises:
        UnsupportedError: `relu_like` for a function that cannot come near ReLU.
        ConfigError: a starting value, `share`, `channels` or `channel_dim` makes no sense.
        DtypeError: `dtype` is not floating-point.
    """

    spec: ClassVar[ActivationSpec]
    constants: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **unused: Any) -> None:
        super().__init_subclass__(**unused)
        for parameter in getattr(vars(cls).get("spec"), "parameters", ()):
            setattr(cls, parameter.name, _Learned(parameter.name))

    def __init__(
        self,
        *,
        relu_like: bool = False,
        inits: dict[str, Init] | None = None,
        coefficients: int | None = None,
        **granularity: Unpack[Granularity],
    ) -> None:
        super().__init__()
        unknown = set(granularity) - set(Granularity.__annotations__)
        unknown |= set(inits or {}) - {parameter.name for parameter in self.spec.parameters}
        if unknown:
            known = {name for name in inspect.signature(type(self)).parameters if name != "granularity"}
            known |= set(Granularity.__annotations__)
            raise ConfigError(f"{self.owner}: {UnknownNameError('argument', sorted(unknown)[0], known)}")
        if relu_like and self.spec.relu_start == "none":
            raise UnsupportedError(f"{self.owner}: relu_like=True is not possible: it cannot start at ReLU")
        self.share = check_share(self.owner, granularity.get("share", self.spec.share))
        self.channel_dim = check_channel_dim(self.owner, granularity.get("channel_dim", 1))
        units = unit_shape(self.owner, self.share, granularity.get("channels"))
        self.relu_like = relu_like
        self._coefficients = coefficients
        self._inits: dict[str, Init] = {}
        self.fitted: dict[str, Init] = {}
        dtype = granularity.get("dtype")
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise DtypeError(f"{self.owner}: expected a floating-point dtype, got {dtype!r}")
        factory: dict[str, Any] = {"device": granularity.get("device"), "dtype": dtype}
        for parameter in self.spec.parameters:
            value = (inits or {}).get(parameter.name, parameter.init)
            if relu_like and parameter.relu is not None:
                value = parameter.relu
            self._inits[parameter.name] = _check_init(self.owner, parameter, value)
            if units is None:
                setattr(self, parameter.name, UninitializedParameter(**factory))
            else:
                tensor = torch.empty(self._shape(parameter, units), **factory)
                self.register_parameter(parameter.name, nn.Parameter(tensor))
        self._lazy = units is None and bool(self.spec.parameters)
        counted = isinstance(granularity.get("channels"), SupportsIndex)
        self._ambiguous = self._is_ambiguous(units, counted=counted)
        if self._lazy:
            self.register_load_state_dict_pre_hook(_materialize_from_state_dict)
        self.reset_parameters()

    @property
    def owner(self) -> str:
        """Name of the class, as errors say it."""
        return type(self).__name__

    @property
    def channel_factor(self) -> Fraction:
        """Output channels per input channel."""
        return Fraction(*self.spec.channel_factor)

    def _lead(self, parameter: ParameterSpec) -> tuple[int, ...]:
        """Shape in front of the units: the number of coefficients, or nothing."""
        if not parameter.coefficients:
            return ()
        value = self._inits[parameter.name]
        if isinstance(value, tuple):
            return (len(value[0] if isinstance(value[0], tuple) else value),)
        return (self._coefficients or parameter.coefficients,)

    def _shape(self, parameter: ParameterSpec, units: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a parameter: its coefficients and the units, but at least one axis."""
        return (*self._lead(parameter), *units) or (1,)

    @property
    def units(self) -> tuple[int, ...] | None:
        """Shape of one parameter without its coefficients: () for a layer's; None while it is not known."""
        if self.share == "layer" or not self.spec.parameters:
            return ()
        first = self.spec.parameters[0]
        tensor = getattr(self, first.name)
        return None if is_lazy(tensor) else tuple(tensor.shape[len(self._lead(first)) :])

    def start_at(self, **values: Init) -> None:
        """Give parameters other starting values, and set all parameters to their starts.

        Args:
            **values: by name, in the form of the values that they replace: a number, or one per coefficient; with
                `share="channel"`, also a tuple of these, one for each channel.

        Raises:
            ConfigError: there is no such parameter, or the form is another.
        """
        known = {parameter.name: parameter for parameter in self.spec.parameters}
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"{self.owner}: unknown parameter {name!r}; it has {', '.join(known) or 'none'}")
            self._inits[name] = self._check_start(known[name], value)
        self.fitted = {**self.fitted, **values}
        self.reset_parameters()

    def _check_start(self, parameter: ParameterSpec, value: Init) -> Init:
        lead, name = self._lead(parameter), parameter.name
        units: tuple[Any, ...] = (value,)
        several = self.share == "channel" and _is_for_each_channel(value, parameter)
        if several and isinstance(value, tuple):
            units = value
            if self.units != (len(units),):
                raise ConfigError(
                    f"{self.owner}: {name} is given for {len(units)} channels, but its units are {self.units}"
                )
        checked = tuple(_check_init(self.owner, parameter, unit) for unit in units)
        for init in checked:
            if lead != ((len(init),) if isinstance(init, tuple) else ()) and not callable(init):
                raise ConfigError(
                    f"{self.owner}: {name} has {lead[0] if lead else 'no'} coefficients, got the start {value!r}"
                )
        result: Init = checked if several else checked[0]  # type: ignore[assignment]
        return result

    def guesses(self, points: Points) -> list[dict[str, Any]]:
        """Return starting values from which to look for those that bring the function near `points`.

        These are the published start, as it was drawn for this module of a layer if it is random, and ReLU; a function
        that is not sure to be led to the nearest from there adds others.
        """
        published = {one.name: self._drawn(one) for one in self.spec.parameters}
        relu = {one.name: published[one.name] if one.relu is None else one.relu for one in self.spec.parameters}
        return [published] if relu == published else [published, relu]

    def _drawn(self, parameter: ParameterSpec) -> Init:
        """The starting value of a layer's parameter in numbers."""
        value = self._inits[parameter.name]
        if not callable(value):
            return value
        numbers = getattr(self, parameter.name).flatten().tolist()
        return tuple(numbers) if parameter.coefficients else float(numbers[0])

    def reset_parameters(self) -> None:
        """Set every parameter back to its starting value; those without a shape yet start there anyway."""
        for name in self._inits:
            if not is_lazy(getattr(self, name)):
                self._reset(name)

    def _reset(self, name: str) -> None:
        tensor, value = getattr(self, name), self._inits[name]
        with torch.no_grad():
            if callable(value):
                value(tensor)
            else:
                tensor.copy_(align_start(value, tensor))

    def ready(self, x: Tensor) -> Tensor:
        """`x` itself, once the parameters exist."""
        if self._lazy:
            check_input(self.owner, x)
            self._materialize(infer_unit_shape(self.owner, self.share, x, self.channel_dim))
        elif self._ambiguous and isinstance(x, Tensor):  # and not what stands for one while a graph is made
            self._check_units(x)
        return x

    def _is_ambiguous(self, units: tuple[int, ...] | None, *, counted: bool = False) -> bool:
        """Whether functions would take parameters of this shape for inputs, too, that the module was not made for.

        They take a single number for everything, and one axis for channels or for samples of one axis.

        Args:
            units: the shape.
            counted: whether it was given as a number, which is one of channels where samples have more axes.
        """
        if units is None or len(units) != 1:
            return False
        return units == (1,) or (not counted if self.share == "element" else self.channel_dim in (0, -2))

    def _check_units(self, x: Tensor) -> None:
        check_input(self.owner, x)
        found, units = infer_unit_shape(self.owner, self.share, x, self.channel_dim), self.units
        if units is not None and found != units:
            channels = f"{plural(units[0], 'channel')} in dimension {self.channel_dim}"
            expected = channels if self.share == "channel" else f"samples of shape {units}"
            raise ShapeError(
                f"{self.owner}: its parameters are for {expected}, but the input has shape {tuple(x.shape)}; "
                "make them fit, or give channel_dim"
            )

    def _materialize(self, units: tuple[int, ...]) -> None:
        # A first call under inference_mode must not make parameters that can never be trained.
        with torch.inference_mode(False):
            missing = [parameter for parameter in self.spec.parameters if is_lazy(getattr(self, parameter.name))]
            for parameter in missing:
                getattr(self, parameter.name).materialize(self._shape(parameter, units))
                self._reset(parameter.name)
            # Where none is missing, `functional_call` has lent its own for this one call.
            self._lazy = not missing
            self._ambiguous = self._is_ambiguous(units)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        # Parameters without a shape cannot be detached; they are saved as they are, as torch's lazy modules do.
        super()._save_to_state_dict(destination, prefix, keep_vars or self._lazy)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, own in self._parameters.items():
            found = state_dict.get(prefix + name)
            if own is not None and not is_lazy(own) and isinstance(found, Tensor):
                state_dict[prefix + name] = with_axis(found, own)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def activation_parameters(self) -> list[nn.Parameter]:
        """The parameters that shape the function; what `param_groups` gives a learning rate of its own."""
        # Not by name: under a parametrization the name stands for a tensor computed from the parameter.
        return list(self.parameters())

    def extra_repr(self) -> str:
        """Show starting values, options and granularity."""
        values = {**self._inits, **{name: getattr(self, name) for name in self.constants}}
        several = [one.name for one in self.spec.parameters if _is_for_each_channel(self._inits[one.name], one)]
        parts = [
            f"{name}={'one for each channel' if name in several else _show(value)}"
            for name, value in values.items()
            if not callable(value)
        ]
        if self.spec.parameters:
            parts.append(f"share={self.share!r}")
            if self.share != "layer":
                units = self.units
                parts.append(f"channels={units[0] if units is not None and len(units) == 1 else units}")
            if self.channel_dim != 1:
                parts.append(f"channel_dim={self.channel_dim}")
        return ", ".join(parts)


def _check_init(owner: str, parameter: ParameterSpec, value: Any) -> Init:
    if callable(value):
        init: Init = value
        return init
    if parameter.coefficients and isinstance(value, tuple):
        return tuple(check_number(owner, parameter.name, number) for number in value)
    return check_number(owner, parameter.name, value)


def align_start(value: float | tuple[Any, ...], tensor: Tensor) -> Tensor:
    """Return a starting value as a tensor that broadcasts to a parameter: coefficients along the first axis."""
    start = torch.tensor(value, dtype=tensor.dtype, device=tensor.device)
    if start.dim() == 2:
        return start.T
    if start.shape == tensor.shape:
        return start
    return start.reshape(-1, *(1 for _ in tensor.shape[1:])) if start.dim() else start


def _is_for_each_channel(value: Init, parameter: ParameterSpec) -> bool:
    """Return whether a starting value of a parameter is a tuple with one for each channel."""
    return isinstance(value, tuple) and (not parameter.coefficients or isinstance(value[0], tuple))


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_show, value))})"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _materialize_from_state_dict(
    module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *unused: object
) -> None:
    """Give a lazy module the shapes of the state it is about to load, unless that is lazy too."""
    assert isinstance(module, Elementwise)
    for parameter in module.spec.parameters:
        state = state_dict.get(prefix + parameter.name)
        if module._lazy and state is not None and not is_lazy(state):
            shape = tuple(state.shape[len(module._lead(parameter)) :])
            units = unit_shape(module.owner, module.share, shape)
            assert units is not None
            module._materialize(units)
