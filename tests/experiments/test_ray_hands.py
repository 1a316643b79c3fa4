"""What the runner hears of tasks on a cluster, without one: tasks that tell and end as the test says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rectifiers.experiments import on_ray
from rectifiers.experiments.on_ray import RayCrew, RayHand

from .samples import tiny


class Ray:
    """Stands in for Ray: what has ended, and what the board holds."""

    exceptions = SimpleNamespace(RayError=RuntimeError)

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.told: list[tuple[str, str, Any]] = []

    def wait(self, ends: list[str], num_returns: int = 1, timeout: float = 0.0) -> tuple[list[str], list[str]]:
        return [end for end in ends if end in self.ended], [end for end in ends if end not in self.ended]

    def get(self, told: list[Any], timeout: float) -> list[Any]:
        return [told.pop(0) for _ in range(len(told))]


def test_the_words_of_a_task_are_heard_once_and_of_its_trial_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end too, however many words are still to be read: another would end the trial that the hand gets next."""
    monkeypatch.setattr(on_ray, "LISTEN", -1.0)
    ray, trial = Ray(), tiny()
    crew: Any = RayCrew.__new__(RayCrew)
    hand = RayHand(crew)
    crew.ray, crew._hands, crew._listened = ray, {trial.id: hand, tiny(seed=1).id: hand}, 0.0
    crew.board = SimpleNamespace(take=SimpleNamespace(remote=lambda: ray.told))
    crew._outcome = lambda end: f"{end} is done"
    crew.submit = lambda hand, trial: f"seed {trial.seed}"
    hand.give(trial, 60.0)
    ray.told += [(trial.id, "beat", (0, 60.0)), (trial.id, "epoch", (1, 90.0, 60.0))]
    words = []
    while ("ended", "seed 0 is done") not in words:
        assert list(crew.ready([hand], 0.0)) == [hand]
        words.append(hand.read())
        ray.ended.add("seed 0")
    assert [word for word, _ in words] == ["beat", "epoch", "ended"]
    hand.give(tiny(seed=1), 60.0)
    ray.told.append((trial.id, "beat", (9, 60.0)))
    assert list(crew.ready([hand], 0.0)) == []
