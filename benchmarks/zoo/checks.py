"""All steps with one model: what is promised about a swap, tried on it."""

from __future__ import annotations

import collections
import copy
import itertools
import re
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.surgery import NothingToSwapError, SwapReport, find_sites, plan_swap, swap
from rectifiers.surgery.check import Check, compare_outputs
from rectifiers.surgery.planning.planned import Left
from rectifiers.watching.contents import copy_contents, find_tensors
from rectifiers.watching.example import read_example
from rectifiers.watching.preserve import evaluate, evaluation

from .entry import Entry, Made, call
from .result import Result

EXACT = ("pvlu", "adarelu", "prelu", "comb", "apl")
"""The functions that can equal ReLU: the outputs must keep their bits."""

SUMMATION = 1e-5
"""The largest difference that another order of summation may make in float32, in units of the largest output."""

SUMMATION_DOUBLE = 1e-11
"""The same in float64, for models that make more of a difference in float32."""

NEAR = 0.1
"""How far a fitted function may be from what was there, as a share of that."""

RECTIFIED = ("relu", "relu6")
SLOPED = ("leaky_relu", "prelu")
GATES = ("sigmoid", "hardsigmoid", "tanh", "softplus", "hardtanh", "clamp")
"""Kinds that are seldom meant when activations are to be changed; taken if a model has no others."""


class StepError(Exception):
    """A model that is not what it should be after a step."""


def examine(entry: Entry) -> Result:
    """Go through all steps with one model, and return the result whatever happens."""
    result = Result(entry.name, entry.family)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            Examination(entry, result).run()
        except _Stopped:
            pass
        except Exception as error:
            result.failures["run"] = word(error)
    if any(out_of_memory(text) for text in result.failures.values()):
        result.skipped, result.failures = "it takes more memory than a model may", {}
    result.seconds = round(time.process_time() - start, 1)
    return result


def warm_up() -> None:
    """Load what the steps load when they are first done, so that the processes forked from this one need not."""
    examine(
        Entry(
            "warm up", "", lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.GELU()), _noise
        )
    )


def _noise(_: nn.Module) -> Tensor:
    return torch.randn(1, 3, 4, 4)


def out_of_memory(text: str) -> bool:
    """Return whether an error in words says that there was not enough memory.

    Example:
        >>> out_of_memory("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes")
        True
    """
    return "can't allocate memory" in text or text.startswith("MemoryError") or "Cannot allocate memory" in text


class _Stopped(Exception):
    """The other steps mean nothing, because one of these failed, or because nothing can be changed."""


class Examination:
    """The steps with one model, in their order; each adds to `result` what it finds.

    Args:
        entry: the model of the zoo.
        result: where to write.
    """

    def __init__(self, entry: Entry, result: Result) -> None:
        self.entry, self.result = entry, result
        self.model: nn.Module = nn.Module()
        self.example: Made = None
        self.other: Made = None
        self.reports: list[SwapReport] = []
        self.blank = nn.Module()

    def run(self) -> None:
        """Go through all steps that make sense for the model."""
        with self.step("build", needed=True):
            self.build()
        with self.step("sites", needed=True):
            sites = find_sites(self.model, self.example)
            self.result.sites = dict(collections.Counter(site.kind for site in sites).most_common())
        if not self.result.sites:
            return
        self.args, self.kwargs = read_example(self.model, self.example)
        self.before = self.outputs(self.model)
        self.calls = {"size": self.call_other} if self.other is not None else {}
        if self.entry.generate:
            self.calls["generate"] = self.call_generate
        earlier = {name: run(self.model) for name, run in self.calls.items()}
        self.parts = structure(self.model)
        self.blank = self.blanked()
        if self.result.rectified:
            with self.step("exact"):
                self.exact()
            with self.step("fold"):
                self.fold()
        with self.step("swap", needed=True):
            self.swap()
        for name, run in self.calls.items():
            with self.step(name):
                self.same(earlier[name], run(self.model))
        with self.step("save"):
            self.save()
        with self.step("diagnose"):
            self.diagnose()
        with self.step("train"):
            self.train()
        with self.step("revert"):
            self.revert()

    @contextmanager
    def step(self, name: str, *, needed: bool = False) -> Iterator[None]:
        """Do a step, and write down whether it was passed; if it was `needed` and failed, nothing follows."""
        try:
            yield
        except _Stopped:
            raise
        except Exception as error:
            self.result.failures[name] = word(error)
            if needed:
                raise _Stopped from None
        else:
            self.result.passed.append(name)

    def build(self) -> None:
        """Make the model and its examples, always with the same weights and numbers."""
        self.model = self.made()
        torch.manual_seed(1)
        self.example = self.entry.example(self.model)
        self.training = self.entry.training(self.model) if self.entry.training else self.example
        self.other = self.entry.other(self.model) if self.entry.other else None
        shapes = dict.fromkeys("×".join(map(str, leaf.shape)) for _, leaf in find_tensors(self.example) if leaf.dim())
        self.result.example = ", ".join(itertools.islice(shapes, 3))
        self.model.eval()
        if self.other is not None:
            self.result.size = self.entry.varies if resized(self.example, self.other) else "batch"

    def made(self) -> nn.Module:
        """Make the model, with the same weights every time."""
        torch.manual_seed(0)
        return self.entry.make().eval()

    def blanked(self) -> nn.Module:
        """Return a fresh instance of the model, without the weights and buffers that a file brings."""
        try:
            fresh = copy.deepcopy(self.model)
        except Exception:
            # Some models refuse to be copied.
            fresh = self.made()
        with torch.no_grad():
            for tensor in fresh.state_dict().values():
                tensor.zero_()
        return fresh

    def outputs(self, model: nn.Module) -> Any:
        """Return the outputs of a model on the example."""
        return evaluate(model, self.args, self.kwargs)

    def call_other(self, model: nn.Module) -> Any:
        """Call the model with the other example."""
        return evaluate(model, *read_example(model, self.other))

    def call_generate(self, model: nn.Module) -> Any:
        """Let the model generate, greedily."""
        with evaluation(model):
            torch.manual_seed(0)
            given = copy_contents(self.example, model)
            named = given if isinstance(given, dict) else {"inputs": given}
            generate: Any = model.generate
            return generate(**named, max_new_tokens=4, do_sample=False)

    def exact(self) -> None:
        """Put in the functions that can equal ReLU, one after the other: the outputs must keep every bit."""
        for name in EXACT:
            report = self.put(name, RECTIFIED)
            self.result.exact[name] = identical(report.check)
            words = str(report.check)
            report.revert()
            if not self.result.exact[name]:
                raise StepError(f"{name}: {words}")

    def put(self, name: str, kinds: Iterable[str], **options: Any) -> SwapReport:
        """Swap a function in; for the whole layer where nothing shows the channels."""
        try:
            return swap(self.model, name, example=self.example, from_=kinds, **options)
        except NothingToSwapError as error:
            if "channel" not in str(error):
                raise
        return swap(self.model, name, example=self.example, from_=kinds, share="layer", **options)

    def fold(self) -> None:
        """Move ReLUs into convolutions: the outputs must keep their values up to the order of summation."""
        try:
            report = swap(self.model, "convrelu", example=self.example)
        except NothingToSwapError:
            self.result.unfolded = reasons(plan_swap(self.model, "convrelu", example=self.example).left)
            return
        self.result.folded, self.result.unfolded = len(report.plan.changes), reasons(report.plan.left)
        check, plan = report.check, report.plan
        report.revert()
        if check is None or check.incomparable:
            return
        self.result.folded_apart = float(f"{check.difference:.2g}")
        if check.difference <= SUMMATION:
            return
        # A model may make much of little: then it must be little in double precision.
        double = copy.deepcopy(self.model).double()
        args, kwargs = read_example(double, self.example)
        before = evaluate(double, args, kwargs)
        plan.apply(double)
        check = compare_outputs(before, evaluate(double, args, kwargs))
        if check is None or not check.difference <= SUMMATION_DOUBLE:
            raise StepError(
                f"ConvReLU changed the outputs by {self.result.folded_apart:.2g}; in double precision: {check}"
            )

    def swap(self) -> None:
        """Put something else in place of all activations; the steps that follow are done with it."""
        kinds = self.result.sites.keys()
        fitted = [kind for kind in kinds if kind not in (*RECTIFIED, *SLOPED, *GATES)]
        sloped = [kind for kind in SLOPED if kind in kinds]
        if not (self.result.rectified or sloped or fitted):
            fitted = [kind for kind in kinds if kind != "clamp"] or ["clamp"]
        wanted: list[tuple[str, Iterable[str], dict[str, Any]]] = []
        if self.result.rectified:
            wanted.append(("pvlu", RECTIFIED, {}))
        if sloped:
            wanted.append(("prelu", sloped, {"start": "was"}))
        if fitted:
            wanted.append(("pau", fitted, {"start": "was"}))
        for name, chosen, options in wanted:
            # The first is reverted last, and brings back the values of all weights.
            try:
                report = self.put(name, chosen, snapshot=not self.reports, **options)
            except NothingToSwapError:
                plan = plan_swap(self.model, name, example=self.example, from_=chosen, **options)
                self.result.left |= reasons(plan.left)
                continue
            self.reports.append(report)
            self.note(report)
        if not self.reports:
            raise _Stopped
        self.result.left |= reasons(left for report in self.reports for left in report.plan.left)
        self.after = self.outputs(self.model)
        check = compare_outputs(self.before, self.after)
        if check is not None and not check.incomparable:
            self.result.apart = float(f"{check.difference:.2g}")
        self.is_exact = all(change.start == "exact" for report in self.reports for change in report.plan.changes)
        far = [f"{kind}: {error:.0%}" for kind, error in self.result.near.items() if error > NEAR]
        if far:
            raise StepError(f"the function comes only near what was there, within {', '.join(far)}")
        self.same(self.before, self.after)

    def note(self, report: SwapReport) -> None:
        """Write down what a swap added, and how near the functions are that were fitted."""
        self.result.added += report.plan.parameters
        for change in report.plan.changes:
            if change.error is not None and change.was not in RECTIFIED:
                worst = max(change.error, self.result.near.get(change.was, 0.0))
                self.result.near[change.was] = float(f"{worst:.2g}")

    def same(self, before: Any, after: Any) -> None:
        """Check outputs of the swapped model: the same bits if the swap promised that, else finite numbers.

        Raises:
            StepError: they are not.
        """
        check = compare_outputs(before, after)
        if self.is_exact and not identical(check):
            raise StepError(str(check))
        news = {place: tensor for place, tensor in find_tensors(after) if tensor.is_floating_point()}
        olds = dict(find_tensors(before))
        wrong = [
            place
            for place, tensor in news.items()
            if place in olds and not tensor.isfinite().all() and olds[place].isfinite().all()
        ]
        if wrong:
            raise StepError(f"the outputs have numbers that are not finite: {wrong[0]}")

    def save(self) -> None:
        """Save the swapped model, and load it into a fresh one: the outputs must be equal."""
        with tempfile.TemporaryDirectory() as folder:
            rectifiers.save(self.model, folder)
            loaded = rectifiers.load(folder, self.blank)
        check = compare_outputs(self.after, self.outputs(loaded))
        self.blank = loaded = nn.Module()
        if not identical(check):
            raise StepError(f"after loading: {check}")

    def diagnose(self) -> None:
        """Let the doctor examine the swapped model."""
        single = isinstance(self.example, (Tensor, dict))
        batch = self.example
        diagnosis = rectifiers.diagnose(self.model, [batch], call=None if single else call)
        if not diagnosis.sites:
            raise StepError("the diagnosis has no sites")
        if not str(diagnosis):
            raise StepError("the diagnosis has no words")

    def train(self) -> None:
        """Do a step of SGD in training mode: every new parameter must get a finite gradient.

        Raises:
            StepError: a new parameter had no gradient, or one that is not finite, or all were zero.
        """
        old = {identity for _, _, identity in self.parts}
        new = [(name, p) for name, p in self.model.named_parameters() if id(p) not in old]
        optimizer = torch.optim.SGD((p for p in self.model.parameters() if p.is_floating_point()), lr=1e-6)
        # A residual branch whose last scale starts at zero passes gradients from the second step on.
        for _ in range(2):
            torch.manual_seed(2)
            self.model.train()
            made = call(self.model, copy_contents(self.training, self.model))
            loss(made).backward()
            missing = [name for name, parameter in new if parameter.grad is None]
            if missing and self.is_unread(missing):
                self.result.unread = sum(parameter.numel() for _, parameter in new if parameter.grad is None)
            elif missing:
                raise StepError(f"{len(missing)} of {len(new)} new parameters have no gradient: {missing[0]}, …")
            if not all(parameter.grad.isfinite().all() for _, parameter in new if parameter.grad is not None):
                raise StepError("gradients of new parameters are not finite")
            moved = any(parameter.grad.any() for _, parameter in new if parameter.grad is not None)
            optimizer.step()
            optimizer.zero_grad()
            if moved:
                return
        raise StepError("all gradients of new parameters are zero")

    def is_unread(self, names: Sequence[str]) -> bool:
        """Return whether the functions that have these parameters are called, but no output depends on their values."""
        owners = {name.rpartition(".")[0] for name in names}
        values: dict[str, list[Tensor]] = {owner: [] for owner in owners}
        handles = [
            self.model.get_submodule(owner).register_forward_hook(lambda _, __, value, kept=kept: kept.append(value))
            for owner, kept in values.items()
        ]
        try:
            torch.manual_seed(2)
            made = loss(call(self.model, copy_contents(self.training, self.model)))
        finally:
            for handle in handles:
                handle.remove()
        found = [value for kept in values.values() for value in kept if value.requires_grad]
        return all(values.values()) and all(
            gradient is None for gradient in torch.autograd.grad(made, found, allow_unused=True)
        )

    def revert(self) -> None:
        """Undo the swaps: the same objects must be there, with the same values, and the outputs must keep every bit."""
        for report in reversed(self.reports):
            report.revert()
        self.model.eval()
        if structure(self.model) != self.parts:
            raise StepError("reverting left another structure")
        check = compare_outputs(self.before, self.outputs(self.model))
        if not identical(check):
            raise StepError(f"after reverting: {check}")


def identical(check: Check | None) -> bool:
    """Return whether outputs kept every bit; where two runs of the model itself differ, nothing can."""
    return check is not None and (check.identical or "two runs of the model itself differ" in check.incomparable)


def resized(example: Made, other: Made) -> bool:
    """Return whether two examples differ in more than the number of samples."""
    pairs = zip((leaf for _, leaf in find_tensors(example)), (leaf for _, leaf in find_tensors(other)), strict=False)
    return any(one.shape[1:] != another.shape[1:] for one, another in pairs)


def loss(made: Any) -> Tensor:
    """Make one number of all outputs that have gradients; the model's own loss is among them.

    Raises:
        StepError: no output has a gradient.
    """
    leaves = [leaf for _, leaf in find_tensors(made) if leaf.requires_grad]
    if not leaves:
        raise StepError("no output has a gradient")
    # The same tensor may be found at several places, and all outputs may be zero at first.
    unique = {id(leaf): torch.view_as_real(leaf) if leaf.is_complex() else leaf for leaf in leaves}
    return torch.stack([(leaf.float() - 1).square().mean() for leaf in unique.values()]).sum()


def structure(model: nn.Module) -> list[tuple[str, type, int]]:
    """List all modules, parameters and buffers under all their names, by identity."""
    modules = [(name, type(module), id(module)) for name, module in model.named_modules(remove_duplicate=False)]
    parameters = [(name, type(p), id(p)) for name, p in model.named_parameters(remove_duplicate=False)]
    return modules + parameters + [(name, type(b), id(b)) for name, b in model.named_buffers(remove_duplicate=False)]


def reasons(left: Iterable[Left]) -> dict[str, int]:
    """Count the sites that stay for each reason, worded without names of layers."""
    counts = collections.Counter(
        re.sub(r"^\S+ \((\w+)\)| in \S+(?: model)?(?= reads)", r"\1", entry.reason) for entry in left
    )
    return dict(counts.most_common())


def word(error: Exception) -> str:
    """Put an error into words on one line, with the file that raised it."""
    text = str(error).strip().splitlines()
    first = text[0] if text else ""
    if isinstance(error, StepError):
        return first
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({Path(frames[-1].filename).name})" if frames else ""
    return f"{type(error).__name__}: {first}{at}"
