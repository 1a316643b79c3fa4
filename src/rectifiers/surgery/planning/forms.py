"""What a learned function is beyond a plain rectifier: a gain, a threshold and an offset, for each unit.

Each of these functions is c + ψ(g·(x − t)), where ψ is ReLU, LeakyReLU or the identity, perhaps with an upper bound,
and the gain g > 0, the threshold t and the offset c are numbers for each unit. Gain and threshold can move into the
layer before, and the offset into the layers after, so that ψ alone remains.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...core.elementwise import Elementwise
from ...core.wording import percent
from ...watching.kinds import spec_of
from ..inserted.added import Added
from ..inserted.annealed import Annealed
from ..inserted.capped import Capped


class Unfoldable(Exception):
    """A function has no such form; the message says why."""


@dataclass(frozen=True)
class Form:
    """c + ψ(g·(x − t)), with ψ(z) = z for z ≥ 0 and slope·z for z < 0, at most `top`.

    Args:
        gain: g, of the shape of the units, or of shape (1,) for all; float64, like the others.
        threshold: t.
        offset: c.
        slope: slope of ψ below zero.
        top: upper bound of ψ; None for none.
    """

    gain: Tensor
    threshold: Tensor
    offset: Tensor
    slope: Tensor
    top: float | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate the form on values whose last dimension holds the units."""
        z = self.gain * (x - self.threshold)
        y = torch.where(z >= 0, z, self.slope * z)
        return self.offset + (y if self.top is None else y.clamp(max=self.top))


def read_form(module: nn.Module) -> Form:
    """Return the form that a function has now.

    Args:
        module: an activation that a swap put in.

    Raises:
        Unfoldable: it has none.

    Example:
        >>> from rectifiers import AdaReLU
        >>> form = read_form(AdaReLU(0.5, share="layer"))
        >>> float(form.threshold), float(form.offset), float(form.gain)
        (0.5, 0.5, 1.0)
    """
    if isinstance(module, Capped):
        return _cap(read_form(module.activation), module.cap)
    if isinstance(module, Added):
        raise Unfoldable(f"it is added to {module.formula}, which is not made of two straight pieces")
    if isinstance(module, Annealed):
        reached = float(module.reached)
        if reached < 1:
            raise Unfoldable(f"it is annealed to {percent(reached)} only; take the remaining steps first")
        return _relu6(module) if module.to_rectifier == "relu6" else _rectifier(torch.ones(1))
    if isinstance(module, nn.ReLU):
        return _rectifier(torch.ones(1))
    spec = spec_of(module)
    maker = None if spec is None else _FORMS.get(spec.name)
    if spec is None or maker is None or not isinstance(module, Elementwise):
        title = type(module).__name__ if spec is None else spec.title
        raise Unfoldable(f"{title} is not made of two straight pieces")
    if module._lazy:
        raise Unfoldable("its parameters have no shape yet: call the model on one batch first")
    with torch.no_grad():
        form = maker(module)
        _verify(module, form)
    if module.share == "element" and spec.parameters:
        parts = [part.unique() for part in (form.gain, form.threshold, form.offset, form.slope)]
        if any(len(part) > 1 for part in parts):
            raise Unfoldable("every element has parameters of its own, and the layers around it have not")
        form = Form(*parts)
    return form


def _verify(module: Elementwise, form: Form) -> None:
    """Compare a form with the module itself, which may be derived or parametrized in ways that nobody foresaw."""
    units = module.units or (1,)
    x = torch.linspace(-9, 9, 181, dtype=torch.float64).reshape(-1, *(1 for _ in units)).expand(-1, *units).contiguous()
    exact = copy.deepcopy(module).to("cpu", torch.float64).eval()
    exact.channel_dim = 1
    if not torch.allclose(exact(x).flatten(1), form(x.flatten(1)), rtol=1e-9, atol=1e-9):
        raise Unfoldable("its values are not what its parameters say")


def _cap(form: Form, cap: float) -> Form:
    offsets = form.offset.unique()
    if len(offsets) > 1:
        raise Unfoldable(f"its cap at {cap:g} is a different distance above the threshold in each channel")
    if form.slope.any() or form.top is not None:
        raise Unfoldable(f"it has a cap at {cap:g} and a slope below zero")
    top = cap - float(offsets)
    if top <= 0:
        raise Unfoldable(f"its threshold is above its cap at {cap:g}, so that it is constant")
    return replace(form, top=top)


def _wide(parameter: Tensor) -> Tensor:
    return parameter.detach().to("cpu", torch.float64).reshape(-1)


def _rectifier(gain: Tensor, threshold: float | Tensor = 0.0, slope: float | Tensor = 0.0) -> Form:
    ones = torch.ones_like(gain, dtype=torch.float64)
    theta = threshold * ones
    return Form(gain.double(), theta, theta.clone(), slope * ones)


def _two_slopes(above: Tensor, below: Tensor) -> Form:
    if not (above > 0).all():
        raise Unfoldable("its slope above zero is not positive everywhere")
    return _rectifier(above, slope=below / above)


def _adarelu(module: Any) -> Form:
    theta = _wide(module.theta)
    return _rectifier(torch.ones_like(theta), threshold=theta)


def _prelu(module: Any) -> Form:
    a = _wide(module.a)
    return _two_slopes(torch.ones_like(a), a)


def _comb_arelu(module: Any) -> Form:
    p = _wide(module.p)
    return _two_slopes(torch.ones_like(p), p)


def _arelu(module: Any) -> Form:
    return _two_slopes(1 + _wide(module.beta).sigmoid(), _wide(module.alpha).clamp(0.01, 0.99))


def _elsa(module: Any) -> Form:
    return _two_slopes(_wide(module.beta).sigmoid(), _wide(module.alpha).clamp(0.01, 0.99))


def _wave(module: Any) -> Form:
    alpha, beta = (_wide(torch.as_tensor(part)) for part in (module.alpha, module.beta))
    waves = int(((alpha != 0) & (beta != 0)).sum())
    if waves:
        raise Unfoldable(f"its wave has an amplitude other than 0 in {waves} of {len(alpha)} units")
    return _rectifier(torch.ones_like(alpha))


def _apl(module: Any) -> Form:
    if module.a.any():
        raise Unfoldable("some of its hinges have slopes other than 0")
    units = module.a[0].numel() if module.a.dim() > 1 else 1
    return _rectifier(torch.ones(units))


def _relu6(module: Any) -> Form:
    return _cap(_rectifier(torch.ones(1)), 6.0)


def _leaky_relu(module: Any) -> Form:
    return _rectifier(torch.ones(1), slope=float(module.negative_slope))


_FORMS: dict[str, Callable[[Any], Form]] = {
    "relu": lambda _: _rectifier(torch.ones(1)),
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "comb_arelu": _comb_arelu,
    "arelu": _arelu,
    "elsa": _elsa,
    "adarelu": _adarelu,
    "pvlu": _wave,
    "vlu": _wave,
    "apl": _apl,
}
"""How each function is read, by its registered name."""
