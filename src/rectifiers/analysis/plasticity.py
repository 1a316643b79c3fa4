"""What tells whether a network can still learn: dormant units, the rank of its features, and norms."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..watching.observer import Observer, SiteCall, trace_sites
from ..watching.wrappers import entrance, run_eagerly
from .slopes import by_unit, other_dims, slopes
from .streaming import to_float64

TAU = 0.025
"""Share of the mean size of a site's outputs up to which a unit is dormant, as Sokar et al. (2023) draw it."""
FLAT = 1e-3
"""A derivative smaller than this counts as 0."""


class Features:
    """What the outputs of an activation come to, added batch by batch; memory grows with the units alone.

    A unit is τ-dormant (Sokar, Agarwal, Castro and Evci, 2023) if the mean of its |h| is at most τ times the mean of
    these over the units of its site. Of the values as a matrix of examples by units, with singular values σ, the
    effective rank is exp(−Σp·log p) with p = σ/Σσ (Roy and Vetterli, 2007), and the stable rank Σσ²/max σ² (Rudelson
    and Vershynin, 2007). Dohare et al. (2024) and Kumar et al. (2021) call other numbers so.

    Args:
        units: how many there are.
        ranks: whether to keep what the ranks are taken of, units² numbers.

    Example:
        >>> features = Features(3)
        >>> features.add(torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]))
        >>> features.dormant().tolist(), round(features.effective_rank, 6), features.stable_rank
        ([False, False, True], 2.0, 2.0)
    """

    def __init__(self, units: int, *, ranks: bool = True) -> None:
        self.sizes = torch.zeros(units, dtype=torch.float64)
        self.products = torch.zeros(units, units, dtype=torch.float64) if ranks else None

    def add(self, values: Tensor) -> None:
        """Add values, (values, units)."""
        values = to_float64(values.detach())
        self.sizes += values.abs().sum(0).cpu()
        if self.products is not None:
            self.products += (values.T @ values).cpu()

    def joined(self) -> Features:
        """Return what the same values come to as those of a single unit."""
        joined = Features(1, ranks=False)
        joined.sizes = self.sizes.sum(0, keepdim=True)
        joined.products = None if self.products is None else self.products.trace().reshape(1, 1)
        return joined

    def add_sizes(self, sizes: Tensor) -> None:
        """Add the sums of |h| of each unit alone, (units,); no rank can be told of them."""
        self.sizes += to_float64(sizes.detach()).cpu()

    def dormant(self, tau: float = TAU) -> Tensor:
        """Mark the units whose mean size is at most `tau` times the mean over all; all where everything is 0."""
        return self.sizes <= tau * self.sizes.mean()

    @property
    def dormant_share(self) -> float:
        """Which share of the units is `TAU`-dormant."""
        return _share(self.dormant())

    @property
    def effective_rank(self) -> float:
        """Effective rank; NaN where it was not asked for, or a value is not finite, and 0 where all are 0."""
        singular = self._squares.sqrt()
        shares = singular[singular != 0] / singular.sum()
        return float((-shares * shares.log()).sum().exp()) if len(shares) else 0.0

    @property
    def stable_rank(self) -> float:
        """Stable rank; NaN and 0 as for the effective rank."""
        squares = self._squares
        return float(squares.sum() / squares.max()) if squares.any() else 0.0

    @property
    def _squares(self) -> Tensor:
        """The squares of the singular values."""
        if self.products is None or not self.products.isfinite().all():
            return torch.full((1,), math.nan, dtype=torch.float64)
        squares: Tensor = torch.linalg.eigvalsh(self.products)
        # What rounding leaves of a value that is 0 is no singular value.
        return squares.where(squares > squares.max() * len(squares) * torch.finfo(torch.float64).eps, 0.0)


@dataclass(frozen=True)
class Plasticity:
    """What tells whether a network can still learn, on some data; shares go from 0 to 1.

    Args:
        dormant: share of τ-dormant units, over all sites.
        dead: share of units whose derivative is 0 on all data, over all sites.
        effective_rank: mean over the sites.
        stable_rank: mean over the sites.
        weight_norm: length of all parameters that take gradients, as one vector.
        gradient_norm: length of the gradient of the loss with respect to them.
    """

    dormant: float
    dead: float
    effective_rank: float
    stable_rank: float
    weight_norm: float
    gradient_norm: float


class Probe:
    """Looks at a network, as often as asked, in evaluation mode; the network is left as it was.

    Args:
        model: any module that takes one tensor.
        inputs: an example; where it calls activations is looked for once.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> _ = net[0].weight.data.fill_(0.0), net[0].bias.data.copy_(torch.tensor([1.0, -1.0]))
        >>> found = Probe(net, torch.ones(4, 1))(torch.ones(4, 1), lambda outputs: outputs.sum())
        >>> found.dormant, found.dead, found.effective_rank, round(found.weight_norm, 3), round(found.gradient_norm, 3)
        (0.5, 0.5, 1.0, 1.414, 5.657)
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self.model = model
        self._sites = trace_sites(model, (inputs,), {})

    def dormant(self, inputs: Tensor, tau: float = TAU) -> dict[str, Tensor]:
        """Mark the τ-dormant units of every site, by the path of the module that is or calls the activation.

        Args:
            inputs: what the network is called with.
            tau: share of the mean size of a site's outputs up to which a unit is dormant.
        """
        seen = self._see(inputs, torch.no_grad())[1]
        paths = {site.name: site.path for site in self._sites}
        return {paths.get(name, name): features.dormant(tau) for name, features in seen.features.items()}

    def __call__(self, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> Plasticity:
        """Look at the network as it is now.

        Args:
            inputs: what it is called with.
            loss: makes the number whose gradient is taken of its outputs.
        """
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        with torch.enable_grad():
            outputs, seen = self._see(inputs, torch.enable_grad())
            gradients = torch.autograd.grad(loss(outputs), parameters, allow_unused=True) if parameters else ()
        features = list(seen.features.values())
        return Plasticity(
            dormant=_share(torch.cat([one.dormant() for one in features])) if features else math.nan,
            dead=_share(torch.cat([~on for on in seen.on.values()])) if features else math.nan,
            effective_rank=_mean([one.effective_rank for one in features]),
            stable_rank=_mean([one.stable_rank for one in features]),
            weight_norm=norm(parameters),
            gradient_norm=norm([gradient for gradient in gradients if gradient is not None]),
        )

    def _see(self, inputs: Tensor, gradients: AbstractContextManager[None]) -> tuple[Tensor, _Seen]:
        """Call the network, and see what its activations give."""
        model, seen = self.model, _Seen()
        was_training = [module for module in model.modules() if module.training]
        try:
            with run_eagerly(entrance(model)), gradients, Observer(model.eval(), self._sites, seen):
                outputs: Tensor = model(inputs)
        finally:
            for module in was_training:
                module.training = True
        return outputs, seen


def norm(tensors: list[Tensor] | list[nn.Parameter]) -> float:
    """Compute the length of some tensors as one vector, in float64; NaN if one is offloaded and has no numbers here.

    Example:
        >>> norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
        5.0
    """
    if any(tensor.is_meta for tensor in tensors):
        return math.nan
    return math.sqrt(sum(float(to_float64(_numbers(tensor)).square().sum()) for tensor in tensors))


def length(tensor: Tensor) -> Tensor:
    """Compute the length of a tensor as a vector, summed in float32 at least, without waiting for its device.

    Example:
        >>> length(torch.tensor([300.0, 400.0], dtype=torch.float16))
        tensor(500.)
    """
    numbers = _numbers(tensor)
    found: Tensor = torch.linalg.vector_norm(numbers, dtype=torch.promote_types(numbers.dtype, torch.float32))
    return found.float()


def _numbers(tensor: Tensor) -> Tensor:
    """Return a tensor's real numbers, of a sparse one those that it stores, of a complex one both parts."""
    values = tensor.detach()
    if values.layout is torch.sparse_coo:
        values = values.coalesce().values()
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


class _Seen:
    """Outputs and derivatives at each site; the listener of an observer."""

    def __init__(self) -> None:
        self.features: dict[str, Features] = {}
        self.on: dict[str, Tensor] = {}

    def before(self, call: SiteCall) -> None:
        """Record nothing: a call is recorded when it ends."""

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Record outputs and derivatives."""
        name, outputs = call.site.name, by_unit(call.site, y)
        if name not in self.features:
            self.features[name] = Features(outputs.shape[1])
        self.features[name].add(outputs)
        slope = slopes(call)
        on = (slope.abs() >= FLAT).any(other_dims(call.site, slope)).reshape(-1)
        self.on[name] = on | self.on.get(name, on)


def _share(mask: Tensor) -> float:
    return int(mask.sum()) / len(mask)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
