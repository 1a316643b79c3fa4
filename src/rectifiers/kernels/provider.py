"""Who provides kernels, and what came of asking for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True)
class State:
    """What came of loading kernels.

    Args:
        formulas: names of the formulas whose kernels may be used.
        origin: where the kernels come from.
        reason: why there are none, or why some are missing.
        mismatches: what the comparison with the references said, per formula.
        description: what results name the kernels by, such as `cpu kernel, AVX512`.
    """

    formulas: frozenset[str] = frozenset()
    origin: str = ""
    reason: str = ""
    mismatches: dict[str, str] = field(default_factory=dict)
    description: str = ""

    def why(self, formula: str) -> str:
        """Why a formula has no kernel here."""
        return self.mismatches.get(formula) or self.reason or "it has no kernel"


LOADING = State(reason="they are being loaded")
"""While kernels are compared, the thread that loads them computes everything else by the references; others wait."""


class Provider(ABC):
    """One way to run formulas.

    Attributes:
        name: what `RECTIFIERS_KERNELS` calls it.
        priority: who is asked first; the highest.
        has_operators: whether PyTorch's operators run it; a formula without is composite PyTorch.
        lacks: names of the formulas that it has no kernel for: the next provider runs them, or the reference.
    """

    name: ClassVar[str]
    priority: ClassVar[int]
    has_operators: ClassVar[bool] = True
    lacks: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def takes(self, x: Tensor, insisted: bool) -> bool:
        """Whether an input is this provider's to run, by its device and dtype.

        Args:
            x: the input.
            insisted: whether the user chose this provider, rather than `auto`.
        """

    @abstractmethod
    def state(self, formula: str, warn: bool) -> State:
        """What came of loading the kernel of a formula and comparing it with the reference; loaded at the first call.

        Args:
            formula: name of the formula.
            warn: warn once if it is not available.
        """

    @abstractmethod
    def load(self) -> State:
        """What came of loading its kernels, as far as that is known before one is called."""

    def is_reported(self, insisted: bool) -> bool:
        """Whether a user wants to know how formulas run on this provider."""
        return insisted

    def explain(self, formula: str, insisted: bool) -> str:
        """How a formula runs on this provider, and why."""
        if formula in self.lacks:
            return f"reference, composite PyTorch: {State().why(formula)}"
        state = self.state(formula, False)
        return state.origin if formula in state.formulas else f"reference, composite PyTorch: {state.why(formula)}"
