"""Stopwatches that take turns."""

from rectifiers.speed.turns import take_turns


def test_every_round_reads_every_stopwatch_once_in_an_order_of_its_own() -> None:
    read: list[str] = []

    def watch(name: str) -> float:
        read.append(name)
        return float(len(read))

    names = list("abcde")
    seconds = take_turns({name: lambda name=name: watch(name) for name in names}, 20)  # type: ignore[misc]
    assert read[:5] == names
    rounds = [read[at : at + 5] for at in range(5, len(read), 5)]
    assert len(rounds) == 20
    assert all(sorted(one) == names for one in rounds)
    assert len(set(map(tuple, rounds))) > 10
    assert all(seconds[name][at] == 6 + 5 * at + rounds[at].index(name) for name in names for at in range(20))
