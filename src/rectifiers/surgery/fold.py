"""Plans ConvReLU: the ReLU in front of a convolution moves into it, through max-pooling and dropout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch.nn.utils import parametrize

from ..activations import registry
from ..core.errors import ConfigError
from ..core.thresholds import ThresholdInit
from .changes import Change, Left
from .edits import Edit, Undo, submodule
from .replace import Target, edits_for
from .sites import Found, Site, reader_name
from .trace import Op, Trace

CONVOLUTIONS = {
    "convrelu": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "convrelu1d": (nn.Conv1d,),
    "convrelu2d": (nn.Conv2d,),
    "convrelu3d": (nn.Conv3d,),
}
"""Which convolutions each name stands for."""

THROUGH = (
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_dropout",
)
"""What a ReLU may be moved behind: it gives the same values there."""


@dataclass(frozen=True)
class Fold:
    """Turns a convolution into a ConvReLU with the same weights, in place: it stays the same object.

    Args:
        path: the convolution.
        activation: registered name of the ConvReLU.
        threshold_init: start of the thresholds.
    """

    kind: ClassVar[str] = "fold"
    path: str
    activation: str
    threshold_init: ThresholdInit = "zero"

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        conv: Any = submodule(model, self.path)
        before = type(conv)
        target: Any = registry.get(self.activation)
        if not is_plain(conv) or not issubclass(target, _plain(conv)):
            raise ConfigError(f"{self.path!r} is no convolution that {target.__name__} can stand for, but {before}")
        conv.__class__ = target if before is _plain(conv) else type(target.__name__, (target, before), {})
        conv.threshold_init = self.threshold_init
        weight = conv.weight
        conv.threshold = nn.Parameter(weight.new_empty(conv.in_channels, *conv.kernel_size).detach())
        conv.reset_threshold()

        def undo() -> None:
            del conv.threshold, conv.threshold_init
            conv.__class__ = before

        return undo

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, "activation": self.activation, "threshold_init": self.threshold_init}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fold:
        """The edit that `to_json` wrote."""
        return cls(data["path"], data["activation"], data["threshold_init"])


def plan_folds(
    trace: Trace, found: Sequence[Found], sites: Sequence[Site], target: Target
) -> tuple[list[Change], list[Left], list[Edit]]:
    """Changes and edits that move each of `sites` into the convolutions behind it, and the sites that cannot move.

    Args:
        trace: the model's run.
        found: all sites of the model.
        sites: those to fold.
        target: names the ConvReLU; its settings may hold `threshold_init`.

    Raises:
        ConfigError: another setting.
    """
    unknown = set(target.settings) - {"threshold_init"}
    if unknown:
        raise ConfigError(f"ConvReLU in place of a convolution takes threshold_init alone, got {sorted(unknown)[0]!r}")
    kinds = CONVOLUTIONS[str(target.activation)]
    ops = {entry.site.index: entry.ops for entry in found}
    readers: dict[int, list[Op]] = {}
    reasons: dict[int, str] = {}
    for site in sites:
        readers[site.index], reasons[site.index] = _readers(trace, ops[site.index], site, target, kinds)
    _settle(trace, readers, reasons)
    changes: list[Change] = []
    paid: set[str] = set()
    edits: list[Edit] = []
    names = trace.names
    folded = [site for site in sites if not reasons[site.index]]
    for site in folded:
        convs: dict[str, Any] = {names[op.module]: op.module for op in readers[site.index]}
        new = {path: conv for path, conv in convs.items() if path not in paid}
        paid.update(new)
        for path, conv in new.items():
            rank = len(conv.kernel_size)
            edits.append(Fold(path, f"convrelu{rank}d", target.settings.get("threshold_init", "zero")))
        changes.append(_describe(site, convs, new, target))
    removals = edits_for(folded, [entry.site for entry in found], dict.fromkeys((site.index for site in folded), None))
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if reasons[site.index]]
    return changes, left, [*edits, *removals]


def is_plain(module: nn.Module) -> bool:
    """Whether a module is a convolution that computes nothing else; its weight may be parametrized."""
    plain = _plain(module)
    base = type(module).__base__ if parametrize.is_parametrized(module) else type(module)
    return plain is not None and base is plain


def _plain(module: nn.Module) -> Any:
    return next((base for base in CONVOLUTIONS["convrelu"] if isinstance(module, base)), None)


def _readers(
    trace: Trace, ops: Sequence[Op], site: Site, target: Target, kinds: tuple[type, ...]
) -> tuple[list[Op], str]:
    """The convolutions that read a site, or why it cannot move into them."""
    if site.settings.get("cap") and target.cap == "keep":
        return [], f"its cap at {site.settings['cap']:g} does not fit into thresholds; cap='drop' gives it up"
    if site.kind not in ("relu", "relu6"):
        return [], "only a ReLU can become thresholds of zero"
    if site.aliased:
        return [], "something reads what it writes over"
    if site.training_only:
        return [], "it runs in training mode only"
    convolutions: list[Op] = []
    waiting = [value for op in ops for value in op.outputs]
    while waiting:
        value = waiting.pop()
        if value in trace.outputs:
            return [], "the model returns its values"
        for op in trace.consumers[value]:
            if op.name in THROUGH:
                waiting.extend(op.outputs)
            elif not is_plain(op.module) or not op.name.startswith("conv"):
                return [], f"{reader_name(trace, op)} reads it, and is no plain convolution"
            elif not isinstance(op.module, kinds):
                return [], f"{reader_name(trace, op)} is not of the rank of {target.activation}"
            else:
                convolutions.append(op)
    return convolutions, "" if convolutions else "nothing reads its values"


def _settle(trace: Trace, readers: Mapping[int, list[Op]], reasons: dict[int, str]) -> None:
    """Leaves out sites whose convolution reads something else in another of its calls, until none is left."""
    calls: dict[nn.Module, set[int]] = {}
    for op in trace.ops:
        calls.setdefault(op.module, set()).add(op.index)
    settled = False
    while not settled:
        settled = True
        fed = {op.index for index, ops in readers.items() if not reasons[index] for op in ops}
        for index, ops in readers.items():
            for op in ops:
                if not reasons[index] and not calls[op.module] <= fed:
                    reasons[index] = f"{reader_name(trace, op)} reads values without this ReLU in another of its calls"
                    settled = False


def _describe(site: Site, convs: Mapping[str, Any], new: Mapping[str, Any], target: Target) -> Change:
    thresholds = sum(conv.in_channels * math.prod(conv.kernel_size) for conv in new.values())
    near = target.settings.get("threshold_init", "zero") in ("zero", 0, 0.0)
    return Change(
        site=site.name,
        was=site.kind,
        becomes=f"ConvReLU in {', '.join(convs)}",
        shape=site.shape,
        channels=site.channels,
        parameters=thresholds,
        start="other" if not near else "near" if site.kind == "relu6" else "equal",
    )
