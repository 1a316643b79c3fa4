"""Curves in braille: lines of one length, the range beside them, and jumps that stay open."""

from __future__ import annotations

from rectifiers.cli.braille import plot

X = [-1 + step / 50 for step in range(101)]


def dots(lines: list[str]) -> int:
    return sum(
        (ord(character) - 0x2800).bit_count() for line in lines for character in line if ord(character) >= 0x2800
    )


def test_lines_have_one_length_and_the_range_beside_them() -> None:
    lines = plot(X, [[2 * x for x in X]], "f(x)", width=20, height=5)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].strip().startswith("2")
    assert lines[5].strip().startswith("-2")


def test_a_constant_has_a_range() -> None:
    lines = plot(X, [[0.0] * len(X)], "zero")
    assert lines[1].strip().startswith("1")
    assert dots(lines) > 0


def test_a_jump_stays_open() -> None:
    step, ramp = [float(x > 0) for x in X], [(1 + x) / 2 for x in X]
    assert dots(plot(X, [step], "step")) < dots(plot(X, [ramp], "ramp"))


def test_what_is_no_number_or_infinite_is_left_out() -> None:
    nan, inf = float("nan"), float("inf")
    ramp = [(1 + x) / 2 for x in X]
    broken = [nan if x < 0 else inf if x > 0.9 else y for x, y in zip(X, ramp, strict=True)]
    assert 0 < dots(plot(X, [broken], "broken")) < dots(plot(X, [ramp], "ramp"))
    assert plot(X, [broken, ramp], "both") == plot(X, [ramp], "both")
    assert dots(plot(X, [[nan] * len(X)], "nothing")) == dots(plot(X, [[inf] * len(X)], "nothing")) > 0
