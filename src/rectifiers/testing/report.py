"""What came out of the checks of one thing."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from ..core import notebook
from ..core.wording import plural

State = Literal["passed", "failed", "cannot", "not tried"]
_MARKS: dict[State, str] = {"passed": "✓", "failed": "✗", "cannot": "–", "not tried": "?"}


@dataclass(frozen=True)
class Outcome:
    """What came out of one check.

    Args:
        title: the promise.
        state: `cannot` where the spec says so.
        detail: why it did not pass.
    """

    title: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Price:
    """What an activation costs, forward and backward, on one thread.

    Args:
        shape: shape of the input.
        ratio: median of the time divided by that of `nn.ReLU`.
        quartiles: quartiles of this ratio.
        bytes_kept: bytes kept for the derivative beyond the output, per element of the input.
        prelu: the ratio of `nn.PReLU`.
    """

    shape: tuple[int, ...]
    ratio: float
    quartiles: tuple[float, float]
    bytes_kept: float
    prelu: float

    def __str__(self) -> str:
        size, (low, high) = "×".join(map(str, self.shape)), self.quartiles
        return (
            f"{self.ratio:.2f} × nn.ReLU [{low:.2f}, {high:.2f}] in time on {size} (nn.PReLU {self.prelu:.2f}); "
            f"keeps {self.bytes_kept:.1f} B per element for the derivative (nn.ReLU 0.0)"
        )


@dataclass(frozen=True)
class CheckReport:
    """What came out of all checks of one thing.

    Args:
        name: what it is called.
        kind: activation, network, data set or augmentation.
        summary: first line of its documentation.
        thing: the class that was checked.
        outcomes: one per check.
        price: what an activation costs, if it was measured.
    """

    name: str
    kind: str
    summary: str
    thing: Any
    outcomes: tuple[Outcome, ...]
    price: Price | None = None

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """What failed."""
        return tuple(one for one in self.outcomes if one.state == "failed")

    @property
    def verdict(self) -> str:
        """How many checks there were, and how they ended."""
        counts = Counter(one.state for one in self.outcomes)
        return f"{plural(len(self.outcomes), 'check')}: " + ", ".join(
            f"{counts[state]} {state}" for state in _MARKS if counts[state]
        )

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON holds them."""
        return {
            "name": self.name,
            "kind": self.kind,
            "ok": self.ok,
            "checks": [asdict(one) for one in self.outcomes],
            "price": None if self.price is None else asdict(self.price),
        }

    def __str__(self) -> str:
        longest = max(len(one.title) for one in self.outcomes)
        lines = [f"{self.name}, {self.kind}: {self.summary}", ""]
        lines += [f"{_MARKS[one.state]} {one.title:<{longest}}  {self._tell(one)}".rstrip() for one in self.outcomes]
        lines += ["", f"cost: {self.price}"] if self.price is not None else []
        return "\n".join([*lines, "", self.verdict])

    def _repr_html_(self) -> str:
        rows = [[f"{_MARKS[one.state]} {escape(one.title)}", escape(self._tell(one))] for one in self.outcomes]
        notes = [*([f"cost: {self.price}"] if self.price is not None else []), self.verdict]
        return notebook.grid(f"{self.name}, {self.kind}: {self.summary}", ("check", ""), rows, notes)

    @staticmethod
    def _tell(one: Outcome) -> str:
        words = {"passed": "", "failed": "", "cannot": "cannot: ", "not tried": "not tried: "}
        return f"{words[one.state]}{one.detail}"
