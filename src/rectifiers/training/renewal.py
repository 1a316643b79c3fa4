"""What keeps a network able to learn, whatever its activations: controls for those that are said to do so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..analysis.plasticity import Probe
from ..core.errors import UnsupportedError
from ..networks.blocks import Network

Reset = Mapping[str, Tensor]
"""For each parameter of which something was drawn anew, a mask of it."""


def pull_to_start(optimizer: torch.optim.Optimizer, strength: float) -> None:
    """Let every step minimise λ‖θ − θ₀‖² too, where θ₀ are the parameters now: L2-init (Kumar et al., 2023).

    Args:
        optimizer: what takes the steps; the gradient of the penalty is added to that of the loss before each.
        strength: λ.

    Example:
        >>> weight = nn.Parameter(torch.tensor([1.0]))
        >>> optimizer = torch.optim.SGD([weight], lr=0.1)
        >>> pull_to_start(optimizer, 0.5)
        >>> _ = weight.data.fill_(3.0)
        >>> weight.grad = torch.zeros(1)
        >>> optimizer.step()
        >>> weight.data
        tensor([2.8000])
    """
    starts = {one: one.detach().clone() for group in optimizer.param_groups for one in group["params"]}

    def pull(*_: object) -> None:
        for parameter, start in starts.items():
            if parameter.grad is not None:
                parameter.grad.add_(parameter.detach() - start, alpha=2 * strength)

    optimizer.register_step_pre_hook(pull)


@dataclass(frozen=True)
class Renewal:
    """What becomes of a network between two phases.

    Args:
        shrink: factor of all parameters (Ash and Adams, 2020); 1 leaves them.
        perturb: share of freshly drawn ones that is added; 0 adds none.
        redo: τ of the units that are drawn anew, after that, if they are τ-dormant (ReDo; Sokar et al., 2023): weights
            and bias before them, while those that read them become 0. None draws none.
    """

    shrink: float = 1.0
    perturb: float = 0.0
    redo: float | None = None

    @torch.no_grad()
    def __call__(self, net: nn.Module, fresh: nn.Module, inputs: Tensor) -> Reset:
        """Renew a network.

        Args:
            net: changed in place.
            fresh: the same network, drawn anew.
            inputs: on which units may be dormant.

        Returns:
            What was drawn anew by ReDo, of which an optimizer should remember nothing.

        Raises:
            UnsupportedError: ReDo does not know what reads the units of such a network.
        """
        for name, parameter in net.named_parameters():
            parameter.mul_(self.shrink).add_(fresh.get_parameter(name), alpha=self.perturb)
        return {} if self.redo is None else _recycle(net, fresh, Probe(net, inputs[:1]).dormant(inputs, self.redo))


def forget(optimizer: torch.optim.Optimizer, net: nn.Module, reset: Reset, place: int | None = None) -> None:
    """Let an optimizer forget what it remembers of parameters that were drawn anew.

    Args:
        optimizer: of the parameters of `net`.
        net: holds them by name.
        reset: what was drawn anew.
        place: of the network, where parameters are those of several.
    """
    for name, mask in reset.items():
        parameter = net.get_parameter(name)
        for kept in optimizer.state.get(parameter, {}).values():
            if isinstance(kept, Tensor) and kept.shape == parameter.shape:
                (kept if place is None else kept[place]).masked_fill_(mask, 0)


def _recycle(net: nn.Module, fresh: nn.Module, dormant: Mapping[str, Tensor]) -> Reset:
    if not isinstance(net, Network):
        raise UnsupportedError(f"redo is for networks whose parts follow one another, not for {type(net).__name__}")
    layers = [(name, module) for name, module in net.named_modules() if not list(module.children())]
    names = [name for name, _ in layers]
    reset: dict[str, Tensor] = {}
    for site, units in dormant.items():
        place = names.index(site)
        front = [name for name, module in layers[:place] if _has_units(module)]
        behind = [name for name, module in layers[place:] if _has_units(module)]
        if not (front and behind):
            raise UnsupportedError(f"redo needs a layer before {site} and one after it")
        _reset(net, fresh, front[-1], behind[0], units, reset)
    return reset


def _has_units(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.modules.conv._ConvNd)


def _reset(net: nn.Module, fresh: nn.Module, front: str, behind: str, units: Tensor, reset: dict[str, Tensor]) -> None:
    """Draw units anew: what makes them comes from a fresh network, and what reads them becomes 0."""
    weight, reader = net.get_parameter(f"{front}.weight"), net.get_parameter(f"{behind}.weight")
    if len(weight) != len(units) or reader.shape[1] % len(units):
        raise UnsupportedError(f"redo needs one value of each unit of {front}, got {len(units)} of {len(weight)}")
    units = units.to(weight.device)
    for name in ("weight", "bias"):
        if (own := getattr(net.get_submodule(front), name)) is not None:
            mask = units.reshape(-1, *(1 for _ in own.shape[1:])).expand_as(own)
            own.copy_(own.where(~mask, fresh.get_parameter(f"{front}.{name}")))
            _add(reset, f"{front}.{name}", mask)
    # A linear layer behind a flattened map reads each unit in many columns, one after another.
    columns = units.repeat_interleave(reader.shape[1] // len(units))
    mask = columns.reshape(1, -1, *(1 for _ in reader.shape[2:])).expand_as(reader)
    reader.masked_fill_(mask, 0)
    _add(reset, f"{behind}.weight", mask)


def _add(reset: dict[str, Tensor], name: str, mask: Tensor) -> None:
    reset[name] = mask | reset[name] if name in reset else mask
