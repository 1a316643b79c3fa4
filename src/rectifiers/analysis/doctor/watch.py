"""Watching activations during training: when units fell silent, and how parameters moved."""

from __future__ import annotations

import bisect
import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from ...core.checks import check_count
from ...core.learned import learned_values
from ...core.wording import finite, plural
from ...watching.hooks import OwnHook
from ...watching.observer import Observer, SiteCall, trace_sites
from ...watching.sharded import unwrapped
from ...watching.sites import Site
from ...watching.wrappers import entrance, look_inside, run_eagerly
from ..plasticity import Features, length
from ..slopes import by_unit, other_dims, slopes
from .tally import OFF


@dataclass(frozen=True)
class SiteHistory:
    """One site over the watched steps of training; shares go from 0 to 1.

    Args:
        name: name of the site.
        kind: which activation it is.
        units: how many units there are.
        silent: for each step, the share of units whose derivative was 0 on the whole batch.
        off: for each step, the share of values at which the derivative was 0.
        mean: for each step, the mean of the pre-activations.
        std: for each step, the standard deviation of the pre-activations.
        died: for each unit, the first watched step from which it was silent to the end; None for units that were not
            silent in the last batch that reached the site.
        dormant: for each step, the share of units whose outputs have a mean size of at most 0.025 of the mean over the
            site's units.
        effective_rank: for each step, that of the outputs, as in `SiteHealth`; empty if ranks were not asked for.
        stable_rank: for each step, that of the outputs; empty if ranks were not asked for.
    """

    name: str
    kind: str
    units: int
    silent: tuple[float, ...]
    off: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    died: tuple[int | None, ...]
    dormant: tuple[float, ...] = ()
    effective_rank: tuple[float, ...] = ()
    stable_rank: tuple[float, ...] = ()


@dataclass(frozen=True)
class History:
    """What a `Watch` has recorded.

    Args:
        steps: the watched steps, counted from 0.
        sites: the sites in forward order.
        parameters: mean of each learned parameter at these steps, by layer and name.
        weight_norm: at each of these steps, the length of all parameters that take gradients, as one vector.
        gradient_norm: the length of what their `grad` held when the backward pass of the step had ended; NaN where
            there was none, and for sharded parameters.
    """

    steps: tuple[int, ...]
    sites: tuple[SiteHistory, ...]
    parameters: Mapping[str, tuple[float, ...]]
    weight_norm: tuple[float, ...] = ()
    gradient_norm: tuple[float, ...] = ()

    def to_json(self) -> str:
        """Return all numbers as JSON text, with null where there is no number."""
        return json.dumps(finite(asdict(self)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return a CSV table with a header and a line per site and step."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        ranks = any(site.effective_rank for site in self.sites)
        columns = ["silent", "off", "mean", "std", "dormant", *(["effective_rank", "stable_rank"] if ranks else [])]
        writer.writerow(["step", "site", "kind", "units", *columns])
        for site in self.sites:
            for row in zip(self.steps, *(getattr(site, column) for column in columns), strict=True):
                writer.writerow([row[0], site.name, site.kind, site.units, *finite(list(row[1:]))])
        return buffer.getvalue()

    def __str__(self) -> str:
        """Say in words when units fell silent."""
        if not self.steps:
            return "No batch was watched: the model was not called in training mode."
        first, last = self.steps[0], self.steps[-1]
        steps = f"step {first}" if first == last else f"steps {first} to {last}"
        lines = [f"{plural(len(self.steps), 'batch', 'batches')} watched, {steps}."]
        for site in self.sites:
            died = sorted(step for step in site.died if step is not None)
            if died:
                half = died[(len(died) - 1) // 2]
                lines.append(
                    f"  {site.name} ({site.kind}): {len(died):,} of {plural(site.units, 'unit')} silent at the end; "
                    f"the first from step {died[0]}, half of them by step {half}, the last by step {died[-1]}"
                )
        return "\n".join(lines if len(lines) > 1 else [*lines, "  No unit is silent in the last watched batch."])


class Watch:
    """Watches one training batch in `every` by hooks of the model; the training loop need not be changed.

    Training keeps its bits, because no random number is drawn and nothing is changed. After a swap, start a new
    `Watch`, because the sites are others. Use it in a `with` statement, or `close` it.

    In distributed training every process sees its own batches. A model that is sharded, by `fully_shard` or
    `FullyShardedDataParallel`, has to be watched in all processes, because it runs only in all of them together.

    Args:
        model: any module that `diagnose` takes; calls in evaluation mode are not counted.
        every: how many calls in training mode it takes for one to be watched, beginning with the first.
        ranks: whether to take the ranks of what activations give, too.

    Raises:
        ConfigError: `every` is not a positive integer.
        UnsupportedError: the model is scripted or quantised.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> _ = net[0].weight.data.fill_(0.0), net[0].bias.data.copy_(torch.tensor([1.0, -1.0]))
        >>> with Watch(net, every=2) as watch:
        ...     for _ in range(3):
        ...         _ = net(torch.ones(4, 1))
        >>> watch.history.steps, watch.history.sites[0].silent, watch.history.sites[0].died
        ((0, 2), (0.5, 0.5), (None, 0))
    """

    def __init__(self, model: nn.Module, every: int = 50, *, ranks: bool = False) -> None:
        self.model, self._entrance = look_inside(model), entrance(model)
        self.every = check_count("Watch", "every", every)
        self.step = 0
        self._steps: list[int] = []
        self._parameters: dict[str, list[float]] = {}
        self._weights: list[float] = []
        self._gradients: list[dict[nn.Parameter, Tensor]] = []
        self._gradient_hooks = ExitStack()
        self._snapshots = _Snapshots(ranks=ranks)
        self._observer: Observer | None = None
        self._active = self._surveying = False
        self._exits = ExitStack()
        self._hooks = ExitStack()
        if self._entrance._compiled_call_impl is None:
            begin = self._entrance.register_forward_pre_hook(OwnHook(self._begin), prepend=True, with_kwargs=True)
            end = self._entrance.register_forward_hook(OwnHook(self._end), always_call=True)
            for hook in (begin, end):
                self._hooks.callback(hook.remove)
        else:
            self._hooks.callback(self._stand_in_front(self._entrance))

    def close(self) -> None:
        """Remove the hooks; the history stays."""
        self._hooks.close()
        self._gradient_hooks.close()

    def _stand_in_front(self, model: nn.Module) -> Callable[[], None]:
        """Watch the calls of a model that was compiled in place, with its hooks; return what undoes it."""
        compiled = model._compiled_call_impl
        assert compiled is not None

        def call(*args: Any, **kwargs: Any) -> Any:
            self._begin(model, args, kwargs)
            try:
                return compiled(*args, **kwargs)
            finally:
                self._end()

        def undo() -> None:
            model._compiled_call_impl = compiled

        model._compiled_call_impl = call
        return undo

    def __enter__(self) -> Self:
        """Return the watch itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the watch."""
        self.close()

    @property
    def history(self) -> History:
        """What has been recorded so far."""
        visited = self._observer.visited if self._observer else {}
        return History(
            steps=tuple(self._steps),
            sites=tuple(self._snapshots.history(site, self._steps) for site in visited.values()),
            parameters={name: tuple(values) for name, values in self._parameters.items()},
            weight_norm=tuple(self._weights),
            gradient_norm=tuple(_total(one.values()) if one else math.nan for one in self._gradients),
        )

    def _begin(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        model = self.model
        if self._surveying or self._active or not model.training:
            return
        self._gradient_hooks.close()
        step, self.step = self.step, self.step + 1
        if step % self.every:
            return
        self._steps.append(step)
        if self._observer is None:
            with unwrapped(self._entrance, cast=True):
                self._observer = Observer(model, self._sites(args, kwargs), self._snapshots)
        with unwrapped(self._entrance, cast=False):
            for layer, name, values in learned_values(model):
                means = self._parameters.setdefault(f"{layer}.{name}".lstrip("."), [math.nan] * (len(self._steps) - 1))
                means.append(float(_whole(values).float().mean()))
            self._note_lengths()
        self._snapshots.begin(len(self._steps) - 1)
        self._exits.enter_context(run_eagerly(self._entrance))
        self._exits.enter_context(self._observer)
        if self._entrance is model and model._compiled_call_impl is None:
            self._observer.enter_model()
        self._active = True

    def _end(self, *_: Any) -> None:
        if self._active:
            self._active = False
            self._exits.close()

    def _note_lengths(self) -> None:
        """Note the length of the parameters, and have that of their gradients noted when there are some."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        whole = [_whole(parameter.detach()) for parameter in trained]
        offloaded = any(parameter.is_meta for parameter in whole)
        self._weights.append(math.nan if offloaded else _total(map(length, whole)))
        lengths: dict[nn.Parameter, Tensor] = {}
        self._gradients.append(lengths)

        def note(parameter: nn.Parameter) -> None:
            if parameter.grad is not None:
                lengths[parameter] = length(parameter.grad)

        for parameter in trained:
            if not hasattr(parameter, "full_tensor"):
                handle = parameter.register_post_accumulate_grad_hook(note)
                self._gradient_hooks.callback(handle.remove)

    def _sites(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Site]:
        self._surveying = True
        try:
            return trace_sites(self.model, args, kwargs, training=True)
        finally:
            self._surveying = False


def _whole(values: Tensor) -> Tensor:
    """Return all numbers of a tensor, also of one that is sharded over processes."""
    full_tensor: Callable[[], Tensor] | None = getattr(values, "full_tensor", None)
    return values if full_tensor is None else full_tensor()


def _total(lengths: Iterable[Tensor]) -> float:
    """Return the length of vectors together; they may be on several devices."""
    known = list(lengths)
    return float(torch.stack([one.to(known[0].device) for one in known]).norm()) if known else 0.0


def _share(mask: Tensor) -> Tensor:
    """Return which share of a mask is true."""
    return mask.count_nonzero() / mask.numel()


class _Snapshots:
    """The figures of single batches at each site; the listener of an observer."""

    def __init__(self, *, ranks: bool = False) -> None:
        self.index, self.ranks = -1, ranks
        self.features: dict[str, Features] = {}
        self.lasting: dict[str, dict[int, tuple[float, float, float]]] = {}
        self.figures: dict[str, dict[int, Tensor]] = {}
        self.on: dict[str, Tensor] = {}
        self.last_on: dict[str, Tensor] = {}

    def begin(self, index: int) -> None:
        """Begin the watched batch of this index."""
        self._end_batch()
        self.index = index

    def before(self, call: SiteCall) -> None:
        """Record nothing: a call is recorded when it ends."""

    @torch.no_grad()
    def after(self, call: SiteCall, y: Tensor) -> None:
        """Record the figures of a call; the last call in a batch counts, but a unit is on if any call shows it so."""
        name = call.site.name
        if call.site.channel_dim is None:
            self._join_units(name)
        on = slopes(call).abs() >= OFF
        std, mean = torch.std_mean(call.x.float(), correction=0)
        ever = on.any(other_dims(call.site, on)).reshape(-1)
        self.on[name] = ever if name not in self.on else self.on[name] | ever
        figures = torch.stack([1 - _share(self.on[name]), 1 - _share(on), mean, std])
        self.figures.setdefault(name, {})[self.index] = figures
        # All outputs as float64, or a copy of them, would take longer than all else here.
        wide = torch.promote_types(y.dtype, torch.float32)
        sizes = torch.linalg.vector_norm(y, 1, other_dims(call.site, y), dtype=wide).reshape(-1)
        if name not in self.features:
            self.features[name] = Features(len(sizes), ranks=self.ranks)
        if self.ranks:
            self.features[name].add(by_unit(call.site, y))
        else:
            self.features[name].add_sizes(sizes)

    def _join_units(self, name: str) -> None:
        """Take the units of a site for one, where it turns out that nothing is known of its channels."""
        for marks in (self.on, self.last_on):
            if name in marks:
                marks[name] = marks[name].amax().reshape(1)
        if name in self.features:
            self.features[name] = self.features[name].joined()

    def _end_batch(self) -> None:
        for name, on in self.on.items():
            last = self.last_on.get(name)
            last = torch.full(on.shape, -1, device=on.device) if last is None else last
            self.last_on[name] = torch.where(on, self.index, last)
        self.on = {}
        for name, features in self.features.items():
            ranks = (features.effective_rank, features.stable_rank) if self.ranks else (math.nan, math.nan)
            self.lasting.setdefault(name, {})[self.index] = (features.dormant_share, *ranks)
        self.features = {}

    def history(self, site: Site, steps: list[int]) -> SiteHistory:
        """Return the history of a site."""
        self._end_batch()
        figures = self.figures[site.name]
        rows = [figures[index].tolist() if index in figures else [math.nan] * 4 for index in range(len(steps))]
        silent, off, mean, std = (tuple(column) for column in zip(*rows, strict=True))
        nothing = (math.nan, math.nan, math.nan)
        lasting = [self.lasting[site.name].get(index, nothing) for index in range(len(steps))]
        dormant, effective, stable = (tuple(column) for column in zip(*lasting, strict=True))
        last_on, called = self.last_on[site.name].tolist(), sorted(figures)
        silent_from = [bisect.bisect_right(called, last) for last in last_on]
        return SiteHistory(
            name=site.name,
            kind=site.kind,
            units=len(last_on),
            silent=silent,
            off=off,
            mean=mean,
            std=std,
            died=tuple(steps[called[place]] if place < len(called) else None for place in silent_from),
            dormant=dormant,
            effective_rank=effective if self.ranks else (),
            stable_rank=stable if self.ranks else (),
        )
