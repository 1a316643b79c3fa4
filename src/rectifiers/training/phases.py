"""Batches of data that change, and what is measured at the end of each phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..analysis.plasticity import Probe
from ..datasets.examples import Examples
from .batches import Batches
from .metrics import Epoch
from .phase import Phase
from .tasks import Task

PROBED = 512
"""Examples of a phase's test data, the first ones, on which units, features and gradients are looked at."""


class FollowingBatches(Batches):
    """Training batches that have the data of the phase which an epoch belongs to.

    Args:
        split: examples of the first phase.
        size: examples per batch.
        follow: called with the number of an epoch before its first batch is made.
        **options: as for `Batches`.
    """

    def __init__(self, split: Examples, size: int, *, follow: Callable[[int], None], **options: Any) -> None:
        super().__init__(split, size, **options)
        self._follow = follow

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of an epoch, of its phase's data."""
        self._follow(epoch)
        yield from super().epoch(epoch, skip)


class Phases:
    """The data of one phase after the other, in batches to train on and to test on.

    Args:
        make: gives training and test examples of a phase, by its number counted from 0.
        epochs: of each phase.
        batches: makes the batches of training examples, which call what they are given before each epoch, and those of
            test examples.

    Attributes:
        train: training batches, which enter the phase of each epoch.
        test: test batches of the phase that was entered last.
    """

    def __init__(
        self,
        make: Callable[[int], tuple[Examples, Examples]],
        epochs: int,
        batches: Callable[[Examples, Examples, Callable[[int], None]], tuple[Batches, Batches]],
    ) -> None:
        self._make, self.epochs, self._entered = make, epochs, 0
        self.train, self.test = batches(*make(0), lambda epoch: self.enter(epoch // epochs))

    def enter(self, phase: int) -> None:
        """Give the data of a phase from now on."""
        if phase != self._entered:
            self._entered = phase
            for batches, examples in zip((self.train, self.test), self._make(phase), strict=True):
                batches.hold(examples)


class PhaseRecorder:
    """Looks at a network at the end of every phase.

    Args:
        phases: of the data.
        net: what is evaluated.
        task: what it learns.
        steps: of an epoch.

    Attributes:
        records: of the phases that have ended, and at the end of training of one that has not.
    """

    def __init__(self, phases: Phases, net: nn.Module, task: Task, steps: int) -> None:
        self.phases, self.net, self.task, self.steps = phases, net, task, steps
        self.records: list[Phase] = []
        self._probe: Probe | None = None

    def __call__(self, epochs: Sequence[Epoch], *, last: bool) -> bool:
        """Look at the network if a phase has ended, and return whether it has.

        Args:
            epochs: all that have ended.
            last: whether training ends with them.
        """
        done, length = len(epochs), self.phases.epochs
        number = -(-done // length)
        # A training that goes on from a checkpoint yields again what was recorded then.
        if len(self.records) >= number or (done % length and not last):
            return False
        own = epochs[(number - 1) * length :]
        self.records.append(self._look(number, own))
        return True

    def _look(self, number: int, own: Sequence[Epoch]) -> Phase:
        inputs, targets = first_examples(self.phases.test, PROBED)
        if self._probe is None:
            self._probe = Probe(self.net, inputs[:1])
        found = self._probe(inputs, lambda outputs: self.task.loss(outputs, targets))
        return Phase(
            phase=number,
            step=(number - 1) * self.phases.epochs * self.steps,
            online=math.fsum(epoch.train_score for epoch in own) / len(own),
            end=own[-1].test_score,
            **vars(found),
        )

    def finish(self, on_phase: Callable[[], None] = lambda: None) -> None:
        """Measure what is left of every phase.

        Args:
            on_phase: called before each; it may stop this by an exception.
        """
        for place, record in enumerate(self.records):
            on_phase()
            self.phases.enter(record.phase - 1)
            self.keep(place, self.task.evaluate([self.net], self.phases.test).score)

    def keep(self, place: int, score: float) -> None:
        """Note what is left of a phase, by its place among the records."""
        self.records[place] = self.records[place].model_copy(update={"kept": score})

    def state_dict(self) -> dict[str, Any]:
        """What was recorded so far."""
        return {"records": [record.model_dump_json() for record in self.records]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.records = [Phase.model_validate_json(record) for record in state_dict["records"]]


def first_examples(batches: Batches, count: int) -> tuple[Tensor, Tensor]:
    """The first examples of a split, as a network gets them."""
    raw = batches.split.take(slice(0, count)).to(batches.device)
    return batches.normalise(raw), batches.targets[:count]
