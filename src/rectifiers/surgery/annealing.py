"""Annealing: a model's activations become plain rectifiers little by little, while the model is fine-tuned."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..core.elementwise import Elementwise
from ..core.errors import ConfigError, UnknownNameError, UnsupportedError
from ..core.spec import ActivationSpec
from ..core.wording import listing
from ..watching import kinds, survey_model
from ..watching.example import Example, read_example
from ..watching.hooks import OwnHook
from ..watching.observer import trace_sites
from ..watching.preserve import evaluate
from ..watching.wrappers import unwrap
from .inserted.annealed import RECTIFIERS, Annealed
from .plan import SwapPlan
from .planning.annealing import SMOOTH, learned, plan_annealing
from .planning.planned import Left
from .reached import all_reached
from .select import Where, select
from .swap import NothingToSwapError, SwapReport, find_obstacle
from .unreachable import out_of_reach, split_fixed

Course = Literal["cosine", "linear"]


@dataclass
class _Target:
    """A learned function whose parameters go to the values with which it is ReLU."""

    module: Elementwise
    spec: ActivationSpec

    def approach(self, part: float) -> None:
        """Go this part of the way that is left."""
        with torch.no_grad():
            for parameter in self.spec.parameters:
                tensor, value = getattr(self.module, parameter.name), parameter.relu
                wanted = torch.as_tensor(value, dtype=tensor.dtype, device=tensor.device)
                if wanted.dim():
                    wanted = wanted.reshape(-1, *(1 for _ in tensor.shape[1:]))
                tensor.lerp_(wanted.expand_as(tensor), part)


class Annealing:
    """A fine-tuning in which activations become plain rectifiers; `anneal` makes it.

    Call `step` after every step of the optimizer, and `finish` at the end. `distillation` gives a loss that holds the
    model's features near those of the model as it was.

    Attributes:
        model: the model.
        report: what was changed in it at the start, when nothing about its outputs changes.
        steps: how many steps there are.
        taken: how many have been taken.

    Args:
        model: the model, with its annealed activations.
        report: the report of the change.
        steps: how many steps there are.
        until: the share of the steps after which the functions are plain.
        course: how the share of the rectifier grows.
        blends: what was put in; others may be in the model from an earlier annealing.
        targets: learned functions whose parameters go to ReLU.
        distil: whether to keep the model as it is now, to learn from it.
    """

    def __init__(
        self,
        model: nn.Module,
        report: SwapReport,
        steps: int,
        until: float,
        course: Course,
        blends: Sequence[Annealed],
        targets: Sequence[Elementwise],
        distil: bool,
    ) -> None:
        self.model, self.report, self.steps, self.taken = model, report, steps, 0
        self._until, self._course = until, course
        self._targets = [_Target(module, module.spec) for module in targets]
        self._blends = blends
        self._handles: list[Any] = []
        self._teacher: nn.Module | None = None
        self._features: dict[str, list[Tensor]] = defaultdict(list)
        self._lessons: dict[str, list[Tensor]] = defaultdict(list)
        if distil:
            self._teacher = _copy(model).eval().requires_grad_(False)
            followed = {*self._blends, *targets}
            names = [name for name, module in model.named_modules() if module in followed]
            self._collect(model, names, self._features)
            self._collect(self._teacher, names, self._lessons)

    @property
    def share(self) -> float:
        """How far the functions are on their way to a plain rectifier: 0 at the start, 1 at the end."""
        return self._share(self.taken)

    def step(self) -> float:
        """Take a step; return the share that is reached."""
        if self.taken >= self.steps:
            raise ConfigError(f"all {self.steps:,} steps have been taken; call finish, or anneal with more steps")
        before = self.share
        self.taken += 1
        self._go(before)
        self._features.clear()  # those of the model before the step
        return self.share

    def distillation(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return how far the features of the model's last forward pass are from those of the model as it was.

        It is the squared distance at each activation, divided by the squared size of what was there, on average over
        the activations. Call it after the model, with the same arguments.

        Args:
            *args: what the model was called with.
            **kwargs: what it was called with by name.

        Raises:
            ConfigError: the annealing has no teacher, or the model has not been called since the last step.
        """
        if self._teacher is None:
            raise ConfigError("this annealing has no teacher any more, or never had one; anneal with distil=True")
        features = {name: list(values) for name, values in self._features.items()}
        if not any(features.values()):
            raise ConfigError(
                "the model has not been called with gradients since the last step; call it before distillation, and "
                "checkpoint its activations, if at all, with use_reentrant=False"
            )
        with torch.no_grad():
            self._teacher(*args, **kwargs)
        losses = [
            _relative_distance(mine, theirs)
            for name, values in features.items()
            for mine, theirs in zip(values, self._lessons[name], strict=True)
        ]
        self._lessons.clear()
        return torch.stack(losses).mean()

    def finish(self) -> None:
        """Make the functions plain, whatever steps are left, and forget the model as it was."""
        before, self.taken = self.share, self.steps
        self._go(before)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._features.clear()
        self._teacher = None

    def state_dict(self) -> dict[str, int]:
        """Return what is needed to go on after an interruption, beside the model's own state."""
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where another annealing of the same kind stopped; load the model's state too.

        Raises:
            ConfigError: the state is none of an annealing of as many steps.
        """
        taken = state.get("taken") if isinstance(state, Mapping) else None
        if not isinstance(taken, int) or not 0 <= taken <= self.steps:
            raise ConfigError(
                f"expected what state_dict of an annealing of {self.steps:,} steps returned, such as "
                f"{{'taken': {self.taken}}}, got {state!r}"
            )
        self.taken = taken
        for module in self._blends:
            module.anneal(self.share)

    def _share(self, taken: int) -> float:
        part = min(1.0, taken / max(1.0, self._until * self.steps))
        return part if self._course == "linear" or part == 1 else (1 - math.cos(math.pi * part)) / 2

    def _go(self, before: float) -> None:
        for module in self._blends:
            module.anneal(self.share)
        # Once there, the optimizer may move them away again.
        part = (self.share - before) / (1 - before) if before < 1 else 1.0
        for target in self._targets:
            target.approach(part)

    def _collect(self, model: nn.Module, names: Iterable[str], into: dict[str, list[Tensor]]) -> None:
        """Let a model keep what its activations return in its last forward pass."""
        teacher = into is self._lessons

        def keep(name: str) -> OwnHook:
            def hook(module: nn.Module, args: Any, output: Tensor) -> None:
                if teacher or torch.is_grad_enabled():
                    into[name].append(output)

            return OwnHook(hook)

        modules = dict(model.named_modules())
        handles = [model.register_forward_pre_hook(OwnHook(lambda *_: into.clear()))]
        handles += [modules[name].register_forward_hook(keep(name)) for name in names]
        self._handles += handles


def _copy(model: nn.Module) -> nn.Module:
    """Copy a model; refuse those that hold what cannot be copied, such as locks and open files."""
    try:
        # A scripted part would come with parameters that a gradient leads back from.
        with torch.no_grad():
            return copy.deepcopy(model)
    except Exception as error:  # whatever a model of others raises when it is copied
        raise UnsupportedError(
            f"{type(model).__name__} cannot be copied, and so cannot learn from what it was: {error}; anneal with "
            "distil=False"
        ) from error


def _relative_distance(mine: Tensor, theirs: Tensor) -> Tensor:
    """Return the squared distance of features in units of their squared size."""
    # Sums of squares of many features are beyond what float16 can hold.
    dtype = torch.promote_types(theirs.dtype, torch.float32)
    mine, theirs = mine.to(dtype), theirs.to(dtype)
    return (mine - theirs).square().sum() / theirs.square().sum().clamp_min(torch.finfo(dtype).tiny)


def anneal(
    model: nn.Module,
    *,
    example: Example,
    steps: int,
    to: Literal["relu", "relu6"] = "relu",
    from_: str | Iterable[str] | None = None,
    where: Where = "all",
    until: float = 0.8,
    course: Course = "cosine",
    distil: bool = True,
) -> Annealing:
    """Let a model's activations become plain rectifiers over a fine-tuning.

    At first the model computes what it did. With every `step`, the functions come nearer to the rectifier: SiLU, GELU
    and others by a blend, (1 − λ)·f(x) + λ·relu(x); functions of this library by their parameters, such as a slope, a
    threshold or an amplitude, which go to the values with which they are ReLU. After the share `until` of the steps
    they are plain, and the steps that remain train the model with them. Then `rectifiers.fold` puts plain modules in
    their place.

    Args:
        model: any module; it is changed in place.
        example: what the model is called with, as for `rectifiers.swap`.
        steps: how many steps of the optimizer the fine-tuning has.
        to: the rectifier: `relu`, or `relu6`, which keeps values in a range.
        from_: kinds of activation to anneal; by default all that are smooth or learned and can become ReLU, without
            gates (sigmoid, tanh and the like).
        where: which of them, as for `rectifiers.swap`.
        until: the share of the steps after which they are plain.
        course: how λ grows: along a `cosine`, or `linear`.
        distil: whether to keep a copy of the model as it was, for `Annealing.distillation`.

    Raises:
        ConfigError: the model has no such activations, or an argument makes no sense.
        UnsupportedError: the model is of a kind that cannot be changed, or cannot be copied for distillation.

    Example:
        >>> net, x = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1)), torch.randn(16, 2)
        >>> annealing = anneal(net, example=x, steps=10)
        >>> optimizer = torch.optim.SGD(net.parameters(), 0.1)
        >>> for _ in range(10):
        ...     loss = net(x).square().mean() + annealing.distillation(x)
        ...     loss.backward()
        ...     optimizer.step()
        ...     share = annealing.step()
        >>> annealing.finish()
        >>> from rectifiers import fold
        >>> print(fold(net, x).plan.changes[0].becomes, net[1])
        ReLU ReLU()
    """
    if not isinstance(steps, int) or steps < 1:
        raise ConfigError(f"steps must be a whole number of at least 1, got {steps!r}")
    if not isinstance(until, (int, float)) or not 0 < until <= 1:
        raise ConfigError(f"until is a share of the steps, above 0 and at most 1, got {until!r}")
    for name, value, known in (("course", course, get_args(Course)), ("rectifier", to, RECTIFIERS)):
        if value not in known:
            raise UnknownNameError(name, str(value), known)
    inner = unwrap(model)
    args, kwargs = read_example(inner, example)
    survey = survey_model(inner, args, kwargs)
    wanted = kinds.expand(from_) if from_ is not None else SMOOTH | learned()
    chosen = select(survey.sites, where, wanted) if any(site.kind in wanted for site in survey.sites) else []
    name = type(inner).__name__
    if not chosen:
        have = ", ".join(sorted({site.kind for site in survey.sites})) or "no activations"
        raise NothingToSwapError(
            f"{name} has nothing to anneal at {where!r}; it has {have}. Name other kinds with from_=…; gates such as "
            "sigmoid and tanh are annealed only if they are named"
        )
    chosen, left = split_fixed(inner, chosen)
    left += [Left(site.name, site.kind, reason) for site in chosen if (reason := find_obstacle(site))]
    chosen = [site for site in chosen if not find_obstacle(site)]
    planned, targets = plan_annealing(survey, chosen, to)
    stays = (*planned.left, *left, *out_of_reach(survey, wanted))
    if not planned.changes and not targets:
        reasons = "; ".join(f"{left.site}: {left.reason}" for left in stays)
        raise NothingToSwapError(f"{name} has nothing that can be annealed. {reasons}")
    others = {change.site for change in planned.changes} | {left.site for left in planned.left}
    moved = [site for site in chosen if site.name not in others]
    notes = [f"{listing([site.name for site in moved], len(moved))}: parameters go to ReLU"] if moved else []
    plan = SwapPlan(
        name,
        f"annealed {to}",
        tuple(planned.changes),
        stays,
        tuple(planned.edits),
        (*survey.notes, *notes),
    )
    before = set(inner.modules())
    report = SwapReport(plan.apply(model))
    blends = [module for module in inner.modules() if isinstance(module, Annealed) and module not in before]
    try:
        with all_reached(inner, survey.located, survey.trace.names, lambda: trace_sites(inner, args, kwargs)):
            evaluate(inner, args, kwargs)
        return Annealing(inner, report, steps, until, course, blends, targets, distil)
    except BaseException:
        report.revert()
        raise
