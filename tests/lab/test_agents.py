"""The example of an agent that plays games in turn; skipped where gymnasium is not installed."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ..loading import load

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "compare_agents.py"


@pytest.fixture(scope="module")
def agents() -> ModuleType:
    pytest.importorskip("gymnasium")
    return load(EXAMPLE)


def play(agents: ModuleType, seed: int) -> list[dict[str, float]]:
    """What an agent reports after each cycle of short visits."""
    torch.manual_seed(seed)
    random.seed(seed)
    reported: list[dict[str, float]] = []
    agents.play(agents.make_model(), seed, lambda **found: reported.append(found), steps=200, warm=100)
    return reported


def test_a_seed_is_a_game_that_can_be_played_again(agents: ModuleType) -> None:
    first = play(agents, 0)
    assert first == play(agents, 0)
    assert first != play(agents, 1)
    assert [sorted(found) for found in first] == [["game_0", "game_1", "game_2", "score"]] * 2
    for found in first:
        assert found["score"] == pytest.approx(sum(found[f"game_{i}"] for i in range(3)) / 3)


def test_a_reversed_game_is_the_same_game(agents: ModuleType) -> None:
    plain, other = (agents.Game("CartPole-v1", reverse, 0.0, 500.0, 3) for reverse in (False, True))
    assert torch.equal(plain.start(), other.start().flip(0))
    for action in (0, 1, 1, 0):
        seen, reward, goes_on, over = plain.step(action)
        reversed_seen, *rest = other.step(1 - action)
        assert torch.equal(seen, reversed_seen.flip(0))
        assert rest == [reward, goes_on, over]


def test_returns_are_scaled(agents: ModuleType) -> None:
    game = agents.Game("CartPole-v1", False, 0.0, 500.0, 0)
    game.start()
    over = None
    steps = 0
    while over is None:
        steps += 1
        *_, over = game.step(0)
    assert over == pytest.approx(steps / 500)


def test_statistics_for_runs_that_scatter(agents: ModuleType) -> None:
    assert agents.trimmed([0.0, 1.0, 2.0, 300.0]) == 1.5
    assert agents.improvement([2.0, 3.0], [1.0, 1.5]) == 100
    assert agents.improvement([1.0], [1.0, 2.0]) == 25
    low, high = agents.interval(agents.trimmed, [1.0, 2.0, 3.0, 4.0])
    assert 1 <= low < 2.5 < high <= 4


def test_functions_are_compared(agents: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = agents.play

    def train(model: Any, seed: int, report: Any) -> None:
        full(model, seed, report, steps=150, warm=100)

    monkeypatch.setattr(agents, "play", train)
    found = agents.compare(2, results=tmp_path, progress=False)
    assert found.labels[1] == "crelu"
    assert len({result.value("final_epoch") for result in found.results}) > 2
    assert not found.findings.notes, "two runs of one seed are the same"
    rows = agents.summarise(found)
    assert [len(row["scores"]) for row in rows.values()] == [2] * 6
    assert rows["as it is"]["better"] == [50, *agents.interval(agents.improvement, *[rows["as it is"]["scores"]] * 2)]
