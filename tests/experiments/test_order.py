"""Orders and schedules of trials."""

from __future__ import annotations

import random
from collections import deque

from rectifiers.experiments.order import Lengths, Tail, in_order, seed_by_seed
from rectifiers.experiments.schedule import makespan

from .samples import TINY, tiny


def test_nobody_waits_for_a_start_that_another_worker_trains() -> None:
    """What others need first, then one trial of each start, so that their starts are trained at once; votes last."""
    needed = tiny(activation="relu", seed=5)
    starts = [{**TINY, "activation": "relu", "seed": seed} for seed in (6, 7)]
    firsts, seconds = ([tiny(start=start, seed=seed) for start in starts] for seed in (0, 1))
    vote, plain, after = tiny(vote=2, epochs=0), tiny(seed=9), tiny(start={**TINY, "activation": "relu", "seed": 5})
    found = list(in_order([vote, plain, firsts[0], seconds[0], firsts[1], seconds[1], after, needed]))
    assert found == [needed, *firsts, after, plain, *seconds, vote]


def test_seed_by_seed_with_the_longest_first() -> None:
    trials = [tiny(seed=seed, epochs=epochs) for seed in (3, 1) for epochs in (1, 9)]
    assert [(one.seed, one.epochs) for one in seed_by_seed(trials)] == [(3, 9), (3, 1), (1, 9), (1, 1)]


def test_lengths_follow_from_what_ended() -> None:
    lengths = Lengths()
    short, long = tiny(epochs=1), tiny(epochs=4)
    assert [lengths(one) for one in (short, long)] == [1, 4]
    assert lengths.mean_of_longest(4, 3.0) == 3 / 4
    lengths.learn(short, 30.0)
    # Of its kind with any seed, and of others by their epochs.
    assert [lengths(one) for one in (short, tiny(epochs=1, seed=3), long)] == [30, 30, 120]
    assert lengths.mean_of_longest(4, 3.0) == 30 / 120
    lengths.learn(long, 150.0)
    assert lengths(tiny(epochs=4, seed=1)) == 150
    assert lengths.mean_of_longest(4, 3.0) == 90 / 150


def test_the_longest_come_forward_only_when_few_are_left() -> None:
    tail = Tail(100)
    queue = deque(tiny(seed=seed, epochs=1 + 9 * (seed % 10 == 9)) for seed in range(100))
    for epochs in (*[1] * 9, 10):
        tail.lengths.learn(tiny(epochs=epochs), 10.0 * epochs)
    # 190 epochs, of which one trial has 10 at most, last four workers for a long time.
    assert tail.arrange(queue, 4) is queue
    for left in (60, 20):
        while len(queue) > left:
            queue.popleft()
        queue = tail.arrange(queue, 4)
        assert [one.epochs for one in list(queue)[:3]] == ([10, 10, 1] if left == 20 else [1, 1, 1])


def test_a_makespan_is_between_the_bounds_of_the_longest_first() -> None:
    """At least the mean load and the longest trial; less than twice that."""
    rng = random.Random(0)
    for _ in range(50):
        seconds = {tiny(seed=seed): rng.uniform(1, 100) for seed in range(rng.randrange(1, 60))}
        for workers in (1, 2, 7, 100):
            bound = max(sum(seconds.values()) / workers, *seconds.values())
            found = makespan(seconds, workers)
            if workers == 1:
                assert abs(found - bound) < 1e-9 * bound
            assert bound * (1 - 1e-9) <= found < 2 * bound


def test_the_textbook_case_in_which_the_longest_first_is_not_best() -> None:
    """Two workers, lengths 3, 3, 2, 2, 2: 7 where 6 is possible."""
    assert makespan({tiny(seed=seed): length for seed, length in enumerate((3, 2, 2, 3, 2))}, 2) == 7


def test_what_starts_from_a_trial_waits_for_it() -> None:
    start = tiny(activation="relu")
    after = [tiny(start={**TINY, "activation": "relu"}, seed=seed) for seed in range(2)]
    assert makespan({after[0]: 3.0, after[1]: 2.0, start: 5.0}, 8) == 8.0
    assert makespan({}, 8) == 0.0
    # Several of a kind are as many alone.
    assert makespan({tiny(): 3.0, tiny(epochs=2): 2.0}, 2, {tiny(): 2, tiny(epochs=2): 3}) == 7
