"""Activations watched while a model trains: when units fell silent, and how parameters moved."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from ...core.checks import check_count
from ...core.wording import finite
from ...watching.observer import Observer, SiteCall, list_sites
from ...watching.sites import Site
from ...watching.wrappers import unwrap
from ..inside.parameters import learned
from ..slopes import other_dims, slopes
from .tally import OFF


@dataclass(frozen=True)
class SiteHistory:
    """One site over the steps of training; shares from 0 to 1, each of one batch.

    Args:
        name: the site's name.
        kind: which activation it is.
        units: how many.
        silent: units whose derivative was 0 on the whole batch.
        off: values at which the derivative was 0.
        mean: of the pre-activations.
        std: likewise.
        died: for each unit, the first watched step from which on it was silent to the end; None for those that were
            not silent in the last batch.
    """

    name: str
    kind: str
    units: int
    silent: tuple[float, ...]
    off: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    died: tuple[int | None, ...]


@dataclass(frozen=True)
class History:
    """What a `Watch` saw.

    Args:
        steps: of the watched batches, counted from 0.
        sites: in forward order.
        parameters: mean of each learned parameter at these steps, by layer and name.
    """

    steps: tuple[int, ...]
    sites: tuple[SiteHistory, ...]
    parameters: Mapping[str, tuple[float, ...]]

    def to_json(self) -> str:
        """All numbers; null where there is none."""
        return json.dumps(finite(asdict(self)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """One line per site and step, with a header."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["step", "site", "kind", "units", "silent", "off", "mean", "std"])
        for site in self.sites:
            for row in zip(self.steps, site.silent, site.off, site.mean, site.std, strict=True):
                writer.writerow([row[0], site.name, site.kind, site.units, *finite(list(row[1:]))])
        return buffer.getvalue()

    def __str__(self) -> str:
        """When units fell silent, in words."""
        if not self.steps:
            return "Nothing was watched: the model was not called in training mode."
        lines = [f"{len(self.steps)} batches watched, steps {self.steps[0]} to {self.steps[-1]}."]
        for site in self.sites:
            died = sorted(step for step in site.died if step is not None)
            if died:
                half = died[(len(died) - 1) // 2]
                lines.append(
                    f"  {site.name} ({site.kind}): {len(died):,} of {site.units:,} units silent at the end; the first "
                    f"from step {died[0]} on, half of them by step {half}, the last by step {died[-1]}"
                )
        return "\n".join(lines if len(lines) > 1 else [*lines, "  No unit is silent in the last of them."])


class Watch:
    """Watches a model while it trains, one batch in `every`, by hooks: the training loop stays as it is.

    The training keeps its bits: no random number is drawn, nothing is changed. After a swap, start a new one, as the
    sites are others. Use it in a `with` statement, or `close` it.

    Args:
        model: any module that `diagnose` takes; calls in evaluation mode are not counted.
        every: watch the first of so many calls.

    Raises:
        ConfigError: `every` is no count.
        UnsupportedError: a compiled, scripted, quantised or distributed model.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> _ = net[0].weight.data.fill_(0.0), net[0].bias.data.copy_(torch.tensor([1.0, -1.0]))
        >>> with Watch(net, every=2) as watch:
        ...     for _ in range(3):
        ...         _ = net(torch.ones(4, 1))
        >>> watch.history.steps, watch.history.sites[0].silent, watch.history.sites[0].died
        ((0, 2), (0.5, 0.5), (None, 0))
    """

    def __init__(self, model: nn.Module, every: int = 50) -> None:
        self.model = unwrap(model)
        self.every = check_count("Watch", "every", every)
        self.step = 0
        self._steps: list[int] = []
        self._parameters: dict[str, list[float]] = {}
        self._snapshots = _Snapshots()
        self._observer: Observer | None = None
        self._active = self._looking = False
        self._hooks = [
            self.model.register_forward_pre_hook(self._begin, prepend=True, with_kwargs=True),
            self.model.register_forward_hook(self._end, always_call=True),
        ]

    def close(self) -> None:
        """Take the hooks off; the history stays."""
        for hook in self._hooks:
            hook.remove()

    def __enter__(self) -> Self:
        """The watch itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def history(self) -> History:
        """What was seen so far."""
        visited = self._observer.visited if self._observer else {}
        return History(
            steps=tuple(self._steps),
            sites=tuple(self._snapshots.history(site, self._steps) for site in visited.values()),
            parameters={name: tuple(values) for name, values in self._parameters.items()},
        )

    def _begin(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._looking or self._active or not model.training:
            return
        step, self.step = self.step, self.step + 1
        if step % self.every:
            return
        if self._observer is None:
            self._observer = Observer(model, self._sites(args, kwargs), self._snapshots)
        self._steps.append(step)
        for layer, name, values in learned(model):
            means = self._parameters.setdefault(f"{layer}.{name}".lstrip("."), [math.nan] * (len(self._steps) - 1))
            means.append(float(values.float().mean()))
        self._snapshots.begin(len(self._steps) - 1)
        self._observer.__enter__()
        self._observer.enter_model()
        self._active = True

    def _end(self, *_: Any) -> None:
        if self._active and self._observer is not None:
            self._active = False
            self._observer.__exit__(None, None, None)

    def _sites(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Site]:
        self._looking = True
        try:
            return list_sites(self.model, args, kwargs, training=True)
        finally:
            self._looking = False


def _share(mask: Tensor) -> Tensor:
    """How much of it is true."""
    return mask.count_nonzero() / mask.numel()


class _Snapshots:
    """Figures of single batches at each site; the listener of an observer."""

    def __init__(self) -> None:
        self.place = -1
        self.figures: dict[str, dict[int, Tensor]] = {}
        self.on: dict[str, Tensor] = {}
        self.last_on: dict[str, Tensor] = {}

    def begin(self, place: int) -> None:
        """The next batch to be watched is this one."""
        self._settle()
        self.place = place

    def before(self, call: SiteCall) -> None:
        """Nothing is kept of what is not finished."""

    @torch.no_grad()
    def after(self, call: SiteCall, y: Tensor) -> None:
        """Take the figures of a call; of several in a batch, those of the last, but a unit is on if it ever was."""
        name = call.site.name
        on = slopes(call).abs() >= OFF
        std, mean = torch.std_mean(call.x.float(), correction=0)
        ever = on.any(other_dims(call.site, on)).reshape(-1)
        self.on[name] = ever if name not in self.on else self.on[name] | ever
        figures = torch.stack([1 - _share(self.on[name]), 1 - _share(on), mean, std])
        self.figures.setdefault(name, {})[self.place] = figures

    def _settle(self) -> None:
        for name, on in self.on.items():
            last = self.last_on.get(name)
            last = torch.full(on.shape, -1, device=on.device) if last is None else last
            self.last_on[name] = torch.where(on, self.place, last)
        self.on = {}

    def history(self, site: Site, steps: list[int]) -> SiteHistory:
        """What was seen of a site."""
        self._settle()
        figures = self.figures[site.name]
        rows = [figures[place].tolist() if place in figures else [math.nan] * 4 for place in range(len(steps))]
        silent, off, mean, std = (tuple(column) for column in zip(*rows, strict=True))
        last_on = self.last_on[site.name].tolist()
        return SiteHistory(
            name=site.name,
            kind=site.kind,
            units=len(last_on),
            silent=silent,
            off=off,
            mean=mean,
            std=std,
            died=tuple(steps[last + 1] if last + 1 < len(steps) else None for last in last_on),
        )
